//! What disk threads have done, for those who watch. The counters of one task are shared by the threads of all shards; a
//! system call that moves bytes takes longer than counting it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use management::{DiskUse, Operations};
use store::Lane;

/// Operations of one kind, counted by several threads.
#[derive(Debug, Default)]
struct Counter {
    count: AtomicU64,
    bytes: AtomicU64,
    ns: AtomicU64,
}

impl Counter {
    fn count(&self, bytes: usize, took: Duration) -> u64 {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.ns.fetch_add(ns, Ordering::Relaxed);
        ns
    }

    fn read(&self) -> Operations {
        Operations {
            count: self.count.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            ns: self.ns.load(Ordering::Relaxed),
        }
    }
}

/// What disk threads with one task have done.
#[derive(Debug, Default)]
pub(crate) struct DiskMeter {
    reads: Counter,
    writes: Counter,
    syncs: Counter,
    sync_counts: [AtomicU64; DiskUse::PLACES],
}

impl DiskMeter {
    /// Something was read, by a call that began then.
    pub(crate) fn count_read(&self, bytes: usize, began: Instant) {
        self.reads.count(bytes, began.elapsed());
    }

    /// Something was written.
    pub(crate) fn count_write(&self, bytes: usize, began: Instant) {
        self.writes.count(bytes, began.elapsed());
    }

    /// What was written is safe.
    pub(crate) fn count_sync(&self, began: Instant) {
        let ns = self.syncs.count(0, began.elapsed());
        self.sync_counts[DiskUse::place_of(ns)].fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self, lane: &'static str) -> DiskUse {
        DiskUse {
            lane,
            reads: self.reads.read(),
            writes: self.writes.read(),
            syncs: self.syncs.read(),
            sync_counts: std::array::from_fn(|place| {
                self.sync_counts[place].load(Ordering::Relaxed)
            }),
        }
    }
}

/// The meters of all tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct DiskMeters {
    journal: Arc<DiskMeter>,
    read: Arc<DiskMeter>,
    background: Arc<DiskMeter>,
}

impl DiskMeters {
    /// The meter of one task.
    pub(crate) fn of(&self, lane: Lane) -> Arc<DiskMeter> {
        Arc::clone(match lane {
            Lane::Journal => &self.journal,
            Lane::Read => &self.read,
            Lane::Background => &self.background,
        })
    }

    /// What was done until now.
    pub(crate) fn read(&self) -> [DiskUse; 3] {
        let Self { journal, read, background } = self;
        [journal.read("journal"), read.read("read"), background.read("background")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_counted_by_task() {
        let meters = DiskMeters::default();
        let began = Instant::now();
        meters.of(Lane::Journal).count_write(10, began);
        meters.of(Lane::Journal).count_write(5, began);
        meters.of(Lane::Journal).count_sync(began);
        meters.of(Lane::Read).count_read(7, began);
        let [journal, read, background] = meters.read();
        assert_eq!((journal.writes.count, journal.writes.bytes, journal.syncs.count), (2, 15, 1));
        assert_eq!(journal.sync_counts.iter().sum::<u64>(), 1);
        assert_eq!((read.reads.count, read.reads.bytes), (1, 7));
        assert_eq!(background, DiskUse { lane: "background", ..DiskUse::default() });
    }
}
