//! One file of the journal: where it begins and ends, and what in it is still needed.

use crate::header::{Header, Magic};
use crate::record::Seal;

/// Where the first batch of a journal file starts.
pub(crate) const JOURNAL_HEADER_PAGE: u32 = 4096;

/// One journal file that is in use.
#[derive(Debug)]
pub(crate) struct JournalFile {
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) seal: Seal,
    pub(crate) first_batch: u64,
    /// Batches from here to `first_batch` were cut off by the recovery that began this file.
    pub(crate) void_from: u64,
    /// Where the next batch goes.
    pub(crate) tail: u32,
    /// Messages of all queues that lie here and are not settled.
    pub(crate) live: u64,
    /// The last note in here, or 0.
    pub(crate) last_note: u64,
    pub(crate) is_created: bool,
    /// Below this every byte was written at least once.
    pub(crate) filled: u32,
    /// Length on disk.
    pub(crate) bytes: u32,
    pub(crate) is_dirty: bool,
}

impl JournalFile {
    /// A file of an earlier run: it is read, and never written again.
    pub(crate) fn sealed(header: &Header, bytes: u32) -> Self {
        Self {
            number: header.number,
            epoch: header.epoch,
            seal: header.seal(),
            first_batch: header.first,
            void_from: header.second,
            tail: bytes,
            live: 0,
            last_note: 0,
            is_created: true,
            filled: bytes,
            bytes,
            is_dirty: false,
        }
    }

    /// A file that does not exist yet.
    pub(crate) fn fresh(number: u64, epoch: u64, first_batch: u64, void_from: u64) -> Self {
        Self {
            number,
            epoch,
            seal: Seal::new(epoch, number),
            first_batch,
            void_from,
            tail: JOURNAL_HEADER_PAGE,
            live: 0,
            last_note: 0,
            is_created: false,
            filled: 0,
            bytes: 0,
            is_dirty: false,
        }
    }

    /// What its header says.
    pub(crate) fn header(&self, shard: usize) -> Header {
        Header {
            magic: Magic::Journal,
            epoch: self.epoch,
            owner: shard as u64,
            number: self.number,
            first: self.first_batch,
            second: self.void_from,
            third: 0,
            span: 0,
        }
    }
}
