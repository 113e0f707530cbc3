//! Which messages of a segment are settled: bits in memory, and the file `<first seq>.settled` beside the segment.
//!
//! ```text
//!   ┌──────────────┬─────────┬─────────┬─────┐
//!   │ header, 64 B │ word 0  │ word 1  │ ... │     bit n of word n / 64: message n of the segment is settled
//!   └──────────────┴─────────┴─────────┴─────┘
//! ```
//!
//! The file is a copy for the day on which the settle records are gone from the journal. It is replaced as a
//! whole: written under another name, synced, renamed.

use crate::header::{HEADER_BYTES, Header, Magic};
use crate::record::u64_at;

/// A growing row of bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

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

/// The settled bits of one segment, on their way to the disk.
#[derive(Debug)]
pub(crate) struct SettledFile {
    pub(crate) queue: u64,
    pub(crate) first_seq: u64,
    /// That of the segment: bits never apply to another segment of the same name.
    pub(crate) epoch: u64,
    pub(crate) bits: Bits,
}

impl SettledFile {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend(self.bits.words.iter().flat_map(|word| word.to_le_bytes()));
        let header = Header {
            magic: Magic::Settled,
            epoch: self.epoch,
            owner: self.queue,
            number: self.first_seq,
            first: self.bits.len as u64,
            second: u64::from(crc32c::crc32c(&bytes[HEADER_BYTES..])),
        };
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        bytes
    }

    /// The bits in a file, or `None` when it is damaged.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = Header::parse(Magic::Settled, bytes)?;
        let len = usize::try_from(header.first).ok()?;
        let words = &bytes[HEADER_BYTES..];
        let is_whole = words.len() == len.div_ceil(64) * 8
            && u64::from(crc32c::crc32c(words)) == header.second;
        is_whole.then(|| Self {
            queue: header.owner,
            first_seq: header.number,
            epoch: header.epoch,
            bits: Bits { words: words.chunks_exact(8).map(|word| u64_at(word, 0)).collect(), len },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_from_their_file_and_damage_is_seen() {
        let mut bits = Bits::default();
        (0..100).for_each(|_| bits.push());
        bits.insert(3);
        bits.insert(99);
        let file = SettledFile { queue: 1, first_seq: 2, epoch: 3, bits };
        let mut bytes = file.encode();
        assert_eq!(SettledFile::parse(&bytes).expect("it is whole").bits, file.bits);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(SettledFile::parse(&bytes).is_none());
        assert!(SettledFile::parse(&bytes[..80]).is_none());
    }

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
