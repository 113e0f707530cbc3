//! What can go wrong with a disk or a data directory, as values that name the file and the remedy.

use std::error::Error;
use std::fmt;
use std::io;

use crate::table::TableSource;

/// The disk, or the data directory on it, failed. The node must stop: what was in flight is neither known to be
/// stored nor known to be lost, and asking again would only hide that.
#[derive(Debug)]
pub struct Fault {
    /// What was being done.
    pub kind: FaultKind,
    /// The file or directory, relative to the data directory.
    pub path: String,
    /// What the operating system said, if it was asked.
    pub source: Option<io::Error>,
}

/// What was being done when the disk failed, or what is wrong with the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The device or the quota is full.
    NoSpace,
    /// Reading or listing failed.
    Read,
    /// Writing, renaming or removing failed.
    Write,
    /// A sync failed. Linux forgets the failed pages, so a second sync would report success for lost data.
    Sync,
    /// The directory was written in a format that this program does not know.
    UnknownFormat(String),
    /// There is something in the directory, but nothing that says that it is a data directory.
    Foreign,
    /// The stored metadata does not match its checksum.
    DamagedSnapshot,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, path: &str) -> Self {
        Self { kind, path: path.to_owned(), source: None }
    }

    fn of(kind: FaultKind, path: &str, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FaultKind::NoSpace,
            _ => kind,
        };
        Self { kind, path: path.to_owned(), source: Some(source) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the data directory" } else { &self.path };
        match &self.kind {
            FaultKind::NoSpace => {
                write!(
                    f,
                    "no space left to write {path}: free space or enlarge the quota, then start again"
                )?;
            }
            FaultKind::Read => {
                write!(f, "cannot read {path}: check the permissions and the health of the disk")?;
            }
            FaultKind::Write => {
                write!(f, "cannot write {path}: check the permissions and the health of the disk")?;
            }
            FaultKind::Sync => write!(
                f,
                "the disk could not make {path} durable: what was not confirmed may be lost; check the \
                 health of the disk before starting again"
            )?,
            FaultKind::UnknownFormat(found) => write!(
                f,
                "{path} says {found:?}, a format that this version does not know: start the version that \
                 wrote it, or choose another data directory"
            )?,
            FaultKind::Foreign => write!(
                f,
                "{path} holds files but no file `format`: choose an empty directory, or restore `format` \
                 from a backup"
            )?,
            FaultKind::DamagedSnapshot => write!(
                f,
                "the metadata in {path} does not match its checksum: restore the file from a backup"
            )?,
        }
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Names the file when an operation of the disk fails.
pub(crate) trait Blame<T> {
    fn reading(self, path: &str) -> Result<T, Fault>;
    fn writing(self, path: &str) -> Result<T, Fault>;
    fn syncing(self, path: &str) -> Result<T, Fault>;
}

impl<T> Blame<T> for io::Result<T> {
    fn reading(self, path: &str) -> Result<T, Fault> {
        self.map_err(|source| Fault::of(FaultKind::Read, path, source))
    }

    fn writing(self, path: &str) -> Result<T, Fault> {
        self.map_err(|source| Fault::of(FaultKind::Write, path, source))
    }

    fn syncing(self, path: &str) -> Result<T, Fault> {
        // What is full at a sync is full too late: bytes that were accepted may be gone, as with any other error.
        let kind = FaultKind::Sync;
        self.map_err(|source| Fault { kind, path: path.to_owned(), source: Some(source) })
    }
}

/// Stored bytes that do not match their checksum although they were known to be synced, or a message that can no
/// longer be read. It is reported and left out; everything else keeps being served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, relative to the data directory.
    pub path: String,
    /// The queue and the first and last sequence number concerned, where they are known.
    pub messages: Option<(crate::QueueId, u64, u64)>,
    /// What was found.
    pub reason: String,
}

impl Damage {
    /// Something is wrong with a segment.
    pub(crate) fn of_segment(segment: &TableSource, reason: &str) -> Self {
        Self {
            path: segment.path.clone(),
            messages: Some((segment.queue, segment.first_seq, segment.last_seq)),
            reason: reason.to_owned(),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)?;
        match self.messages {
            Some((queue, first, last)) => {
                write!(f, " (queue {:x}, messages {first} to {last})", queue.number())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_and_the_remedy_is_named() {
        let full: io::Result<()> = Err(io::Error::from(io::ErrorKind::StorageFull));
        let fault = full.writing("journal/0/1.log").expect_err("the disk is full");
        assert_eq!(fault.kind, FaultKind::NoSpace);
        assert!(
            fault.to_string().starts_with("no space left to write journal/0/1.log: free space")
        );
    }
}
