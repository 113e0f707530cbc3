//! A line in pieces: first in, first out, and nothing is ever moved.
//!
//! ```text
//!   pop_front ← │ piece │ piece │ … │ piece │ ← push_back
//! ```
//!
//! A ring in one piece is copied when it grows and given back to the system as a whole when it goes: with millions of
//! elements, either takes long enough to be felt.

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

    /// Adds an element behind all others.
    #[inline]
    pub fn push_back(&mut self, element: T) {
        if self.first.len() < PIECE_LEN && self.rest.is_empty() {
            self.first.push_back(element);
        } else {
            self.push_rest(element);
        }
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
        let element = self.first.pop_front()?;
        if self.first.is_empty() && self.rest_len > 0 {
            self.first = self.rest.pop_front().unwrap_or_default();
            self.rest_len -= self.first.len();
        }
        Some(element)
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
    fn a_long_line_is_dropped_piece_by_piece() {
        let mut line = Line::default();
        (0..5_000).for_each(|element| line.push_back(element));
        let dropped: usize = std::iter::from_fn(|| Some(line.drop_piece()).filter(|&n| n > 0))
            .inspect(|&count| assert!(count <= PIECE_LEN))
            .sum();
        assert_eq!((dropped, line.len()), (5_000, 0));
    }
}
