//! What a run showed: a table for people, a line of JSON for programs.

use std::fmt;

use serde::Serialize;

use crate::clock::seconds;
use crate::latency::Latency;
use crate::window::Mark;

const KIB_PER_MIB: f64 = 1024.0;
const MILLION: f64 = 1e6;

/// The figures of a run. Field names are those of the JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    /// How long was measured.
    pub(crate) seconds: f64,
    pub(crate) published: u64,
    pub(crate) consumed: u64,
    /// Absent when no confirms were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) confirmed: Option<u64>,
    /// Messages that the broker refused with basic.nack.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) refused: u64,
    pub(crate) published_per_s: f64,
    pub(crate) consumed_per_s: f64,
    /// Null when no stamped message arrived.
    pub(crate) latency_us: Option<LatencyUs>,
    /// The broker's processor time per million messages, published or consumed, whichever were more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_s_per_million: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peak_rss_mib: Option<f64>,
    /// The tool's own processor time, reckoned alike: both of its sides together.
    pub(crate) tool_cpu_s_per_million: Option<f64>,
    /// The part of one core that the tool used.
    pub(crate) tool_cores: f64,
    /// The part of one core that its busiest thread used: where this is near 1, the tool is the bottleneck.
    pub(crate) tool_busiest_thread: f64,
}

/// Microseconds from publish to consume, by share of the messages.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct LatencyUs {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

/// How rates are reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rates {
    /// Over the whole time that was measured.
    OverTime,
    /// Over the time until the last message: a run by count ends some moments after that.
    UntilLastMessage,
}

impl Report {
    /// The figures of what happened between two marks.
    pub(crate) fn between(from: &Mark, until: &Mark, rates: Rates, latency: &mut Latency) -> Self {
        let published = until.sum.published - from.sum.published;
        let consumed = until.sum.consumed - from.sum.consumed;
        let messages = published.max(consumed);
        let span_s = seconds(until.at_ns.saturating_sub(from.at_ns));
        let rate = |messages: u64, last_ns: u64| {
            let span_s = match rates {
                Rates::OverTime => span_s,
                Rates::UntilLastMessage => seconds(last_ns.saturating_sub(from.at_ns)),
            };
            if span_s > 0.0 { rounded(float(messages) / span_s, 1) } else { 0.0 }
        };
        let per_million =
            |cpu_s: f64| (messages > 0).then(|| rounded(cpu_s / (float(messages) / MILLION), 4));
        let broker_cpu_s = from.broker_cpu_s.zip(until.broker_cpu_s).map(|(a, b)| b - a);
        let tool_cpu_s = until.tool_cpu_s - from.tool_cpu_s;
        Self {
            seconds: rounded(span_s, 3),
            published,
            consumed,
            confirmed: None,
            refused: until.sum.refused - from.sum.refused,
            published_per_s: rate(published, until.sum.published_last_ns),
            consumed_per_s: rate(consumed, until.sum.consumed_last_ns),
            latency_us: LatencyUs::of(latency),
            cpu_s_per_million: broker_cpu_s.and_then(per_million),
            peak_rss_mib: None,
            tool_cpu_s_per_million: per_million(tool_cpu_s),
            tool_cores: if span_s > 0.0 { rounded(tool_cpu_s / span_s, 2) } else { 0.0 },
            tool_busiest_thread: 0.0,
        }
    }

    /// Adds the part of a core that the tool's busiest thread used.
    pub(crate) fn with_busiest_thread(self, cores: f64) -> Self {
        Self { tool_busiest_thread: rounded(cores, 2), ..self }
    }

    /// Adds what confirms showed.
    pub(crate) fn with_confirmed(self, from: &Mark, until: &Mark) -> Self {
        Self { confirmed: Some(until.sum.confirmed - from.sum.confirmed), ..self }
    }

    /// Adds the broker's memory.
    pub(crate) fn with_peak(self, peak_kib: Option<u64>) -> Self {
        let peak_rss_mib = peak_kib.map(|kib| rounded(float(kib) / KIB_PER_MIB, 1));
        Self { peak_rss_mib, ..self }
    }

    /// One line, without its end.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers under names are JSON")
    }
}

impl LatencyUs {
    pub(crate) fn of(latency: &mut Latency) -> Option<Self> {
        let mut quantile = |share| latency.quantile_us(share).map(|us| rounded(us, 1));
        Some(Self {
            p50: quantile(0.5)?,
            p90: quantile(0.9)?,
            p99: quantile(0.99)?,
            p999: quantile(0.999)?,
            max: quantile(1.0)?,
        })
    }
}

impl fmt::Display for LatencyUs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p90, p99, p999, max } = self;
        let title = "latency, µs";
        write!(
            f,
            "{title:<16}p50 {p50:.0}   p90 {p90:.0}   p99 {p99:.0}   p99.9 {p999:.0}   max {max:.0}"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "measured        {:>14.3} s", self.seconds)?;
        let flow = |name: &str, messages: u64, per_s: f64| {
            format!("{name:<16}{:>14}   {:>14}/s", grouped(messages), grouped_float(per_s))
        };
        writeln!(f, "{}", flow("published", self.published, self.published_per_s))?;
        writeln!(f, "{}", flow("consumed", self.consumed, self.consumed_per_s))?;
        if let Some(confirmed) = self.confirmed {
            writeln!(f, "confirmed       {:>14}", grouped(confirmed))?;
        }
        if self.refused > 0 {
            writeln!(f, "refused         {:>14}   (basic.nack)", grouped(self.refused))?;
        }
        if let Some(latency) = self.latency_us {
            writeln!(f, "{latency}")?;
        }
        if let Some(cpu_s) = self.cpu_s_per_million {
            writeln!(f, "broker CPU      {cpu_s:>14.3} s per million messages")?;
        }
        if let Some(mib) = self.peak_rss_mib {
            writeln!(f, "broker memory   {mib:>14.1} MiB at most")?;
        }
        if let Some(cpu_s) = self.tool_cpu_s_per_million {
            let cores = self.tool_cores;
            writeln!(f, "tool CPU        {cpu_s:>14.3} s per million messages ({cores:.2} cores)")?;
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it like this")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::cast_precision_loss, reason = "no run handles 2^53 messages")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// `value` to so many digits behind the point.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (value * unit).round() / unit
}

/// A rate to the message, in groups of three digits.
pub(crate) fn grouped_float(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and no rate is negative"
    )]
    grouped(value.round() as u64)
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::ledger::Sum;

    use super::*;

    const S: u64 = 1_000_000_000;

    fn marks() -> (Mark, Mark) {
        let from = Mark {
            at_ns: 100 * S,
            sum: Sum { published: 1_000, consumed: 500, confirmed: 900, ..Sum::default() },
            broker_cpu_s: Some(10.0),
            tool_cpu_s: 1.0,
        };
        let sum = Sum {
            published: 2_001_000,
            consumed: 4_000_500,
            confirmed: 2_000_900,
            published_last_ns: 101 * S,
            consumed_last_ns: 102 * S,
            ..Sum::default()
        };
        let until = Mark { at_ns: 104 * S, sum, broker_cpu_s: Some(12.0), tool_cpu_s: 2.0 };
        (from, until)
    }

    fn report(rates: Rates) -> Report {
        let (from, until) = marks();
        let mut latency = Latency::new();
        latency.record(0, 2_000);
        Report::between(&from, &until, rates, &mut latency)
            .with_confirmed(&from, &until)
            .with_peak(Some(1_536))
    }

    #[test]
    fn figures_are_those_between_the_marks() {
        let report = report(Rates::OverTime);
        assert_eq!((report.published, report.consumed), (2_000_000, 4_000_000));
        assert_eq!((report.published_per_s, report.consumed_per_s), (500_000.0, 1_000_000.0));
        assert_eq!(report.cpu_s_per_million, Some(0.5));
        assert_eq!((report.tool_cpu_s_per_million, report.tool_cores), (Some(0.25), 0.25));
    }

    #[test]
    fn a_run_by_count_ends_with_its_last_message() {
        let report = report(Rates::UntilLastMessage);
        assert_eq!((report.published_per_s, report.consumed_per_s), (2_000_000.0, 2_000_000.0));
    }

    #[test]
    fn the_json_is_one_line_with_the_names_that_programs_read() {
        let line = report(Rates::OverTime).to_json();
        assert!(!line.contains('\n'));
        let json: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(json["published"], 2_000_000);
        assert_eq!(json["consumed"], 4_000_000);
        assert_eq!(json["confirmed"], 2_000_000);
        assert_eq!(json["published_per_s"], 500_000.0);
        assert_eq!(json["consumed_per_s"], 1_000_000.0);
        for quantile in ["p50", "p90", "p99", "p999", "max"] {
            assert!(json["latency_us"][quantile].is_f64(), "{quantile} in {line}");
        }
        assert_eq!(json["cpu_s_per_million"], 0.5);
        assert_eq!(json["peak_rss_mib"], 1.5);
        assert!(json.get("refused").is_none());
    }

    #[test]
    fn nothing_measured_is_null_and_nothing_watched_is_absent() {
        let (from, _) = marks();
        let unwatched = Mark { broker_cpu_s: None, ..from };
        let report = Report::between(&from, &unwatched, Rates::OverTime, &mut Latency::new())
            .with_peak(None);
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).expect("JSON");
        assert!(json["latency_us"].is_null() && json.get("latency_us").is_some());
        for name in ["cpu_s_per_million", "peak_rss_mib", "confirmed"] {
            assert!(json.get(name).is_none(), "{name}");
        }
        assert_eq!(json["published_per_s"], 0.0);
    }

    #[test]
    fn the_table_can_be_read() {
        let table = report(Rates::OverTime).to_string();
        assert!(table.contains("2,000,000          500,000/s"), "{table}");
        assert!(table.contains("broker CPU               0.500 s per million"), "{table}");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
    }
}
