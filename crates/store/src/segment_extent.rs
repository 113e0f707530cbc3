//! The messages of one queue in one segment: which of them are live. Where they lie stands in the table of the
//! segment, which is read when messages are, and kept as long as there is room for tables.
//!
//! That is why a backlog costs no memory per message: a run of live messages is one entry of a compressed set,
//! however long it is.

use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::header::HEADER_BYTES;
use crate::live::LiveFile;
use crate::paths;
use crate::queue_id::QueueId;
use crate::record::{RECORD_HEADER_BYTES, Seal};
use crate::segment::Segment;
use crate::table::{Table, TableSource};

/// The messages of one queue in one segment.
#[derive(Debug)]
pub(crate) struct SegmentExtent {
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) first_seq: u64,
    /// From the first to the last sequence number that it speaks for.
    pub(crate) span: u32,
    /// Messages in the file, settled ones included.
    pub(crate) messages: u32,
    /// Where the records end and the table begins.
    pub(crate) records_end: u32,
    /// Live messages, as distances from `first_seq`.
    live: RoaringBitmap,
    live_count: u64,
    live_bytes: u64,
    /// The journal file that was current when a message of this segment was settled and its set on disk does not
    /// say so yet.
    pub(crate) dirty_since: Option<u64>,
    /// Where the messages lie, if that was read lately.
    pub(crate) table: Option<Arc<Table>>,
    /// What was live at the last sweep.
    swept_live: u64,
    /// Nothing was settled between the last two sweeps: a segment that is being emptied is left alone.
    pub(crate) is_rested: bool,
}

impl SegmentExtent {
    /// A segment of which these messages are live.
    pub(crate) fn new(segment: &Segment, live: RoaringBitmap, live_bytes: u64) -> Self {
        Self {
            number: segment.number,
            epoch: segment.epoch,
            first_seq: segment.first_seq,
            span: segment.span,
            messages: segment.messages,
            records_end: segment.records_end,
            live_count: live.len(),
            live,
            live_bytes,
            dirty_since: None,
            table: None,
            swept_live: 0,
            is_rested: false,
        }
    }

    /// Where its table is.
    pub(crate) fn table_source(&self, queue: QueueId) -> TableSource {
        TableSource {
            path: paths::segment_file(queue, self.number),
            queue,
            seal: self.seal(),
            first_seq: self.first_seq,
            last_seq: self.last_seq(),
            messages: self.messages,
            records_end: self.records_end,
        }
    }

    /// Looks whether it is being emptied.
    pub(crate) const fn sweep(&mut self) {
        self.is_rested = self.swept_live == self.live_count;
        self.swept_live = self.live_count;
    }

    /// Bytes that its records would take with only the live messages.
    pub(crate) const fn live_size(&self) -> u64 {
        self.live_bytes + self.live_count * RECORD_HEADER_BYTES as u64
    }

    /// Whether so little of it is live that a copy pays: a third of it is gone.
    pub(crate) const fn is_sparse(&self) -> bool {
        self.live_size() * 3 < (self.records_end as u64 - HEADER_BYTES as u64) * 2
    }

    pub(crate) fn seal(&self) -> Seal {
        Seal::new(self.epoch, self.number)
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.first_seq + u64::from(self.span)
    }

    /// How many messages are live.
    pub(crate) const fn live_count(&self) -> u64 {
        self.live_count
    }

    /// Bytes of live messages.
    pub(crate) const fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// What is live, as a file says it.
    pub(crate) fn live_file(&self, queue: QueueId) -> LiveFile {
        LiveFile {
            queue,
            number: self.number,
            epoch: self.epoch,
            live: self.live.clone(),
            live_bytes: self.live_bytes,
        }
    }

    fn delta(&self, seq: u64) -> Option<u32> {
        u32::try_from(seq.checked_sub(self.first_seq)?).ok()
    }

    pub(crate) fn is_live(&self, seq: u64) -> bool {
        self.delta(seq).is_some_and(|delta| self.live.contains(delta))
    }

    /// Settles a message of this length; whether it was live.
    pub(crate) fn settle(&mut self, seq: u64, length: u32) -> bool {
        let was_live = self.delta(seq).is_some_and(|delta| self.live.remove(delta));
        if was_live {
            self.live_count -= 1;
            // A table that could not be read when its messages were counted has made the sum too small.
            self.live_bytes = self.live_bytes.saturating_sub(u64::from(length));
        }
        was_live
    }

    /// Settles everything but `keep`, numbers and lengths of messages, some of which may lie elsewhere.
    pub(crate) fn purge(&mut self, keep: &[(u64, u32)]) {
        let kept = keep.iter().filter(|(seq, _)| self.is_live(*seq));
        let (mut live, mut live_bytes) = (RoaringBitmap::new(), 0);
        for (seq, length) in kept {
            live.extend(self.delta(*seq));
            live_bytes += u64::from(*length);
        }
        (self.live_count, self.live_bytes) = (live.len(), live_bytes);
        self.live = live;
    }

    /// Settles everything from `first` to `last` that is not in `keep`; says how much went. The bytes are to be told
    /// by [`set_live_bytes`](Self::set_live_bytes) afterwards: only a journal that is read back does not know them.
    pub(crate) fn settle_range(&mut self, first: u64, last: u64, keep: &[u64]) -> u64 {
        let from = first.saturating_sub(self.first_seq);
        let to = last.saturating_sub(self.first_seq).min(u64::from(u32::MAX));
        let before = self.live_count;
        let (Ok(from), true) = (u32::try_from(from), last >= self.first_seq) else { return 0 };
        let kept: Vec<u32> = keep
            .iter()
            .filter(|seq| (first..=last).contains(*seq) && self.is_live(**seq))
            .filter_map(|seq| self.delta(*seq))
            .collect();
        self.live.remove_range(from..=to as u32);
        self.live.extend(kept);
        self.live_count = self.live.len();
        before - self.live_count
    }

    pub(crate) const fn set_live_bytes(&mut self, bytes: u64) {
        self.live_bytes = bytes;
    }

    /// The live messages from `seq` on, in order.
    pub(crate) fn live_from(&self, seq: u64) -> impl Iterator<Item = u64> + '_ {
        let from = u32::try_from(seq.saturating_sub(self.first_seq)).ok();
        from.into_iter()
            .flat_map(|from| self.live.range(from..))
            .map(|delta| self.first_seq + u64::from(delta))
    }

    /// Gives back memory that a set which only shrinks does not need.
    pub(crate) fn compress(&mut self) {
        self.live.optimize();
    }
}
