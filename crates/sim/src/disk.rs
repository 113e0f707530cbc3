//! A disk in memory that keeps apart what was synced and what was not, so that it can lose power.
//!
//! ```text
//!   write ──► current bytes ──────────────── what the running broker reads
//!        └──► unsynced writes ──sync──► durable bytes
//!                   │                        │
//!                   └── crash: each one ─────┴──► what the next run finds
//!                       lost, kept, or torn
//!                       at 512-byte sectors
//! ```
//!
//! Names are kept the same way, per directory: creating, renaming and removing are unsynced until `sync_dir`.
//! After a crash any subset of the unsynced changes may have happened. Which one is decided by a seeded random.

use std::collections::BTreeMap;
use std::io;

use stdx::Random;
use store::Disk;

/// A write of a power-losing disk is whole or not in units of this.
const SECTOR_BYTES: usize = 512;

/// A change of the bytes of one file.
#[derive(Clone, Debug)]
enum Write {
    Bytes { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct File {
    durable: Vec<u8>,
    current: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File(u64),
    Dir,
}

/// A change of the names in one directory.
#[derive(Clone, Debug)]
enum Change {
    Add { path: String, entry: Entry },
    Rename { from: String, to: String, entry: Entry },
    Remove { path: String },
}

impl Change {
    fn dir(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Remove { path } => parent(path),
            Self::Rename { to, .. } => parent(to),
        }
    }

    fn apply(&self, names: &mut BTreeMap<String, Entry>) {
        match self {
            Self::Add { path, entry } => drop(names.insert(path.clone(), *entry)),
            Self::Rename { from, to, entry } => {
                names.remove(from);
                names.insert(to.clone(), *entry);
            }
            Self::Remove { path } => drop(names.remove(path)),
        }
    }
}

/// A sync that this disk only pretends to do: to see that a checker notices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Files whose path ends like this are not synced.
    File(&'static str),
    /// Directories whose path starts like this are not synced.
    Dir(&'static str),
}

/// The disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    files: BTreeMap<u64, File>,
    durable: BTreeMap<String, Entry>,
    names: BTreeMap<String, Entry>,
    unsynced: Vec<Change>,
    last_file: u64,
    calls: u64,
    syncs: u64,
    /// The call with this number, and all behind it, fail: the power goes.
    pub fail_at: Option<u64>,
    /// The sync with this number fails with EIO.
    pub fail_sync: Option<u64>,
    /// Syncs that are not done although they are reported.
    pub lies: Vec<Lie>,
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often the disk was called.
    pub const fn calls(&self) -> u64 {
        self.calls
    }

    /// How often something was synced.
    pub const fn syncs(&self) -> u64 {
        self.syncs
    }

    /// Whether the power went.
    pub fn is_off(&self) -> bool {
        self.fail_at.is_some_and(|at| self.calls > at)
    }

    /// Whether neither the power went nor a sync failed.
    pub fn is_sound(&self) -> bool {
        !self.is_off() && self.fail_sync.is_none_or(|at| self.syncs < at)
    }

    /// All paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Changes one byte of a file behind everybody's back.
    ///
    /// # Panics
    /// When there is no such byte.
    pub fn rot(&mut self, path: &str, offset: usize) {
        let file = self.file_of(path).expect("the file is there");
        let file = self.files.get_mut(&file).expect("names lead to files");
        file.current[offset] ^= 0x55;
        file.durable[offset] ^= 0x55;
    }

    /// The process dies, the power stays: what was written is there, and still not synced.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self { fail_at: None, fail_sync: None, calls: 0, ..self.clone() }
    }

    /// The power goes: what was synced stays, of the rest nobody knows.
    #[must_use]
    pub fn crash(&self, random: &mut Random) -> Self {
        let odds = Odds::new(random);
        let mut names = self.durable.clone();
        for change in &self.unsynced {
            if odds.keeps(random) {
                change.apply(&mut names);
            }
        }
        let dirs = names.clone();
        let is_reachable = |path: &str| {
            let dir = parent(path);
            dir.is_empty() || dirs.get(dir) == Some(&Entry::Dir)
        };
        names.retain(|path, _| is_reachable(path) && is_reachable(parent(path)));
        let mut files = BTreeMap::new();
        for entry in names.values() {
            if let Entry::File(number) = entry {
                let bytes = self.files[number].survivor(odds, random);
                let file = File { durable: bytes.clone(), current: bytes, unsynced: Vec::new() };
                files.insert(*number, file);
            }
        }
        Self {
            files,
            durable: names.clone(),
            names,
            last_file: self.last_file,
            lies: self.lies.clone(),
            ..Self::default()
        }
    }

    /// Counts a call; an error when the power is off. The call at which it goes may still have an effect.
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        if self.is_off() { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    /// Whether the power went before this call.
    fn was_off(&self) -> bool {
        self.fail_at.is_some_and(|at| self.calls > at + 1)
    }

    fn file_of(&self, path: &str) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Entry::File(file)) => Ok(*file),
            _ => Err(not_found()),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.unsynced.push(change);
    }

    fn create(&mut self, path: &str) -> io::Result<&mut File> {
        let number = match self.file_of(path) {
            Ok(number) => number,
            Err(_) => {
                let dir = parent(path);
                if !dir.is_empty() && self.names.get(dir) != Some(&Entry::Dir) {
                    return Err(not_found());
                }
                self.last_file += 1;
                let entry = Entry::File(self.last_file);
                self.change(Change::Add { path: path.to_owned(), entry });
                self.last_file
            }
        };
        Ok(self.files.entry(number).or_default())
    }

    fn write_to(&mut self, path: &str, write: Write) -> io::Result<()> {
        let file = self.create(path)?;
        write.apply(&mut file.current);
        file.unsynced.push(write);
        Ok(())
    }

    /// Does a change unless the power was off before; the call at which it goes does it, and fails.
    fn attempt(&mut self, act: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let called = self.call();
        if self.was_off() {
            return called;
        }
        act(self)?;
        called
    }
}

/// How likely an unsynced change is to survive.
#[derive(Clone, Copy, Debug)]
struct Odds(u64);

impl Odds {
    fn new(random: &mut Random) -> Self {
        Self([0, 2, 5, 8, 10][random.below(5) as usize])
    }

    fn keeps(self, random: &mut Random) -> bool {
        random.below(10) < self.0
    }
}

impl Write {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Bytes { offset, bytes } => {
                let end = offset + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*offset..end].copy_from_slice(bytes);
            }
            Self::Length(length) => to.resize(*length, 0),
        }
    }
}

impl File {
    /// What is left of the bytes after a crash: each unsynced write is kept, lost, or torn at sectors.
    fn survivor(&self, odds: Odds, random: &mut Random) -> Vec<u8> {
        let mut left = self.durable.clone();
        for write in &self.unsynced {
            match write {
                Write::Bytes { offset, bytes } if random.chance(1, 3) => {
                    let mut start = 0;
                    while start < bytes.len() {
                        let sector_end =
                            (offset + start) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES;
                        let end = bytes.len().min(sector_end - offset);
                        if odds.keeps(random) {
                            let bytes = bytes[start..end].to_vec();
                            Write::Bytes { offset: offset + start, bytes }.apply(&mut left);
                        }
                        start = end;
                    }
                }
                write if odds.keeps(random) => write.apply(&mut left),
                _ => {}
            }
        }
        left
    }
}

impl Disk for SimDisk {
    fn list(&mut self, dir: &str) -> io::Result<Vec<String>> {
        self.call()?;
        if !dir.is_empty() && self.names.get(dir) != Some(&Entry::Dir) {
            return Err(not_found());
        }
        let here = self.names.keys().filter(|path| parent(path) == dir);
        Ok(here.map(|path| path.rsplit('/').next().unwrap_or(path).to_owned()).collect())
    }

    fn len(&mut self, path: &str) -> io::Result<u64> {
        self.call()?;
        Ok(self.files[&self.file_of(path)?].current.len() as u64)
    }

    fn read(&mut self, path: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.call()?;
        let file = &self.files[&self.file_of(path)?];
        let rest = file.current.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(buf.len());
        buf[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let write = Write::Bytes { offset: offset as usize, bytes: bytes.to_vec() };
        self.attempt(|disk| disk.write_to(path, write))
    }

    fn allocate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.attempt(|disk| {
            let length = disk.create(path)?.current.len().max(len as usize);
            disk.write_to(path, Write::Length(length))
        })
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.call()?;
        self.syncs += 1;
        let file = self.file_of(path)?;
        if self.fail_sync == Some(self.syncs) {
            return Err(io::Error::other("EIO"));
        }
        let is_lie = |lie: &Lie| matches!(lie, Lie::File(end) if path.ends_with(end));
        if !self.lies.iter().any(is_lie) {
            let file = self.files.get_mut(&file).expect("names lead to files");
            for write in file.unsynced.drain(..) {
                write.apply(&mut file.durable);
            }
        }
        Ok(())
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.attempt(|disk| {
            disk.file_of(path)?;
            disk.write_to(path, Write::Length(len as usize))
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.attempt(|disk| {
            let entry = Entry::File(disk.file_of(from)?);
            disk.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), entry });
            Ok(())
        })
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.attempt(|disk| {
            disk.file_of(path)?;
            disk.change(Change::Remove { path: path.to_owned() });
            Ok(())
        })
    }

    fn create_dir(&mut self, path: &str) -> io::Result<()> {
        self.attempt(|disk| {
            if !disk.names.contains_key(path) {
                disk.change(Change::Add { path: path.to_owned(), entry: Entry::Dir });
            }
            Ok(())
        })
    }

    fn remove_dir(&mut self, path: &str) -> io::Result<()> {
        self.attempt(|disk| {
            if disk.names.get(path) != Some(&Entry::Dir) {
                return Err(not_found());
            }
            if disk.names.keys().any(|name| parent(name) == path) {
                return Err(io::Error::from(io::ErrorKind::DirectoryNotEmpty));
            }
            disk.change(Change::Remove { path: path.to_owned() });
            Ok(())
        })
    }

    fn sync_dir(&mut self, path: &str) -> io::Result<()> {
        self.call()?;
        self.syncs += 1;
        if !path.is_empty() && self.names.get(path) != Some(&Entry::Dir) {
            return Err(not_found());
        }
        if self.fail_sync == Some(self.syncs) {
            return Err(io::Error::other("EIO"));
        }
        let is_lie = |lie: &Lie| matches!(lie, Lie::Dir(start) if path.starts_with(start));
        if !self.lies.iter().any(is_lie) {
            for change in self.unsynced.extract_if(.., |change| change.dir() == path) {
                change.apply(&mut self.durable);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survivors(disk: &SimDisk) -> Vec<Vec<u8>> {
        let read = |seed| {
            let mut disk = disk.crash(&mut Random::new(seed));
            let mut bytes = [0; 4];
            let length = disk.read("a", 0, &mut bytes).unwrap_or(0);
            bytes[..length].to_vec()
        };
        (0..64).map(read).collect()
    }

    #[test]
    fn only_synced_bytes_with_a_synced_name_surely_survive() {
        let mut disk = SimDisk::new();
        disk.write("a", 0, b"old").expect("the power is on");
        disk.sync("a").expect("the power is on");
        assert!(survivors(&disk).contains(&Vec::new()), "the name is not synced");
        disk.sync_dir("").expect("the power is on");
        disk.write("a", 0, b"new").expect("the power is on");
        let survivors = survivors(&disk);
        assert!(survivors.contains(&b"old".to_vec()) && survivors.contains(&b"new".to_vec()));
        assert!(survivors.iter().all(|bytes| bytes == b"old" || bytes == b"new"));
    }

    #[test]
    fn everything_fails_once_the_power_is_off() {
        let mut disk = SimDisk { fail_at: Some(1), ..SimDisk::new() };
        disk.write("a", 0, b"x").expect("the power is on");
        assert!(disk.sync("a").is_err() && disk.sync("a").is_err() && disk.is_off());
        assert!(survivors(&disk).contains(&Vec::new()));
    }
}
