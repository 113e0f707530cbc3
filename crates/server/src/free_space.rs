//! Watches how much room the file system of the data directory has, and tells the shards.
//!
//! What the numbers mean is [`node::FreeSpace`]'s; here they are measured, from one place for all shards.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use config::Amount;
use node::FreeSpace;

use crate::mailbox::{Inbox, Inboxes};
use crate::steward::Bounds;

/// The limit unless configured. RabbitMQ's 50 MB are written in less than the second between two looks, and leave the
/// other programs of the machine nothing.
const LIMIT_BYTES: u64 = 1 << 30;
/// And at most this part of the file system, so that a small one can be used at all.
const LIMIT_PART_OF_ALL: u64 = 10;

/// The watch over the free space.
#[derive(Debug)]
pub(crate) struct Watch {
    dir: PathBuf,
    space: FreeSpace,
    /// The system did not say how much is free, and that has been logged.
    is_blind: bool,
}

impl Watch {
    /// A watch over the file system of `dir`, with a limit of the configuration's or the default.
    pub(crate) fn new(dir: &Path, limit: Option<Amount>, memory_bytes: u64) -> Self {
        let limit_bytes = match limit {
            Some(limit) => limit.bytes(memory_bytes),
            None => measure(dir).map_or(LIMIT_BYTES, |room| default_limit(room.all_bytes)),
        };
        Self { dir: dir.to_owned(), space: FreeSpace::new(limit_bytes), is_blind: false }
    }

    /// Below how many free bytes those that publish are held back.
    pub(crate) const fn limit_bytes(&self) -> u64 {
        self.space.limit_bytes()
    }

    /// Looks at once, before the shards run, and then again and again in a thread that ends with the process.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(mut self, inboxes: Inboxes, bounds: Arc<Bounds>) -> io::Result<()> {
        let mut pause = self.look(&inboxes);
        Builder::new().name("free-space".to_owned()).spawn(move || {
            loop {
                std::thread::sleep(pause);
                self.space.set_limit_bytes(bounds.disk_free());
                pause = self.look(&inboxes);
            }
        })?;
        Ok(())
    }

    /// Measures, and tells the shards what has changed. Returns how long to wait before the next look.
    fn look(&mut self, inboxes: &Inboxes) -> Duration {
        let free_bytes = match measure(&self.dir) {
            Ok(room) => room.free_bytes,
            Err(error) => {
                if !std::mem::replace(&mut self.is_blind, true) {
                    let dir = self.dir.display();
                    tracing::warn!(%error, "the free space of {dir} cannot be measured");
                }
                return Duration::from_millis(self.space.pause_ms(u64::MAX));
            }
        };
        self.is_blind = false;
        if self.space.look(free_bytes) {
            self.log(free_bytes);
            inboxes.iter().for_each(|inbox| Inbox::set_space_low(inbox, self.space.is_low()));
        }
        Duration::from_millis(self.space.pause_ms(free_bytes))
    }

    fn log(&self, free_bytes: u64) {
        let (dir, limit_bytes) = (self.dir.display(), self.space.limit_bytes());
        let enough_bytes = self.space.enough_bytes();
        if self.space.is_low() {
            tracing::warn!(
                free_bytes,
                limit_bytes,
                "the disk runs low: publishers wait until {enough_bytes} bytes are free on the file system of {dir}; \
                 consume messages, remove files, or set a lower disk_free_limit.absolute"
            );
        } else {
            tracing::info!(
                free_bytes,
                limit_bytes,
                "the file system of {dir} has room enough again: publishers go on"
            );
        }
    }
}

/// The room of a file system.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// What we may still take.
    free_bytes: u64,
    all_bytes: u64,
}

/// How much is free on the file system of a directory.
pub(crate) fn free_bytes(dir: &Path) -> io::Result<u64> {
    measure(dir).map(|room| room.free_bytes)
}

fn measure(dir: &Path) -> io::Result<Room> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(Room {
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        all_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
    })
}

fn default_limit(all_bytes: u64) -> u64 {
    LIMIT_BYTES.min(all_bytes / LIMIT_PART_OF_ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_system_has_a_small_limit() {
        assert_eq!(default_limit(1 << 40), 1 << 30);
        assert_eq!(default_limit(100 << 20), 10 << 20);
    }

    #[test]
    fn a_directory_has_room() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let room = measure(dir.path()).expect("it can be measured");
        assert!(room.free_bytes <= room.all_bytes && room.all_bytes > 0);
        assert!(measure(&dir.path().join("missing")).is_err());
    }
}
