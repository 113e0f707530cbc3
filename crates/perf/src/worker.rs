//! One thread of clients, from the connection to the goodbye.
//!
//! ```text
//!   connect ─▶ until all are ready ─▶ "ready" ─▶ until the start is known ─▶ load until the end ─▶ goodbye ─▶ Ledger
//! ```

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::client::Client;
use crate::clock::now_ns;
use crate::failure::Failure;
use crate::ledger::{Ledger, Span, Tally};
use crate::reactor::Drive;

/// How soon a worker notices a signal when no socket wakes it.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);
/// How long a broker may take to answer everything that comes before the load.
const READY_LIMIT_NS: u64 = 60_000_000_000;
/// How long it may take to agree to the end; it may be busy with what it was sent.
const GOODBYE_LIMIT_NS: u64 = 2_000_000_000;

/// What the main thread tells all workers.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// When the load begins, and which part of it is measured.
    pub(crate) start: OnceLock<(u64, Span)>,
    /// The load is over, or will never begin.
    pub(crate) stop: AtomicBool,
}

/// What a worker tells the main thread.
#[derive(Debug)]
pub(crate) enum Word {
    /// Everything is in place for the load.
    Ready,
    /// It failed; there will be no load, or no more of it.
    Failed(Failure),
}

/// Does the work of one thread and tells how it goes; the ledger counts also when it failed.
pub(crate) fn work<C: Client>(
    address: SocketAddr,
    clients: Vec<C>,
    signals: &Signals,
    tally: &Tally,
    words: &Sender<Word>,
) -> Option<Ledger> {
    let say = |word| {
        // The main thread stops listening after the first failure.
        let _ = words.send(word);
    };
    let load = || {
        let mut drive = Drive::connect(address, clients, tally)?;
        prepare(&mut drive)?;
        say(Word::Ready);
        bear(&mut drive, signals)?;
        Ok(drive)
    };
    match load() {
        Ok(mut drive) => {
            part(&mut drive);
            Some(drive.ledger)
        }
        Err(failure) => {
            say(Word::Failed(failure));
            None
        }
    }
}

/// Turns until every client has what it asked for.
///
/// # Errors
/// The broker refuses something, hangs up, or leaves a question unanswered for too long.
pub(crate) fn prepare<C: Client>(drive: &mut Drive<'_, C>) -> Result<(), Failure> {
    let mut limit_ns = now_ns() + READY_LIMIT_NS;
    let mut questions = drive.questions();
    while !drive.is_ready() {
        drive.turn(PATIENCE)?;
        // Whoever answers one question after the other may take its time for ten thousand.
        if drive.questions() != questions {
            questions = drive.questions();
            limit_ns = now_ns() + READY_LIMIT_NS;
        }
        if now_ns() > limit_ns {
            let limit_s = READY_LIMIT_NS / 1_000_000_000;
            return Err(Failure::Unexpected(format!("no answer within {limit_s} s")));
        }
    }
    Ok(())
}

fn bear<C: Client>(drive: &mut Drive<'_, C>, signals: &Signals) -> Result<(), Failure> {
    let mut is_started = false;
    while !signals.stop.load(Relaxed) {
        let now_ns = now_ns();
        let mut patience = PATIENCE;
        if !is_started && let Some(&(start_ns, measured)) = signals.start.get() {
            if start_ns <= now_ns {
                is_started = true;
                drive.ledger.measure(measured);
                drive.start(now_ns)?;
            } else {
                patience = patience.min(Duration::from_nanos(start_ns - now_ns));
            }
        }
        drive.turn(patience)?;
    }
    Ok(())
}

/// Says goodbye and waits a while for the broker to agree. What fails here spoils no figure.
pub(crate) fn part<C: Client>(drive: &mut Drive<'_, C>) {
    let limit_ns = now_ns() + GOODBYE_LIMIT_NS;
    let mut outcome = drive.close();
    while outcome.is_ok() && !drive.is_over() && now_ns() < limit_ns {
        outcome = drive.turn(PATIENCE);
    }
}
