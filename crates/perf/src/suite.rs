//! `leveret perf suite`: every workload of the performance page, against Leveret and its peers in turn.
//!
//! ```text
//!   for each row:  for each round:  for each broker:   stage ─▶ warm up ─▶ step ─▶ step ─▶ … ─▶ Run
//!                                                      (a new one on an empty directory, or the peer)
//!   Results ─┬─▶ results.json   every run
//!            ├─▶ table.md       medians, ranges, targets, ratios, commands
//!            └─▶ *.svg          plots of the same
//! ```
//!
//! A step is a run of the load tool as a process of its own, with the words that the table shows: nothing is measured
//! here that a reader cannot measure alone. This is the one part of the crate that knows how Leveret is started.

mod broker;
mod chart;
mod child;
mod figure;
mod greeting;
mod machine;
mod page;
mod plots;
mod results;
mod rows;
mod scene;
mod statistics;
mod svg;
mod table;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use clap::{Args, value_parser};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::options::parse_seconds;
use crate::run::{EXIT_BROKEN, EXIT_REFUSED, complain};
use broker::{Contender, Own, Peer};
use machine::Machine;
use results::{Broker, Measured, Results};
use rows::{ROWS, Row};
use scene::{Scene, Tool};

/// What a row takes with `--quick`, in seconds and runs.
const QUICK: (f64, usize) = (1.0, 2);

/// Measures every workload of the performance page, against brokers in turn, and writes the page.
///
/// Without options it starts this program's own broker, a new one on an empty directory for each run. The exit code is
/// 0 when every row could be measured, 1 when one could not, 2 when none could begin. Targets that are missed are no
/// failure.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where results.json, table.md and the plots go; it is made
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    out: Option<PathBuf>,

    /// A broker that runs already, and its process if its costs are to be told: NAME=URI or NAME=URI,PID
    #[arg(long = "peer", value_name = "NAME=URI[,PID]")]
    peers: Vec<Peer>,

    /// A program to start brokers from instead of this one: PATH or NAME=PATH; the first has the targets
    #[arg(long = "program", value_name = "[NAME=]PATH")]
    programs: Vec<Own>,

    /// An option for the brokers that are started
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,

    /// Where the brokers that are started keep their data [default: the system's directory for temporary files]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Runs of each row and broker [default: 5]
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=1_000))]
    runs: Option<u64>,

    /// Seconds of each load [default: 3]
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    seconds: Option<f64>,

    /// Only these rows
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    only: Vec<String>,

    /// Write the tables into this page too, between its two marks
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,

    /// A second and two runs for each row: to see that all works rather than to measure
    #[arg(long)]
    quick: bool,

    /// Measure brokers alone, and not what bounds them: a relay of bytes, and the load tool itself
    #[arg(long)]
    no_bounds: bool,

    /// Measure nothing: write tables and plots from the results.json that is there
    #[arg(long)]
    redraw: bool,

    /// Print the rows and do nothing
    #[arg(long)]
    list: bool,
}

/// Measures, writes, and tells on standard error how far it is.
pub(crate) fn run(options: &Options) -> ExitCode {
    if options.list {
        let rows: String =
            ROWS.iter().map(|row| format!("{:<14} {}\n", row.name, row.title)).collect();
        return crate::run::print(&rows);
    }
    if options.redraw {
        return match redraw(options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                complain(&why);
                ExitCode::from(EXIT_REFUSED)
            }
        };
    }
    match measure(options) {
        Ok(results) if results.has_failures() => ExitCode::from(EXIT_BROKEN),
        Ok(_) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&why);
            ExitCode::from(EXIT_REFUSED)
        }
    }
}

/// # Errors
/// Why it could not begin, or what could not be written.
fn measure(options: &Options) -> Result<Results, String> {
    let rows = chosen(&options.only)?;
    let out = options.out.as_ref().ok_or("--out names the directory for the results")?;
    std::fs::create_dir_all(out).map_err(|fault| format!("{}: {fault}", out.display()))?;
    let data = options.data.clone().unwrap_or_else(std::env::temp_dir);
    let tool = Tool::of_this_program().map_err(|fault| format!("this program: {fault}"))?;
    let contenders = contenders(options, &tool, &data)?;
    let interrupted = listen().map_err(|fault| format!("listening for signals: {fault}"))?;
    let mut results = Results {
        machine: Machine::of(&data),
        brokers: contenders
            .iter()
            .map(|it| {
                let (name, product, part) = (it.name().to_owned(), it.product()?, it.part());
                Ok(Broker { name, product, part })
            })
            .collect::<Result<Vec<Broker>, String>>()?,
        runs: options
            .runs
            .and_then(|runs| usize::try_from(runs).ok())
            .unwrap_or(if options.quick { QUICK.1 } else { 5 }),
        seconds: options.seconds.unwrap_or(if options.quick { QUICK.0 } else { 3.0 }),
        rows: Vec::new(),
    };
    let scene = Scene {
        tool: &tool,
        data: &data,
        seconds: results.seconds,
        is_quick: options.quick,
        interrupted: &interrupted,
    };
    for row in rows {
        let mut measured = Measured::new(row);
        scene.play(row, &contenders, results.runs, &mut measured);
        results.rows.push(measured);
        // After each row, so that what was measured is not lost.
        write(&results, out, options.page.as_deref())?;
        if interrupted.load(Relaxed) {
            complain("interrupted; what was measured until now is written");
            break;
        }
    }
    Ok(results)
}

/// # Errors
/// There are no results, or nothing can be written.
fn redraw(options: &Options) -> Result<(), String> {
    let out = options.out.as_ref().ok_or("--out names the directory of the results")?;
    let path = out.join("results.json");
    let text = std::fs::read(&path).map_err(|fault| format!("{}: {fault}", path.display()))?;
    let results: Results =
        serde_json::from_slice(&text).map_err(|fault| format!("{}: {fault}", path.display()))?;
    write_pages(&results, out, options.page.as_deref())
}

/// The rows that are wanted, in the order of the page.
fn chosen(only: &[String]) -> Result<Vec<&'static Row>, String> {
    if let Some(unknown) = only.iter().find(|name| ROWS.iter().all(|row| row.name != **name)) {
        let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
        return Err(format!("there is no row {unknown:?}; there are {}", names.join(", ")));
    }
    let is_wanted = |row: &&Row| only.is_empty() || only.iter().any(|name| name == row.name);
    Ok(ROWS.iter().filter(is_wanted).collect())
}

/// Who takes part: the first is the one whose targets are told.
fn contenders(options: &Options, tool: &Tool, data: &Path) -> Result<Vec<Contender>, String> {
    let mut programs = options.programs.clone();
    if programs.is_empty() {
        let path = tool.broker().ok_or("this program has no broker; --program names one")?;
        programs.push(Own { name: "Leveret".to_owned(), path });
    }
    let owns = programs.into_iter().map(|own| Contender::Own {
        own,
        dir: data.to_owned(),
        settings: options.settings.clone(),
    });
    let bounds = [Contender::Nothing, Contender::Relay].into_iter().filter(|_| !options.no_bounds);
    let contenders: Vec<Contender> =
        owns.chain(options.peers.iter().cloned().map(Contender::Peer)).chain(bounds).collect();
    for (place, contender) in contenders.iter().enumerate() {
        if contenders[..place].iter().any(|other| other.name() == contender.name()) {
            return Err(format!("two brokers are called {}", contender.name()));
        }
    }
    Ok(contenders)
}

/// A signal ends the suite as soon as what it has begun is cleared away; there is no second one that would leave
/// brokers and directories behind.
fn listen() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}

/// # Errors
/// What cannot be written, and why.
fn write(results: &Results, out: &Path, page: Option<&Path>) -> Result<(), String> {
    let path = out.join("results.json");
    let mut text = serde_json::to_string_pretty(results).map_err(|error| error.to_string())?;
    text.push('\n');
    write_file(&path, &text)?;
    write_pages(results, out, page)
}

/// # Errors
/// What cannot be written, and why.
fn write_pages(results: &Results, out: &Path, page: Option<&Path>) -> Result<(), String> {
    let plots = plots::all(results);
    for (name, svg) in &plots {
        write_file(&out.join(name), svg)?;
    }
    let mut tables = table::page(results);
    write_file(&out.join("table.md"), &tables)?;
    if let Some(path) = page {
        // A page shows the plots when they lie beside it, or below.
        let beside = path.parent().and_then(|folder| out.strip_prefix(folder).ok());
        for (name, _) in beside.map(|_| plots.iter()).into_iter().flatten() {
            let plot = beside.unwrap_or(out).join(name);
            tables.push_str(&format!(
                "\n![{}]({})\n",
                name.trim_end_matches(".svg"),
                plot.display()
            ));
        }
        let at_page = |why: String| format!("{}: {why}", path.display());
        let text = std::fs::read_to_string(path).map_err(|fault| at_page(fault.to_string()))?;
        write_file(path, &page::with_tables(&text, &tables).map_err(at_page)?)?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|fault| format!("{}: {fault}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_chosen_by_name_and_come_in_the_order_of_the_page() {
        let chosen = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            chosen(&names).map(|rows| rows.iter().map(|row| row.name).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&["kib", "small"]), Ok(vec!["small", "kib"]));
        assert_eq!(chosen(&[]).map(|rows| rows.len()), Ok(ROWS.len()));
        assert!(chosen(&["smal"]).is_err_and(|why| why.contains("small")));
    }
}
