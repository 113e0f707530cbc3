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

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use store::Disk;

mod call;
mod file;
mod names;
mod room;
mod survival;

pub(crate) use call::{Call, Tape};
pub use file::Survives;
use file::{File, Write};
use names::{Change, Entry, Names, parent};
pub use room::Full;
pub use survival::Unsynced;

/// Files without a name that are kept before somebody looks for them.
const FILES_SPARE: usize = 16;

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
    files: BTreeMap<u64, Arc<File>>,
    durable: Arc<Names>,
    names: Arc<Names>,
    /// Changes of names, each with its place among all unsynced changes.
    unsynced: Vec<(u64, Change)>,
    last_file: u64,
    last_place: u64,
    calls: u64,
    syncs: u64,
    roomy_calls: u64,
    refusals: u64,
    /// The call with this number, and all behind it, fail: the power goes.
    pub fail_at: Option<u64>,
    /// The sync with this number fails with EIO.
    pub fail_sync: Option<u64>,
    /// When there is no room.
    pub full: Option<Full>,
    /// Syncs that are not done although they are reported.
    pub lies: Vec<Lie>,
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

    /// Whether calls fail in ways that whoever made them must hear of at once.
    pub(crate) const fn is_failing(&self) -> bool {
        self.fail_sync.is_some() || self.full.is_some()
    }

    /// All paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(|path| &**path)
    }

    /// The bytes of a file, as a process sees them.
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        let number = self.file_of(path).ok()?;
        Some(&self.files[&number].current)
    }

    /// The bytes that the file of this path had at an earlier moment, then perhaps under another name.
    pub(crate) fn earlier_bytes<'a>(&self, path: &str, earlier: &'a Self) -> Option<&'a [u8]> {
        let file = earlier.files.get(&self.file_of(path).ok()?)?;
        Some(&file.current)
    }

    /// Changes a file behind everybody's back.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn alter(&mut self, path: &str, bytes: Vec<u8>) {
        let number = self.file_of(path).expect("the file is there");
        self.files.insert(number, Arc::new(File::settled(Arc::new(bytes))));
    }

    /// A sync has failed: as on Linux, what was written is still seen, is taken for clean, and is never made durable.
    pub fn forget_unsynced(&mut self) {
        self.files.values_mut().for_each(|file| Arc::make_mut(file).forget());
    }

    /// Changes one byte of a file behind everybody's back.
    ///
    /// # Panics
    /// When there is no such byte.
    pub fn rot(&mut self, path: &str, offset: usize) {
        let mut bytes = self.bytes(path).expect("the file is there").to_vec();
        bytes[offset] ^= 0x55;
        self.alter(path, bytes);
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

    fn next_place(&mut self) -> u64 {
        self.last_place += 1;
        self.last_place
    }

    fn change(&mut self, change: Change) {
        change.apply(Arc::make_mut(&mut self.names));
        let place = self.next_place();
        self.unsynced.push((place, change));
    }

    fn create(&mut self, path: &str) -> io::Result<u64> {
        if let Ok(number) = self.file_of(path) {
            return Ok(number);
        }
        let dir = parent(path);
        if !dir.is_empty() && self.names.get(dir) != Some(&Entry::Dir) {
            return Err(not_found());
        }
        self.last_file += 1;
        let entry = Entry::File(self.last_file);
        self.files.insert(self.last_file, Arc::default());
        self.change(Change::Add { path: path.into(), entry });
        Ok(self.last_file)
    }

    fn write_to(&mut self, number: u64, write: Write) {
        let place = self.next_place();
        let file = self.files.get_mut(&number).expect("names lead to files");
        Arc::make_mut(file).write(place, write);
    }

    pub(crate) fn write_shared(
        &mut self,
        path: &str,
        offset: usize,
        bytes: Arc<[u8]>,
    ) -> io::Result<()> {
        self.attempt(|disk| {
            if let Err(full) = disk.take_room(path, (offset + bytes.len()) as u64) {
                disk.write_a_part(path, offset, &bytes);
                return Err(full);
            }
            let number = disk.create(path)?;
            disk.write_to(number, Write::Bytes { offset, bytes });
            Ok(())
        })
    }

    /// A write for which there is no room at this moment may have had room for a part of it.
    fn write_a_part(&mut self, path: &str, offset: usize, bytes: &[u8]) {
        if let (Some(Full::At(_)), Ok(number)) = (&self.full, self.file_of(path)) {
            let bytes = bytes[..bytes.len() / 2].into();
            self.write_to(number, Write::Bytes { offset, bytes });
        }
    }

    /// Forgets the bytes of files that no name leads to any more, and none will after a crash.
    fn collect_files(&mut self) {
        if self.files.len() < self.names.len() + FILES_SPARE || !self.unsynced.is_empty() {
            return;
        }
        let named: BTreeSet<u64> = self
            .names
            .values()
            .chain(self.durable.values())
            .filter_map(|entry| if let Entry::File(number) = entry { Some(*number) } else { None })
            .collect();
        self.files.retain(|number, _| named.contains(number));
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
        self.write_shared(path, offset as usize, bytes.into())
    }

    fn allocate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.attempt(|disk| {
            disk.take_room(path, len)?;
            let number = disk.create(path)?;
            let length = disk.files[&number].current.len().max(len as usize);
            disk.write_to(number, Write::Length(length));
            Ok(())
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
            if !file.unsynced.is_empty() {
                Arc::make_mut(file).sync();
            }
        }
        Ok(())
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.attempt(|disk| {
            disk.take_room(path, len)?;
            let number = disk.file_of(path)?;
            disk.write_to(number, Write::Length(len as usize));
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.attempt(|disk| {
            disk.take_room(from, 0)?;
            let entry = Entry::File(disk.file_of(from)?);
            disk.change(Change::Rename { from: from.into(), to: to.into(), entry });
            Ok(())
        })
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.attempt(|disk| {
            disk.file_of(path)?;
            disk.change(Change::Remove { path: path.into() });
            Ok(())
        })
    }

    fn create_dir(&mut self, path: &str) -> io::Result<()> {
        self.attempt(|disk| {
            disk.take_room(path, 0)?;
            if !disk.names.contains_key(path) {
                disk.change(Change::Add { path: path.into(), entry: Entry::Dir });
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
            disk.change(Change::Remove { path: path.into() });
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
            for (_, change) in self.unsynced.extract_if(.., |(_, change)| change.dir() == path) {
                change.apply(Arc::make_mut(&mut self.durable));
            }
            self.collect_files();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use stdx::Random;

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
