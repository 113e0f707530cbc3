//! The simulator as a program, on all cores: whole nodes in made worlds, or stores at every point of a crash.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is a shell: it reads arguments and the clock, starts threads and prints"
)]

use std::process::ExitCode;

use sim::crashes::{Figures, Sequences, exhaust, explore};
use sim::damage::{Toll, injure};
use sim::{Failure, SimDisk, Summary, run_seed};

mod dealer;
mod options;

use dealer::{Dealer, on_all_cores};
use options::{Mode, Options, USAGE};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match run(&options) {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<String, Failure> {
    let dealer = Dealer::new(options);
    match options.mode {
        Mode::Worlds => {
            let world = |seed| run_seed(seed, SimDisk::new());
            let summary = on_all_cores(&dealer, world, Summary::plus, |_| 1)?;
            Ok(summary.to_string())
        }
        Mode::Crashes => {
            let workload = |seed| Ok(explore(seed, SimDisk::new()));
            let figures = on_all_cores(&dealer, workload, Figures::plus, |figures| figures.states)?;
            Ok(format!("{figures}, in {:.1} s", dealer.elapsed_s()))
        }
        Mode::Damage => {
            let directory = |seed| Ok(injure(seed));
            let toll = on_all_cores(&dealer, directory, Toll::plus, Toll::count)?;
            Ok(format!("{toll}\nin {:.1} s", dealer.elapsed_s()))
        }
        Mode::Exhaustive { ops_max } => {
            let sequence = |number| Ok(exhaust(number));
            let figures = on_all_cores(&dealer, sequence, Figures::plus, |_| 1)?;
            let count = Sequences::new(ops_max).count();
            let elapsed_s = dealer.elapsed_s();
            Ok(format!(
                "all {count} sequences of up to {ops_max} operations: {figures}, in {elapsed_s:.1} s"
            ))
        }
    }
}
