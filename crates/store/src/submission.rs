//! What a shard hands to a disk, and what comes back.
//!
//! ```text
//!   shard                    disk
//!   poll_submission ──────► Submission::execute
//!   complete        ◄────── Completion
//! ```

use crate::background::{Finished, Job};
use crate::disk::Disk;
use crate::fault::Fault;
use crate::journal_write::{JournalWrite, Journaled};
use crate::reading::{Read, Reading};

/// Which submissions may run beside each other: those of different lanes, and reads among themselves. Of the
/// journal and of the background there is never more than one in flight per store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Somebody waits for a confirm: first.
    Journal,
    /// Somebody waits for a message.
    Read,
    /// Nobody waits.
    Background,
}

/// Work for a disk: plain sequential code.
#[derive(Debug)]
pub struct Submission {
    work: Work,
}

#[derive(Debug)]
enum Work {
    Journal(JournalWrite),
    Read(Reading),
    Background(Job),
}

/// What came of a submission; hand it to the store that made it.
#[derive(Debug)]
pub struct Completion {
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Journal(Result<Journaled, Fault>),
    Read(Result<Read, Fault>),
    Background(Result<Box<Finished>, Fault>),
}

impl Submission {
    pub(crate) const fn journal(write: JournalWrite) -> Self {
        Self { work: Work::Journal(write) }
    }

    pub(crate) const fn read(reading: Reading) -> Self {
        Self { work: Work::Read(reading) }
    }

    pub(crate) const fn background(job: Job) -> Self {
        Self { work: Work::Background(job) }
    }

    /// Where the submission belongs.
    pub const fn lane(&self) -> Lane {
        match self.work {
            Work::Journal(_) => Lane::Journal,
            Work::Read(_) => Lane::Read,
            Work::Background(_) => Lane::Background,
        }
    }

    /// Does the work. Blocks.
    pub fn execute(self, disk: &mut dyn Disk) -> Completion {
        let outcome = match self.work {
            Work::Journal(write) => Outcome::Journal(write.execute(disk)),
            Work::Read(reading) => Outcome::Read(reading.execute(disk)),
            Work::Background(job) => Outcome::Background(job.execute(disk).map(Box::new)),
        };
        Completion { outcome }
    }
}
