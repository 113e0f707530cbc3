//! What the process can be told while it runs.

/// How much of something there may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// So many bytes.
    Bytes(u64),
    /// Such a part of the machine's memory.
    OfMemory(f64),
}

/// Does what only the process itself can do. The shell knows how.
pub trait Steward: Send + Sync {
    /// Has the node end a moment later, as when its service is stopped.
    ///
    /// # Errors
    /// Why it cannot.
    fn stop(&self) -> Result<(), String>;

    /// Closes the log's file, and opens it again for the next line.
    fn reopen_log(&self);

    /// Logs what is at least so important, until the node stops.
    ///
    /// # Errors
    /// Which levels there are.
    fn set_log_level(&self, level: &str) -> Result<(), String>;

    /// The last lines of the log, the newest at the end. It reads a file.
    ///
    /// # Errors
    /// When there is no file, or it cannot be read.
    fn last_log_lines(&self, count: usize) -> Result<Vec<String>, String>;

    /// The options that were set, and their values unless those are secret.
    fn configuration(&self) -> Vec<(String, String)>;

    /// The same as lines of a file that is read as the same configuration. Secrets are named, and not told.
    fn effective_configuration(&self) -> String;

    /// Changes how many bytes messages and connections of all shards may take, until the node stops. Returns how many
    /// these are; the shards are told by the caller.
    fn set_memory_limit(&self, limit: Threshold) -> u64;

    /// Changes below how much free space publishers are held back, until the node stops. It takes effect with the next
    /// look at the disk, within a second.
    fn set_disk_free_limit(&self, limit: Threshold);
}
