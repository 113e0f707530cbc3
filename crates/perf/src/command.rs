//! What `leveret perf` can be asked to do: the load of the options, or one of the tasks that have a name.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::churn;
use crate::fdatasync;
use crate::idle;
use crate::options::Options;
use crate::{null_broker, relay, suite};

/// Puts load on a broker, or does one of the named tasks.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Command {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    options: Options,
}

/// What is measured with steps of its own.
#[derive(Debug, Subcommand)]
enum Task {
    /// How often a second this machine makes a small write durable: the bound of one confirm at a time
    Fdatasync(fdatasync::Options),
    /// What passing bytes on costs, and nothing else: the bound of every broker
    Relay(relay::Options),
    /// A broker that does nothing: what the load tool could do if a broker cost nothing
    NullBroker(null_broker::Options),
    /// Make and remove connections, channels, queues, bindings or consumers, again and again
    Churn(churn::Options),
    /// Open connections or declare queues that do nothing, and tell how much memory each takes
    Idle(idle::Options),
    /// Every workload of the performance page, against this broker and others in turn; writes tables and plots
    Suite(Box<suite::Options>),
}

/// Does what the command line says, and prints what it showed: a table, or with `--json` one line, on standard output;
/// progress and failures on standard error.
///
/// The exit code is 0 when all went as it was meant to (or was ended by SIGINT or SIGTERM), 1 when it broke in the
/// middle or messages went missing, and 2 when it could not begin.
pub fn run(command: &Command) -> ExitCode {
    match &command.task {
        None => crate::run::run(&command.options),
        Some(Task::Fdatasync(options)) => fdatasync::run(options),
        Some(Task::Relay(options)) => relay::run(options),
        Some(Task::NullBroker(options)) => null_broker::run(options),
        Some(Task::Churn(options)) => churn::run(options),
        Some(Task::Idle(options)) => idle::run(options),
        Some(Task::Suite(options)) => suite::run(options),
    }
}
