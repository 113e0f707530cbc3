//! Who has failed to log in too often, and has to wait.
//!
//! ```text
//!   10 failures in a row ─▶ refused unseen for 1 s ─▶ another one: 2 s ─▶ 4 s … 64 s
//!   a login, or ten minutes without a failure ─▶ forgotten
//! ```

use std::collections::BTreeMap;

use stdx::Time;

/// So many failures in a row are what happens to people.
const FREE_FAILURES: u32 = 10;
const FIRST_WAIT_MS: u64 = 1_000;
/// How often the wait is doubled at most.
const DOUBLINGS_MAX: u32 = 6;
/// After that long, a failure is forgotten.
const MEMORY_MS: u64 = 600_000;
/// Of how many pairs of address and user failures are remembered. Beyond this, the oldest are forgotten.
const ENTRIES_MAX: usize = 4_096;

/// A pair of address and user, as a token: names from outside take no memory.
pub(crate) type Pair = [u8; 32];

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Time,
}

impl Failures {
    fn wait_ms(self) -> u64 {
        match self.count.checked_sub(FREE_FAILURES) {
            Some(more) => FIRST_WAIT_MS << more.min(DOUBLINGS_MAX),
            None => 0,
        }
    }
}

/// The failures of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: BTreeMap<Pair, Failures>,
}

impl Backoff {
    /// How long this pair has to wait before it is looked at again, in milliseconds; 0 for not at all.
    pub(crate) fn wait_ms(&self, pair: &Pair, now: Time) -> u64 {
        let Some(found) = self.failures.get(pair) else { return 0 };
        found.last.plus_millis(found.wait_ms()).micros_since(now).div_ceil(1_000)
    }

    /// It was not who it said. Returns how long it has to wait from here on, in milliseconds.
    pub(crate) fn fail(&mut self, pair: Pair, now: Time) -> u64 {
        if self.failures.len() >= ENTRIES_MAX && !self.failures.contains_key(&pair) {
            self.forget(now);
        }
        let found = self.failures.entry(pair).or_insert(Failures { count: 0, last: now });
        if now >= found.last.plus_millis(MEMORY_MS) {
            found.count = 0;
        }
        found.count = found.count.saturating_add(1);
        found.last = now;
        found.wait_ms()
    }

    /// It was who it said.
    pub(crate) fn succeed(&mut self, pair: &Pair) {
        self.failures.remove(pair);
    }

    /// Makes room: for what is too old to matter, or else for the oldest.
    fn forget(&mut self, now: Time) {
        self.failures.retain(|_, found| now < found.last.plus_millis(MEMORY_MS));
        if self.failures.len() >= ENTRIES_MAX {
            let oldest = self.failures.iter().min_by_key(|(_, found)| found.last);
            if let Some(pair) = oldest.map(|(pair, _)| *pair) {
                self.failures.remove(&pair);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(number: usize) -> Pair {
        let mut pair = [0; 32];
        pair[..8].copy_from_slice(&number.to_le_bytes());
        pair
    }

    #[test]
    fn who_fails_often_waits_longer_and_longer_and_nobody_else() {
        let (mut backoff, mut now) = (Backoff::default(), Time::ZERO);
        for _ in 1..FREE_FAILURES {
            assert_eq!(backoff.fail(pair(1), now), 0);
        }
        for expected in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 64_000] {
            assert_eq!(backoff.fail(pair(1), now), expected);
            assert_eq!(backoff.wait_ms(&pair(1), now), expected);
            assert_eq!(backoff.wait_ms(&pair(1), now.plus_millis(expected - 1)), 1);
            assert_eq!(backoff.wait_ms(&pair(1), now.plus_millis(expected)), 0);
            assert_eq!(backoff.wait_ms(&pair(2), now), 0);
            now = now.plus_millis(expected);
        }
        backoff.succeed(&pair(1));
        assert_eq!(backoff.fail(pair(1), now), 0);
    }

    #[test]
    fn failures_are_forgotten_after_a_while() {
        let mut backoff = Backoff::default();
        for _ in 0..FREE_FAILURES {
            backoff.fail(pair(1), Time::ZERO);
        }
        assert_eq!(backoff.fail(pair(1), Time::ZERO.plus_millis(MEMORY_MS)), 0);
    }

    #[test]
    fn the_table_has_an_end() {
        let mut backoff = Backoff::default();
        for number in 0..ENTRIES_MAX + 10 {
            backoff.fail(pair(number), Time::ZERO.plus_millis(number as u64));
        }
        assert_eq!(backoff.failures.len(), ENTRIES_MAX);
        assert!(!backoff.failures.contains_key(&pair(0)), "the oldest is gone");
        backoff.fail(pair(0), Time::ZERO.plus_millis(2 * MEMORY_MS));
        assert_eq!(backoff.failures.len(), 1);
    }
}
