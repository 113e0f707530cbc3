//! Retiring the oldest journal file: what is still alive moves to the segments of its queues.
//!
//! ```text
//!   plan      the live messages of file F, and the settled bits that later journal files do not repeat
//!     │       (waits until everything settled so far is synced)
//!   copy      per queue: <first seq>.seg.new ─ sync ─ rename ─ sync directory;  the same for .settled
//!     │
//!   switch    the index names the segments; what was settled meanwhile is settled there too
//!     │       (waits for reads of F in flight)
//!   recycle   F.log ─ rename ─► F.spare ─ sync directory        only then may F + 1 be retired
//! ```
//!
//! Journal files go in order. So whenever a file is there, all later settle records are there too, and a crash
//! between any two steps only leaves messages in two places, of which recovery takes the segment.

use stdx::Random;

use crate::disk::Disk;
use crate::extent::Spot;
use crate::fault::{Blame, Fault};
use crate::paths::{self, NEW};
use crate::queue_id::QueueId;
use crate::reading::{Runs, Unreadable};
use crate::record::Seal;
use crate::segment::{Segment, SegmentDraft};
use crate::settled::SettledFile;

/// Live messages of one queue in the file, without a segment between them.
#[derive(Debug)]
pub(crate) struct Survivors {
    pub(crate) queue: QueueId,
    pub(crate) spots: Vec<Spot>,
}

/// Everything that retiring one file needs.
#[derive(Debug)]
pub(crate) struct Retirement {
    pub(crate) file: u64,
    pub(crate) path: String,
    pub(crate) seal: Seal,
    pub(crate) survivors: Vec<Survivors>,
    pub(crate) settled: Vec<SettledFile>,
    pub(crate) random: Random,
    pub(crate) segment_bytes: u32,
    pub(crate) read_run_bytes: u32,
    /// The journal file that was current when the plan was made.
    pub(crate) planned_in: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) file: u64,
    pub(crate) planned_in: u64,
    /// Per queue, its part of the file in segments.
    pub(crate) copies: Vec<(QueueId, Vec<Segment>)>,
    pub(crate) bad: Vec<Unreadable>,
}

impl Retirement {
    pub(crate) fn execute(mut self, disk: &mut dyn Disk) -> Result<Retired, Fault> {
        write_settled(disk, &self.settled)?;
        let mut retired = Retired {
            file: self.file,
            planned_in: self.planned_in,
            copies: Vec::new(),
            bad: Vec::new(),
        };
        for survivors in std::mem::take(&mut self.survivors) {
            let queue = survivors.queue;
            let segments = self.copy(disk, survivors, &mut retired.bad)?;
            match retired.copies.last_mut() {
                Some((last, all)) if *last == queue => all.extend(segments),
                _ => retired.copies.push((queue, segments)),
            }
        }
        if !retired.copies.is_empty() {
            disk.sync_dir(paths::QUEUES).syncing(paths::QUEUES)?;
        }
        Ok(retired)
    }

    fn copy(
        &mut self,
        disk: &mut dyn Disk,
        survivors: Survivors,
        bad: &mut Vec<Unreadable>,
    ) -> Result<Vec<Segment>, Fault> {
        let queue = survivors.queue;
        let dir = paths::queue_dir(queue);
        disk.create_dir(&dir).writing(&dir)?;
        let mut runs = Runs::new(self.read_run_bytes);
        for spot in survivors.spots {
            runs.push(spot, false, || (self.path.clone(), self.seal));
        }
        let mut segments = Vec::new();
        let mut draft: Option<SegmentDraft> = None;
        for run in runs.finish() {
            let mut messages = Vec::new();
            run.read(disk, queue, &mut messages, bad)?;
            for (seq, message) in messages {
                if let Some(full) =
                    draft.take_if(|draft| !draft.has_room(seq, message.len(), self.segment_bytes))
                {
                    segments.push(write_segment(disk, full)?);
                }
                draft
                    .get_or_insert_with(|| SegmentDraft::new(queue, seq, self.random.next_u64()))
                    .push(seq, &message);
            }
        }
        if let Some(last) = draft {
            segments.push(write_segment(disk, last)?);
        }
        disk.sync_dir(&dir).syncing(&dir)?;
        Ok(segments)
    }
}

fn write_segment(disk: &mut dyn Disk, draft: SegmentDraft) -> Result<Segment, Fault> {
    let (bytes, segment) = draft.finish();
    write_whole(disk, &paths::segment_file(segment.queue, segment.first_seq), &bytes)?;
    Ok(segment)
}

/// Replaces the bits of these segments on disk.
fn write_settled(disk: &mut dyn Disk, files: &[SettledFile]) -> Result<(), Fault> {
    let mut dirs = std::collections::BTreeSet::new();
    for file in files {
        let queue = QueueId::from_number(file.queue);
        write_whole(disk, &paths::settled_file(queue, file.first_seq), &file.encode())?;
        dirs.insert(paths::queue_dir(queue));
    }
    dirs.iter().try_for_each(|dir| disk.sync_dir(dir).syncing(dir))
}

/// Writes a file that is there as a whole or not at all; its directory is the caller's to sync.
pub(crate) fn write_whole(disk: &mut dyn Disk, path: &str, bytes: &[u8]) -> Result<(), Fault> {
    let unfinished = format!("{path}{NEW}");
    disk.write(&unfinished, 0, bytes).writing(&unfinished)?;
    disk.sync(&unfinished).syncing(&unfinished)?;
    disk.rename(&unfinished, path).writing(path)
}
