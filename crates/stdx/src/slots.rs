//! A table of numbered slots in pieces: nothing is ever moved, and pieces that are not used go.
//!
//! ```text
//!   piece 0  │ used │ free │ used │ …      a free slot names the next free one of its piece
//!   piece 1  (gone: nothing in it is used)
//!   piece 2  │ used │ used │               filling: the next value goes here
//!   open     [0, 1]                        others with room
//! ```

/// How many slots a piece has.
const PIECE_LEN: usize = 1024;
/// Where a list of free slots ends.
const END: u16 = u16::MAX;

#[derive(Debug)]
enum Slot<T> {
    Used(T),
    Free { next: u16 },
}

#[derive(Debug)]
struct Piece<T> {
    slots: Vec<Slot<T>>,
    first_free: u16,
    used: u16,
}

impl<T> Piece<T> {
    const fn new() -> Self {
        Self { slots: Vec::new(), first_free: END, used: 0 }
    }

    const fn is_full(&self) -> bool {
        self.used as usize == PIECE_LEN
    }

    #[inline]
    fn insert(&mut self, value: T) -> usize {
        self.used += 1;
        let slot = usize::from(self.first_free);
        if let Some(free) = self.slots.get_mut(slot) {
            if let Slot::Free { next } = *free {
                self.first_free = next;
            }
            *free = Slot::Used(value);
            return slot;
        }
        self.slots.push(Slot::Used(value));
        self.slots.len() - 1
    }
}

/// A table of values by the numbers that it gives them. A number is given again when its value was removed.
#[derive(Debug)]
pub struct Slots<T> {
    pieces: Vec<Piece<T>>,
    /// The piece that has room and is filled next. There may be none yet.
    filling: usize,
    open: Vec<usize>,
    len: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), filling: 0, open: Vec::new(), len: 0 }
    }
}

impl<T> Slots<T> {
    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value; says its number.
    #[inline]
    pub fn insert(&mut self, value: T) -> usize {
        if self.filling == self.pieces.len() {
            self.pieces.push(Piece::new());
        }
        let at = self.filling;
        let piece = &mut self.pieces[at];
        let slot = piece.insert(value);
        if piece.is_full() {
            self.filling = self.open.pop().unwrap_or(self.pieces.len());
        }
        self.len += 1;
        at * PIECE_LEN + slot
    }

    /// The value with this number.
    pub fn get(&self, number: usize) -> Option<&T> {
        match self.pieces.get(number / PIECE_LEN)?.slots.get(number % PIECE_LEN)? {
            Slot::Used(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// Takes the value with this number out, if it is the one that is meant.
    #[inline]
    pub fn remove_if(&mut self, number: usize, is_meant: impl FnOnce(&T) -> bool) -> Option<T> {
        let (at, slot) = (number / PIECE_LEN, number % PIECE_LEN);
        let piece = self.pieces.get_mut(at)?;
        let found = piece.slots.get_mut(slot)?;
        match found {
            Slot::Used(value) if is_meant(value) => {}
            _ => return None,
        }
        let freed = std::mem::replace(found, Slot::Free { next: piece.first_free });
        let Slot::Used(value) = freed else { return None };
        piece.first_free = slot as u16;
        piece.used -= 1;
        self.len -= 1;
        let used = usize::from(piece.used);
        if used == PIECE_LEN - 1 || used == 0 {
            self.look_at(at);
        }
        Some(value)
    }

    /// A piece is not full any more, or not used any more. The one that is filled next keeps its memory, so that a table
    /// of few values does.
    fn look_at(&mut self, at: usize) {
        if at == self.filling {
            return;
        }
        if self.pieces[at].used == 0 {
            self.pieces[at] = Piece::new();
        } else if let Some(before) = self.pieces.get_mut(self.filling) {
            if before.used == 0 {
                *before = Piece::new();
            }
            self.open.push(self.filling);
            self.filling = at;
        } else {
            self.filling = at;
        }
    }

    /// All values and their numbers from a number on, in the order of their numbers.
    pub fn iter_numbered_from(&self, from: usize) -> impl Iterator<Item = (usize, &T)> {
        let pieces = self.pieces.iter().enumerate().skip(from / PIECE_LEN);
        let slots = pieces.flat_map(|(at, piece)| {
            piece.slots.iter().enumerate().map(move |(slot, value)| (at * PIECE_LEN + slot, value))
        });
        slots.filter_map(move |(number, slot)| match slot {
            Slot::Used(value) if number >= from => Some((number, value)),
            Slot::Used(_) | Slot::Free { .. } => None,
        })
    }

    /// All values, by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flat_map(|piece| &piece.slots).filter_map(|slot| match slot {
            Slot::Used(value) => Some(value),
            Slot::Free { .. } => None,
        })
    }

    /// Drops the values of the last piece. Returns how many went; 0 when there are none.
    pub fn drop_piece(&mut self) -> usize {
        while let Some(piece) = self.pieces.pop() {
            if piece.used > 0 {
                let count = usize::from(piece.used);
                self.len -= count;
                self.open.retain(|&at| at < self.pieces.len());
                self.filling = self.filling.min(self.pieces.len());
                return count;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Random;

    #[test]
    fn a_table_of_slots_is_a_map_whatever_is_done_to_it() {
        let mut random = Random::new(1);
        let (mut slots, mut map) = (Slots::default(), BTreeMap::new());
        for step in 0..200_000_u64 {
            // It fills, and empties again, several times.
            let is_filling = step % 50_000 < 25_000;
            if random.chance(if is_filling { 4 } else { 1 }, 5) {
                let number = slots.insert(step);
                assert_eq!(map.insert(number, step), None);
            } else if let Some((&number, _)) =
                map.range(random.below(8_000) as usize..).next().or_else(|| map.first_key_value())
            {
                assert_eq!(slots.get(number), map.get(&number));
                assert_eq!(slots.remove_if(number, |_| false), None);
                assert_eq!(slots.remove_if(number, |_| true), map.remove(&number));
                assert_eq!(slots.remove_if(number, |_| true), None);
            }
            assert_eq!(slots.len(), map.len());
        }
        assert!(slots.iter().eq(map.values()));
        for from in [0, 1, 1_000, 1_024, 3_000, 1_000_000] {
            let found = slots.iter_numbered_from(from);
            assert!(found.eq(map.range(from..).map(|(&number, value)| (number, value))));
        }
    }

    #[test]
    fn a_table_that_was_large_gives_its_memory_back() {
        let mut slots = Slots::default();
        let numbers: Vec<usize> = (0..20_000).map(|value| slots.insert(value)).collect();
        numbers.iter().for_each(|&number| assert!(slots.remove_if(number, |_| true).is_some()));
        assert!(slots.is_empty());
        assert!(slots.pieces.iter().filter(|piece| piece.slots.capacity() > 0).count() <= 1);
    }

    #[test]
    fn a_large_table_is_dropped_piece_by_piece() {
        let mut slots = Slots::default();
        (0..5_000).for_each(|value| assert_eq!(slots.insert(value), value));
        slots.remove_if(4_999, |_| true);
        let mut dropped = 0;
        while !slots.is_empty() {
            let count = slots.drop_piece();
            assert!(count <= PIECE_LEN);
            dropped += count;
        }
        assert_eq!((dropped, slots.drop_piece()), (4_999, 0));
    }
}
