//! Retiring the oldest journal file: what is still alive moves to the segments of its queues.
//!
//! ```text
//!   plan      the live messages of file F, and the sets of segments that later journal files do not repeat
//!     │       (waits until everything settled so far is synced)
//!   copy      per queue: <number>.seg.new ─ sync ─ rename ─ sync directory;  the same for .live
//!     │
//!   switch    the index names the segments; what was settled meanwhile is settled there too
//!     │       (waits for reads of F in flight)
//!   recycle   F.log ─ rename ─► F.spare ─ sync directory        only then may F + 1 be retired
//! ```
//!
//! Journal files go in order. So whenever a file is there, all later settle records are there too, and a crash
//! between any two steps only leaves messages in two places, of which recovery takes the segment.

use roaring::RoaringBitmap;
use stdx::Random;

use crate::disk::Disk;
use crate::extent::Spot;
use crate::fault::{Blame, Fault};
use crate::live::LiveFile;
use crate::paths;
use crate::queue_id::QueueId;
use crate::reading::{Runs, Unreadable};
use crate::record::Seal;
use crate::seeded::{Bug, is_seeded};
use crate::segment::{Segment, SegmentDraft};
use crate::segment_write::{create_queue_dir, write_live, write_segment};

/// Live messages of one queue in the file, without a segment between them.
#[derive(Debug)]
pub(crate) struct Survivors {
    pub(crate) queue: QueueId,
    pub(crate) spots: Vec<Spot>,
    /// The segments get numbers from here on, at most one per message.
    pub(crate) first_number: u64,
}

/// Everything that retiring one file needs.
#[derive(Debug)]
pub(crate) struct Retirement {
    pub(crate) file: u64,
    pub(crate) path: String,
    pub(crate) seal: Seal,
    pub(crate) survivors: Vec<Survivors>,
    pub(crate) live: Vec<LiveFile>,
    pub(crate) random: Random,
    pub(crate) segment_bytes: u32,
    pub(crate) read_run_bytes: u32,
    /// The journal file that was current when the plan was made.
    pub(crate) planned_in: u64,
}

/// A segment and the messages in it.
pub(crate) type Copied = (Segment, RoaringBitmap);

/// What came of it.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) file: u64,
    pub(crate) planned_in: u64,
    /// Per queue, its part of the file in segments.
    pub(crate) copies: Vec<(QueueId, Vec<Copied>)>,
    pub(crate) lost: Vec<Unreadable>,
}

impl Retirement {
    /// Copies what is alive. Of what was begun when it failed, `retired` tells.
    pub(crate) fn copy(&mut self, disk: &mut dyn Disk, retired: &mut Retired) -> Result<(), Fault> {
        write_live(disk, &self.live)?;
        for at in 0..self.survivors.len() {
            let queue = self.survivors[at].queue;
            if retired.copies.last().is_none_or(|(last, _)| *last != queue) {
                retired.copies.push((queue, Vec::new()));
            }
            let (_, segments) = retired.copies.last_mut().expect("one was pushed");
            self.copy_queue(at, disk, segments, &mut retired.lost)?;
        }
        if !retired.copies.is_empty() {
            disk.sync_dir(paths::QUEUES).syncing(paths::QUEUES)?;
        }
        Ok(())
    }

    fn copy_queue(
        &mut self,
        at: usize,
        disk: &mut dyn Disk,
        segments: &mut Vec<Copied>,
        lost: &mut Vec<Unreadable>,
    ) -> Result<(), Fault> {
        let Survivors { queue, spots, first_number } = &self.survivors[at];
        let (queue, mut number) = (*queue, *first_number);
        let dir = create_queue_dir(disk, queue)?;
        let mut runs = Runs::new(self.read_run_bytes);
        for spot in spots {
            runs.push(*spot, false, || (self.path.clone(), self.seal));
        }
        let mut draft: Option<SegmentDraft> = None;
        for run in runs.finish() {
            let mut messages = Vec::new();
            run.read(disk, queue, &mut messages, lost)?;
            for found in messages {
                let (seq, length) = (found.seq, found.bytes.len());
                let full = draft.take_if(|draft| !draft.has_room(seq, length, self.segment_bytes));
                if let Some(full) = full {
                    segments.push(write(disk, full)?);
                }
                let draft = draft.get_or_insert_with(|| {
                    number += 1;
                    SegmentDraft::new(queue, number - 1, self.random.next_u64(), seq)
                });
                draft.push(seq, &found.bytes, found.is_spilled);
            }
        }
        if let Some(last) = draft {
            segments.push(write(disk, last)?);
        }
        if is_seeded(Bug::SegmentNameUnsynced) {
            return Ok(());
        }
        disk.sync_dir(&dir).syncing(&dir)
    }
}

fn write(disk: &mut dyn Disk, draft: SegmentDraft) -> Result<Copied, Fault> {
    let last_seq = draft.last_seq();
    write_segment(disk, draft, last_seq)
}
