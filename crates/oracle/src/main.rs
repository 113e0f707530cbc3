//! The oracle: what a real server says to the conversations that Leveret is built to.
//!
//! ```text
//!   tests/transcripts ──▶ catalogue ──▶ applicability ──▶ inquiry: 8 threads ──▶ report
//!                                                            │ one conversation at a time,
//!                                                            ▼ each in a place of its own
//!                         RabbitMQ: a virtual host, made and removed by HTTP     Leveret: a server of its own
//!                                                            └──▶ sockets (the testkit's Venue) ◀──┘
//! ```
//!
//! The transcripts are the specification; a real RabbitMQ is the judge of whether they tell the truth. Where it goes another
//! way, the transcript says so and `tests/oracle/differences.md` says why, and a difference that has gone is told as well.
//! How conversations are read, led and compared is the testkit's business; here are only sockets, time and virtual hosts.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a shell: it owns sockets, clocks and threads, reads files and prints"
)]

mod applicability;
mod catalogue;
mod http;
mod inquiry;
mod leveret;
mod operator;
mod options;
mod report;
mod sockets;
mod virtual_host;

use std::process::ExitCode;

use clap::Parser;

use crate::options::Options;

fn main() -> ExitCode {
    match ask(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("oracle: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything went as it is written, or differs as it is written.
fn ask(options: &Options) -> Result<bool, String> {
    let entries = catalogue::read(options)?;
    let justified = catalogue::differences(options)?;
    let findings = inquiry::inquire(options, &entries)?;
    Ok(report::print(options, &entries, &findings, &justified))
}
