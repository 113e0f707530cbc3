//! Compacting: neighbouring segments of which little is live become one.
//!
//! ```text
//!   before   │ 3: seq 1 to 900, 40 live │ 4: 901 to 1700, 9 live │ 5: 1701 to 2600, all live │
//!   after    │ 7: seq 1 to 1700, 49 live                         │ 5: 1701 to 2600, all live │
//! ```
//!
//! The new segment speaks for the same sequence numbers as those it was made of and has a higher number, so that a
//! start that finds both knows which one to believe. The old ones go when the name of the new one is synced.

use roaring::RoaringBitmap;

use crate::disk::Disk;
use crate::fault::{Blame, Fault};
use crate::paths;
use crate::queue_id::QueueId;
use crate::reading::{Losses, SegmentPart};
use crate::segment::{Segment, SegmentDraft};
use crate::segment_write::write_segment;

/// Everything that compacting some segments of one queue needs.
#[derive(Debug)]
pub(crate) struct Compaction {
    pub(crate) queue: QueueId,
    /// What is live in each of them.
    pub(crate) parts: Vec<SegmentPart>,
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    /// The journal file that was current when the plan was made.
    pub(crate) planned_in: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Compacted {
    pub(crate) queue: QueueId,
    pub(crate) sources: Vec<u64>,
    /// The new segment and the messages in it; nothing if none could be read.
    pub(crate) segment: Option<(Segment, RoaringBitmap)>,
    pub(crate) losses: Losses,
    pub(crate) planned_in: u64,
}

impl Compaction {
    pub(crate) fn execute(self, disk: &mut dyn Disk) -> Result<Compacted, Fault> {
        let Self { queue, parts, number, epoch, first_seq, last_seq, planned_in } = self;
        let sources = parts.iter().map(|part| part.number).collect();
        let mut losses = Losses::default();
        let mut draft = SegmentDraft::new(queue, number, epoch, first_seq);
        let mut is_empty = true;
        for part in parts {
            let mut messages = Vec::new();
            part.read(disk, &mut messages, &mut losses)?;
            for found in messages {
                draft.push(found.seq, &found.bytes, found.is_spilled);
                is_empty = false;
            }
        }
        let segment = if is_empty {
            None
        } else {
            let written = write_segment(disk, draft, last_seq)?;
            let dir = paths::queue_dir(queue);
            disk.sync_dir(&dir).syncing(&dir)?;
            Some(written)
        };
        Ok(Compacted { queue, sources, segment, losses, planned_in })
    }
}
