//! How long messages took from publish to consume.

use hdrhistogram::Histogram;

/// Longer latencies count as this: one hour.
const LATENCY_MAX_NS: u64 = 3_600_000_000_000;
/// Three digits: a figure is right to a thousandth of itself.
const SIGNIFICANT_DIGITS: u8 = 3;
const NANOS_PER_US: f64 = 1_000.0;

/// A distribution of latencies. Messages that share their stamp and their arrival, as those of one write and one
/// read do, are recorded with one step.
#[derive(Debug)]
pub(crate) struct Latency {
    histogram: Histogram<u64>,
    run: Run,
}

/// Equal measurements that are not in the histogram yet.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    sent_ns: u64,
    arrived_ns: u64,
    messages: u64,
}

impl Latency {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MAX_NS, SIGNIFICANT_DIGITS)
            .expect("the bounds are those of a histogram");
        Self { histogram, run: Run::default() }
    }

    /// Records a message. The moments are of [`crate::clock::now_ns`]; a message from the future counts as
    /// having taken no time.
    #[inline]
    pub(crate) fn record(&mut self, sent_ns: u64, arrived_ns: u64) {
        if self.run.sent_ns == sent_ns && self.run.arrived_ns == arrived_ns {
            self.run.messages += 1;
            return;
        }
        self.finish_run();
        self.run = Run { sent_ns, arrived_ns, messages: 1 };
    }

    /// Adds what another thread measured.
    pub(crate) fn add(&mut self, other: &Self) {
        self.finish_run();
        self.histogram.add(&other.histogram).expect("both histograms have the same bounds");
        self.note(other.run);
    }

    /// Microseconds within which `share` (of 1) of the messages arrived; `None` when none did.
    pub(crate) fn quantile_us(&mut self, share: f64) -> Option<f64> {
        self.finish_run();
        if self.histogram.is_empty() {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an hour in nanoseconds has 42 bits")]
        let nanos = self.histogram.value_at_quantile(share) as f64;
        Some(nanos / NANOS_PER_US)
    }

    fn finish_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        self.note(run);
    }

    fn note(&mut self, run: Run) {
        if run.messages > 0 {
            let nanos = run.arrived_ns.saturating_sub(run.sent_ns);
            self.histogram.saturating_record_n(nanos, run.messages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_is_no_figure() {
        assert_eq!(Latency::new().quantile_us(0.5), None);
    }

    #[test]
    fn equal_measurements_count_each() {
        let mut latency = Latency::new();
        for _ in 0..9 {
            latency.record(1_000, 6_000);
        }
        latency.record(1_000, 1_001_000);
        let quantiles = [0.5, 0.9, 1.0].map(|share| latency.quantile_us(share).map(f64::round));
        assert_eq!(quantiles, [Some(5.0), Some(5.0), Some(1_000.0)]);
    }

    #[test]
    fn threads_are_added_up_with_what_is_still_in_hand() {
        let (mut one, mut other) = (Latency::new(), Latency::new());
        one.record(0, 10_000);
        other.record(0, 20_000);
        other.record(0, 30_000);
        one.add(&other);
        let quantiles = [0.01, 0.5, 1.0].map(|share| one.quantile_us(share).map(f64::round));
        assert_eq!(quantiles, [Some(10.0), Some(20.0), Some(30.0)]);
    }

    #[test]
    fn a_message_from_the_future_took_no_time() {
        let mut latency = Latency::new();
        latency.record(5_000, 1_000);
        assert!(latency.quantile_us(1.0).is_some_and(|us| us < 0.01));
    }
}
