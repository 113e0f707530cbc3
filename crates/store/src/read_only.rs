//! A disk that is looked at as a start would change it, and is not changed.

use std::collections::BTreeSet;
use std::io;

use crate::disk::Disk;

/// Reads go through. What would be removed is only hidden, a directory that would be made is only imagined, a sync
/// does nothing, nor does a write of what is there, and everything that changes something is refused.
pub(crate) struct ReadOnly<'a> {
    disk: &'a mut dyn Disk,
    hidden: BTreeSet<String>,
    imagined: BTreeSet<String>,
}

impl<'a> ReadOnly<'a> {
    pub(crate) fn new(disk: &'a mut dyn Disk) -> Self {
        Self { disk, hidden: BTreeSet::new(), imagined: BTreeSet::new() }
    }

    fn look(&self, path: &str) -> io::Result<()> {
        let is_hidden = self.hidden.contains(path);
        if is_hidden { Err(io::Error::from(io::ErrorKind::NotFound)) } else { Ok(()) }
    }
}

fn refuse() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a check changes nothing"))
}

impl Disk for ReadOnly<'_> {
    fn list(&mut self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = match self.disk.list(dir) {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && self.imagined.contains(dir) =>
            {
                Vec::new()
            }
            names => names?,
        };
        names.retain(|name| !self.hidden.contains(&format!("{dir}/{name}")));
        Ok(names)
    }

    fn len(&mut self, path: &str) -> io::Result<u64> {
        self.look(path)?;
        self.disk.len(path)
    }

    fn read(&mut self, path: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.look(path)?;
        self.disk.read(path, offset, buf)
    }

    /// A start writes the end of a journal once more as it is, which is as good as done.
    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut there = vec![0; bytes.len()];
        let read = self.read(path, offset, &mut there)?;
        if read == bytes.len() && there == bytes { Ok(()) } else { refuse() }
    }

    fn allocate(&mut self, _path: &str, _len: u64) -> io::Result<()> {
        refuse()
    }

    fn sync(&mut self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, _path: &str, _len: u64) -> io::Result<()> {
        refuse()
    }

    fn rename(&mut self, _from: &str, _to: &str) -> io::Result<()> {
        refuse()
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.len(path)?;
        self.hidden.insert(path.to_owned());
        Ok(())
    }

    fn create_dir(&mut self, path: &str) -> io::Result<()> {
        self.imagined.insert(path.to_owned());
        Ok(())
    }

    fn remove_dir(&mut self, _path: &str) -> io::Result<()> {
        refuse()
    }

    fn sync_dir(&mut self, _path: &str) -> io::Result<()> {
        Ok(())
    }
}
