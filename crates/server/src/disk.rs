//! The real disk behind a data directory: positioned reads and writes, `fdatasync`, `fallocate`.
//!
//! Each task of a shard has one of its own, which one thread uses at a time; nothing is shared between them but the directory. A few descriptors are
//! kept open. One that another thread has renamed or removed leads to a file that nobody asks for under that name
//! again, since the names of journal files and segments are not used twice in one run. But as long as it is open, the
//! room of a removed file is not free, so what is not used is closed soon.
//!
//! Having no descriptor is no fault of the disk: whoever asked waits until there is one.

#![allow(clippy::disallowed_types, reason = "this file is the disk of the real world")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use store::Disk;

use crate::disk_meter::DiskMeter;

/// How long to wait for a descriptor before asking again.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(50);

/// A data directory on a file system.
#[derive(Debug)]
pub(crate) struct FsDisk {
    root: PathBuf,
    open: BTreeMap<String, OpenFile>,
    /// How many of them there may be.
    files_max: usize,
    /// Files are opened to be read only.
    is_read_only: bool,
    /// Counts uses, to know which descriptor was used longest ago.
    uses: u64,
    /// What that count was when unused files were last closed.
    swept_uses: u64,
    meter: Arc<DiskMeter>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    last_use: u64,
    /// Something was written and not synced since. Only this descriptor is sure to be told if that fails.
    is_dirty: bool,
}

impl FsDisk {
    /// The directory at `root`, which is created when it is missing. At most `files_max` files are kept open.
    ///
    /// # Errors
    /// When it cannot be created or is no directory.
    pub(crate) fn open(root: &Path, files_max: usize) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        Ok(Self { is_read_only: false, ..Self::read_only(root, files_max) })
    }

    /// The directory at `root`, in which nothing can be written.
    pub(crate) fn read_only(root: &Path, files_max: usize) -> Self {
        Self {
            root: root.to_owned(),
            open: BTreeMap::new(),
            files_max,
            is_read_only: true,
            uses: 0,
            swept_uses: 0,
            meter: Arc::default(),
        }
    }

    /// With a meter that counts what is read, written and synced.
    pub(crate) fn metered(self, meter: Arc<DiskMeter>) -> Self {
        Self { meter, ..self }
    }

    /// Whether any file is open.
    pub(crate) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Closes the files that were not used since the last call.
    pub(crate) fn close_unused(&mut self) {
        let swept_uses = std::mem::replace(&mut self.swept_uses, self.uses);
        self.open.retain(|_, open| open.last_use > swept_uses);
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The file, which is about to be written.
    fn file_to_write(&mut self, path: &str) -> io::Result<&File> {
        self.file(path, true)?;
        let open = self.open.get_mut(path).expect("it was opened above");
        open.is_dirty = true;
        Ok(&open.file)
    }

    fn file(&mut self, path: &str, is_created: bool) -> io::Result<&File> {
        self.uses += 1;
        let last_use = self.uses;
        if !self.open.contains_key(path) {
            let mut options = OpenOptions::new();
            let is_written = !self.is_read_only;
            options.read(true).write(is_written).create(is_created && is_written).truncate(false);
            let file = self.with_descriptor(path, |full| options.open(full))?;
            self.make_room();
            self.open.insert(path.to_owned(), OpenFile { file, last_use, is_dirty: false });
        }
        let open = self.open.get_mut(path).expect("it was opened above");
        open.last_use = last_use;
        Ok(&open.file)
    }

    /// Opens something. If the process or the system has no descriptor left, those kept open here and not needed for
    /// a sync are given up; if that is not enough, this waits for others to give up theirs.
    fn with_descriptor<T>(
        &mut self,
        path: &str,
        open: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let full = self.path(path);
        let mut is_told = false;
        loop {
            match open(&full) {
                Err(error) if is_short_of_descriptors(&error) => {
                    let open_count = self.open.len();
                    self.open.retain(|_, open| open.is_dirty);
                    if self.open.len() < open_count {
                        continue;
                    }
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::error!(
                            "{path} cannot be opened: {error}; waiting: close what holds files open, or raise the limit (`ulimit -n`, LimitNOFILE of systemd, fs.file-max)"
                        );
                    }
                    thread::sleep(DESCRIPTOR_PAUSE);
                }
                opened => return opened,
            }
        }
    }

    fn make_room(&mut self) {
        if self.open.len() >= self.files_max {
            let oldest = self.open.iter().min_by_key(|(_, open)| (open.is_dirty, open.last_use));
            if let Some(path) = oldest.map(|(path, _)| path.clone()) {
                self.open.remove(&path);
            }
        }
    }
}

fn is_short_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

impl Disk for FsDisk {
    fn list(&mut self, dir: &str) -> io::Result<Vec<String>> {
        let entries = self.with_descriptor(dir, |full| fs::read_dir(full))?;
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn len(&mut self, path: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.path(path))?.len())
    }

    fn read(&mut self, path: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        let file = self.file(path, false)?;
        let mut filled = 0;
        while filled < buf.len() {
            match file.read_at(&mut buf[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(length) => filled += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.meter.count_read(filled, began);
        Ok(filled)
    }

    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let began = Instant::now();
        self.file_to_write(path)?.write_all_at(bytes, offset)?;
        self.meter.count_write(bytes.len(), began);
        Ok(())
    }

    fn allocate(&mut self, path: &str, len: u64) -> io::Result<()> {
        let file = self.file_to_write(path)?;
        match fallocate(file, FallocateFlags::empty(), 0, len) {
            // A file system that cannot reserve room gives it when it is written.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if file.metadata()?.len() < len => {
                file.set_len(len)
            }
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            allocated => Ok(allocated?),
        }
    }

    fn sync(&mut self, path: &str) -> io::Result<()> {
        let began = Instant::now();
        self.file(path, false)?.sync_data()?;
        self.meter.count_sync(began);
        self.open.get_mut(path).expect("it was opened above").is_dirty = false;
        Ok(())
    }

    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()> {
        self.file(path, false)?.set_len(len)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))?;
        self.open.remove(to);
        if let Some(open) = self.open.remove(from) {
            self.open.insert(to.to_owned(), open);
        }
        Ok(())
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.open.remove(path);
        fs::remove_file(self.path(path))
    }

    fn create_dir(&mut self, path: &str) -> io::Result<()> {
        match fs::create_dir(self.path(path)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            created => created,
        }
    }

    fn remove_dir(&mut self, path: &str) -> io::Result<()> {
        fs::remove_dir(self.path(path))
    }

    fn sync_dir(&mut self, path: &str) -> io::Result<()> {
        self.with_descriptor(path, |full| File::open(full))?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_file_is_found_under_its_last_name_with_its_bytes() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut disk = FsDisk::open(root.path(), 8).expect("it can be opened");
        disk.create_dir("a").expect("created");
        disk.create_dir("a").expect("one that is there is fine");
        disk.allocate("a/x", 8192).expect("allocated");
        disk.write("a/x", 4090, b"hello").expect("written");
        disk.sync("a/x").expect("synced");
        disk.rename("a/x", "a/y").expect("renamed");
        disk.sync_dir("a").expect("synced");
        assert_eq!(disk.list("a").expect("listed"), ["y"]);
        assert_eq!(disk.len("a/y").expect("it is there"), 8192);
        let mut bytes = [0; 5];
        assert_eq!(disk.read("a/y", 4090, &mut bytes).expect("read"), 5);
        assert_eq!(&bytes, b"hello");
        assert_eq!(disk.read("a/y", 8190, &mut bytes).expect("read"), 2);
        let missing = disk.read("a/x", 0, &mut bytes).expect_err("it has another name");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        disk.remove("a/y").expect("removed");
        disk.remove_dir("a").expect("it is empty");
    }

    #[test]
    fn files_kept_open_are_given_up_if_there_is_no_descriptor() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut disk = FsDisk::open(root.path(), 8).expect("it can be opened");
        disk.write("kept", 0, b"x").expect("written");
        disk.sync("kept").expect("synced");
        disk.write("dirty", 0, b"x").expect("written");
        let times_short = Cell::new(3);
        let opened = disk.with_descriptor("", |full| match times_short.get() {
            0 => File::open(full),
            left => {
                times_short.set(left - 1);
                Err(Errno::MFILE.into())
            }
        });
        opened.expect("it was asked for again until it could be had");
        assert!(disk.open.contains_key("dirty") && disk.open.len() == 1);
        let mut byte = [0];
        assert_eq!(disk.read("kept", 0, &mut byte).expect("it is opened again"), 1);
    }

    #[test]
    fn files_that_are_not_used_are_closed() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut disk = FsDisk::open(root.path(), 8).expect("it can be opened");
        disk.write("a", 0, b"a").expect("written");
        disk.write("b", 0, b"b").expect("written");
        disk.close_unused();
        assert_eq!(disk.open.len(), 2);
        disk.write("b", 0, b"b").expect("written");
        disk.close_unused();
        assert!(disk.open.contains_key("b") && disk.open.len() == 1);
        disk.close_unused();
        assert!(!disk.has_open());
    }

    #[test]
    fn the_number_of_open_files_is_bounded() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut disk = FsDisk::open(root.path(), 8).expect("it can be opened");
        for number in 0..200 {
            disk.write(&number.to_string(), 0, &[number]).expect("written");
        }
        assert!(disk.open.len() <= 8);
        let mut byte = [0];
        assert_eq!(disk.read("0", 0, &mut byte).expect("it is opened again"), 1);
    }
}
