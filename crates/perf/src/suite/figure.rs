//! A figure of a row: where it is found in the reports of the steps, in which unit it is told, what it should be.

use serde_json::Value;

/// Where a figure comes from. A step's report is what `leveret perf` printed with `--json`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// A field of a step's report, as a JSON pointer without its first slash.
    Field { step: usize, field: &'static str },
    /// A field in the proportion to another field of the same report.
    Share { step: usize, field: &'static str, of: &'static str },
    /// A field added up over all steps.
    Sum { field: &'static str },
    /// A field in the proportion to the syncs that the disk did beside the run.
    OfSyncs { step: usize, field: &'static str },
}

/// What a figure counts; decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Events a second.
    PerS,
    /// CPU-seconds of the broker per million messages.
    CpuSPerMillion,
    /// Written as milliseconds when it is long.
    Us,
    Ms,
    S,
    KiB,
    MiB,
    /// A part of one, written in per cent.
    Percent,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// So many times the first peer's, in the same run.
    TimesPeer(f64),
}

/// One figure of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    /// What it is called in the table.
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) unit: Unit,
    /// What Leveret should reach; `None` where it is only told.
    pub(super) target: Option<Target>,
}

impl Source {
    /// The figure in one run: from the reports of its steps, and the syncs a second that the disk did beside it.
    pub(super) fn value(self, reports: &[Value], syncs_per_s: Option<f64>) -> Option<f64> {
        let field = |step: usize, name: &str| {
            reports.get(step)?.pointer(&format!("/{name}"))?.as_f64().filter(|it| it.is_finite())
        };
        let quotient = |value: f64, by: f64| (by > 0.0).then(|| value / by);
        match self {
            Self::Field { step, field: name } => field(step, name),
            Self::Share { step, field: name, of } => quotient(field(step, name)?, field(step, of)?),
            Self::Sum { field: name } => (0..reports.len()).map(|step| field(step, name)).sum(),
            Self::OfSyncs { step, field: name } => quotient(field(step, name)?, syncs_per_s?),
        }
    }

    /// The step that it is about.
    pub(super) fn step(self) -> usize {
        match self {
            Self::Field { step, .. } | Self::Share { step, .. } | Self::OfSyncs { step, .. } => {
                step
            }
            Self::Sum { .. } => 0,
        }
    }

    /// Whether the disk has to be asked beside the run.
    pub(super) fn needs_syncs(self) -> bool {
        matches!(self, Self::OfSyncs { .. })
    }
}

impl Unit {
    /// Whether less of it is better.
    pub(super) fn is_cost(self) -> bool {
        !matches!(self, Self::PerS | Self::Percent)
    }

    /// A value for people, with three significant digits, and the sign of its unit.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::PerS => format!("{}/s", thousands(value)),
            Self::CpuSPerMillion => significant(value),
            Self::Us if value < 100.0 => format!("{} µs", significant(value)),
            Self::Us => format!("{} ms", significant(value / 1_000.0)),
            Self::Ms => format!("{} ms", significant(value)),
            Self::S => format!("{} s", significant(value)),
            Self::KiB => format!("{} KiB", significant(value)),
            Self::MiB => format!("{} MiB", significant(value)),
            Self::Percent => format!("{} %", significant(value * 100.0)),
        }
    }
}

impl Target {
    /// Whether a value reaches it, `peer` being the first peer's; `None` when that cannot be told.
    pub(super) fn is_reached(self, value: f64, peer: Option<f64>) -> Option<bool> {
        match self {
            Self::AtLeast(bound) => Some(value >= bound),
            Self::AtMost(bound) => Some(value <= bound),
            Self::TimesPeer(times) => peer.map(|peer| value >= times * peer),
        }
    }

    /// For people.
    pub(super) fn show(self, unit: Unit) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {}", unit.show(bound)),
            Self::AtMost(bound) => format!("≤ {}", unit.show(bound)),
            Self::TimesPeer(times) => format!("≥ {} × peer", significant(times)),
        }
    }
}

/// Three significant digits, without an exponent and without noughts that say nothing.
pub(super) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm of a figure has two digits")]
    let magnitude = value.abs().log10().floor() as i32;
    let digits = usize::try_from(2 - magnitude).unwrap_or(0);
    let unit = 10_f64.powi(magnitude - 2);
    let text = format!("{:.digits$}", (value / unit).round() * unit);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Three significant digits of a large number, in groups: `1,230,000`.
pub(super) fn thousands(value: f64) -> String {
    if value.abs() < 1_000.0 {
        return significant(value);
    }
    let unit = 10_f64.powf(value.log10().floor() - 2.0);
    crate::report::grouped_float((value / unit).round() * unit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_found_in_the_reports_of_their_steps() {
        let reports = [json!({"in": 8.0, "latency_us": {"p99": 250.5}}), json!({"in": 3, "of": 6})];
        let field = |step, field| Source::Field { step, field }.value(&reports, None);
        assert_eq!(field(0, "latency_us/p99"), Some(250.5));
        assert_eq!((field(1, "in"), field(1, "none"), field(2, "in")), (Some(3.0), None, None));
        let share = Source::Share { step: 1, field: "in", of: "of" };
        assert_eq!(share.value(&reports, None), Some(0.5));
        assert_eq!(Source::Sum { field: "in" }.value(&reports, None), Some(11.0));
        assert_eq!(Source::Sum { field: "of" }.value(&reports, None), None);
        let of_syncs = Source::OfSyncs { step: 0, field: "in" };
        assert_eq!(of_syncs.value(&reports, Some(16.0)), Some(0.5));
        assert_eq!(of_syncs.value(&reports, None), None);
        assert_eq!(of_syncs.value(&reports, Some(0.0)), None);
    }

    #[test]
    fn three_digits_are_enough() {
        let shown = [0.0, 0.18123, 0.1, 1.0, 12.345, 99.96, 123.4, 1234.0, 0.005].map(significant);
        assert_eq!(shown, ["0", "0.181", "0.1", "1", "12.3", "100", "123", "1230", "0.005"]);
        assert_eq!(thousands(8_132_400.0), "8,130,000");
        assert_eq!(thousands(999.6), "1000");
        assert_eq!(Unit::PerS.show(4_689.0), "4,690/s");
        assert_eq!(Unit::Us.show(517.4), "0.517 ms");
        assert_eq!(Unit::Percent.show(0.6), "60 %");
    }

    #[test]
    fn a_target_is_reached_or_missed_or_nobody_knows() {
        assert_eq!(Target::AtLeast(4.0).is_reached(4.0, None), Some(true));
        assert_eq!(Target::AtMost(0.1).is_reached(0.11, None), Some(false));
        assert_eq!(Target::TimesPeer(5.0).is_reached(50.0, Some(10.0)), Some(true));
        assert_eq!(Target::TimesPeer(5.0).is_reached(50.0, None), None);
        assert_eq!(Target::AtLeast(4e6).show(Unit::PerS), "≥ 4,000,000/s");
    }
}
