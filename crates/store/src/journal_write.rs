//! One write of the journal, executed by whoever owns the disk.
//!
//! ```text
//!   create (or recycle) the next file ─ fill ahead with zeros ─ write batches ─ fdatasync ─► Synced
//! ```

use crate::disk::Disk;
use crate::fault::{Blame, Fault};
use crate::header::HEADER_BYTES;
use crate::journal::JOURNAL_HEADER_PAGE;
use crate::paths::NEW;
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
    },
    /// Zeros ahead of the tail: syncing bytes that were written before is cheaper than syncing allocated ones.
    Fill { path: String, from: u32, to: u32 },
    /// A batch.
    Write { path: String, offset: u32, bytes: Vec<u8> },
}

/// One write of the journal.
#[derive(Debug)]
pub(crate) struct JournalWrite {
    pub(crate) steps: Vec<Step>,
    /// Files to sync when all steps are done; none when nobody waits.
    pub(crate) sync: Vec<String>,
    pub(crate) through: Ticket,
    pub(crate) written: (u64, u32),
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) synced: Option<Synced>,
    pub(crate) written: (u64, u32),
    pub(crate) buffers: Vec<Vec<u8>>,
}

impl JournalWrite {
    pub(crate) fn execute(self, disk: &mut dyn Disk) -> Result<Written, Fault> {
        let mut buffers = Vec::new();
        for step in self.steps {
            match step {
                Step::Create { path, spare, dir, header, bytes } => {
                    create(disk, &path, spare, &header, bytes)?;
                    disk.sync_dir(&dir).syncing(&dir)?;
                }
                Step::Fill { path, from, to } => fill(disk, &path, from, to)?,
                Step::Write { path, offset, bytes } => {
                    disk.write(&path, u64::from(offset), &bytes).writing(&path)?;
                    buffers.push(bytes);
                }
            }
        }
        let synced = if self.sync.is_empty() {
            None
        } else {
            Some(Synced::after_syncing(disk, &self.sync, self.through)?)
        };
        Ok(Written { synced, written: self.written, buffers })
    }
}

fn create(
    disk: &mut dyn Disk,
    path: &str,
    spare: Option<String>,
    header: &[u8; HEADER_BYTES],
    bytes: u32,
) -> Result<(), Fault> {
    let source = match spare {
        Some(spare) => spare,
        None => {
            let source = format!("{path}{NEW}");
            disk.allocate(&source, u64::from(bytes)).writing(&source)?;
            source
        }
    };
    let mut page = [0; JOURNAL_HEADER_PAGE as usize];
    page[..HEADER_BYTES].copy_from_slice(header);
    disk.write(&source, 0, &page).writing(&source)?;
    disk.sync(&source).syncing(&source)?;
    disk.rename(&source, path).writing(path)
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
