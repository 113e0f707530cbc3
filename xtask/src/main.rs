//! Automation of this repository, as `cargo xtask COMMAND`:
//!
//! - `tidy` holds the rules of the house that no compiler knows: layers, lengths, links, words;
//! - `sim` runs the simulator;
//! - `dist` packs what is handed to those who do not build it themselves;
//! - `oracle` holds the transcripts' conversations with a real server;
//! - `openapi` writes the document that describes the HTTP API;
//! - `docs` writes the page that describes the options;
//! - `instructions` counts what messages cost and compares it with what they cost before;
//! - `ci` runs every step that a change has to pass, in order, and stops at the first that fails.
//!
//! It knows nothing of brokers: a rule about behaviour belongs in a test, not here.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a shell: it reads files and the environment, starts processes and prints"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

mod beside;
mod ci;
mod dist;
mod fuzz;
mod instructions;
mod step;
mod tidy;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy                            check layers, lengths, links and words
  sim [ARGUMENT]...               run the simulator in release mode, for example: sim --seeds 1000
  oracle [ARGUMENT]...            hold the transcripts' conversations with a real RabbitMQ, see tests/oracle
  openapi                         write docs/openapi.json, which tells the routes of the HTTP API
  dist PART...                    make packages and the container image; `dist` alone tells more
  docs                            write docs/configuration.md, which tells the options
  instructions [--write]          count what messages cost, and compare it with tests/instructions.txt
  ci [--skip STEP]... [STEP]...   run all steps of continuous integration, or those named
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = root();
    let outcome = match arguments.split_first() {
        Some((&"tidy", [])) => tidy::run(&root),
        Some((&"sim", rest)) => step::cargo_sim(&root, rest),
        Some((&"dist", rest)) => dist::run(&root, rest),
        Some((&"oracle", rest)) => step::cargo_oracle(&root, rest),
        Some((&"openapi", [])) => step::openapi(&root),
        Some((&"docs", [])) => step::docs(&root),
        Some((&"instructions", rest)) => instructions::run(&root, rest),
        Some((&"ci", rest)) => ci::run(&root, rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{}", reason.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// The top of the checkout, which is the parent of this package's folder.
fn root() -> PathBuf {
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("xtask"), PathBuf::from);
    manifest.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
