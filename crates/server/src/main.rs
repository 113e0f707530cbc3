//! The program `leveret`.
//!
//! This is the shell around the broker: the only place with sockets, files, threads, a clock and signals. It carries
//! bytes between them and the [`node`], and knows nothing of what they mean.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the shell: the operating system is its business"
)]

mod api_options;
mod arrivals;
mod baton;
mod clock;
mod config_command;
mod configuration;
mod data_dir;
mod definitions;
mod descriptors;
mod disk;
mod disk_meter;
mod disk_threads;
mod free_space;
mod fsck;
mod gauges;
mod journal;
mod listeners;
mod log;
mod log_file;
mod log_line;
mod mailbox;
mod management;
mod memory;
mod new_vhosts;
#[cfg(test)]
mod panics;
mod proxy_header;
mod reactor;
mod serve;
mod sockets;
mod steward;
mod supervisor;
mod tls;
mod verifier;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A message broker that speaks RabbitMQ
#[derive(Parser)]
#[command(name = "leveret", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Options,
}

// An operator's arguments may be passwords, so that nothing here can be shown.
#[derive(Subcommand)]
enum Command {
    /// Run the broker (what happens without a command, too)
    Serve(serve::Options),
    /// Check that everything in a data directory is as it was written
    Fsck(fsck::Options),
    /// What options there are, what they mean, and whether a file is right
    #[command(subcommand)]
    Config(config_command::Command),
    /// Put load on a broker, this one or any other that speaks AMQP 0-9-1, and measure
    Perf(Box<perf::Command>),
    /// Operate a node with rabbitmqctl's commands (`leveret ctl help`)
    #[command(disable_help_flag = true)]
    Ctl {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    if let Some(exit) = as_another_tool() {
        return exit;
    }
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Ctl { arguments }) => {
            ctl::run(ctl::Tool::Leveret, &arguments, data_dir::operated_path())
        }
        Some(Command::Perf(command)) => perf::run(&command),
        Some(Command::Fsck(options)) => fsck::run(&options),
        Some(Command::Config(command)) => config_command::run(command),
        Some(Command::Serve(options)) => serve_logged(&options),
        None => serve_logged(&arguments.serve),
    }
}

/// Linked to the name of a tool of RabbitMQ, the program is that tool.
fn as_another_tool() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = arguments.next()?;
    let name = std::path::Path::new(&program).file_name()?.to_str()?;
    let tool = ctl::Tool::of_program(name)?;
    let arguments: Vec<String> = arguments.collect();
    Some(ctl::run(tool, &arguments, data_dir::operated_path()))
}

fn serve_logged(options: &serve::Options) -> ExitCode {
    // Huge pages would round every little pool of every thread up to 2 MiB: 14 MiB of an idle broker rather than 5.
    // A kernel that cannot do without them still serves.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    serve::run(options)
}
