//! The first 64 bytes of every file of a data directory, except `format`. Numbers are little-endian.
//!
//! ```text
//!   0        8        16       24        32            40            48        60
//!   ┌────────┬────────┬────────┬─────────┬─────────────┬─────────────┬─────────┬─────┐
//!   │ magic  │ epoch  │ owner  │ number  │ first       │ second      │ 0       │ crc │
//!   ├────────┼────────┼────────┼─────────┼─────────────┼─────────────┼─────────┴─────┘
//!   │LVRTJRNL│ random │ shard  │ number  │ first batch │ void from   │  journal file
//!   │LVRTSEGM│ random │ queue  │first seq│ messages    │ records end │  segment
//!   │LVRTSETL│ of its │ queue  │first seq│ messages    │ crc of bits │  settled bits; epoch of its segment
//!   │LVRTSNAP│ 0      │ 0      │last note│ body bytes  │ crc of body │  snapshot
//!   └────────┴────────┴────────┴─────────┴─────────────┴─────────────┘
//! ```

use crate::record::{Seal, u32_at, u64_at};

/// Bytes of the header itself.
pub(crate) const HEADER_BYTES: usize = 64;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Magic {
    Journal,
    Segment,
    Settled,
    Snapshot,
}

impl Magic {
    const fn bytes(self) -> &'static [u8; 8] {
        match self {
            Self::Journal => b"LVRTJRNL",
            Self::Segment => b"LVRTSEGM",
            Self::Settled => b"LVRTSETL",
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
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(self.magic.bytes());
        let fields = [self.epoch, self.owner, self.number, self.first, self.second];
        for (slot, field) in bytes[8..48].chunks_exact_mut(8).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
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
        })
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
        let header =
            Header { magic: Magic::Journal, epoch: 1, owner: 2, number: 3, first: 4, second: 5 };
        let mut bytes = header.encode();
        assert_eq!(Header::parse(Magic::Journal, &bytes), Some(header));
        assert_eq!(Header::parse(Magic::Segment, &bytes), None);
        bytes[33] ^= 1;
        assert_eq!(Header::parse(Magic::Journal, &bytes), None);
    }
}
