//! File descriptors: how many the process may have, and who gets which share of them.
//!
//! ```text
//!   0         shards, listeners,      cached files of                                      limit
//!             log, lock               disk threads              clients
//!   ├───────────────────────────┼────────────────────────┼──────────────────────────────────┤
//! ```
//!
//! The disk has its share for itself: a crowd of clients never keeps a journal from going on in its next file.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::disk_threads;

/// Standard streams, the lock, the signal pipe, what the HTTP API waits with, and what the system's libraries open for a
/// moment.
const FIXED: usize = 24;
/// The HTTP API gets one part in this many.
const MANAGEMENT_PART: usize = 32;
/// A command line and a dashboard can always come in.
const MANAGEMENT_MIN: usize = 4;
/// Each shard has a poll, a waker, and sometimes a second one of each for a moment.
const PER_SHARD: usize = 4;
/// More cached files than this do not make a disk thread any faster.
const FILES_PER_DISK_MAX: usize = 64;
/// The file that is worked on, and one more.
const FILES_PER_DISK_MIN: usize = 2;
/// A directory that is opened to be synced.
const TRANSIENT_PER_DISK: usize = 1;
/// The disk threads together get at most one part in this many.
const DISK_PART: usize = 4;
/// A broker for fewer clients is a mistake.
const CLIENTS_MIN: usize = 8;

/// Who gets how many descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// How many the process may have.
    pub(crate) limit: usize,
    /// How many files each disk thread may keep open.
    pub(crate) files_per_disk: usize,
    /// How many clients may be connected.
    pub(crate) clients_max: usize,
    /// How many connections the HTTP API may have.
    pub(crate) management_max: usize,
}

impl Shares {
    /// Divides a limit.
    ///
    /// # Errors
    /// That it is too low, and what to do.
    fn of(limit: usize, shards: usize, listeners: usize) -> Result<Self, String> {
        let disks = shards * disk_threads::PER_SHARD;
        let management_max =
            (limit / MANAGEMENT_PART).clamp(MANAGEMENT_MIN, management::CONNECTIONS_MAX);
        let reserve_for = |files_per_disk: usize| {
            FIXED
                + management_max
                + management::LOCAL_MAX
                // Each listener, and whoever has come there and has no seat yet.
                + 2 * listeners
                + shards * PER_SHARD
                + disks * (files_per_disk + TRANSIENT_PER_DISK)
        };
        let share = (limit / DISK_PART / disks).clamp(FILES_PER_DISK_MIN, FILES_PER_DISK_MAX);
        // What is said to be needed has to be enough, and a disk gets by with less.
        let is_tight = limit < reserve_for(share) + CLIENTS_MIN;
        let files_per_disk = if is_tight { FILES_PER_DISK_MIN } else { share };
        let reserve = reserve_for(files_per_disk);
        match limit.checked_sub(reserve) {
            Some(clients_max) if clients_max >= CLIENTS_MIN => {
                Ok(Self { limit, files_per_disk, clients_max, management_max })
            }
            _ => Err(format!(
                "this process may have {limit} open files, and {shards} shards need {}; raise the limit (`ulimit -n`, LimitNOFILE of systemd) or lower leveret.shards",
                reserve + CLIENTS_MIN
            )),
        }
    }

    /// Raises the limit of this process as far as it may, and divides it.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn claim(shards: usize, listeners: usize) -> Result<Self, String> {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // A system that does not let us have what it calls the maximum leaves us with what we have.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::of(usize::try_from(limit).unwrap_or(usize::MAX), shards, listeners)
    }
}

/// Places for clients.
#[derive(Debug)]
pub(crate) struct Seats {
    taken: Arc<AtomicUsize>,
    seats_max: usize,
}

/// A client's place, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    taken: Arc<AtomicUsize>,
}

impl Seats {
    pub(crate) fn new(seats_max: usize) -> Self {
        Self { taken: Arc::default(), seats_max }
    }

    /// A place, if one is free.
    pub(crate) fn take(&self) -> Option<Seat> {
        // Other threads only give places back, so that what is free here stays free.
        let is_free = self.taken.load(Ordering::Relaxed) < self.seats_max;
        is_free.then(|| {
            self.taken.fetch_add(1, Ordering::Relaxed);
            Seat { taken: Arc::clone(&self.taken) }
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_has_its_share_whatever_the_limit() {
        for limit in [160, 256, 1_024, 65_536, usize::MAX] {
            let shares = Shares::of(limit, 2, 2).expect("enough for two shards");
            let disk = 2 * disk_threads::PER_SHARD * (shares.files_per_disk + 1);
            assert!(shares.clients_max <= limit - disk - FIXED);
            assert!((2..=64).contains(&shares.files_per_disk));
            assert!(shares.clients_max + shares.management_max >= limit / 3, "{shares:?}");
        }
    }

    #[test]
    fn a_limit_that_is_too_low_is_refused_with_the_one_that_is_needed() {
        let reason = Shares::of(20, 2, 1).expect_err("there is nothing left for clients");
        assert!(reason.contains("2 shards need 76"), "{reason}");
        let shares = Shares::of(76, 2, 1).expect("just enough");
        assert_eq!(shares.clients_max, CLIENTS_MIN);
    }

    #[test]
    fn a_place_is_free_again_when_its_client_is_gone() {
        let seats = Seats::new(2);
        let first = seats.take();
        let second = seats.take();
        assert!(first.is_some() && second.is_some() && seats.take().is_none());
        drop(first);
        assert!(seats.take().is_some());
    }
}
