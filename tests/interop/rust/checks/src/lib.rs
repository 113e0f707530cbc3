//! How a Rust program tells `tests/interop/clients.py` what it found; the lines are described there.

use std::env;
use std::error::Error;
use std::future::Future;
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::time::Duration;

/// What a check ends with: nothing, or what went wrong.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// How long a check may take.
const CHECK_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a check waits for one thing.
pub const WAIT_TIME_MAX: Duration = Duration::from_secs(20);
/// How long a check listens for what must not come.
pub const SILENCE: Duration = Duration::from_millis(200);

/// Runs checks one by one, and knows how many have failed.
#[derive(Debug)]
pub struct Report {
    without: Vec<String>,
    failed: usize,
}

impl Report {
    /// A report that leaves out the topics named in the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let without = env::var("INTEROP_WITHOUT").unwrap_or_default();
        Self { without: without.split(',').map(str::to_owned).collect(), failed: 0 }
    }

    /// Runs a check as a task of its own, so that others still run when it panics.
    pub async fn check(
        &mut self,
        topic: &str,
        sentence: &str,
        check: impl Future<Output = Outcome> + Send + 'static,
    ) {
        if self.without.iter().any(|name| name == topic) {
            println!("-- {topic} {sentence}: not asked for");
            return;
        }
        let task = tokio::spawn(tokio::time::timeout(CHECK_TIME_MAX, check));
        let fault = match task.await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(fault))) => Some(fault.to_string()),
            Ok(Err(late)) => Some(late.to_string()),
            Err(panicked) => Some(panicked.to_string()),
        };
        match fault {
            None => println!("ok {topic} {sentence}"),
            Some(fault) => {
                self.failed += 1;
                println!("FAILED {topic} {sentence}\n    {fault}");
            }
        }
    }

    /// What the program exits with.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The broker's address from the command line.
///
/// # Errors
/// There is none.
pub fn uri() -> Result<String, &'static str> {
    env::args().nth(1).ok_or("the program wants the address of a broker")
}

/// Returns when the broker was killed and is there again.
///
/// # Errors
/// The driver is gone.
pub async fn restart() -> Outcome {
    println!("? restart");
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    if answer.await??.trim_end() == "done" { Ok(()) } else { Err("the driver is gone".into()) }
}

/// Fails, with both in its words, if what was found is not what was expected.
///
/// # Errors
/// They differ.
pub fn equal<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(format!("expected {expected:?}\n    found    {found:?}").into())
}
