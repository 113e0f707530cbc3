//! One write of the journal, executed by whoever owns the disk.
//!
//! ```text
//!   create (or recycle) the next file ─ fill ahead with zeros ─ write batches ─ fdatasync ─► Synced
//! ```

use std::collections::VecDeque;

use crate::disk::Disk;
use crate::fault::{Blame, Fault, FaultKind};
use crate::header::HEADER_BYTES;
use crate::journal_file::JOURNAL_HEADER_PAGE;
use crate::paths::NEW;
use crate::reserve::Spare;
use crate::seeded::{Bug, is_seeded};
use crate::ticket::{Synced, Ticket};

/// Bytes of zeros written in one call.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What a write of the journal consists of.
#[derive(Debug)]
pub(crate) enum Step {
    /// Makes a journal file under its final name, out of a spare one or from nothing. It gets its name only
    /// when its header is synced, so a journal file always has the header that belongs to its name.
    Create {
        path: String,
        spare: Option<String>,
        dir: String,
        header: [u8; HEADER_BYTES],
        bytes: u32,
        /// It has the length of a spare file.
        is_regular: bool,
    },
    /// Zeros ahead of the tail: syncing bytes that were written before is cheaper than syncing allocated ones.
    Fill { path: String, from: u32, to: u32 },
    /// A batch.
    Write { path: String, offset: u32, bytes: Vec<u8> },
}

/// One write of the journal.
#[derive(Debug)]
pub(crate) struct JournalWrite {
    pub(crate) steps: VecDeque<Step>,
    /// Files to sync when all steps are done; none when nobody waits.
    pub(crate) sync: Vec<String>,
    pub(crate) through: Ticket,
    pub(crate) written: (u64, u32),
    /// What was written, to be used again.
    pub(crate) buffers: Vec<Vec<u8>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Journaled {
    Written(Written),
    /// The disk had no room. Bytes that were not synced are nobody's yet, so the rest can be tried again.
    Short(JournalWrite),
}

/// A write that ended well.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) synced: Option<Synced>,
    pub(crate) written: (u64, u32),
    pub(crate) buffers: Vec<Vec<u8>>,
}

impl JournalWrite {
    pub(crate) fn execute(mut self, disk: &mut dyn Disk) -> Result<Journaled, Fault> {
        // A step that found no room is done again from its beginning, so it stays until it is done.
        while let Some(step) = self.steps.front() {
            match step.execute(disk) {
                Err(fault) if fault.kind == FaultKind::NoSpace => {
                    if !is_seeded(Bug::FullWriteSkipped) {
                        return Ok(Journaled::Short(self));
                    }
                }
                done => done?,
            }
            if let Some(Step::Write { bytes, .. }) = self.steps.pop_front() {
                self.buffers.push(bytes);
            }
        }
        let synced = if self.sync.is_empty() {
            None
        } else {
            Some(Synced::after_syncing(disk, &self.sync, self.through)?)
        };
        Ok(Journaled::Written(Written { synced, written: self.written, buffers: self.buffers }))
    }

    /// Lets a file that could not be made from nothing be made from a spare one.
    pub(crate) fn use_spare(&mut self, spares: &mut Vec<Spare>) {
        if let Some(Step::Create { spare: spare @ None, is_regular: true, .. }) =
            self.steps.front_mut()
        {
            *spare = spares.pop().map(|spare| spare.path);
        }
    }
}

impl Step {
    fn execute(&self, disk: &mut dyn Disk) -> Result<(), Fault> {
        match self {
            Self::Create { path, spare, dir, header, bytes, .. } => {
                create(disk, path, spare.as_deref(), header, *bytes)?;
                if is_seeded(Bug::JournalNameUnsynced) {
                    return Ok(());
                }
                disk.sync_dir(dir).syncing(dir)
            }
            Self::Fill { path, from, to } => fill(disk, path, *from, *to),
            Self::Write { path, offset, bytes } => {
                disk.write(path, u64::from(*offset), bytes).writing(path)
            }
        }
    }
}

fn create(
    disk: &mut dyn Disk,
    path: &str,
    spare: Option<&str>,
    header: &[u8; HEADER_BYTES],
    bytes: u32,
) -> Result<(), Fault> {
    let unfinished = format!("{path}{NEW}");
    let source = spare.unwrap_or(&unfinished);
    if spare.is_none() {
        let allocated = disk.allocate(source, u64::from(bytes)).writing(source);
        if allocated.is_err() {
            disk.remove(source).ok();
        }
        allocated?;
    }
    let mut page = [0; JOURNAL_HEADER_PAGE as usize];
    page[..HEADER_BYTES].copy_from_slice(header);
    disk.write(source, 0, &page).writing(source)?;
    let copy = u64::from(bytes) - HEADER_BYTES as u64;
    disk.write(source, copy, header).writing(source)?;
    disk.sync(source).syncing(source)?;
    disk.rename(source, path).writing(path)
}

fn fill(disk: &mut dyn Disk, path: &str, from: u32, to: u32) -> Result<(), Fault> {
    let mut at = from;
    while at < to {
        let length = (to - at).min(ZEROS.len() as u32);
        disk.write(path, u64::from(at), &ZEROS[..length as usize]).writing(path)?;
        at += length;
    }
    Ok(())
}
