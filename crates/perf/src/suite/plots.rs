//! The plots of the page, from what was measured.

use super::broker::Part;
use super::chart::{Curve, Dots, Group, bars, curves, dots, short};
use super::figure::{Figure, Source, Target, Unit};
use super::results::{Measured, Results};

/// The quantiles of a latency that are drawn.
const QUANTILES: [&str; 4] =
    ["latency_us/p50", "latency_us/p90", "latency_us/p99", "latency_us/p999"];
/// Rows that differ in their window alone, and the window.
const WINDOWS: [(&str, f64); 3] =
    [("window-1", 1.0), ("window-100", 100.0), ("window-1000", 1_000.0)];
const US_PER_MS: f64 = 1_000.0;

/// The files, by name; those for which nothing was measured are left out.
pub(super) fn all(results: &Results) -> Vec<(&'static str, String)> {
    let brokers: Vec<usize> = (0..results.brokers.len())
        .filter(|&place| matches!(results.brokers[place].part, Part::Own | Part::Peer))
        .collect();
    let series: Vec<String> =
        brokers.iter().map(|&place| results.brokers[place].name.clone()).collect();
    let plots = [
        ("cost.svg", cost(results, &brokers, &series)),
        ("rates.svg", rates(results, &brokers, &series)),
        ("latency.svg", latency(results, &brokers, &series)),
        ("windows.svg", windows(results, &brokers, &series)),
    ];
    plots.into_iter().filter_map(|(name, svg)| Some((name, svg?))).collect()
}

fn cost(results: &Results, brokers: &[usize], series: &[String]) -> Option<String> {
    let relay = results.brokers.iter().position(|broker| broker.part == Part::Relay);
    let is_meant = |_: &Measured, figure: &Figure| figure.unit == Unit::CpuSPerMillion;
    let groups = groups(results, brokers, relay, is_meant);
    bars("CPU-seconds of the broker per million messages: less is better", "", series, &groups)
}

fn rates(results: &Results, brokers: &[usize], series: &[String]) -> Option<String> {
    let is_meant = |measured: &Measured, figure: &Figure| {
        let goes_in = figure.name == "in";
        let comes_out = measured
            .figures()
            .iter()
            .any(|other| other.name == "out" && other.source.step() == figure.source.step());
        figure.unit == Unit::PerS && !(goes_in && comes_out)
    };
    let groups = groups(results, brokers, None, is_meant);
    bars("Messages, or pairs, a second: more is better", "", series, &groups)
}

/// A group for each figure that is meant.
fn groups(
    results: &Results,
    brokers: &[usize],
    relay: Option<usize>,
    is_meant: impl Fn(&Measured, &Figure) -> bool,
) -> Vec<Group> {
    let mut groups = Vec::new();
    for measured in &results.rows {
        let figures: Vec<&Figure> =
            measured.figures().iter().filter(|figure| is_meant(measured, figure)).collect();
        for figure in &figures {
            let label = match figures.len() {
                1 => label(measured).to_owned(),
                _ => format!("{}, {}", label(measured), figure.name),
            };
            let bar = |&broker: &usize| {
                let spread = measured.spread(figure, broker).filter(|it| it.median > 0.0)?;
                Some((spread, short(spread.median)))
            };
            let bars: Vec<_> = brokers.iter().map(bar).collect();
            if bars.iter().all(Option::is_none) {
                continue;
            }
            let target = match figure.target {
                Some(Target::AtLeast(bound) | Target::AtMost(bound)) => Some(bound),
                Some(Target::TimesPeer(_)) | None => None,
            };
            let bound = relay.and_then(|relay| measured.spread(figure, relay)).map(|it| it.median);
            groups.push(Group { label, bars, target, bound });
        }
    }
    groups
}

fn label(measured: &Measured) -> &str {
    measured.row().map_or(measured.title.as_str(), |row| row.label)
}

fn latency(results: &Results, brokers: &[usize], series: &[String]) -> Option<String> {
    let rows = results.rows.iter().filter(|it| it.name.starts_with("latency-"));
    let groups: Vec<Dots> = rows
        .map(|measured| {
            let line = |&broker: &usize| {
                let quantile = |field: &&'static str| {
                    Some(measured.field(broker, 0, field)?.median / US_PER_MS)
                };
                QUANTILES.iter().map(quantile).collect::<Option<Vec<f64>>>()
            };
            let target = measured.figures().iter().find_map(|figure| match figure.target {
                Some(Target::AtMost(bound)) => Some(bound / US_PER_MS),
                _ => None,
            });
            let lines = brokers.iter().map(line).collect();
            Dots { label: label(measured).to_owned(), lines, target }
        })
        .collect();
    let title = "Latency in ms: half, 90 %, 99 % and 99.9 % of the messages arrive within";
    dots(title, "", series, &groups)
}

fn windows(results: &Results, brokers: &[usize], series: &[String]) -> Option<String> {
    let source = Source::Field { step: 0, field: "published_per_s" };
    let figure = Figure { name: "in", source, unit: Unit::PerS, target: None };
    let curve = |&broker: &usize| {
        let point = |&(name, window): &(&str, f64)| {
            let measured = results.rows.iter().find(|it| it.name == name)?;
            Some((window, measured.spread(&figure, broker)?))
        };
        Curve { points: WINDOWS.iter().filter_map(point).collect() }
    };
    let all: Vec<Curve> = brokers.iter().map(curve).collect();
    let title = "Persistent messages a second, confirmed, by how many may be unconfirmed";
    curves(title, ("window", "per s"), series, &all)
}
