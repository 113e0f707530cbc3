//! Reading messages of a queue back: from which files, and when.
//!
//! ```text
//!   read ──► planned ──► Submission ──► complete_read ──► poll_loaded
//!              │  ▲
//!              ▼  │ the journal was written
//!             parked
//! ```
//!
//! One read goes to one segment, or to any number of journal files: the answer says where to go on.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::extent::Extent;
use crate::journal_extent::JournalExtent;
use crate::paths;
use crate::queue_id::QueueId;
use crate::reading::{Loaded, Part, Read, Reading, Runs, SegmentPart, Unreadable, WANTED_MAX};
use crate::segment_extent::SegmentExtent;
use crate::store::Store;
use crate::table::Table;

/// What a read asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    queue: QueueId,
    from_seq: u64,
    bytes_max: usize,
    tag: u64,
}

/// Which segments have their tables in memory, in the order in which they were read.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    held: VecDeque<(QueueId, u64, usize)>,
    bytes: usize,
}

/// What a read of a queue leads to.
enum Planned {
    Part(Part),
    /// What is wanted is not written yet.
    Unwritten,
    Nothing,
}

impl Store {
    /// Asks for the live messages of a queue from `from_seq` on, in order, up to `bytes_max` bytes but at least
    /// one. The answer comes through [`poll_loaded`](Self::poll_loaded), when what is wanted was written; it is empty
    /// if nothing is live from there on.
    pub fn read(&mut self, queue: QueueId, from_seq: u64, bytes_max: usize) {
        self.start_read(Wanted { queue, from_seq, bytes_max, tag: 0 });
    }

    /// The same for somebody else than the queue itself: the answer is marked with `tag`, which is not 0.
    pub fn read_aside(&mut self, queue: QueueId, from_seq: u64, bytes_max: usize, tag: u64) {
        self.start_read(Wanted { queue, from_seq, bytes_max, tag });
    }

    fn start_read(&mut self, wanted: Wanted) {
        let Wanted { queue, from_seq, tag, .. } = wanted;
        match self.plan_read(wanted) {
            Planned::Part(part) => {
                self.last_read += 1;
                self.reads.insert(self.last_read, tag);
                self.readings.push_back(Reading { id: self.last_read, queue, part });
            }
            Planned::Unwritten => {
                self.journal.set_wanted();
                self.parked.push(wanted);
            }
            Planned::Nothing => {
                let messages = Vec::new();
                self.loaded.push_back(Loaded { queue, messages, next_seq: from_seq, tag });
            }
        }
    }

    /// The journal was written: what waited for that is looked at again.
    pub(crate) fn unpark(&mut self) {
        std::mem::take(&mut self.parked).into_iter().for_each(|wanted| self.start_read(wanted));
    }

    fn plan_read(&self, wanted: Wanted) -> Planned {
        let Wanted { queue, from_seq, .. } = wanted;
        let Some(entry) = self.index.get(queue) else { return Planned::Nothing };
        let mut gathered =
            Gathered { runs: Runs::new(self.options.read_run_bytes), next_seq: from_seq, bytes: 0 };
        for extent in entry.extents_from(from_seq) {
            let is_first = gathered.next_seq == from_seq;
            match extent {
                Extent::Segment(segment) if is_first => {
                    if let Some(part) = self.segment_part(segment, wanted) {
                        return Planned::Part(Part::Segment(part));
                    }
                }
                Extent::Segment(_) => break,
                Extent::Journal(extent) => match self.gather(extent, wanted, &mut gathered) {
                    Gathering::GoesOn => {}
                    Gathering::Unwritten if is_first && gathered.next_seq == from_seq => {
                        return Planned::Unwritten;
                    }
                    Gathering::Unwritten | Gathering::IsEnough => break,
                },
            }
        }
        let Gathered { runs, next_seq, .. } = gathered;
        let runs = runs.finish();
        if runs.is_empty() {
            return Planned::Nothing;
        }
        Planned::Part(Part::Journal { runs, next_seq })
    }

    fn segment_part(&self, segment: &SegmentExtent, wanted: Wanted) -> Option<SegmentPart> {
        let Wanted { queue, from_seq, bytes_max, .. } = wanted;
        let seqs: Vec<u64> = segment.live_from(from_seq).take(WANTED_MAX).collect();
        (!seqs.is_empty()).then(|| SegmentPart {
            number: segment.number,
            source: segment.table_source(queue),
            table: segment.table.clone(),
            wanted: seqs,
            bytes_max,
            read_run_bytes: self.options.read_run_bytes,
        })
    }

    /// Adds what lies in one journal file.
    fn gather(&self, extent: &JournalExtent, wanted: Wanted, to: &mut Gathered) -> Gathering {
        let mut is_new_file = true;
        for spot in extent.live_from(wanted.from_seq) {
            if !self.journal.is_written(extent.file, spot.offset) {
                return Gathering::Unwritten;
            }
            to.bytes += spot.length as usize;
            if to.next_seq > wanted.from_seq && to.bytes > wanted.bytes_max {
                return Gathering::IsEnough;
            }
            let file = || (paths::journal_file(self.shard, extent.file), extent.seal);
            to.runs.push(spot, is_new_file, file);
            to.next_seq = spot.seq + 1;
            is_new_file = false;
        }
        Gathering::GoesOn
    }

    pub(crate) fn complete_read(&mut self, read: Read) {
        let Read { id, mut loaded, table, losses } = read;
        loaded.tag = self.reads.remove(&id).unwrap_or_default();
        let entry = self.index.get(loaded.queue);
        loaded.messages.retain(|(seq, _)| entry.is_some_and(|entry| entry.is_live(*seq)));
        if let Some((number, table)) = table {
            self.keep_table(loaded.queue, number, table);
        }
        self.loaded.push_back(loaded);
        self.damage.extend(losses.damage);
        self.lose(losses.messages);
    }

    /// What cannot be read is not live: the queue goes on behind it. No record says so, so that it is reported again
    /// after a restart, until its file is retired.
    fn lose(&mut self, lost: Vec<Unreadable>) {
        let current = self.journal.current_number();
        for message in &lost {
            let Some(queue) = self.index.get_mut(message.queue) else { continue };
            // Where its length is lost with it, the sum of the segment keeps it until the segment goes.
            let gone = queue.settle(message.seq, message.length.unwrap_or(0), current);
            if let Some(gone) = gone {
                self.account(message.queue, gone);
            }
        }
        self.report(lost);
    }

    /// Keeps a table for the next read of the segment, and lets older ones go.
    fn keep_table(&mut self, queue: QueueId, number: u64, table: Arc<Table>) {
        let segment = self.index.get_mut(queue).and_then(|queue| queue.segment_mut(number));
        let Some(segment) = segment.filter(|segment| segment.table.is_none()) else { return };
        let bytes = table.bytes();
        segment.table = Some(table);
        self.tables.held.push_back((queue, number, bytes));
        self.tables.bytes += bytes;
        while self.tables.bytes > self.options.table_bytes_max && self.tables.held.len() > 1 {
            let Some((queue, number, bytes)) = self.tables.held.pop_front() else { return };
            self.tables.bytes -= bytes;
            let segment = self.index.get_mut(queue).and_then(|queue| queue.segment_mut(number));
            if let Some(segment) = segment {
                segment.table = None;
            }
        }
    }
}

/// Messages of journal files that one read takes.
struct Gathered {
    runs: Runs,
    next_seq: u64,
    bytes: usize,
}

enum Gathering {
    GoesOn,
    Unwritten,
    IsEnough,
}
