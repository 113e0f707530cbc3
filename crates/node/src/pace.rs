//! How fast those that publish are read while consumers do not keep up.
//!
//! Taking a message in costs less than passing it on. Unpaced, a producer on a busy machine runs ahead of willing
//! consumers until what it sent has left every cache, and then both cost several times as much. The pace is no
//! limit on a backlog: a consumer that is stuck, or takes its time, slows nobody below it.

use stdx::Time;

/// What may be read of producers' bytes per period while sockets of consumers are full.
const PERIOD_BYTES: usize = 256 * 1024;
/// What may be read per period of those that outrun consumers who will soon have taken everything.
const OUTRUNNING_PERIOD_BYTES: usize = 8 * 1024;
const PERIOD_US: u64 = 1_000;
/// How many periods are made up for at most.
const OWED_PERIODS_MAX: usize = 32;

/// A pace of one shard.
#[derive(Debug)]
pub(crate) struct Pace {
    period_bytes: usize,
    left_bytes: usize,
    /// What was read beyond what the period had left, because one read is as large as it is.
    owed_bytes: usize,
    next_period: Time,
}

impl Pace {
    const fn new(period_bytes: usize) -> Self {
        Self { period_bytes, left_bytes: 0, owed_bytes: 0, next_period: Time::ZERO }
    }

    /// That of all who publish while somewhere consumers wait for their sockets.
    pub(crate) const fn of_all() -> Self {
        Self::new(PERIOD_BYTES)
    }

    /// That of those who outrun the consumers of a queue.
    pub(crate) const fn of_outrunning() -> Self {
        Self::new(OUTRUNNING_PERIOD_BYTES)
    }

    /// Whether more may be read.
    pub(crate) fn allows(&mut self, now: Time) -> bool {
        if now >= self.next_period {
            let periods = 1 + now.micros_since(self.next_period) / PERIOD_US;
            let earned =
                self.period_bytes.saturating_mul(usize::try_from(periods).unwrap_or(usize::MAX));
            self.left_bytes = earned.saturating_sub(self.owed_bytes).min(self.period_bytes);
            self.owed_bytes = self.owed_bytes.saturating_sub(earned);
            self.next_period = now.plus_micros(PERIOD_US);
        }
        self.left_bytes > 0
    }

    /// `bytes` were read.
    pub(crate) const fn spend(&mut self, bytes: usize) {
        let owed_bytes = self.owed_bytes + bytes.saturating_sub(self.left_bytes);
        // Whoever shares the pace must not wait long for what one has done.
        let owed_max = OWED_PERIODS_MAX * self.period_bytes;
        self.owed_bytes = if owed_bytes < owed_max { owed_bytes } else { owed_max };
        self.left_bytes = self.left_bytes.saturating_sub(bytes);
    }

    /// What was read while the pace held for nobody does not matter.
    pub(crate) const fn forgive(&mut self) {
        self.owed_bytes = 0;
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
        let mut pace = Pace::of_all();
        let start = Time::from_millis(10);
        assert!(pace.allows(start));
        pace.spend(PERIOD_BYTES);
        assert!(!pace.allows(start.plus_micros(PERIOD_US - 1)));
        assert!(pace.allows(pace.next_period()));
    }

    #[test]
    fn what_was_read_beyond_a_period_is_made_up_for() {
        let mut pace = Pace::of_outrunning();
        let start = Time::from_millis(10);
        assert!(pace.allows(start));
        pace.spend(3 * OUTRUNNING_PERIOD_BYTES);
        assert!(!pace.allows(start.plus_micros(PERIOD_US)));
        assert!(!pace.allows(start.plus_micros(2 * PERIOD_US)));
        assert!(pace.allows(start.plus_micros(3 * PERIOD_US)));
        pace.spend(1_000 * OUTRUNNING_PERIOD_BYTES);
        let made_up = start.plus_micros((4 + OWED_PERIODS_MAX as u64) * PERIOD_US);
        assert!(pace.allows(made_up), "nobody waits longer");
        pace.spend(100 * OUTRUNNING_PERIOD_BYTES);
        pace.forgive();
        assert!(pace.allows(made_up.plus_micros(PERIOD_US)));
    }
}
