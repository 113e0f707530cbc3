//! A disk that never fails and never forgets: what is written is there. It may be full.
//!
//! It knows nothing of power losses; a sync does nothing, because nothing is ever lost.

use std::collections::BTreeMap;
use std::io;

use store::Disk;

#[derive(Clone, Debug)]
enum Entry {
    File(Vec<u8>),
    Dir,
}

/// A data directory in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    entries: BTreeMap<String, Entry>,
    is_full: bool,
}

impl MemoryDisk {
    /// An empty data directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on nothing may grow and nothing may be made; or it may again.
    pub const fn set_full(&mut self, is_full: bool) {
        self.is_full = is_full;
    }

    fn check_room(&self) -> io::Result<()> {
        if self.is_full { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }

    fn file(&self, path: &str) -> io::Result<&Vec<u8>> {
        match self.entries.get(path) {
            Some(Entry::File(bytes)) => Ok(bytes),
            _ => Err(not_found()),
        }
    }

    fn file_mut(&mut self, path: &str) -> io::Result<&mut Vec<u8>> {
        match self.entries.get_mut(path) {
            Some(Entry::File(bytes)) => Ok(bytes),
            _ => Err(not_found()),
        }
    }

    fn created(&mut self, path: &str) -> io::Result<&mut Vec<u8>> {
        self.check_dir(parent(path))?;
        if !self.entries.contains_key(path) {
            self.check_room()?;
        }
        let entry = self.entries.entry(path.to_owned()).or_insert_with(|| Entry::File(Vec::new()));
        match entry {
            Entry::File(bytes) => Ok(bytes),
            Entry::Dir => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        }
    }

    fn check_dir(&self, dir: &str) -> io::Result<()> {
        match self.entries.get(dir) {
            _ if dir.is_empty() => Ok(()),
            Some(Entry::Dir) => Ok(()),
            _ => Err(not_found()),
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
}

/// Makes a file `len` bytes long. An empty one takes memory from the allocator that is zero already, so that a
/// large file of which little is used costs little.
fn set_len(bytes: &mut Vec<u8>, len: usize) {
    if bytes.is_empty() {
        *bytes = vec![0; len];
    } else {
        bytes.resize(len, 0);
    }
}

impl Disk for MemoryDisk {
    fn list(&mut self, dir: &str) -> io::Result<Vec<String>> {
        self.check_dir(dir)?;
        let here = self.entries.keys().filter(|path| parent(path) == dir);
        Ok(here.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect())
    }

    fn len(&mut self, path: &str) -> io::Result<u64> {
        Ok(self.file(path)?.len() as u64)
    }

    fn read(&mut self, path: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = self.file(path)?.get(place(offset)?..).unwrap_or_default();
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = place(offset)?;
        let end = start + bytes.len();
        if self.created(path)?.len() < end {
            self.check_room()?;
        }
        let file = self.file_mut(path)?;
        if file.len() < end {
            set_len(file, end);
        }
        file[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn allocate(&mut self, path: &str, len: u64) -> io::Result<()> {
        let len = place(len)?;
        if self.created(path)?.len() < len {
            self.check_room()?;
            set_len(self.file_mut(path)?, len);
        }
        Ok(())
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.file(path).map(|_| ())
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        let len = place(len)?;
        set_len(self.file_mut(path)?, len);
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let bytes = std::mem::take(self.file_mut(from)?);
        self.entries.remove(from);
        self.entries.insert(to.to_owned(), Entry::File(bytes));
        Ok(())
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.file(path)?;
        self.entries.remove(path);
        Ok(())
    }

    fn create_dir(&mut self, path: &str) -> io::Result<()> {
        self.check_dir(parent(path))?;
        if !self.entries.contains_key(path) {
            self.check_room()?;
        }
        self.entries.entry(path.to_owned()).or_insert(Entry::Dir);
        Ok(())
    }

    fn remove_dir(&mut self, path: &str) -> io::Result<()> {
        self.check_dir(path)?;
        if self.entries.keys().any(|name| parent(name) == path) {
            return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
        }
        self.entries.remove(path);
        Ok(())
    }

    fn sync_dir(&mut self, path: &str) -> io::Result<()> {
        self.check_dir(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there() {
        let mut disk = MemoryDisk::new();
        disk.create_dir("a").unwrap();
        disk.allocate("a/x", 10).unwrap();
        disk.write("a/x", 8, b"abcd").unwrap();
        assert_eq!(disk.len("a/x").unwrap(), 12);
        let mut bytes = [7; 6];
        assert_eq!(disk.read("a/x", 7, &mut bytes).unwrap(), 5);
        assert_eq!(&bytes, b"\0abcd\x07");
        disk.rename("a/x", "a/y").unwrap();
        assert_eq!(disk.list("a").unwrap(), ["y"]);
        assert_eq!(disk.list("").unwrap(), ["a"]);
        disk.truncate("a/y", 9).unwrap();
        assert_eq!(disk.len("a/y").unwrap(), 9);
    }

    #[test]
    fn a_full_disk_takes_what_fits_into_what_is_there() {
        let mut disk = MemoryDisk::new();
        disk.allocate("x", 10).unwrap();
        disk.set_full(true);
        disk.write("x", 8, b"ab").unwrap();
        for refused in [
            disk.write("x", 9, b"ab"),
            disk.allocate("x", 11),
            disk.write("y", 0, b""),
            disk.create_dir("d"),
        ] {
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        disk.set_full(false);
        disk.write("x", 9, b"ab").unwrap();
    }

    #[test]
    fn what_is_missing_is_not_found() {
        let mut disk = MemoryDisk::new();
        disk.write("x", 0, b"a").unwrap();
        for missing in [
            disk.len("y").map(|_| ()),
            disk.sync("y"),
            disk.remove("y"),
            disk.truncate("y", 0),
            disk.rename("y", "z"),
            disk.write("d/x", 0, b""),
            disk.remove_dir("d"),
            disk.list("d").map(|_| ()),
        ] {
            assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
        }
    }
}
