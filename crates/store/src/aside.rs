//! A disk on which damaged files are never removed: they go to the directory `quarantine`.
//!
//! ```text
//!   remove("journal/0/5.log")   damaged: rename to quarantine/journal/0/5.log, with both directories synced
//!                               else: removed
//! ```

use std::collections::BTreeSet;
use std::io;

use crate::disk::Disk;
use crate::paths::QUARANTINE;

/// See the head of this file.
pub(crate) struct Aside<'a> {
    disk: &'a mut dyn Disk,
    /// Paths of damaged files, until they are set aside.
    pub(crate) damaged: BTreeSet<String>,
    /// What was set aside, and where it is.
    pub(crate) moved: Vec<(String, String)>,
}

impl<'a> Aside<'a> {
    pub(crate) fn new(disk: &'a mut dyn Disk, damaged: BTreeSet<String>) -> Self {
        Self { disk, damaged, moved: Vec::new() }
    }

    /// Moves a file, damaged or not.
    pub(crate) fn set_aside(&mut self, path: &str) -> io::Result<()> {
        let target = self.free_name(path)?;
        for (at, _) in target.match_indices('/') {
            self.disk.create_dir(&target[..at])?;
            self.disk.sync_dir(parent(&target[..at]))?;
        }
        self.disk.rename(path, &target)?;
        self.disk.sync_dir(parent(&target))?;
        self.disk.sync_dir(parent(path))?;
        self.damaged.remove(path);
        self.moved.push((path.to_owned(), target));
        Ok(())
    }

    /// Its own name below the quarantine, with a number behind it if that was used before.
    fn free_name(&mut self, path: &str) -> io::Result<String> {
        let mut name = format!("{QUARANTINE}/{path}");
        for number in 2_u64.. {
            match self.disk.len(&name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                length => length?,
            };
            name = format!("{QUARANTINE}/{path}.{number}");
        }
        Ok(name)
    }
}

/// The directory that a path lies in.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl Disk for Aside<'_> {
    fn remove(&mut self, path: &str) -> io::Result<()> {
        if !self.damaged.contains(path) {
            return self.disk.remove(path);
        }
        self.disk.len(path)?;
        self.set_aside(path)
    }

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
        self.disk.write(path, offset, bytes)
    }

    fn allocate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.disk.allocate(path, len)
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.disk.sync(path)
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.disk.truncate(path, len)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn create_dir(&mut self, path: &str) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn remove_dir(&mut self, path: &str) -> io::Result<()> {
        self.disk.remove_dir(path)
    }

    fn sync_dir(&mut self, path: &str) -> io::Result<()> {
        self.disk.sync_dir(path)
    }
}
