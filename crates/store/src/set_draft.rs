//! A set of ascending numbers in the making, fast enough for a million of them in one turn.
//!
//! ```text
//!   push ──► one container's worth of bits ──► container, when a number of the next one comes ──► set
//! ```
//!
//! A compressed set looks for its place at each number; a bit of a row is one store.

use roaring::RoaringBitmap;

/// Numbers in one container of a compressed set.
const CONTAINER: u32 = 1 << 16;
const CONTAINER_BYTES: usize = CONTAINER as usize / 8;

/// A set of ascending numbers in the making.
#[derive(Debug, Default)]
pub(crate) struct SetDraft {
    set: RoaringBitmap,
    /// The bits of the container that starts at `start`; empty as long as there is none.
    bits: Vec<u8>,
    start: u32,
}

impl SetDraft {
    /// Adds a number, which is not below any that was added before.
    pub(crate) fn push(&mut self, number: u32) {
        let start = number & !(CONTAINER - 1);
        if self.bits.is_empty() || start != self.start {
            assert!(self.bits.is_empty() || start > self.start, "numbers ascend");
            self.flush();
            self.bits.resize(CONTAINER_BYTES, 0);
            self.start = start;
        }
        let bit = number - start;
        self.bits[bit as usize / 8] |= 1 << (bit % 8);
    }

    fn flush(&mut self) {
        if !self.bits.is_empty() {
            self.set |= RoaringBitmap::from_lsb0_bytes(self.start, &self.bits);
            self.bits.clear();
        }
    }

    /// The set.
    pub(crate) fn finish(mut self) -> RoaringBitmap {
        self.flush();
        self.set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_just_the_numbers_that_were_pushed() {
        let numbers = [0, 1, 7, 8, 65_535, 65_536, 200_000, 200_001, 4_000_000_000, u32::MAX];
        let mut draft = SetDraft::default();
        numbers.iter().for_each(|number| draft.push(*number));
        assert_eq!(draft.finish().iter().collect::<Vec<_>>(), numbers);
        assert!(SetDraft::default().finish().is_empty());
    }
}
