//! Holds the conversations, several at a time.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Circumstance, Failure, Transcript, Verdict, run_at};

use crate::applicability::obstacle;
use crate::catalogue::Entry;
use crate::leveret::Leveret;
use crate::operator::Operator;
use crate::options::Options;
use crate::sockets::{Patience, Sockets};

/// How a conversation went.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// As it is written.
    Agrees,
    /// Another way.
    Differs(Failure),
    /// It was not held, for this reason.
    NotApplicable(String),
}

/// Holds all conversations and gives what was found, in the order of `entries`.
///
/// # Errors
/// There is no server, or no place for a conversation.
pub(crate) fn inquire(options: &Options, entries: &[Entry]) -> Result<Vec<Finding>, String> {
    // Whoever takes from the end gets what takes longest first.
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&index| waiting_ms(&entries[index].transcript));
    let open = Mutex::new(order);
    let found = Mutex::new(vec![None; entries.len()]);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let work = || -> Result<(), String> {
        loop {
            let Some(index) = open.lock().map_err(|_| "a thread has failed")?.pop() else {
                return Ok(());
            };
            if Instant::now() > end {
                return Err(format!("it takes longer than {} s", options.seconds));
            }
            let finding = hold(options, &entries[index].transcript)?;
            found.lock().map_err(|_| "a thread has failed")?[index] = Some(finding);
        }
    };
    let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..options.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let end = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err("a thread has failed".to_owned()))
        };
        threads.into_iter().map(end).collect()
    });
    outcomes.into_iter().collect::<Result<Vec<()>, String>>()?;
    let found = found.into_inner().map_err(|_| "a thread has failed")?;
    Ok(found.into_iter().flatten().collect())
}

/// How long a conversation has to wait, in milliseconds.
fn waiting_ms(transcript: &Transcript) -> u64 {
    let wait_ms = |circumstance: &Circumstance| match circumstance {
        Circumstance::Pass { ms } => *ms,
        _ => 0,
    };
    transcript.circumstances().map(wait_ms).sum()
}

fn hold(options: &Options, transcript: &Transcript) -> Result<Finding, String> {
    let is_leveret = options.leveret.is_some();
    if let Some(reason) = obstacle(transcript, is_leveret) {
        return Ok(Finding::NotApplicable(reason));
    }
    let is_known_to_differ = matches!(transcript.verdict, Verdict::Differs(_)) && !is_leveret;
    Ok(match hold_once(options, transcript, Patience::USUAL)? {
        Ok(()) => Finding::Agrees,
        Err(failure) if is_known_to_differ => Finding::Differs(failure),
        Err(_) => match hold_once(options, transcript, Patience::LONG)? {
            Ok(()) => Finding::Agrees,
            Err(failure) => Finding::Differs(failure),
        },
    })
}

/// Holds a conversation in a place of its own.
fn hold_once(
    options: &Options,
    transcript: &Transcript,
    patience: Patience,
) -> Result<Result<(), Failure>, String> {
    if let Some(program) = &options.leveret {
        let server = Leveret::start(program)?;
        return Ok(run_at(transcript, &mut Sockets::new(server.address(), None, patience)));
    }
    let operator = Operator::new(options.http)?;
    Ok(run_at(transcript, &mut Sockets::new(options.uri, Some(operator), patience)))
}
