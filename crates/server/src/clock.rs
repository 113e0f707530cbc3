//! The only clocks of the broker.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stdx::Time;

/// Counts from its making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Where it counts from.
    pub(crate) const fn origin(&self) -> Instant {
        self.origin
    }

    pub(crate) fn now(&self) -> Time {
        let micros = self.origin.elapsed().as_micros();
        Time::from_micros(u64::try_from(micros).expect("less than 600,000 years"))
    }

    /// Milliseconds since 1970. Unlike [`Clock::now`] this may jump, because people set it.
    pub(crate) fn wall_ms() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).expect("less than 600 million years")
    }
}
