//! Reading messages back: places are joined into runs, each run is one call, each record is verified.
//!
//! ```text
//!   wanted   ██ ██    ██ ██████            ██
//!   runs     └──────────────────┘          └┘     small gaps are read along
//! ```

use bytes::Bytes;

use crate::disk::Disk;
use crate::extent::Spot;
use crate::fault::{Blame, Fault};
use crate::queue_id::QueueId;
use crate::record::{Kind, RECORD_HEADER_BYTES, Record, Seal};

/// A gap of this many bytes is read along rather than starting another run: a call costs as much.
const GAP_BYTES_MAX: u32 = 4096;

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
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) path: String,
    pub(crate) queue: QueueId,
    pub(crate) seq: u64,
    pub(crate) length: u32,
}

impl Run {
    /// Reads the messages; those that do not validate are named in `bad`. An error of the disk is a fault
    /// instead: what cannot be read at this moment is not lost.
    pub(crate) fn read(
        self,
        disk: &mut dyn Disk,
        queue: QueueId,
        messages: &mut Vec<(u64, Bytes)>,
        bad: &mut Vec<Unreadable>,
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
                .filter(|record| record.kind == Kind::Enqueue && record.queue == queue)
                .filter(|record| record.seq == spot.seq);
            match record {
                Some(record) => {
                    let from = start + RECORD_HEADER_BYTES;
                    messages.push((spot.seq, buffer.slice(from..from + record.payload.len())));
                }
                None => bad.push(Unreadable {
                    path: self.path.clone(),
                    queue,
                    seq: spot.seq,
                    length: spot.length,
                }),
            }
        }
        Ok(())
    }
}

/// The messages of one queue that somebody wants.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) id: u64,
    pub(crate) queue: QueueId,
    pub(crate) runs: Vec<Run>,
    pub(crate) next_seq: u64,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) id: u64,
    pub(crate) loaded: Loaded,
    pub(crate) bad: Vec<Unreadable>,
}

impl Reading {
    pub(crate) fn execute(self, disk: &mut dyn Disk) -> Result<Read, Fault> {
        let mut messages = Vec::new();
        let mut bad = Vec::new();
        for run in self.runs {
            run.read(disk, self.queue, &mut messages, &mut bad)?;
        }
        let loaded = Loaded { queue: self.queue, messages, next_seq: self.next_seq };
        Ok(Read { id: self.id, loaded, bad })
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
    /// number asked for when nothing from there on was written yet.
    pub next_seq: u64,
}
