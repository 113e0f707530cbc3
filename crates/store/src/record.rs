//! One record, in a journal file or a segment. Numbers are little-endian.
//!
//! ```text
//!   0      4        8      9         12        20      28
//!   ┌──────┬────────┬──────┬─────────┬─────────┬───────┬───────────┐
//!   │ crc  │ length │ kind │ 0 0 0   │ queue   │ seq   │ payload   │
//!   └──────┴────────┴──────┴─────────┴─────────┴───────┴───────────┘
//!          └──────────── crc32c over all of this ──────────────────┘
//!            started from a seal: epoch and number of the file, and the offset of the record
//! ```
//!
//! The seal is why bytes of an earlier life of a recycled file, or bytes that went to the wrong place, never
//! validate.

use crate::queue_id::QueueId;
use crate::seeded::{Bug, is_seeded};

/// Bytes before the payload.
pub(crate) const RECORD_HEADER_BYTES: usize = 28;

/// Longest payload: offsets inside a file have 32 bits.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 1 << 30;

/// What a record means. The payload of a settle is empty, or the last sequence number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message came; the payload is its bytes.
    Enqueue = 1,
    /// The message `seq`, or every message from `seq` to the payload, is gone.
    Settle = 2,
    /// Every message from the first number in the payload up to `seq` is gone, except the other numbers there.
    Purge = 3,
    /// The queue is gone.
    Forget = 4,
    /// A change of metadata; `seq` counts them.
    Note = 5,
    /// A message came that is gone at the next start; the payload is its bytes.
    Spill = 6,
}

impl Kind {
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Enqueue,
            2 => Self::Settle,
            3 => Self::Purge,
            4 => Self::Forget,
            5 => Self::Note,
            6 => Self::Spill,
            _ => return None,
        })
    }
}

/// What the checksums in one life of one file start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal(u32);

impl Seal {
    pub(crate) fn new(epoch: u64, number: u64) -> Self {
        if is_seeded(Bug::EpochIgnored) {
            return Self(0);
        }
        Self(crc32c::crc32c_append(crc32c::crc32c(&epoch.to_le_bytes()), &number.to_le_bytes()))
    }

    pub(crate) fn checksum(self, offset: u32, bytes: &[u8]) -> u32 {
        let crc = crc32c::crc32c_append(self.0 ^ offset, bytes);
        if is_seeded(Bug::ChecksumShort) { crc & 0xffff } else { crc }
    }
}

/// One record; the payload is borrowed from where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    pub(crate) queue: QueueId,
    pub(crate) seq: u64,
    pub(crate) payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// Bytes on disk.
    pub(crate) const fn bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.payload.len()
    }

    /// Appends the record, which will lie at `offset` in the file with this seal.
    pub(crate) fn append(&self, seal: Seal, offset: u32, to: &mut Vec<u8>) {
        assert!(self.payload.len() <= PAYLOAD_BYTES_MAX, "a record fits in a file");
        let start = to.len();
        let mut header = [0; RECORD_HEADER_BYTES];
        header[4..8].copy_from_slice(&(self.payload.len() as u32).to_le_bytes());
        header[8] = self.kind as u8;
        header[12..20].copy_from_slice(&self.queue.number().to_le_bytes());
        header[20..28].copy_from_slice(&self.seq.to_le_bytes());
        to.extend_from_slice(&header);
        to.extend_from_slice(self.payload);
        let crc = Self::checksum(seal, offset, &to[start..]);
        to[start..start + 4].copy_from_slice(&crc.to_le_bytes());
    }

    /// The checksum of a whole record: over everything but itself.
    fn checksum(seal: Seal, offset: u32, whole: &[u8]) -> u32 {
        let is_short = is_seeded(Bug::PayloadUnchecked);
        let end = if is_short { RECORD_HEADER_BYTES } else { whole.len() };
        seal.checksum(offset, &whole[4..end])
    }

    /// The record at the start of `bytes`, which lie at `offset` of the file; `None` when it is not whole.
    pub(crate) fn parse(seal: Seal, offset: u32, bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        let kind = Kind::from_byte(header[8])?;
        if header[9..12] != [0; 3] {
            return None;
        }
        let length = u32_at(header, 4) as usize;
        let end = RECORD_HEADER_BYTES.checked_add(length)?;
        let whole =
            if is_seeded(Bug::LengthBelieved) { &bytes[..end] } else { bytes.get(..end)? };
        if Self::checksum(seal, offset, whole) != u32_at(header, 0) {
            return None;
        }
        Some(Self {
            kind,
            queue: QueueId::from_number(u64_at(header, 12)),
            seq: u64_at(header, 20),
            payload: &whole[RECORD_HEADER_BYTES..],
        })
    }
}

/// The little-endian number at `at`; the caller has checked the length.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were taken"))
}

/// The little-endian number at `at`; the caller has checked the length.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: QueueId = QueueId::new(7, 3);

    #[test]
    fn a_record_comes_back_as_it_went() {
        let seal = Seal::new(1, 2);
        let record = Record { kind: Kind::Enqueue, queue: QUEUE, seq: 9, payload: b"hello" };
        let mut bytes = Vec::new();
        record.append(seal, 64, &mut bytes);
        assert_eq!(bytes.len(), record.bytes());
        assert_eq!(Record::parse(seal, 64, &bytes), Some(record));
    }

    #[test]
    fn another_epoch_another_offset_and_any_flipped_bit_are_refused() {
        let seal = Seal::new(1, 2);
        let mut bytes = Vec::new();
        Record { kind: Kind::Note, queue: QUEUE, seq: 9, payload: b"hello" }
            .append(seal, 64, &mut bytes);
        assert_eq!(Record::parse(Seal::new(2, 2), 64, &bytes), None);
        assert_eq!(Record::parse(seal, 128, &bytes), None);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::parse(seal, 64, &bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..bytes.len() {
            assert_eq!(Record::parse(seal, 64, &bytes[..length]), None);
        }
    }
}
