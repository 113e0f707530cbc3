//! The command line of an operator: what `rabbitmqctl`, `rabbitmq-diagnostics`, `rabbitmq-queues`, `rabbitmq-plugins`
//! and their sisters do with a RabbitMQ node, done with a Leveret node (or any server of RabbitMQ's HTTP API).
//!
//! ```text
//!   arguments ── parse ──> Invocation ── command.runs ──> Output or Failure ── print ──> stdout, stderr, exit code
//!                                            │
//!                                         server ──> HTTP over the node's local socket, or over TCP
//! ```
//!
//! Each command is defined once, as a value ([`command::Command`]): its name, usage, options, columns and what it
//! does. Usage texts, `help`, `autocomplete`, the completion of shells and `docs/command-line.md` are made from these values.
//!
//! This crate knows nothing of the broker: everything that it learns or changes goes through the HTTP API. What it
//! prints is RabbitMQ's where scripts read it, its exit codes too; longer prose is its own. A password is never printed.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a shell: it reads arguments, the environment and files, opens a socket and prints"
)]

mod call;
mod command;
mod commands;
mod completion;
mod failure;
mod follow;
mod format;
mod help;
mod http;
mod invocation;
mod output;
mod page;
mod server;
mod terms;
mod tls;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use call::Call;
use failure::Failure;
use invocation::{Invocation, Parsed};
use server::Server;

pub use command::Tool;
pub use page::page;

/// Runs one command and tells how it went, as the exit code says in `sysexits.h`: 0 when it went well, 64 for wrong
/// usage, 65 for names that are not there, 69 when the server cannot be reached or refuses.
///
/// `arguments` are those after the program's name. `data_dir` is where the node keeps its data if nobody says
/// otherwise; its local socket lies there.
#[must_use]
pub fn run(tool: Tool, arguments: &[String], data_dir: Option<PathBuf>) -> ExitCode {
    match invocation::parse(tool, arguments) {
        Ok(Parsed::Command(invocation)) => execute(&invocation, data_dir),
        Ok(Parsed::Text(text)) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(failure) => fail(&failure, tool, None),
    }
}

fn execute(invocation: &Invocation, data_dir: Option<PathBuf>) -> ExitCode {
    let server = match Server::find(invocation, data_dir) {
        Ok(server) => server,
        Err(failure) => return fail(&failure, invocation.tool, Some(invocation)),
    };
    let call = Call::new(invocation, &server);
    if let Err(failure) = (invocation.command.checks)(&call) {
        return fail(&failure, invocation.tool, Some(invocation));
    }
    if invocation.is_chatty()
        && let Some(says) = invocation.command.says
    {
        print(&format!("{}\n", says(&call)));
    }
    let text = (invocation.command.runs)(&call).and_then(|output| output.render(invocation));
    match text {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(failure) => fail(&failure, invocation.tool, Some(invocation)),
    }
}

fn fail(failure: &Failure, tool: Tool, invocation: Option<&Invocation>) -> ExitCode {
    let _ = std::io::stderr().write_all(failure.render(tool, invocation).as_bytes());
    ExitCode::from(failure.code())
}

/// Prints a line of what goes on. Returns whether somebody is still there to read it.
fn print_line(line: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}

/// A reader that has gone away, as `head` does, is no failure of a list.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
