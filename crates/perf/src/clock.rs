//! The clock that every figure is taken from.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const NANOS_PER_S: u64 = 1_000_000_000;

/// A moment on the machine's monotonic clock, in nanoseconds. It means the same in every process of the machine, so
/// stamps that an earlier run left in a queue are recognised as old.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let [seconds, nanos] = [now.tv_sec, now.tv_nsec]
        .map(|part| u64::try_from(part).expect("the monotonic clock counts up from zero"));
    seconds * NANOS_PER_S + nanos
}

/// A span of time in seconds.
pub(crate) fn seconds(span_ns: u64) -> f64 {
    Duration::from_nanos(span_ns).as_secs_f64()
}

/// A span of time in nanoseconds; the longest that there is when it is longer.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
