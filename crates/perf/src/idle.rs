//! Things that do nothing: how much memory of the broker each of them takes.
//!
//! ```text
//!   look at the broker's memory ─▶ make all ─▶ settle ─▶ look again ─▶ Report ─▶ remove all
//!                                     │
//!                                     ├─ connections with their channels, some logging in at the same time
//!                                     └─ queues, declared over some connections without waiting for answers
//! ```
//!
//! All sockets block: whatever is slow here is the broker, and nothing of it is in the figures of memory.

mod guest;
mod options;
mod report;

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use wire_amqp091::Table;
use wire_amqp091::method::queue;

pub(crate) use options::Options;

use self::guest::{Guest, Place};
use self::options::Subject;
use self::report::{Report, Sight};
use crate::client::Login;
use crate::clock::{now_ns, seconds};
use crate::failure::Failure;
use crate::process::Process;
use crate::run::{EXIT_BROKEN, EXIT_REFUSED, Stop, complain, listen_for_interrupts, print};

/// Connections that log in at the same time, and over which queues are declared.
const AT_ONCE: usize = 64;
/// Declarations or deletions that are written at once.
const METHODS_PER_WRITE: usize = 256;
/// How often an interrupt is looked for while everything settles.
const LOOK: Duration = Duration::from_millis(50);

/// Makes what the options name, tells what it costs the broker, and removes it again.
pub(crate) fn run(options: &Options) -> ExitCode {
    match measure(options) {
        Ok(report) => {
            print(&if options.is_json() { report.to_json() + "\n" } else { report.to_string() })
        }
        Err(Stop { failure, code }) => {
            complain(&failure.to_string());
            ExitCode::from(code)
        }
    }
}

fn measure(options: &Options) -> Result<Report, Stop> {
    let refused = |failure| Stop { failure, code: EXIT_REFUSED };
    let broken = |failure| Stop { failure, code: EXIT_BROKEN };
    let broker = options.pid().map(Process::with_pid);
    if broker.as_ref().is_some_and(|broker| broker.memory().is_none()) {
        return Err(refused(Failure::Usage("--pid names no running process".to_owned())));
    }
    let interrupted = listen_for_interrupts()
        .map_err(|fault| refused(Failure::System { during: "listening for signals", fault }))?;
    let place = Place::find(options.uri(), options.connections()).map_err(refused)?;
    let login = Login::from_uri(options.uri());
    // One that comes and goes has the broker set up what it only needs once.
    Guest::enter(&place, 0, &login, 1).and_then(Guest::leave).map_err(refused)?;
    settle(options, &interrupted);

    let before = Sight::of(broker.as_ref());
    let start_ns = now_ns();
    let guests = match options.subject() {
        Subject::Connections(count) => enter_all(options, &place, &login, count),
        Subject::Queues(_) => each_queue(options, &place, &login, declare).map(|()| Vec::new()),
    };
    let guests = guests.map_err(broken)?;
    let made = Sight::of(broker.as_ref());
    let took_s = seconds(now_ns() - start_ns);
    settle(options, &interrupted);
    let after = Sight::of(broker.as_ref());
    let report = Report::new(options, took_s, before, made, after);

    let removed = match options.subject() {
        Subject::Connections(_) => guests.into_iter().try_for_each(Guest::leave),
        Subject::Queues(_) if options.keeps() => Ok(()),
        Subject::Queues(_) => each_queue(options, &place, &login, delete),
    };
    if let Err(failure) = removed {
        complain(&format!("not everything could be removed: {failure}"));
    }
    Ok(report)
}

/// Gives the broker time to return what it does not need any more.
fn settle(options: &Options, interrupted: &AtomicBool) {
    let until_ns = now_ns() + crate::clock::nanos(options.settle());
    while now_ns() < until_ns && !interrupted.load(Relaxed) {
        thread::sleep(LOOK);
    }
}

/// Opens all connections, some at a time.
fn enter_all(
    options: &Options,
    place: &Place,
    login: &Login,
    count: usize,
) -> Result<Vec<Guest>, Failure> {
    let mut guests = Vec::with_capacity(count);
    while guests.len() < count {
        let first = guests.len();
        let mut coming = (first..count.min(first + AT_ONCE))
            .map(|index| Guest::connect(place, index, login, options.channels()))
            .collect::<Result<Vec<_>, _>>()?;
        while !coming.iter().all(Guest::is_ready) {
            coming.iter_mut().try_for_each(Guest::step)?;
        }
        guests.append(&mut coming);
    }
    Ok(guests)
}

/// Does something to each queue, over several connections.
fn each_queue(
    options: &Options,
    place: &Place,
    login: &Login,
    act: fn(&Options, &str, &mut Guest),
) -> Result<(), Failure> {
    let Subject::Queues(count) = options.subject() else { return Ok(()) };
    let at_once = AT_ONCE.min(count);
    let work = |worker: usize| {
        let mut guest = Guest::enter(place, worker, login, 1)?;
        let mine: Vec<usize> = (worker..count).step_by(at_once).collect();
        for numbers in mine.chunks(METHODS_PER_WRITE) {
            numbers
                .iter()
                .for_each(|&number| act(options, &options.queue_name(number), &mut guest));
            guest.write()?;
        }
        // What is answered after all of them says that they are done.
        guest.ask_about_queue(&options.queue_name(*mine.last().unwrap_or(&0)));
        while !guest.is_ready() {
            guest.step()?;
        }
        guest.leave()
    };
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..at_once).map(|worker| scope.spawn(move || work(worker))).collect();
        let ends = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        // All are waited for, whatever the first one says.
        ends.collect::<Vec<_>>().into_iter().collect()
    })
}

fn declare(options: &Options, name: &str, guest: &mut Guest) {
    guest.say(&queue::Declare {
        ticket: 0,
        queue: name,
        passive: false,
        durable: options.is_durable(),
        exclusive: false,
        auto_delete: false,
        no_wait: true,
        arguments: Table::new(),
    });
}

fn delete(_: &Options, name: &str, guest: &mut Guest) {
    guest.say(&queue::Delete {
        ticket: 0,
        queue: name,
        if_unused: false,
        if_empty: false,
        no_wait: true,
    });
}
