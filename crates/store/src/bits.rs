//! A growing row of bits: which messages of a journal file are settled.

/// A growing row of bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.len = 0;
    }

    /// One more bit, which is not set.
    pub(crate) fn push(&mut self) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        self.len += 1;
    }

    pub(crate) fn contains(&self, at: usize) -> bool {
        self.words[at / 64] & (1 << (at % 64)) != 0
    }

    /// Sets a bit; whether it was not set before.
    pub(crate) fn insert(&mut self, at: usize) -> bool {
        let (word, bit) = (&mut self.words[at / 64], 1 << (at % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// The first bit in `from..end` that is not set, or `end`.
    pub(crate) fn first_absent(&self, from: usize, end: usize) -> usize {
        let mut at = from;
        while at < end {
            let absent = !self.words[at / 64] >> (at % 64);
            if absent != 0 {
                return (at + absent.trailing_zeros() as usize).min(end);
            }
            at = (at / 64 + 1) * 64;
        }
        end
    }

    /// Takes away as many whole words as lie before `end`; says how many bits went.
    pub(crate) fn cut(&mut self, end: usize) -> usize {
        let words = end / 64;
        self.words.drain(..words);
        self.len -= words * 64;
        words * 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_absent_bit_is_found_over_words() {
        let mut bits = Bits::default();
        (0..200).for_each(|_| bits.push());
        (0..130).for_each(|at| assert!(bits.insert(at)));
        assert_eq!(bits.first_absent(0, 200), 130);
        assert_eq!(bits.first_absent(0, 100), 100);
        assert_eq!(bits.cut(130), 128);
        assert_eq!(bits.first_absent(0, 72), 2);
    }
}
