//! How much of a shard's memory each of its queues may use.
//!
//! ```text
//!   0            half              three quarters             all
//!   │   ample     │     crowded     │       scarce             │ alarm: those that publish wait
//! ```
//!
//! A queue pages out long before a shard is full, and the more the fuller the shard is, so that the alarm is left for what
//! no queue can page out: see `docs/decisions/0005-memory-is-a-budget.md`.

use queue::Room;

/// While memory is crowded, a queue has this much for each purpose.
const CROWDED_BYTES: usize = 64 * 1024;
/// While memory is scarce, it has this much to work with.
const SCARCE_BYTES: usize = 4 * 1024;
/// How many deliveries of a queue may be unsettled while memory is crowded, and while it is scarce.
const CROWDED_UNSETTLED: usize = 1024 * 1024;
const SCARCE_UNSETTLED: usize = 64 * 1024;

/// A shard's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes_max: usize,
    resident_bytes: usize,
    /// What connections hold.
    other_bytes: usize,
}

impl Memory {
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self { bytes_max, resident_bytes: 0, other_bytes: 0 }
    }

    pub(crate) const fn set_bytes_max(&mut self, bytes: usize) {
        self.bytes_max = bytes;
    }

    /// Bytes that all queues hold.
    pub(crate) const fn resident_bytes(&self) -> usize {
        self.resident_bytes
    }

    /// A queue holds `after` bytes and was counted with `before`.
    pub(crate) const fn recount(&mut self, before: usize, after: usize) {
        self.resident_bytes = self.resident_bytes + after - before;
    }

    pub(crate) const fn set_other_bytes(&mut self, bytes: usize) {
        self.other_bytes = bytes;
    }

    /// What a queue may use.
    pub(crate) const fn room(&self) -> Room {
        let held_bytes = self.resident_bytes + self.other_bytes;
        if held_bytes < self.bytes_max / 2 {
            // What waits for its time is best in memory when that comes: many are due in no order of the disk's.
            let (unstored_bytes, scheduled_bytes) = (self.bytes_max / 4, self.bytes_max / 8);
            Room { unstored_bytes, scheduled_bytes, ..Room::AMPLE }
        } else if held_bytes < self.bytes_max / 4 * 3 {
            Room {
                window_bytes: CROWDED_BYTES,
                unsettled_bytes: CROWDED_BYTES,
                unsettled_count: CROWDED_UNSETTLED,
                unstored_bytes: CROWDED_BYTES,
                scheduled_bytes: CROWDED_BYTES,
            }
        } else {
            Room {
                window_bytes: SCARCE_BYTES,
                unsettled_bytes: 0,
                unsettled_count: SCARCE_UNSETTLED,
                unstored_bytes: 0,
                scheduled_bytes: SCARCE_BYTES,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_a_shard_the_less_a_queue_may_use() {
        let mut memory = Memory::new(1 << 30);
        assert_eq!(memory.room().unstored_bytes, 1 << 28);
        assert_eq!(memory.room().window_bytes, Room::AMPLE.window_bytes);
        memory.recount(0, 1 << 29);
        assert_eq!(memory.room().unstored_bytes, CROWDED_BYTES);
        memory.recount(1 << 29, 3 << 28);
        assert_eq!(memory.room().unstored_bytes, 0);
        memory.recount(3 << 28, 1);
        assert_eq!((memory.resident_bytes(), memory.room().unstored_bytes), (1, 1 << 28));
        memory.set_other_bytes(1 << 29);
        assert_eq!(memory.room().unstored_bytes, CROWDED_BYTES);
    }
}
