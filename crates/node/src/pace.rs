//! How fast those that publish are read while consumers do not keep up.
//!
//! Taking a message in costs less than passing it on. Unpaced, a producer on a busy machine runs ahead of willing
//! consumers until what it sent has left every cache, and then both cost several times as much. The pace is no
//! limit on a backlog: a consumer that is stuck slows nobody below it.

use stdx::Time;

/// What may be read of producers' bytes per period.
const PERIOD_BYTES: usize = 256 * 1024;
const PERIOD_US: u64 = 1_000;

/// The pace of one shard.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    left_bytes: usize,
    next_period: Time,
}

impl Pace {
    /// Whether more may be read.
    pub(crate) fn allows(&mut self, now: Time) -> bool {
        if now >= self.next_period {
            self.left_bytes = PERIOD_BYTES;
            self.next_period = now.plus_micros(PERIOD_US);
        }
        self.left_bytes > 0
    }

    /// `bytes` were read.
    pub(crate) const fn spend(&mut self, bytes: usize) {
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
    }

    /// When more may be read.
    pub(crate) const fn next_period(&self) -> Time {
        self.next_period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_period_is_followed_by_another() {
        let mut pace = Pace::default();
        let start = Time::from_millis(10);
        assert!(pace.allows(start));
        pace.spend(PERIOD_BYTES + 1);
        assert!(!pace.allows(start.plus_micros(PERIOD_US - 1)));
        assert!(pace.allows(pace.next_period()));
    }
}
