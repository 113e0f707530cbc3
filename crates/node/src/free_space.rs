//! Whether the file system of the data directory has room enough.
//!
//! ```text
//!              free < limit
//!   enough ──────────────────→ low
//!      ↑                        │
//!      └─ free ≥ limit + ¼ of it┘
//! ```
//!
//! The shell measures; here is only what follows from the numbers.

/// How fast a disk may fill up, at most, in bytes per millisecond. RabbitMQ reckons with a quarter of it; disks have
/// become faster.
const FILL_BYTES_PER_MS: u64 = 1_000_000;
/// How long to wait between two looks.
const PAUSE_MS_MIN: u64 = 100;
const PAUSE_MS_MAX: u64 = 1_000;

/// What is known of the free space.
#[derive(Clone, Debug)]
pub struct FreeSpace {
    limit_bytes: u64,
    is_low: bool,
}

impl FreeSpace {
    /// Free space that should not fall below `limit_bytes`; 0 for no limit.
    pub const fn new(limit_bytes: u64) -> Self {
        Self { limit_bytes, is_low: false }
    }

    /// `free_bytes` are free. Returns whether that has changed anything.
    pub const fn look(&mut self, free_bytes: u64) -> bool {
        let before = self.is_low;
        let bound = if before { self.enough_bytes() } else { self.limit_bytes };
        self.is_low = free_bytes < bound;
        self.is_low != before
    }

    /// Whether there is too little.
    pub const fn is_low(&self) -> bool {
        self.is_low
    }

    /// Below this it becomes low.
    pub const fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// From the next look on, it should not fall below this.
    pub const fn set_limit_bytes(&mut self, limit_bytes: u64) {
        self.limit_bytes = limit_bytes;
    }

    /// From here on it is enough again.
    pub const fn enough_bytes(&self) -> u64 {
        self.limit_bytes.saturating_add(self.limit_bytes / 4)
    }

    /// How long to wait before the next look: half of what the fastest disk would need to get from `free_bytes` to the
    /// limit.
    pub fn pause_ms(&self, free_bytes: u64) -> u64 {
        let room_bytes = free_bytes.saturating_sub(self.limit_bytes);
        (room_bytes / FILL_BYTES_PER_MS / 2).clamp(PAUSE_MS_MIN, PAUSE_MS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn space_that_was_low_is_enough_again_only_well_above_the_limit() {
        let mut space = FreeSpace::new(1_000);
        let looks = [1_000, 999, 1_000, 1_249, 1_250, 1_000, 0].map(|bytes| {
            space.look(bytes);
            space.is_low()
        });
        assert_eq!(looks, [false, true, true, true, false, false, true]);
        assert!(!space.look(0), "nothing has changed");
    }

    #[test]
    fn without_a_limit_no_space_is_low() {
        let mut space = FreeSpace::new(0);
        assert!(!space.look(0));
        assert!(!space.is_low());
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_looked_at_more_often() {
        let space = FreeSpace::new(100 * MIB);
        assert_eq!(space.pause_ms(10_000 * MIB), PAUSE_MS_MAX);
        assert_eq!(space.pause_ms(600 * MIB), 262);
        assert_eq!(space.pause_ms(101 * MIB), PAUSE_MS_MIN);
        assert_eq!(space.pause_ms(0), PAUSE_MS_MIN);
    }
}
