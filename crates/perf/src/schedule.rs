//! When each message of a publisher is meant to leave.
//!
//! ```text
//!   first_ns   + 1 interval   + 2 intervals
//!      │             │             │             a publisher that was held up sends at once what is due,
//!      ▼             ▼             ▼             stamped with the moments at which it should have left
//!     [0]           [1]           [2]   …
//! ```
//!
//! Stamping the intended moment is what keeps a stalled broker from hiding the messages that it kept from being sent
//! ("coordinated omission").

const NANOS_PER_S: u128 = 1_000_000_000;

/// An even schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    first_ns: u64,
    /// `messages` leave in every `period_ns`.
    messages: u64,
    period_ns: u64,
}

impl Schedule {
    /// The schedule of one publisher of `publishers`, which together send `rate` messages a second from `start_ns`
    /// on. The publishers take turns, so that all of them together are even too.
    ///
    /// # Panics
    /// When `rate` or `publishers` is 0.
    pub(crate) fn new(start_ns: u64, rate: u64, publishers: u64, index: u64) -> Self {
        assert!(rate > 0 && publishers > 0, "a schedule has a rate and somebody to keep it");
        let offset_ns = u128::from(index) * NANOS_PER_S / u128::from(rate);
        Self {
            first_ns: start_ns.saturating_add(clamp(offset_ns)),
            messages: rate,
            period_ns: publishers.saturating_mul(clamp(NANOS_PER_S)),
        }
    }

    /// The moment at which message `index` (from 0) is meant to leave.
    pub(crate) fn moment_ns(&self, index: u64) -> u64 {
        let after_first =
            u128::from(index) * u128::from(self.period_ns) / u128::from(self.messages);
        self.first_ns.saturating_add(clamp(after_first))
    }

    /// How many messages should have left at `now_ns`.
    pub(crate) fn due(&self, now_ns: u64) -> u64 {
        let Some(elapsed_ns) = now_ns.checked_sub(self.first_ns) else { return 0 };
        // Message `index` is due as soon as its moment, rounded down to a nanosecond, is here.
        let scaled = (u128::from(elapsed_ns) + 1) * u128::from(self.messages) - 1;
        clamp(scaled / u128::from(self.period_ns)).saturating_add(1)
    }
}

fn clamp(wide: u128) -> u64 {
    u64::try_from(wide).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn messages_leave_at_even_moments() {
        let schedule = Schedule::new(5 * MS, 1_000, 1, 0);
        let moments: Vec<u64> = (0..3).map(|index| schedule.moment_ns(index)).collect();
        assert_eq!(moments, [5 * MS, 6 * MS, 7 * MS]);
        assert_eq!(schedule.moment_ns(3_600_000), 5 * MS + 3_600_000 * MS);
    }

    #[test]
    fn what_is_due_is_what_has_had_its_moment() {
        let schedule = Schedule::new(5 * MS, 1_000, 1, 0);
        assert_eq!(schedule.due(5 * MS - 1), 0);
        assert_eq!(schedule.due(5 * MS), 1);
        assert_eq!(schedule.due(6 * MS - 1), 1);
        assert_eq!(schedule.due(6 * MS), 2);
    }

    #[test]
    fn due_and_moment_agree_where_the_interval_is_no_whole_number() {
        for rate in [3, 7, 999, 3_000_017] {
            let schedule = Schedule::new(17, rate, 2, 1);
            for index in [0, 1, 2, 3, 1_000, 999_999] {
                let moment_ns = schedule.moment_ns(index);
                assert!(schedule.due(moment_ns) > index, "rate {rate}, message {index}");
                assert!(schedule.due(moment_ns - 1) <= index, "rate {rate}, message {index}");
            }
        }
    }

    #[test]
    fn publishers_take_turns() {
        let schedules = [0, 1].map(|index| Schedule::new(0, 1_000, 2, index));
        let moments: Vec<u64> =
            (0..2).flat_map(|i| schedules.map(|schedule| schedule.moment_ns(i))).collect();
        assert_eq!(moments, [0, MS, 2 * MS, 3 * MS]);
    }
}
