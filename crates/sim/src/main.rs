//! The simulator as a program: `sim [--seeds N] [--first SEED]`, on all cores.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a shell: it reads arguments, starts threads and prints"
)]

use std::cell::Cell;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use sim::{Failure, SimDisk, Summary, repeat_with, run_seed};

const USAGE: &str = "usage: sim [--seeds N] [--first SEED]";

thread_local! {
    /// The seed that this thread runs, for when it panics.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((first, count)) = parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let seed = SEED.get();
        eprintln!("seed {seed} failed: the node panics\nrepeat it with: {}", repeat_with(seed));
        usual(panic);
    }));
    match run_on_all_cores(first, count) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// The first seed, and how many.
fn parse(arguments: &[String]) -> Option<(u64, u64)> {
    let (mut first, mut count) = (0, 1_000);
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        let value = value.parse().ok()?;
        match name.as_str() {
            "--seeds" => count = value,
            "--first" => first = value,
            _ => return None,
        }
    }
    Some((first, count))
}

fn run_on_all_cores(first: u64, count: u64) -> Result<Summary, Failure> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicU64::new(first);
    let end = first.saturating_add(count);
    let work = || {
        let mut sum = Summary::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return Ok(sum);
            }
            SEED.set(seed);
            match run_seed(seed, SimDisk::new()) {
                Ok(summary) => sum = sum.plus(summary),
                Err(failure) => {
                    // Nobody needs the others any more.
                    next.store(end, Ordering::Relaxed);
                    return Err(failure);
                }
            }
        }
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_fold(Summary::default(), |sum, thread| {
            let summary = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(sum.plus(summary))
        })
    })
}
