//! A line a second on standard error while the load goes on.

use std::io::{self, IsTerminal, Write};

use crate::clock::seconds;
use crate::report::{float, grouped_float};
use crate::window::Mark;

const EVERY_NS: u64 = 1_000_000_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Messages, published and consumed.
    Messages,
    /// Things that were made and removed, which count as consumed.
    Pairs,
}

/// What the next line is reckoned from.
#[derive(Debug)]
pub(crate) struct Progress {
    unit: Unit,
    is_shown: bool,
    start_ns: u64,
    last: Mark,
}

impl Progress {
    /// Progress of a load that starts at `start`. A program that reads JSON is spared of it, unless somebody looks
    /// on.
    pub(crate) fn new(unit: Unit, is_json: bool, start: Mark) -> Self {
        let is_shown = !is_json || io::stderr().is_terminal();
        Self { unit, is_shown, start_ns: start.at_ns, last: start }
    }

    /// Whether it is time for a line at `now_ns`.
    pub(crate) fn is_due(&self, now_ns: u64) -> bool {
        self.is_shown && now_ns.saturating_sub(self.last.at_ns) >= EVERY_NS
    }

    /// Writes a line about what happened since the last one.
    pub(crate) fn show(&mut self, mark: Mark, peak_kib: Option<u64>) {
        let line = self.line(&mark, peak_kib);
        // Nobody reads it if standard error is closed, and that is no reason to stop.
        let _ = writeln!(io::stderr().lock(), "{line}");
        self.last = mark;
    }

    fn line(&self, mark: &Mark, peak_kib: Option<u64>) -> String {
        let span_s = seconds(mark.at_ns.saturating_sub(self.last.at_ns));
        let per_s = |now: u64, then: u64| grouped_float(float(now.saturating_sub(then)) / span_s);
        let published = per_s(mark.sum.published, self.last.sum.published);
        let consumed = per_s(mark.sum.consumed, self.last.sum.consumed);
        let flow = match self.unit {
            Unit::Messages => format!("published {published:>12}/s   consumed {consumed:>12}/s"),
            Unit::Pairs => format!("made and removed {consumed:>12}/s"),
        };
        let at_s = seconds(mark.at_ns.saturating_sub(self.start_ns));
        let mut line = format!("{at_s:>5.0} s   {flow}");
        if let (Some(now_s), Some(then_s)) = (mark.broker_cpu_s, self.last.broker_cpu_s) {
            line += &format!("   broker {:.2} cores", (now_s - then_s) / span_s);
        }
        if let Some(kib) = peak_kib {
            line += &format!(", {} MiB at most", kib / 1024);
        }
        if mark.sum.blocked > 0 {
            line += &format!("   {} connections blocked by the broker", mark.sum.blocked);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use crate::ledger::Sum;

    use super::*;

    fn mark(at_s: u64, published: u64, broker_cpu_s: Option<f64>) -> Mark {
        let sum = Sum { published, ..Sum::default() };
        Mark { at_ns: at_s * EVERY_NS, sum, broker_cpu_s, tool_cpu_s: 0.0 }
    }

    #[test]
    fn a_line_tells_what_happened_since_the_last_one() {
        let progress = Progress::new(Unit::Messages, false, mark(10, 1_000, Some(1.0)));
        assert!(!progress.is_due(10 * EVERY_NS + 1));
        assert!(progress.is_due(12 * EVERY_NS));
        let line = progress.line(&mark(12, 5_000, Some(2.0)), Some(2048));
        assert!(line.starts_with("    2 s   published        2,000/s"), "{line}");
        assert!(line.ends_with("broker 0.50 cores, 2 MiB at most"), "{line}");
    }
}
