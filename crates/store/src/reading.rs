//! Reading messages back: places are joined into runs, each run is one call, each record is verified.
//!
//! ```text
//!   wanted   ██ ██    ██ ██████            ██
//!   runs     └──────────────────┘          └┘     small gaps are read along
//! ```
//!
//! Where messages lie in a journal file stands in memory. Where they lie in a segment stands in its table, which the
//! read brings along when it is not in memory, so that the next read of that segment has it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::Disk;
use crate::extent::Spot;
use crate::fault::{Blame, Damage, Fault};
use crate::queue_id::QueueId;
use crate::record::{Kind, RECORD_HEADER_BYTES, Record, Seal};
use crate::table::{Table, TableSource};

/// A gap of this many bytes is read along rather than starting another run: a call costs as much.
const GAP_BYTES_MAX: u32 = 4096;
/// One read wants at most this many messages.
pub(crate) const WANTED_MAX: usize = 32 << 10;

/// A stretch of one file that is read in one call.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) path: String,
    seal: Seal,
    offset: u32,
    end: u32,
    spots: Vec<Spot>,
}

/// Joins places of one file, in order of their offsets, into runs of at most `bytes_max` bytes, or one message.
#[derive(Debug)]
pub(crate) struct Runs {
    bytes_max: u32,
    runs: Vec<Run>,
}

impl Runs {
    pub(crate) const fn new(bytes_max: u32) -> Self {
        Self { bytes_max, runs: Vec::new() }
    }

    /// Adds a place; `is_new_file` when it lies in another file than the one before.
    pub(crate) fn push(
        &mut self,
        spot: Spot,
        is_new_file: bool,
        file: impl FnOnce() -> (String, Seal),
    ) {
        let end = spot.offset + RECORD_HEADER_BYTES as u32 + spot.length;
        match self.runs.last_mut() {
            Some(run)
                if !is_new_file
                    && spot.offset >= run.end
                    && spot.offset - run.end <= GAP_BYTES_MAX
                    && end - run.offset <= self.bytes_max =>
            {
                run.end = end;
                run.spots.push(spot);
            }
            _ => {
                let (path, seal) = file();
                self.runs.push(Run { path, seal, offset: spot.offset, end, spots: vec![spot] });
            }
        }
    }

    pub(crate) fn finish(self) -> Vec<Run> {
        self.runs
    }
}

/// A message that could not be read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) path: String,
    pub(crate) queue: QueueId,
    pub(crate) seq: u64,
    /// How long it was, where that is known.
    pub(crate) length: Option<u32>,
}

/// Tells about messages that could not be read back, neighbours together.
pub(crate) fn join_neighbours(lost: Vec<Unreadable>, reason: &str, to: &mut VecDeque<Damage>) {
    for Unreadable { path, queue, seq, .. } in lost {
        match to.back_mut() {
            Some(Damage { path: same, messages: Some((of, _, last)), reason: why })
                if *same == path && *of == queue && *last + 1 == seq && why == reason =>
            {
                *last = seq;
            }
            _ => to.push_back(Damage {
                path,
                messages: Some((queue, seq, seq)),
                reason: reason.to_owned(),
            }),
        }
    }
}

/// What reads bring to light beside messages.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    pub(crate) messages: Vec<Unreadable>,
    /// Damage that costs no message by itself.
    pub(crate) damage: Vec<Damage>,
}

/// A message that was read back.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) seq: u64,
    pub(crate) bytes: Bytes,
    pub(crate) is_spilled: bool,
}

impl Run {
    /// Reads the messages; those that do not validate are named in `lost`. An error of the disk is a fault
    /// instead: what cannot be read at this moment is not lost.
    pub(crate) fn read(
        self,
        disk: &mut dyn Disk,
        queue: QueueId,
        messages: &mut Vec<Found>,
        lost: &mut Vec<Unreadable>,
    ) -> Result<(), Fault> {
        let mut buffer = vec![0; (self.end - self.offset) as usize];
        let read =
            disk.read(&self.path, u64::from(self.offset), &mut buffer).reading(&self.path)?;
        buffer.truncate(read);
        let buffer = Bytes::from(buffer);
        for spot in &self.spots {
            let start = (spot.offset - self.offset) as usize;
            let record = buffer
                .get(start..)
                .and_then(|bytes| Record::parse(self.seal, spot.offset, bytes))
                .filter(|record| matches!(record.kind, Kind::Enqueue | Kind::Spill))
                .filter(|record| record.queue == queue && record.seq == spot.seq);
            match record {
                Some(record) => {
                    let from = start + RECORD_HEADER_BYTES;
                    let bytes = buffer.slice(from..from + record.payload.len());
                    let is_spilled = record.kind == Kind::Spill;
                    messages.push(Found { seq: spot.seq, bytes, is_spilled });
                }
                None => lost.push(Unreadable {
                    path: self.path.clone(),
                    queue,
                    seq: spot.seq,
                    length: Some(spot.length),
                }),
            }
        }
        Ok(())
    }
}

/// Messages of one segment that somebody wants.
#[derive(Debug)]
pub(crate) struct SegmentPart {
    pub(crate) number: u64,
    pub(crate) source: TableSource,
    /// The table, if it is in memory.
    pub(crate) table: Option<Arc<Table>>,
    /// The live ones, in order.
    pub(crate) wanted: Vec<u64>,
    pub(crate) bytes_max: usize,
    pub(crate) read_run_bytes: u32,
}

impl SegmentPart {
    /// Reads as many of the wanted messages as `bytes_max` allows, at least one; says behind which one it ended, and
    /// gives the table.
    pub(crate) fn read(
        self,
        disk: &mut dyn Disk,
        messages: &mut Vec<Found>,
        losses: &mut Losses,
    ) -> Result<(u64, Arc<Table>), Fault> {
        let table = match self.table {
            Some(table) => table,
            None => {
                let (table, is_whole) = Table::load(disk, &self.source)?;
                if !is_whole {
                    losses.damage.push(Damage::of_segment(
                        &self.source,
                        "the table of a segment is damaged; its records were scanned",
                    ));
                }
                Arc::new(table)
            }
        };
        let TableSource { path, queue, seal, .. } = self.source;
        let mut runs = Runs::new(self.read_run_bytes);
        let (mut bytes, mut next_seq) = (0, None);
        for seq in self.wanted {
            let Some(spot) = table.find(seq) else {
                let (path, length) = (path.clone(), None);
                losses.messages.push(Unreadable { path, queue, seq, length });
                next_seq = Some(seq + 1);
                continue;
            };
            bytes += spot.length as usize;
            if bytes > self.bytes_max && next_seq.is_some() {
                break;
            }
            runs.push(spot, false, || (path.clone(), seal));
            next_seq = Some(seq + 1);
        }
        for run in runs.finish() {
            run.read(disk, queue, messages, &mut losses.messages)?;
        }
        Ok((next_seq.expect("a part wants something"), table))
    }
}

/// Where the messages of a read lie.
#[derive(Debug)]
pub(crate) enum Part {
    Journal { runs: Vec<Run>, next_seq: u64 },
    Segment(SegmentPart),
}

/// The messages of one queue that somebody wants.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) id: u64,
    pub(crate) queue: QueueId,
    pub(crate) part: Part,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) id: u64,
    pub(crate) loaded: Loaded,
    /// The table of the segment that was read, if it was not in memory.
    pub(crate) table: Option<(u64, Arc<Table>)>,
    pub(crate) losses: Losses,
}

impl Reading {
    pub(crate) fn execute(self, disk: &mut dyn Disk) -> Result<Read, Fault> {
        let Self { id, queue, part } = self;
        let (mut found, mut losses, mut table) = (Vec::new(), Losses::default(), None);
        let next_seq = match part {
            Part::Journal { runs, next_seq } => {
                for run in runs {
                    run.read(disk, queue, &mut found, &mut losses.messages)?;
                }
                next_seq
            }
            Part::Segment(part) => {
                let (number, was_held) = (part.number, part.table.is_some());
                let (next_seq, used) = part.read(disk, &mut found, &mut losses)?;
                table = (!was_held).then_some((number, used));
                next_seq
            }
        };
        let messages = found.into_iter().map(|found| (found.seq, found.bytes)).collect();
        Ok(Read { id, loaded: Loaded { queue, messages, next_seq, tag: 0 }, table, losses })
    }
}

/// The answer to a [`read`](crate::Store::read).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The queue that was asked for.
    pub queue: QueueId,
    /// Live messages with their sequence numbers, in order. The bytes of neighbours share one allocation.
    pub messages: Vec<(u64, Bytes)>,
    /// Where to go on: every live message below this, from the number asked for, is in `messages`. It is the
    /// number asked for when nothing is live from there on.
    pub next_seq: u64,
    /// What the question was marked with: 0 for a [`read`](crate::Store::read).
    pub tag: u64,
}
