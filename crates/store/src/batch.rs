//! A batch: all records that go to the journal in one write. Batches start at multiples of 64 bytes.
//!
//! ```text
//!   0     4        8        16       24       32
//!   ┌─────┬────────┬────────┬────────┬────────┬──────────┬──────────┬─────┬─────────┐
//!   │ crc │ length │ number │ synced │ mark   │ record   │ record   │ ... │ 0 to 64 │
//!   └─────┴────────┴────────┴────────┴────────┴──────────┴──────────┴─────┴─────────┘
//!         └─ crc over this ─────────────────┘ └── length bytes, each with its crc ──┘
//! ```
//!
//! `number` counts the batches of a shard without gaps. `synced` is the last batch that was known to be synced
//! when this one was written: a bad batch whose number some later batch calls synced is damage, any other bad
//! batch is the torn tail of a crash.

use crate::record::{Seal, u32_at, u64_at};

/// Bytes before the first record.
pub(crate) const BATCH_HEADER_BYTES: usize = 32;

/// Batches start at multiples of this, so that one can be found behind damage.
pub(crate) const BATCH_ALIGN: usize = 64;

const MARK: &[u8; 8] = b"LvrtBtch";

/// What stands before the records of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    /// Bytes of records, without header and padding.
    pub(crate) length: u32,
    pub(crate) number: u64,
    pub(crate) synced: u64,
}

impl BatchHeader {
    /// The header at the start of `bytes`, which lie at `offset` of the file.
    pub(crate) fn parse(seal: Seal, offset: u32, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<BATCH_HEADER_BYTES>()?;
        if &bytes[24..32] != MARK || seal.checksum(offset, &bytes[4..]) != u32_at(bytes, 0) {
            return None;
        }
        Some(Self { length: u32_at(bytes, 4), number: u64_at(bytes, 8), synced: u64_at(bytes, 16) })
    }

    /// Bytes on disk, padding included.
    pub(crate) const fn bytes(&self) -> usize {
        padded(BATCH_HEADER_BYTES + self.length as usize)
    }
}

/// A batch that is being filled or waits to be written; its place in the journal is known from the start.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    /// Number of the journal file.
    pub(crate) file: u64,
    /// Where the batch starts in that file.
    pub(crate) offset: u32,
    pub(crate) seal: Seal,
    pub(crate) bytes: Vec<u8>,
}

impl Batch {
    /// Where the next record will lie.
    pub(crate) fn tail(&self) -> u32 {
        self.offset + self.bytes.len() as u32
    }

    /// Writes the header and the padding; `synced` is the last batch known to be synced.
    pub(crate) fn finish(&mut self, synced: u64) {
        let length = (self.bytes.len() - BATCH_HEADER_BYTES) as u32;
        self.bytes[4..8].copy_from_slice(&length.to_le_bytes());
        self.bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        self.bytes[16..24].copy_from_slice(&synced.to_le_bytes());
        self.bytes[24..32].copy_from_slice(MARK);
        let crc = self.seal.checksum(self.offset, &self.bytes[4..BATCH_HEADER_BYTES]);
        self.bytes[..4].copy_from_slice(&crc.to_le_bytes());
        self.bytes.resize(padded(self.bytes.len()), 0);
    }
}

/// `length` rounded up to where the next batch may start.
pub(crate) const fn padded(length: usize) -> usize {
    length.next_multiple_of(BATCH_ALIGN)
}
