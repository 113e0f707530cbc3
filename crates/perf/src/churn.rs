//! Things that come and go: how many a second, how long each takes, and what it costs the broker.
//!
//! ```text
//!   Options ─▶ run ─┬─ Errand: what has to be there (a queue of each client, an exchange) is made before, removed after
//!                   ├─ workers: Drive around clients, each of which repeats one pair:
//!                   │      Repeater   two methods, one after the other: make, unmake
//!                   │      Visitor    a connection of its own: connect, log in, open a channel, close
//!                   └─ Course, Watch ─▶ Report
//! ```
//!
//! A client sends the next method when it has the answer to the last one. One client therefore shows how long a pair
//! takes, and as many clients as the broker can serve at once show how many pairs it can stand.

mod cycle;
mod errand;
mod options;
mod repeater;
mod report;
mod visitor;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

pub(crate) use options::Options;

use self::errand::Errand;
use self::options::Subject;
use self::repeater::Repeater;
use self::report::Report;
use self::visitor::Visitor;
use crate::client::{Client, Login};
use crate::course::{Course, End, Goal, Measured};
use crate::failure::Failure;
use crate::ledger::Tally;
use crate::progress::Unit;
use crate::report::grouped;
use crate::run::{
    EXIT_BROKEN, EXIT_REFUSED, Stop, complain, listen_for_interrupts, merged, print, reach, spread,
};
use crate::window::Watch;
use crate::worker::{Signals, part, prepare, work};

/// A thread of the tool that works for this part of the time leaves the broker waiting now and then.
const BUSY_SHARE: f64 = 0.9;

/// Makes and removes what the options name, and prints how fast that was.
pub(crate) fn run(options: &Options) -> ExitCode {
    match load(options) {
        Ok((report, end)) => {
            let text = if options.is_json() { report.to_json() + "\n" } else { report.to_string() };
            let printed = print(&text);
            if let End::Missing(pairs) = end {
                complain(&format!("{} pairs were not answered in time", grouped(pairs)));
                return ExitCode::from(EXIT_BROKEN);
            }
            if options.clients() > 1 && report.tool_cores > BUSY_SHARE * float(options.threads()) {
                complain(
                    "the tool was as busy as its threads allow, so that the broker can stand more: try --threads",
                );
            }
            printed
        }
        Err(Stop { failure, code }) => {
            complain(&failure.to_string());
            ExitCode::from(code)
        }
    }
}

fn load(options: &Options) -> Result<(Report, End), Stop> {
    let refused = |failure| Stop { failure, code: EXIT_REFUSED };
    let mut watch = Watch::new(options.pid()).map_err(|text| refused(Failure::Usage(text)))?;
    let interrupted = listen_for_interrupts()
        .map_err(|fault| refused(Failure::System { during: "listening for signals", fault }))?;
    let login = Login::from_uri(options.uri());
    let plan = options.plan();

    let tally = Tally::default();
    let errand = || Errand::new(login.clone());
    let (address, mut errands) = reach(options.uri(), errand, &tally).map_err(refused)?;
    prepare(&mut errands)
        .and_then(|()| errands.for_each(|errand| errand.ask_all(&plan.before)))
        .and_then(|()| prepare(&mut errands))
        .map_err(refused)?;
    let outcome = match options.subject() {
        Subject::Connection => {
            let visitors = options.shares().map(|pairs| Visitor::new(login.clone(), pairs));
            bear(options, address, visitors, &interrupted, &mut watch)
        }
        _ => {
            let cycles = plan.cycles.into_iter().zip(options.shares());
            let repeaters = cycles.map(|(cycle, pairs)| Repeater::new(login.clone(), cycle, pairs));
            bear(options, address, repeaters, &interrupted, &mut watch)
        }
    };
    let removed =
        errands.for_each(|errand| errand.ask_all(&plan.after)).and_then(|()| prepare(&mut errands));
    if let (Err(failure), Ok(_)) = (removed, &outcome) {
        complain(&format!("queues may be left behind: {failure}"));
    }
    part(&mut errands);
    outcome
}

/// Starts the workers, follows them, and adds up what they measured.
fn bear<C: Client + Send>(
    options: &Options,
    address: SocketAddr,
    clients: impl Iterator<Item = C>,
    interrupted: &AtomicBool,
    watch: &mut Watch,
) -> Result<(Report, End), Stop> {
    let workers = spread(clients, options.threads());
    let signals = Signals::default();
    let tallies: Vec<Tally> = workers.iter().map(|_| Tally::default()).collect();
    let (words_in, words) = mpsc::channel();
    let goal = Goal {
        extent: options.extent(),
        published: options.count().map(|_| 0),
        is_confirmed: false,
        consumed: options.count(),
    };
    let mut course = Course {
        goal,
        unit: Unit::Pairs,
        is_json: options.is_json(),
        signals: &signals,
        tallies: &tallies,
        words,
        interrupted,
        watch,
    };
    let (measured, latency) = thread::scope(|scope| {
        let mut handles = Vec::new();
        for (clients, tally) in workers.into_iter().zip(&tallies) {
            let (signals, words) = (&signals, words_in.clone());
            handles.push(scope.spawn(move || work(address, clients, signals, tally, &words)));
        }
        let measured = course
            .prepare()
            .map_err(|failure| Stop { failure, code: EXIT_REFUSED })
            .and_then(|()| course.follow().map_err(|failure| Stop { failure, code: EXIT_BROKEN }));
        signals.stop.store(true, Relaxed);
        let ledgers = handles.into_iter().filter_map(|handle| handle.join().ok().flatten());
        (measured, merged(ledgers))
    });
    let Measured { from, until, rates, end, .. } = measured?;
    let report = Report::between(options, &from, &until, rates, latency);
    Ok((report.with_memory(watch.peak_kib(), watch.resident_kib()), end))
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 threads")]
fn float(threads: usize) -> f64 {
    threads as f64
}
