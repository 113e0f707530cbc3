//! The load tool as a program of its own: `cargo run --release -p perf --example perf -- --help`.

use std::process::ExitCode;

use clap::Parser;

/// Puts load on an AMQP 0-9-1 broker and measures it.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    command: perf::Command,
}

fn main() -> ExitCode {
    perf::run(&Arguments::parse().command)
}
