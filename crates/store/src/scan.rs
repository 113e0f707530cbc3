//! Records one after the other, going on behind damage.
//!
//! ```text
//!   record │ record │ ??????? │ record        a bad stretch ends where a record validates again
//! ```

use crate::record::{Kind, RECORD_HEADER_BYTES, Record, Seal, u32_at};

/// How many bytes may be checksummed in search of the next good record, per byte of the stretch.
const SEARCH_FACTOR: usize = 16;

/// What stands at one place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A whole record and its offset in the file.
    Record(u32, Record<'a>),
    /// Bytes that are no record, from this offset of the file on.
    Bad(u32),
}

/// The records in a stretch of a file.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    seal: Seal,
    base: u32,
    bytes: &'a [u8],
    at: usize,
    budget: usize,
}

impl<'a> Records<'a> {
    /// `bytes` lie at offset `base` of a file with this seal.
    pub(crate) const fn new(seal: Seal, base: u32, bytes: &'a [u8]) -> Self {
        Self { seal, base, bytes, at: 0, budget: bytes.len() * SEARCH_FACTOR }
    }

    fn parse(&self, at: usize) -> Option<Record<'a>> {
        Record::parse(self.seal, self.base + at as u32, &self.bytes[at..])
    }

    /// Moves to the next place where a record validates, or to the end.
    fn search(&mut self) {
        while self.at + RECORD_HEADER_BYTES < self.bytes.len() {
            self.at += 1;
            let rest = &self.bytes[self.at..];
            if rest.len() < RECORD_HEADER_BYTES || rest[9..12] != [0; 3] {
                continue;
            }
            let length = u32_at(rest, 4) as usize;
            if length > rest.len() - RECORD_HEADER_BYTES || Kind::from_byte(rest[8]).is_none() {
                continue;
            }
            let Some(left) = self.budget.checked_sub(length) else { break };
            self.budget = left;
            if self.parse(self.at).is_some() {
                return;
            }
        }
        self.at = self.bytes.len();
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let offset = self.base + self.at as u32;
        if let Some(record) = self.parse(self.at) {
            self.at += record.bytes();
            return Some(Found::Record(offset, record));
        }
        self.search();
        Some(Found::Bad(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue_id::QueueId;

    #[test]
    fn scanning_goes_on_behind_a_bad_record_even_when_its_length_is_wrong() {
        let seal = Seal::new(1, 1);
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for seq in 0..4 {
            starts.push(bytes.len());
            let record =
                Record { kind: Kind::Enqueue, queue: QueueId::new(1, 0), seq, payload: b"abc" };
            record.append(seal, bytes.len() as u32, &mut bytes);
        }
        bytes[starts[1] + 4] = 200;
        let found: Vec<Option<u64>> = Records::new(seal, 0, &bytes)
            .map(|found| match found {
                Found::Record(_, record) => Some(record.seq),
                Found::Bad(_) => None,
            })
            .collect();
        assert_eq!(found, [Some(0), None, Some(2), Some(3)]);
    }
}
