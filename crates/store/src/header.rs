//! The first 64 bytes of every file of a data directory, except `format`. Numbers are little-endian.
//!
//! ```text
//!   0        8        16       24        32            40            48          56     60
//!   ┌────────┬────────┬────────┬─────────┬─────────────┬─────────────┬───────────┬──────┬─────┐
//!   │ magic  │ epoch  │ owner  │ number  │ first       │ second      │ third     │ span │ crc │
//!   ├────────┼────────┼────────┼─────────┼─────────────┼─────────────┼───────────┼──────┼─────┘
//!   │LVRTJRNL│ random │ shard  │ number  │ first batch │ void from   │ 0         │ 0    │  journal file
//!   │LVRTSEGM│ random │ queue  │ number  │ messages    │ records end │ first seq │ span │  segment
//!   │LVRTLIVE│ of its │ queue  │ of its  │ live        │ crc of body │ live bytes│ 0    │  live messages of a segment
//!   │LVRTSNAP│ 0      │ 0      │last note│ body bytes  │ crc of body │ 0         │ 0    │  snapshot
//!   └────────┴────────┴────────┴─────────┴─────────────┴─────────────┴───────────┴──────┘
//!   A segment speaks for the sequence numbers from `first seq` to `first seq + span`.
//!   Journal files and segments end with a second copy of their header: without one, nothing in them validates.
//! ```

use crate::disk::Disk;
use crate::fault::{Blame, Fault};
use crate::record::{Seal, u32_at, u64_at};

/// Bytes of the header itself.
pub(crate) const HEADER_BYTES: usize = 64;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Magic {
    Journal,
    Segment,
    Live,
    Snapshot,
}

impl Magic {
    const fn bytes(self) -> &'static [u8; 8] {
        match self {
            Self::Journal => b"LVRTJRNL",
            Self::Segment => b"LVRTSEGM",
            Self::Live => b"LVRTLIVE",
            Self::Snapshot => b"LVRTSNAP",
        }
    }
}

/// The fields drawn above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) magic: Magic,
    pub(crate) epoch: u64,
    pub(crate) owner: u64,
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) second: u64,
    pub(crate) third: u64,
    pub(crate) span: u32,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(self.magic.bytes());
        let fields = [self.epoch, self.owner, self.number, self.first, self.second, self.third];
        for (slot, field) in bytes[8..56].chunks_exact_mut(8).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        bytes[56..60].copy_from_slice(&self.span.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header of a file of this kind, or `None` when these bytes are something else.
    pub(crate) fn parse(magic: Magic, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        if &bytes[..8] != magic.bytes() || crc32c::crc32c(&bytes[..60]) != u32_at(bytes, 60) {
            return None;
        }
        Some(Self {
            magic,
            epoch: u64_at(bytes, 8),
            owner: u64_at(bytes, 16),
            number: u64_at(bytes, 24),
            first: u64_at(bytes, 32),
            second: u64_at(bytes, 40),
            third: u64_at(bytes, 48),
            span: u32_at(bytes, 56),
        })
    }

    /// The header of the file `path`, which is `length` bytes long: the one at its start that satisfies `is_it`, or else the
    /// copy at its end. Says whether the copy was needed.
    pub(crate) fn find(
        disk: &mut dyn Disk,
        path: &str,
        length: u64,
        magic: Magic,
        is_it: impl Fn(&Self) -> bool,
    ) -> Result<Option<(Self, bool)>, Fault> {
        let last = length.saturating_sub(HEADER_BYTES as u64);
        for (offset, is_copy) in [(0, false), (last, true)] {
            let mut bytes = [0; HEADER_BYTES];
            disk.read(path, offset, &mut bytes).reading(path)?;
            if let Some(header) = Self::parse(magic, &bytes).filter(&is_it) {
                return Ok(Some((header, is_copy)));
            }
        }
        Ok(None)
    }

    /// What the checksums of the records in this file start from.
    pub(crate) fn seal(&self) -> Seal {
        Seal::new(self.epoch, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_a_damaged_one_does_not() {
        let header = Header {
            magic: Magic::Journal,
            epoch: 1,
            owner: 2,
            number: 3,
            first: 4,
            second: 5,
            third: 6,
            span: 7,
        };
        let mut bytes = header.encode();
        assert_eq!(Header::parse(Magic::Journal, &bytes), Some(header));
        assert_eq!(Header::parse(Magic::Segment, &bytes), None);
        bytes[33] ^= 1;
        assert_eq!(Header::parse(Magic::Journal, &bytes), None);
    }
}
