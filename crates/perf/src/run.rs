//! A run from the options to the exit code.

use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::client::{Client, Consumer, Login, Publisher, Topology};
use crate::course::{Course, End, Goal, Measured};
use crate::failure::Failure;
use crate::latency::Latency;
use crate::ledger::{Ledger, Tally};
use crate::options::Options;
use crate::progress::Unit;
use crate::reactor::Drive;
use crate::report::{Report, grouped};
use crate::uri::Uri;
use crate::window::Watch;
use crate::worker::{Signals, part, prepare, work};

/// The load broke, or messages are missing.
pub(crate) const EXIT_BROKEN: u8 = 1;
/// There was no load at all: the options, the broker's address or its state do not allow it.
pub(crate) const EXIT_REFUSED: u8 = 2;
/// What a shell makes of SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// Why there is no report, and the exit code that says so.
pub(crate) struct Stop {
    pub(crate) failure: Failure,
    pub(crate) code: u8,
}

/// Puts load on a broker as the options say, and prints what it showed.
pub(crate) fn run(options: &Options) -> ExitCode {
    match load(options) {
        Ok((report, end)) => {
            let text = if options.is_json() { report.to_json() + "\n" } else { report.to_string() };
            let printed = print(&text);
            match end {
                End::Missing(messages) => {
                    complain(&format!("{} messages were not consumed in time", grouped(messages)));
                }
                End::Unconfirmed(messages) => {
                    complain(&format!("{} messages were not confirmed in time", grouped(messages)));
                }
                End::Complete | End::Interrupted => {}
            }
            match end {
                End::Complete | End::Interrupted => printed,
                End::Missing(_) | End::Unconfirmed(_) => ExitCode::from(EXIT_BROKEN),
            }
        }
        Err(Stop { failure, code }) => {
            complain(&failure.to_string());
            ExitCode::from(code)
        }
    }
}

/// Prints figures on standard output; the exit code tells whether somebody can have read them.
pub(crate) fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_BROKEN),
    }
}

/// Tells people what is wrong.
pub(crate) fn complain(text: &str) {
    // There is nowhere else to complain when standard error is closed.
    let _ = writeln!(io::stderr().lock(), "perf: {text}");
}

fn load(options: &Options) -> Result<(Report, End), Stop> {
    let refused = |failure| Stop { failure, code: EXIT_REFUSED };
    let usage = |text| refused(Failure::Usage(text));
    options.check().map_err(usage)?;
    let mut watch = Watch::new(options.pid()).map_err(usage)?;
    let interrupted = listen_for_interrupts()
        .map_err(|fault| refused(Failure::System { during: "listening for signals", fault }))?;

    let tally = Tally::default();
    let topology = || Topology::new(Login::from_uri(options.uri()), options.layout());
    let (address, mut topology) = reach(options.uri(), topology, &tally).map_err(refused)?;
    prepare(&mut topology).map_err(refused)?;
    let backlog = tell_what_was_found(topology.client(0), options.deletes_found_queues());

    let outcome = bear(options, address, backlog, &interrupted, &mut watch);
    if !options.keeps_queues() {
        let delete = match options.deletes_found_queues() {
            true => Topology::delete_all,
            false => Topology::delete_ours,
        };
        let deleted = topology.for_each(delete).and_then(|()| prepare(&mut topology));
        if let (Err(failure), Ok(_)) = (deleted, &outcome) {
            complain(&format!("queues may be left behind: {failure}"));
        }
    }
    part(&mut topology);
    outcome
}

/// The first signal ends the load, the second one the program.
pub(crate) fn listen_for_interrupts() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, EXIT_INTERRUPTED, Arc::clone(&interrupted))?;
        flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}

/// Deletes queues of a broker, whether they exist or not.
///
/// # Errors
/// The broker cannot be reached, or does not delete them.
pub(crate) fn delete_queues(uri: &Uri, names: Vec<String>) -> Result<(), Failure> {
    let tally = Tally::default();
    let topology = || Topology::sweeping(Login::from_uri(uri), names.clone());
    let (_, mut topology) = reach(uri, topology, &tally)?;
    prepare(&mut topology)?;
    part(&mut topology);
    Ok(())
}

/// Connects a client to the first address of the host that answers.
pub(crate) fn reach<'a, C: Client>(
    uri: &Uri,
    client: impl Fn() -> C,
    tally: &'a Tally,
) -> Result<(SocketAddr, Drive<'a, C>), Failure> {
    let unreachable = |fault| Failure::Unreachable { endpoint: uri.endpoint(), fault };
    let addresses = (uri.host.as_str(), uri.port).to_socket_addrs().map_err(unreachable)?;
    let mut last = unreachable(io::Error::other("the host's name has no address"));
    for address in addresses {
        match Drive::connect(address, [client()], tally) {
            Ok(drive) => return Ok((address, drive)),
            Err(failure) => last = failure,
        }
    }
    match last {
        Failure::Unreachable { fault, .. } => Err(unreachable(fault)),
        other => Err(other),
    }
}

fn tell_what_was_found(topology: &Topology, are_deleted: bool) -> u64 {
    let (found, backlog) = (topology.found(), topology.backlog());
    if found > 0 {
        complain(&format!(
            "{found} of the queues existed before, with {} messages; they are {} afterwards",
            grouped(backlog),
            if are_deleted { "deleted" } else { "kept" }
        ));
    }
    backlog
}

/// Starts the workers, follows the load, and adds up what they measured.
fn bear(
    options: &Options,
    address: SocketAddr,
    backlog: u64,
    interrupted: &AtomicBool,
    watch: &mut Watch,
) -> Result<(Report, End), Stop> {
    let login = Login::from_uri(options.uri());
    let publishers = options.publications().into_iter();
    let publishers = publishers.map(|(what, pace)| Publisher::new(login.clone(), what, pace));
    let publishers = spread(publishers, options.threads());
    let consumers = options.subscriptions().into_iter();
    let consumers = consumers.map(|subscription| Consumer::new(login.clone(), subscription));
    let consumers = spread(consumers, options.threads());

    let signals = Signals::default();
    let workers = publishers.len() + consumers.len();
    let tallies: Vec<Tally> = std::iter::repeat_with(Tally::default).take(workers).collect();
    let (words_in, words) = mpsc::channel();
    let goal = Goal {
        extent: options.extent(),
        published: options.published_in_all(),
        is_confirmed: options.has_confirms() && !publishers.is_empty(),
        consumed: options.consumed_in_all(backlog),
    };
    let (unit, is_json) = (Unit::Messages, options.is_json());
    let mut course = Course {
        goal,
        unit,
        is_json,
        signals: &signals,
        tallies: &tallies,
        words,
        interrupted,
        watch,
    };

    let (measured, mut latency) = thread::scope(|scope| {
        let (signals, words_in) = (&signals, &words_in);
        let mut handles = Vec::new();
        let mut shown = tallies.iter();
        for clients in consumers {
            let tally = shown.next().expect("a tally for each worker");
            let words = words_in.clone();
            handles.push(scope.spawn(move || work(address, clients, signals, tally, &words)));
        }
        for clients in publishers {
            let tally = shown.next().expect("a tally for each worker");
            let words = words_in.clone();
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
    let Measured { from, until, rates, busiest_thread, end } = measured?;
    let report = Report::between(&from, &until, rates, &mut latency)
        .with_peak(watch.peak_kib())
        .with_busiest_thread(busiest_thread);
    let report = if options.has_confirms() { report.with_confirmed(&from, &until) } else { report };
    Ok((report, end))
}

/// Deals clients out to at most `threads` workers, each of which gets some.
pub(crate) fn spread<C: Client>(clients: impl Iterator<Item = C>, threads: usize) -> Vec<Vec<C>> {
    let mut workers: Vec<Vec<C>> = Vec::new();
    for (place, client) in clients.enumerate() {
        match workers.get_mut(place % threads) {
            Some(worker) => worker.push(client),
            None => workers.push(vec![client]),
        }
    }
    workers
}

pub(crate) fn merged(ledgers: impl Iterator<Item = Ledger>) -> Latency {
    let mut latency = Latency::new();
    ledgers.for_each(|ledger| latency.add(&ledger.latency));
    latency
}
