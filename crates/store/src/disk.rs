//! The verbs of a disk. The store never calls them from a shard: it hands out [`Submission`](crate::Submission)s,
//! and whoever owns a disk (a thread of the server, a simulated world) executes them.

use std::io;

/// A data directory. All calls block. Paths are relative to the data directory, parts joined by `/`; the data
/// directory itself is the empty path.
///
/// What a disk owes the store: after [`sync`](Self::sync) returned `Ok`, the bytes of that file survive a power
/// loss; after [`sync_dir`](Self::sync_dir) returned `Ok`, the names in that directory do. Nothing else does.
pub trait Disk {
    /// Names (not paths) of the files and directories in `dir`, sorted.
    ///
    /// # Errors
    /// `NotFound` when there is no such directory.
    fn list(&mut self, dir: &str) -> io::Result<Vec<String>>;

    /// Length of a file in bytes.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    fn len(&mut self, path: &str) -> io::Result<u64>;

    /// Reads from `offset` until `buf` is full or the file ends; says how many bytes were read.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn read(&mut self, path: &str, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`; creates the file when it is missing.
    ///
    /// # Errors
    /// `StorageFull` and `QuotaExceeded` are told apart by the store.
    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reserves room so that the file is at least `len` bytes long; creates the file when it is missing.
    ///
    /// # Errors
    /// `StorageFull` and `QuotaExceeded` are told apart by the store.
    fn allocate(&mut self, path: &str, len: u64) -> io::Result<()>;

    /// `fdatasync`: the bytes and the length of the file survive a power loss.
    ///
    /// # Errors
    /// After an error nothing is known about the file; the store never tries again.
    fn sync(&mut self, path: &str) -> io::Result<()>;

    /// Cuts or extends a file to `len` bytes.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn truncate(&mut self, path: &str, len: u64) -> io::Result<()>;

    /// Gives a file another name, replacing what had that name. A file that went to another directory is there surely
    /// when that directory and the one that it came from are synced.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound` when there is no such file.
    fn remove(&mut self, path: &str) -> io::Result<()>;

    /// Creates a directory whose parent exists. One that is there already is fine.
    ///
    /// # Errors
    /// Whatever the operating system says.
    fn create_dir(&mut self, path: &str) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound` when there is no such directory.
    fn remove_dir(&mut self, path: &str) -> io::Result<()>;

    /// The names in a directory survive a power loss.
    ///
    /// # Errors
    /// After an error nothing is known about the directory; the store never tries again.
    fn sync_dir(&mut self, path: &str) -> io::Result<()>;
}
