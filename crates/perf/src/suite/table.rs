//! The page's tables, in Markdown.

use std::fmt::Write;

use super::broker::Part;
use super::figure::{Figure, Unit, significant};
use super::results::{Measured, Results};
use super::statistics::Spread;

/// What stands where there is nothing.
const NOTHING: &str = "–";
/// The part of a core from which on a thread has no more to give.
const BUSY: f64 = 0.8;

/// The machine, the table of figures, what failed, and the commands. The first broker is the one that targets are for.
pub(super) fn page(results: &Results) -> String {
    let mut page = String::new();
    introduce(results, &mut page);
    figures(results, &mut page);
    tool(results, &mut page);
    failures(results, &mut page);
    commands(results, &mut page);
    page
}

fn introduce(results: &Results, page: &mut String) {
    let machine = &results.machine;
    let brokers = places(results, |part| matches!(part, Part::Own | Part::Peer));
    let names: Vec<&str> = brokers.map(|place| results.brokers[place].product.as_str()).collect();
    let _ = writeln!(
        page,
        "{}: {} cores ({}), {} GiB, Linux {}, data on {}; load before: {}. {}.\n",
        machine.date,
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        machine.filesystem,
        machine.load_before,
        names.join(", "),
    );
    let _ = writeln!(
        page,
        "Medians of {} runs of {} s (range in brackets), brokers in turn. CPU: user and system seconds of the broker per \
         million messages, published or delivered, whichever are more.\n",
        results.runs, results.seconds,
    );
}

fn figures(results: &Results, page: &mut String) {
    let others: Vec<usize> = places(results, |part| matches!(part, Part::Own | Part::Peer))
        .filter(|&place| place > 0)
        .collect();
    let relay = places(results, |part| part == Part::Relay).next();
    let Some(subject) = results.brokers.first() else { return };
    let mut head = vec!["workload", "figure", "target", &subject.name, ""];
    for &other in &others {
        head.extend([results.brokers[other].name.as_str(), "better by"]);
    }
    head.extend(relay.map(|_| "bare relay"));
    line(page, &head);
    line(page, &vec!["---"; head.len()]);
    for measured in &results.rows {
        let mut title = measured.title.as_str();
        for figure in measured.figures() {
            let mut cells = vec![title.to_owned(), figure.name.to_owned()];
            cells.extend(subject_cells(measured, figure, others.first().copied()));
            for &other in &others {
                cells.push(told(figure.unit, measured.spread(figure, other)));
                cells.push(better_by(measured, figure, other));
            }
            if let Some(relay) = relay {
                // Its rates are those of a core that does nothing else, which is nothing to compare with.
                let cost = measured.spread(figure, relay).filter(|_| figure.unit.is_cost());
                cells.push(cost.map_or_else(String::new, |cost| figure.unit.show(cost.median)));
            }
            line(page, &cells);
            title = "";
        }
    }
}

/// The target, what was measured, and whether that reaches it.
fn subject_cells(measured: &Measured, figure: &Figure, first_peer: Option<usize>) -> [String; 3] {
    let spread = measured.spread(figure, 0);
    let peer = first_peer.and_then(|peer| measured.spread(figure, peer)).map(|it| it.median);
    let verdict = match (figure.target, spread) {
        (Some(target), Some(spread)) => match target.is_reached(spread.median, peer) {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "",
        },
        _ => "",
    };
    let target = figure.target.map_or_else(String::new, |target| target.show(figure.unit));
    [target, told(figure.unit, spread), verdict.to_owned()]
}

/// `0.18 (0.17–0.19)`.
fn told(unit: Unit, spread: Option<Spread>) -> String {
    match spread {
        None => NOTHING.to_owned(),
        Some(Spread { median, runs: 1, .. }) => unit.show(median),
        Some(Spread { median, least, most, .. }) => {
            let bare = |value: f64| {
                let shown = unit.show(value);
                shown.trim_end_matches(|sign: char| !sign.is_ascii_digit()).to_owned()
            };
            format!("{} ({}–{})", unit.show(median), bare(least), bare(most))
        }
    }
}

/// How many times the subject is better, run by run.
fn better_by(measured: &Measured, figure: &Figure, other: usize) -> String {
    if figure.unit == Unit::Percent {
        return String::new();
    }
    let ratio = match figure.unit.is_cost() {
        true => measured.ratio(figure, other, 0),
        false => measured.ratio(figure, 0, other),
    };
    ratio.map_or_else(String::new, |ratio| format!("{} ×", significant(ratio.median)))
}

/// What the load tool can do with a broker that does nothing, and how busy it was with the subject.
fn tool(results: &Results, page: &mut String) {
    let Some(nothing) = places(results, |part| part == Part::Nothing).next() else { return };
    let Some(subject) = results.brokers.first() else { return };
    page.push_str(
        "\nThe load tool alone, with a broker that does nothing, and its busiest thread in the runs above, as a part of a \
         core. Where that is more than 80 %, the tool bounds the rate, though not the cost.\n\n",
    );
    let with_subject = format!("with {}", subject.name);
    line(page, &["workload", "step", "tool alone", &with_subject, "busiest thread", ""]);
    line(page, &["---"; 6]);
    for measured in &results.rows {
        let Some(row) = measured.row().filter(|row| row.size_for_tool().is_some()) else {
            continue;
        };
        for step in 0..row.steps.len() {
            let most = |broker: usize| {
                let rate = |field| measured.field(broker, step, field);
                match (rate("published_per_s"), rate("consumed_per_s")) {
                    (Some(a), Some(b)) => Some(if a.median > b.median { a } else { b }),
                    (a, b) => a.or(b),
                }
            };
            let busiest = measured.field(0, step, "tool_busiest_thread");
            let is_bound = busiest.is_some_and(|it| it.median > BUSY);
            line(
                page,
                &[
                    measured.title.clone(),
                    (step + 1).to_string(),
                    told(Unit::PerS, most(nothing)),
                    told(Unit::PerS, most(0)),
                    told(Unit::Percent, busiest),
                    if is_bound { "**tool**" } else { "" }.to_owned(),
                ],
            );
        }
    }
}

/// The places of brokers that play a part.
fn places(results: &Results, is_meant: impl Fn(Part) -> bool) -> impl Iterator<Item = usize> {
    let brokers = results.brokers.iter().enumerate();
    brokers.filter(move |(_, broker)| is_meant(broker.part)).map(|(place, _)| place)
}

fn failures(results: &Results, page: &mut String) {
    let mut is_first = true;
    for measured in &results.rows {
        for (place, broker) in results.brokers.iter().enumerate() {
            for failure in measured.failures(place) {
                if std::mem::take(&mut is_first) {
                    page.push_str("\nWhat failed:\n\n");
                }
                let failure = failure.replace('\n', " ");
                let _ = writeln!(page, "- {}, {}: {failure}", measured.name, broker.name);
            }
        }
    }
}

fn commands(results: &Results, page: &mut String) {
    page.push_str(
        "\nThe commands, with `P` for `leveret perf --json --uri URI --pid PID`:\n\n```\n",
    );
    for measured in &results.rows {
        let first = measured.runs.iter().find(|run| run.failure.is_none());
        for step in first.map(|run| run.steps.as_slice()).unwrap_or_default() {
            let prefix = if step.command.starts_with('(') { "" } else { "P " };
            let _ = writeln!(page, "{prefix}{}", step.command);
        }
    }
    page.push_str("```\n");
}

fn line<S: AsRef<str>>(page: &mut String, cells: &[S]) {
    page.push('|');
    for cell in cells {
        let _ = write!(page, " {} |", cell.as_ref());
    }
    page.push('\n');
}
