//! Calls of a disk as values, so that they can be made one at a time, between those of others, or only up to one.

use std::io;
use std::sync::Arc;

use store::Disk;

use super::SimDisk;

/// A call that changes something or syncs.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Write { path: String, offset: u64, bytes: Arc<[u8]> },
    Allocate { path: String, len: u64 },
    Sync { path: String },
    Truncate { path: String, len: u64 },
    Rename { from: String, to: String },
    Remove { path: String },
    CreateDir { path: String },
    RemoveDir { path: String },
    SyncDir { path: String },
}

impl Call {
    /// Makes the call.
    pub(crate) fn execute(&self, disk: &mut SimDisk) -> io::Result<()> {
        match self {
            Self::Write { path, offset, bytes } => {
                disk.write_shared(path, *offset as usize, Arc::clone(bytes))
            }
            Self::Allocate { path, len } => disk.allocate(path, *len),
            Self::Sync { path } => disk.sync(path),
            Self::Truncate { path, len } => disk.truncate(path, *len),
            Self::Rename { from, to } => disk.rename(from, to),
            Self::Remove { path } => disk.remove(path),
            Self::CreateDir { path } => disk.create_dir(path),
            Self::RemoveDir { path } => disk.remove_dir(path),
            Self::SyncDir { path } => disk.sync_dir(path),
        }
    }
}

/// A disk that takes down the calls that are made.
#[derive(Debug)]
pub(crate) struct Tape<'a> {
    disk: &'a mut SimDisk,
    pub(crate) calls: Vec<Call>,
}

impl<'a> Tape<'a> {
    pub(crate) const fn new(disk: &'a mut SimDisk) -> Self {
        Self { disk, calls: Vec::new() }
    }

    fn make(&mut self, call: Call) -> io::Result<()> {
        // A call that failed has changed nothing.
        call.execute(self.disk)?;
        self.calls.push(call);
        Ok(())
    }
}

impl Disk for Tape<'_> {
    fn list(&mut self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn len(&mut self, path: &str) -> io::Result<u64> {
        self.disk.len(path)
    }

    fn read(&mut self, path: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.disk.read(path, offset, buf)
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.make(Call::Write { path: path.to_owned(), offset, bytes: bytes.into() })
    }

    fn allocate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.make(Call::Allocate { path: path.to_owned(), len })
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.make(Call::Sync { path: path.to_owned() })
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.make(Call::Truncate { path: path.to_owned(), len })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.make(Call::Rename { from: from.to_owned(), to: to.to_owned() })
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.make(Call::Remove { path: path.to_owned() })
    }

    fn create_dir(&mut self, path: &str) -> io::Result<()> {
        self.make(Call::CreateDir { path: path.to_owned() })
    }

    fn remove_dir(&mut self, path: &str) -> io::Result<()> {
        self.make(Call::RemoveDir { path: path.to_owned() })
    }

    fn sync_dir(&mut self, path: &str) -> io::Result<()> {
        self.make(Call::SyncDir { path: path.to_owned() })
    }
}
