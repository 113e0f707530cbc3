//! A table of numbered slots in pieces: nothing is ever moved, and pieces that are not used go.
//!
//! ```text
//!   piece 0  │ used │ free │ used │ …      a free slot names the next free one of its piece
//!   piece 1  (gone: nothing in it is used)
//!   piece 2  │ used │ used │
//!   open     [0, 1, 2]                     pieces with room; the last one is filled first
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

    fn is_full(&self) -> bool {
        usize::from(self.used) == PIECE_LEN
    }

    fn insert(&mut self, value: T) -> usize {
        self.used += 1;
        let slot = usize::from(self.first_free);
        match self.slots.get_mut(slot) {
            Some(free) => {
                if let Slot::Free { next } = *free {
                    self.first_free = next;
                }
                *free = Slot::Used(value);
                slot
            }
            None => {
                self.slots.push(Slot::Used(value));
                self.slots.len() - 1
            }
        }
    }

    fn remove(&mut self, slot: usize) -> Option<T> {
        let found = self.slots.get_mut(slot).filter(|slot| matches!(slot, Slot::Used(_)))?;
        let freed = std::mem::replace(found, Slot::Free { next: self.first_free });
        let Slot::Used(value) = freed else { return None };
        self.first_free = slot as u16;
        self.used -= 1;
        Some(value)
    }
}

/// A table of values by the numbers that it gives them. A number is given again when its value was removed.
#[derive(Debug)]
pub struct Slots<T> {
    pieces: Vec<Option<Piece<T>>>,
    open: Vec<usize>,
    len: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { pieces: Vec::new(), open: Vec::new(), len: 0 }
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
    pub fn insert(&mut self, value: T) -> usize {
        let at = match self.open.last() {
            Some(&at) => at,
            None => {
                self.pieces.push(None);
                self.open.push(self.pieces.len() - 1);
                self.pieces.len() - 1
            }
        };
        let piece = self.pieces[at].get_or_insert_with(Piece::new);
        let slot = piece.insert(value);
        if piece.is_full() {
            self.open.pop();
        }
        self.len += 1;
        at * PIECE_LEN + slot
    }

    /// The value with this number.
    pub fn get(&self, number: usize) -> Option<&T> {
        let piece = self.pieces.get(number / PIECE_LEN)?.as_ref()?;
        match piece.slots.get(number % PIECE_LEN)? {
            Slot::Used(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, number: usize) -> Option<T> {
        let at = number / PIECE_LEN;
        let piece = self.pieces.get_mut(at)?.as_mut()?;
        let was_full = piece.is_full();
        let value = piece.remove(number % PIECE_LEN)?;
        let is_unused = piece.used == 0;
        self.len -= 1;
        // The piece that is filled first stays when it runs empty, so that a table of few values keeps its memory.
        let first = self.open.last().copied();
        if was_full {
            self.open.push(at);
            if let Some(first) = first {
                self.pieces[first].take_if(|piece| piece.used == 0);
            }
        } else if is_unused && first != Some(at) {
            self.pieces[at] = None;
        }
        Some(value)
    }

    /// All values, by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pieces.iter().flatten().flat_map(|piece| &piece.slots).filter_map(|slot| match slot {
            Slot::Used(value) => Some(value),
            Slot::Free { .. } => None,
        })
    }

    /// Drops the values of the last piece. Returns how many went; a table that is dropped so is not used otherwise.
    pub fn drop_piece(&mut self) -> usize {
        self.open.clear();
        while let Some(piece) = self.pieces.pop() {
            if let Some(piece) = piece
                && piece.used > 0
            {
                self.len -= usize::from(piece.used);
                return usize::from(piece.used);
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
                assert_eq!(slots.remove(number), map.remove(&number));
                assert_eq!(slots.remove(number), None);
            }
            assert_eq!(slots.len(), map.len());
        }
        assert!(slots.iter().eq(map.values()));
    }

    #[test]
    fn a_table_that_was_large_gives_its_memory_back() {
        let mut slots = Slots::default();
        let numbers: Vec<usize> = (0..20_000).map(|value| slots.insert(value)).collect();
        numbers.iter().for_each(|&number| assert!(slots.remove(number).is_some()));
        assert!(slots.is_empty());
        assert!(slots.pieces.iter().flatten().count() <= 1);
    }

    #[test]
    fn a_large_table_is_dropped_piece_by_piece() {
        let mut slots = Slots::default();
        (0..5_000).for_each(|value| assert_eq!(slots.insert(value), value));
        slots.remove(4_999);
        let mut dropped = 0;
        while !slots.is_empty() {
            let count = slots.drop_piece();
            assert!(count <= PIECE_LEN);
            dropped += count;
        }
        assert_eq!((dropped, slots.drop_piece()), (4_999, 0));
    }
}
