//! What one worker counts and measures, and the part of it that others watch meanwhile.
//!
//! ```text
//!   client ──▶ Ledger (of one thread, plain numbers) ── once a turn ──▶ Tally (atomic) ──▶ Sum, read by the main thread
//! ```

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::latency::Latency;

/// The counters of one worker thread, and its latencies.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) published: u64,
    /// Messages that the broker confirmed.
    pub(crate) confirmed: u64,
    /// Messages that the broker refused (basic.nack).
    pub(crate) refused: u64,
    pub(crate) consumed: u64,
    published_last_ns: u64,
    consumed_last_ns: u64,
    /// Connections that the broker does not read from.
    blocked: u64,
    measured: Span,
    pub(crate) latency: Latency,
}

/// The moments between which messages count for the latency: sent after `from_ns`, arrived until `until_ns`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from_ns: u64,
    pub(crate) until_ns: u64,
}

impl Ledger {
    /// A ledger that measures no latencies before [`Ledger::measure`].
    pub(crate) fn new() -> Self {
        Self {
            published: 0,
            confirmed: 0,
            refused: 0,
            consumed: 0,
            published_last_ns: 0,
            consumed_last_ns: 0,
            blocked: 0,
            measured: Span { from_ns: u64::MAX, until_ns: 0 },
            latency: Latency::new(),
        }
    }

    /// Measures latencies within `span`.
    pub(crate) fn measure(&mut self, span: Span) {
        self.measured = span;
    }

    /// `messages` leave at `now_ns`.
    pub(crate) fn publish(&mut self, messages: u64, now_ns: u64) {
        self.published += messages;
        self.published_last_ns = now_ns;
    }

    /// `messages` have arrived at `now_ns`.
    pub(crate) fn consume(&mut self, messages: u64, now_ns: u64) {
        if messages > 0 {
            self.consumed += messages;
            self.consumed_last_ns = now_ns;
        }
    }

    /// A message with the stamp `sent_ns` arrived. Stamps of earlier runs, and what is no stamp, do not count.
    #[inline]
    pub(crate) fn time(&mut self, sent_ns: u64, arrived_ns: u64) {
        let Span { from_ns, until_ns } = self.measured;
        if from_ns <= sent_ns && sent_ns <= arrived_ns && arrived_ns <= until_ns {
            self.latency.record(sent_ns, arrived_ns);
        }
    }

    /// The broker stops reading from a connection, or goes on.
    pub(crate) fn block(&mut self, is_blocked: bool) {
        self.blocked = if is_blocked { self.blocked + 1 } else { self.blocked.saturating_sub(1) };
    }
}

/// The counters of one worker, for others to read. On cache lines of their own, so that workers do not slow each other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    published: AtomicU64,
    confirmed: AtomicU64,
    refused: AtomicU64,
    consumed: AtomicU64,
    published_last_ns: AtomicU64,
    consumed_last_ns: AtomicU64,
    blocked: AtomicU64,
}

impl Tally {
    /// Shows what the worker has counted so far.
    pub(crate) fn show(&self, ledger: &Ledger) {
        self.published.store(ledger.published, Relaxed);
        self.confirmed.store(ledger.confirmed, Relaxed);
        self.refused.store(ledger.refused, Relaxed);
        self.consumed.store(ledger.consumed, Relaxed);
        self.published_last_ns.store(ledger.published_last_ns, Relaxed);
        self.consumed_last_ns.store(ledger.consumed_last_ns, Relaxed);
        self.blocked.store(ledger.blocked, Relaxed);
    }
}

/// The counters of all workers together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) published: u64,
    pub(crate) confirmed: u64,
    pub(crate) refused: u64,
    pub(crate) consumed: u64,
    /// When something was published last; 0 before.
    pub(crate) published_last_ns: u64,
    /// When something was consumed last; 0 before.
    pub(crate) consumed_last_ns: u64,
    pub(crate) blocked: u64,
}

impl Sum {
    pub(crate) fn of<'a>(tallies: impl IntoIterator<Item = &'a Tally>) -> Self {
        tallies.into_iter().fold(Self::default(), |sum, tally| Self {
            published: sum.published + tally.published.load(Relaxed),
            confirmed: sum.confirmed + tally.confirmed.load(Relaxed),
            refused: sum.refused + tally.refused.load(Relaxed),
            consumed: sum.consumed + tally.consumed.load(Relaxed),
            published_last_ns: sum.published_last_ns.max(tally.published_last_ns.load(Relaxed)),
            consumed_last_ns: sum.consumed_last_ns.max(tally.consumed_last_ns.load(Relaxed)),
            blocked: sum.blocked + tally.blocked.load(Relaxed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_within_the_span_are_timed() {
        let mut ledger = Ledger::new();
        ledger.time(5_000, 6_000);
        ledger.measure(Span { from_ns: 10_000, until_ns: 20_000 });
        for (sent_ns, arrived_ns) in [(9_999, 15_000), (12_000, 11_000), (19_000, 20_001), (0, 0)] {
            ledger.time(sent_ns, arrived_ns);
        }
        assert_eq!(ledger.latency.quantile_us(1.0), None);
        ledger.time(10_000, 20_000);
        assert!(ledger.latency.quantile_us(1.0).is_some());
    }

    #[test]
    fn the_sum_is_that_of_all_workers_and_of_the_last_moment() {
        let tallies = [Tally::default(), Tally::default()];
        let mut ledger = Ledger::new();
        ledger.publish(3, 100);
        ledger.consume(2, 50);
        tallies[0].show(&ledger);
        ledger.publish(4, 90);
        ledger.block(true);
        tallies[1].show(&ledger);
        let sum = Sum::of(&tallies);
        assert_eq!((sum.published, sum.consumed, sum.blocked), (10, 4, 1));
        assert_eq!((sum.published_last_ns, sum.consumed_last_ns), (100, 50));
    }
}
