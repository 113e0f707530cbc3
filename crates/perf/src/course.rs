//! The course of a load, as the main thread follows it: when it begins, when measuring begins, when it is over.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::clock::{nanos, now_ns, seconds};
use crate::failure::Failure;
use crate::ledger::{Span, Sum, Tally};
use crate::options::Extent;
use crate::process::Threads;
use crate::progress::{Progress, Unit};
use crate::report::Rates;
use crate::window::{Mark, Watch};
use crate::worker::{PATIENCE, Signals, Word};

/// From "all are ready" to the start, so that every worker knows of it in time.
const LEAD: Duration = PATIENCE.saturating_mul(2);
/// How long a run by count waits for messages that do not come.
const MISSING_LIMIT: Duration = Duration::from_secs(5);
/// How long it waits for more when nobody knows how many there will be.
const SILENCE_LIMIT: Duration = Duration::from_secs(1);

/// What has to happen before a load is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) extent: Extent,
    /// Messages to be published; `None` when time decides.
    pub(crate) published: Option<u64>,
    /// Whether all of them have to be confirmed.
    pub(crate) is_confirmed: bool,
    /// Messages to be consumed; `None` when time decides, or silence.
    pub(crate) consumed: Option<u64>,
}

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As it was meant to.
    Complete,
    /// Somebody pressed the keys.
    Interrupted,
    /// So many messages were not consumed, although nothing held them up.
    Missing(u64),
    /// So many messages were not confirmed, although nothing held that up.
    Unconfirmed(u64),
}

/// The part of a load that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) from: Mark,
    pub(crate) until: Mark,
    pub(crate) rates: Rates,
    /// The part of a core that the busiest thread of the tool used.
    pub(crate) busiest_thread: f64,
    pub(crate) end: End,
}

/// What the main thread follows.
pub(crate) struct Course<'a> {
    pub(crate) goal: Goal,
    pub(crate) unit: Unit,
    pub(crate) is_json: bool,
    pub(crate) signals: &'a Signals,
    pub(crate) tallies: &'a [Tally],
    pub(crate) words: Receiver<Word>,
    pub(crate) interrupted: &'a AtomicBool,
    pub(crate) watch: &'a mut Watch,
}

impl Course<'_> {
    /// Waits until all workers are ready.
    ///
    /// # Errors
    /// The failure of the first one that is not.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        let mut preparing = self.tallies.len();
        while preparing > 0 {
            match self.words.recv() {
                Ok(Word::Ready) => preparing -= 1,
                Ok(Word::Failed(failure)) => return Err(failure),
                Err(_) => {
                    return Err(Failure::Unexpected("nothing; all workers are gone".to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Starts the load and waits until it is over.
    ///
    /// # Errors
    /// The first failure of a worker.
    pub(crate) fn follow(&mut self) -> Result<Measured, Failure> {
        let start_ns = now_ns() + nanos(LEAD);
        let (span, rates) = match self.goal.extent {
            Extent::Time { warmup, duration } => {
                let from_ns = start_ns + nanos(warmup);
                (Span { from_ns, until_ns: from_ns + nanos(duration) }, Rates::OverTime)
            }
            Extent::Count(_) => {
                (Span { from_ns: start_ns, until_ns: u64::MAX }, Rates::UntilLastMessage)
            }
        };
        self.signals.start.set((start_ns, span)).expect("a load starts once");
        self.wait_until(start_ns)?;
        let start = self.mark();
        let mut from = None;
        let mut threads = Threads::now();
        let mut progress = Progress::new(self.unit, self.is_json, start);
        let mut silence = Silence { sum: start.sum, since_ns: start_ns };
        loop {
            let next_ns = if from.is_none() { span.from_ns } else { span.until_ns };
            self.wait_until(next_ns.min(now_ns() + nanos(PATIENCE)))?;
            let now_ns = now_ns();
            self.watch.look();
            if from.is_none() && now_ns >= span.from_ns {
                from = Some(if span.from_ns == start_ns { start } else { self.mark() });
                threads = Threads::now();
            }
            let sum = Sum::of(self.tallies);
            let end = if self.interrupted.load(Relaxed) {
                Some(End::Interrupted)
            } else if now_ns >= span.until_ns {
                Some(End::Complete)
            } else {
                self.goal.end(&sum, silence.length(sum, now_ns))
            };
            if let Some(end) = end {
                let until = self.mark();
                let from = from.unwrap_or(start);
                let span_s = seconds(until.at_ns.saturating_sub(from.at_ns));
                let busiest_thread = threads.busiest_since(span_s);
                return Ok(Measured { from, until, rates, busiest_thread, end });
            }
            if progress.is_due(now_ns) {
                progress.show(self.mark(), self.watch.peak_kib());
            }
        }
    }

    fn mark(&self) -> Mark {
        self.watch.mark(Sum::of(self.tallies))
    }

    /// Waits for a moment.
    ///
    /// # Errors
    /// A worker failed before.
    fn wait_until(&self, moment_ns: u64) -> Result<(), Failure> {
        let span = Duration::from_nanos(moment_ns.saturating_sub(now_ns()));
        match self.words.recv_timeout(span) {
            Ok(Word::Failed(failure)) => Err(failure),
            Ok(Word::Ready) | Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Failure::Unexpected("nothing; all workers are gone".to_owned()))
            }
        }
    }
}

impl Goal {
    /// Whether a run by count is over, when nothing has happened for `silence`.
    fn end(&self, sum: &Sum, silence: Duration) -> Option<End> {
        let published = self.published?;
        if sum.published < published {
            return None;
        }
        let settled = sum.confirmed + sum.refused;
        match self.consumed {
            Some(consumed) if sum.consumed < consumed => {
                (silence >= MISSING_LIMIT).then(|| End::Missing(consumed - sum.consumed))
            }
            None if silence < SILENCE_LIMIT => None,
            _ if self.is_confirmed && settled < published => {
                (silence >= MISSING_LIMIT).then(|| End::Unconfirmed(published - settled))
            }
            _ => Some(End::Complete),
        }
    }
}

/// How long nothing was counted.
#[derive(Clone, Copy, Debug)]
struct Silence {
    sum: Sum,
    since_ns: u64,
}

impl Silence {
    fn length(&mut self, sum: Sum, now_ns: u64) -> Duration {
        if sum != self.sum {
            *self = Self { sum, since_ns: now_ns };
        }
        Duration::from_nanos(now_ns.saturating_sub(self.since_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOAL: Goal = Goal {
        extent: Extent::Count(10),
        published: Some(10),
        is_confirmed: true,
        consumed: Some(10),
    };

    fn sum(published: u64, confirmed: u64, consumed: u64) -> Sum {
        Sum { published, confirmed, consumed, ..Sum::default() }
    }

    #[test]
    fn a_run_by_count_is_over_when_all_is_published_confirmed_and_consumed() {
        let end = |published, confirmed, consumed| {
            GOAL.end(&sum(published, confirmed, consumed), Duration::ZERO)
        };
        assert_eq!(end(9, 9, 9), None);
        assert_eq!(end(10, 9, 10), None);
        assert_eq!(end(10, 10, 9), None);
        assert_eq!(end(10, 10, 10), Some(End::Complete));
        let refused = Sum { refused: 1, ..sum(10, 9, 10) };
        assert_eq!(GOAL.end(&refused, Duration::ZERO), Some(End::Complete));
    }

    #[test]
    fn what_does_not_come_is_missed_after_a_while() {
        assert_eq!(GOAL.end(&sum(10, 10, 7), MISSING_LIMIT), Some(End::Missing(3)));
        assert_eq!(GOAL.end(&sum(10, 6, 10), MISSING_LIMIT), Some(End::Unconfirmed(4)));
        assert_eq!(GOAL.end(&sum(9, 0, 0), MISSING_LIMIT), None, "publishers are held up");
    }

    #[test]
    fn where_nobody_knows_how_many_there_will_be_silence_is_the_end() {
        let goal = Goal { consumed: None, ..GOAL };
        assert_eq!(goal.end(&sum(10, 10, 25), Duration::ZERO), None);
        assert_eq!(goal.end(&sum(10, 10, 25), SILENCE_LIMIT), Some(End::Complete));
    }

    #[test]
    fn a_run_by_time_does_not_end_by_count() {
        let goal = Goal { published: None, consumed: None, ..GOAL };
        assert_eq!(goal.end(&sum(10, 10, 10), MISSING_LIMIT), None);
    }

    #[test]
    fn silence_lasts_from_the_last_change() {
        let mut silence = Silence { sum: Sum::default(), since_ns: 0 };
        assert_eq!(silence.length(sum(1, 0, 0), 500), Duration::ZERO);
        assert_eq!(silence.length(sum(1, 0, 0), 800), Duration::from_nanos(300));
        assert_eq!(silence.length(sum(1, 0, 1), 900), Duration::ZERO);
    }
}
