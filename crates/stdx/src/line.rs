//! A line in pieces: first in, first out, and nothing is ever moved.
//!
//! ```text
//!   pop_front ← │ piece │ piece │ … │ piece │ ← push_back
//! ```
//!
//! A ring in one piece is copied when it grows and given back to the system as a whole when it goes: with millions of
//! elements, either takes long enough to be felt.

use std::cmp::Ordering;
use std::collections::VecDeque;

/// How many elements lie in one piece.
const PIECE_LEN: usize = 1024;

/// A line of elements.
#[derive(Debug)]
pub struct Line<T> {
    /// A short line is all in here.
    first: VecDeque<T>,
    /// The other pieces, none of them empty. If there are any, `first` is not empty either.
    rest: VecDeque<VecDeque<T>>,
    rest_len: usize,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { first: VecDeque::new(), rest: VecDeque::new(), rest_len: 0 }
    }
}

impl<T> Line<T> {
    /// How many elements there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.first.len() + self.rest_len
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The first element.
    pub fn front(&self) -> Option<&T> {
        self.first.front()
    }

    /// The first element.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.first.front_mut()
    }

    /// The last element.
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.rest.back_mut().unwrap_or(&mut self.first).back_mut()
    }

    /// The elements from the first one on of which `is_before` is false, in a line where it is true of none behind that one.
    pub fn iter_from<'a>(
        &'a self,
        is_before: impl Fn(&T) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = &'a T> + 'a {
        let is_passed = move |piece: &&VecDeque<T>| piece.back().is_some_and(is_before);
        let pieces = std::iter::once(&self.first).chain(&self.rest).skip_while(is_passed);
        pieces.flat_map(move |piece| piece.range(piece.partition_point(is_before)..))
    }

    /// Adds an element behind all others.
    #[inline]
    pub fn push_back(&mut self, element: T) {
        if self.first.len() < PIECE_LEN && self.rest.is_empty() {
            self.first.push_back(element);
        } else {
            self.push_rest(element);
        }
    }

    /// Adds elements behind all others.
    #[inline]
    pub fn extend(&mut self, mut elements: impl Iterator<Item = T>) {
        if self.rest.is_empty() {
            let left = PIECE_LEN - self.first.len();
            self.first.extend(elements.by_ref().take(left));
        }
        elements.for_each(|element| self.push_back(element));
    }

    fn push_rest(&mut self, element: T) {
        self.rest_len += 1;
        match self.rest.back_mut() {
            Some(last) if last.len() < PIECE_LEN => last.push_back(element),
            _ => self.rest.push_back(VecDeque::from([element])),
        }
    }

    /// Takes the first element.
    #[inline]
    pub fn pop_front(&mut self) -> Option<T> {
        let element = self.first.pop_front();
        if self.first.is_empty() && self.rest_len > 0 {
            self.turn_over();
        }
        element
    }

    /// The elements of the first piece; all others come behind them. There are none only in an empty line.
    pub fn first_piece(&self) -> impl Iterator<Item = &T> {
        self.first.iter()
    }

    /// Takes the first `count` elements, which lie in the [first piece](Line::first_piece), and puts what `make` makes of them
    /// behind what is in `list`.
    ///
    /// # Panics
    /// When the first piece has fewer.
    #[inline]
    pub fn drain_front<U>(&mut self, count: usize, list: &mut Vec<U>, make: impl FnMut(T) -> U) {
        list.extend(self.first.drain(..count).map(make));
        if self.first.is_empty() && self.rest_len > 0 {
            self.turn_over();
        }
    }

    #[inline(never)]
    fn turn_over(&mut self) {
        self.first = self.rest.pop_front().unwrap_or_default();
        self.rest_len -= self.first.len();
    }

    /// The element that `order` calls equal, in a line that is in the order that it tells: how an element compares to the one
    /// that is sought. Costs O(log n).
    pub fn find_mut(&mut self, order: impl Fn(&T) -> Ordering) -> Option<&mut T> {
        let (piece, at) = self.search(order)?;
        piece.get_mut(at)
    }

    /// Takes out the element that `order` calls equal, as [`Line::find_mut`]. What is moved is half a piece at most.
    pub fn remove(&mut self, order: impl Fn(&T) -> Ordering) -> Option<T> {
        let was_in_first = self.first.len();
        let (piece, at) = self.search(order)?;
        let element = piece.remove(at)?;
        if self.first.len() == was_in_first {
            self.rest_len -= 1;
            self.rest.retain(|piece| !piece.is_empty());
        } else if self.first.is_empty() && self.rest_len > 0 {
            self.turn_over();
        }
        Some(element)
    }

    fn search(&mut self, order: impl Fn(&T) -> Ordering) -> Option<(&mut VecDeque<T>, usize)> {
        let is_before =
            |piece: &VecDeque<T>| piece.back().is_some_and(|last| order(last) == Ordering::Less);
        let piece = if is_before(&self.first) {
            let at = self.rest.partition_point(is_before);
            self.rest.get_mut(at)?
        } else {
            &mut self.first
        };
        let at = piece.binary_search_by(order).ok()?;
        Some((piece, at))
    }

    /// Drops the last piece. Returns how many elements went; 0 when there are none.
    pub fn drop_piece(&mut self) -> usize {
        match self.rest.pop_back() {
            Some(piece) => {
                self.rest_len -= piece.len();
                piece.len()
            }
            None => std::mem::take(&mut self.first).len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_out_in_the_order_in_which_they_went_in() {
        let mut line = Line::default();
        let (mut put, mut taken) = (0..10_000, 0..);
        for _ in 0..100 {
            put.by_ref().take(100).for_each(|element| line.push_back(element));
            (0..70).for_each(|_| assert_eq!(line.pop_front(), taken.next()));
        }
        assert_eq!((line.len(), line.front()), (3_000, Some(&7_000)));
        (0..3_000).for_each(|_| assert_eq!(line.pop_front(), taken.next()));
        assert!(line.is_empty() && line.pop_front().is_none());
    }

    #[test]
    fn elements_that_come_together_go_behind_all_others() {
        let mut line = Line::default();
        let mut put = 0..;
        for count in [1, 1_000, 23, 24, 3_000, 0, 5] {
            line.extend(put.by_ref().take(count));
            line.push_back(put.next().expect("there are more"));
        }
        let (len, next) = (line.len(), put.next());
        (0..len).for_each(|at| assert_eq!(line.pop_front(), Some(at)));
        assert_eq!((line.pop_front(), next), (None, Some(len)));
    }

    #[test]
    fn elements_are_taken_out_of_the_middle() {
        let mut line = Line::default();
        let mut left: Vec<u64> = (0..5_000).map(|n| n * 2).collect();
        left.iter().for_each(|&element| line.push_back(element));
        let mut random = crate::Random::new(1);
        let mut next = 5_000;
        while !left.is_empty() {
            assert_eq!(line.remove(|&element| element.cmp(&(left[0] + 1))), None);
            let sought = left.remove(random.below(left.len() as u64) as usize);
            assert_eq!(line.find_mut(|element| element.cmp(&sought)), Some(&mut { sought }));
            assert_eq!(line.remove(|element| element.cmp(&sought)), Some(sought));
            assert_eq!((line.len(), line.front()), (left.len(), left.first()));
            if left.len() == 2_000 && next < 8_000 {
                let more = (next..next + 300).map(|n| n * 2);
                more.clone().for_each(|element| line.push_back(element));
                left.extend(more);
                next += 300;
            }
            if left.len().is_multiple_of(7) && !left.is_empty() {
                assert_eq!(line.pop_front(), Some(left.remove(0)));
            }
        }
    }

    #[test]
    fn a_long_line_is_dropped_piece_by_piece() {
        let mut line = Line::default();
        (0..5_000).for_each(|element| line.push_back(element));
        let dropped: usize = std::iter::from_fn(|| Some(line.drop_piece()).filter(|&n| n > 0))
            .inspect(|&count| assert!(count <= PIECE_LEN))
            .sum();
        assert_eq!((dropped, line.len()), (5_000, 0));
    }

    #[test]
    fn a_piece_is_drained_from_the_front_and_the_next_one_comes() {
        let mut line = Line::default();
        (0..2_000).for_each(|element| line.push_back(element));
        let mut taken = Vec::new();
        for count in [0, 1, 1_023, 0, 976] {
            assert!(line.first_piece().count() >= count);
            line.drain_front(count, &mut taken, |element| element * 2);
        }
        assert_eq!(taken, (0..2_000).map(|element| element * 2).collect::<Vec<_>>());
        assert!(line.is_empty() && line.first_piece().next().is_none());
    }
}
