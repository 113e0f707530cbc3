//! What the machine says of the process.

use crate::certificates::Certificate;
use crate::disk_use::DiskUse;

/// What the machine says of the process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// In milliseconds since 1970.
    pub now_ms: u64,
    /// Descriptors that are open.
    pub open_files: u64,
    /// Descriptors that may be open.
    pub open_files_max: u64,
    /// Memory that the process has.
    pub resident_bytes: u64,
    /// Memory that messages and connections may take before those that publish are held back.
    pub memory_limit_bytes: u64,
    /// Room on the file system of the data directory.
    pub disk_free_bytes: u64,
    /// Below this, those that publish are held back.
    pub disk_free_limit_bytes: u64,
}

/// Reads them. The shell knows how.
pub trait Machine: Send + Sync {
    /// The readings of this moment.
    fn readings(&self) -> Readings;

    /// What the disk was asked for since the start, by task.
    fn disk_uses(&self) -> Vec<DiskUse>;

    /// The certificates that are in use at this moment, those of authorities included.
    fn certificates(&self) -> Vec<Certificate>;

    /// Fills bytes with what nobody can guess.
    fn fill_random(&self, bytes: &mut [u8]);
}
