//! How often a second the machine makes a small write durable.
//!
//! The file has its length and has been written before, so that a sync has no metadata to write: a broker cannot
//! confirm one message after the other faster than this, unless it confirms what is not on disk.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, value_parser};
use serde::Serialize;

use crate::clock::{now_ns, seconds};
use crate::failure::Failure;
use crate::latency::Latency;
use crate::options::parse_seconds;
use crate::report::rounded;
use crate::run::{EXIT_REFUSED, complain, print};

/// The file's length; writes begin again at its start.
const FILE_BYTES: usize = 4 * 1024 * 1024;

/// Writes and syncs, one after the other, in a file that has been written before.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// The folder whose disk is asked; the file in it is removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,

    /// Bytes of each write
    #[arg(long, value_name = "BYTES", default_value_t = 200, value_parser = value_parser!(u32).range(1..=1_048_576))]
    bytes: u32,

    /// Measure for this many seconds
    #[arg(long, value_name = "S", default_value = "2", value_parser = parse_seconds)]
    duration: f64,

    /// Print the figures as one line of JSON
    #[arg(long)]
    json: bool,
}

/// The figures. Field names are those of the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Report {
    syncs: u64,
    syncs_per_s: f64,
    p50_us: f64,
    p99_us: f64,
}

/// Measures, prints, and removes the file.
pub(crate) fn run(options: &Options) -> ExitCode {
    let path = options.dir.join(format!(".fdatasync-{}", std::process::id()));
    let measured = File::create_new(&path).and_then(|file| {
        let measured = measure(&file, options);
        fs::remove_file(&path)?;
        measured
    });
    let report = match measured {
        Ok(report) => report,
        Err(fault) => {
            complain(&Failure::System { during: "writing and syncing a file", fault }.to_string());
            return ExitCode::from(EXIT_REFUSED);
        }
    };
    print(&report.text(options.json))
}

fn measure(file: &File, options: &Options) -> io::Result<Report> {
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    let piece = vec![b'.'; options.bytes as usize];
    let mut latency = Latency::new();
    let (mut syncs, mut at) = (0, 0);
    let start_ns = now_ns();
    let end_ns = start_ns + crate::clock::nanos(Duration::from_secs_f64(options.duration));
    let mut before_ns = start_ns;
    while before_ns < end_ns {
        file.write_all_at(&piece, at)?;
        file.sync_data()?;
        let after_ns = now_ns();
        latency.record(before_ns, after_ns);
        before_ns = after_ns;
        syncs += 1;
        at += u64::from(options.bytes);
        if at + u64::from(options.bytes) > FILE_BYTES as u64 {
            at = 0;
        }
    }
    Ok(Report::new(syncs, seconds(before_ns - start_ns), &mut latency))
}

impl Report {
    fn new(syncs: u64, span_s: f64, latency: &mut Latency) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "seconds do not have so many syncs")]
        let syncs_per_s = if span_s > 0.0 { syncs as f64 / span_s } else { 0.0 };
        let mut quantile = |share| rounded(latency.quantile_us(share).unwrap_or_default(), 1);
        let (p50_us, p99_us) = (quantile(0.5), quantile(0.99));
        Self { syncs, syncs_per_s: rounded(syncs_per_s, 1), p50_us, p99_us }
    }

    fn text(&self, is_json: bool) -> String {
        if is_json {
            return serde_json::to_string(self).expect("numbers under names are JSON") + "\n";
        }
        let Self { syncs, syncs_per_s, p50_us, p99_us } = self;
        format!("{syncs} syncs, {syncs_per_s:.0}/s, µs: p50 {p50_us:.0}   p99 {p99_us:.0}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_time_measured() {
        let mut latency = Latency::new();
        latency.record(0, 50_000);
        let report = Report::new(100, 0.5, &mut latency);
        assert_eq!((report.syncs, report.syncs_per_s), (100, 200.0));
        let json: serde_json::Value = serde_json::from_str(&report.text(true)).expect("JSON");
        assert_eq!(json["syncs_per_s"], 200.0);
        assert!(report.text(false).starts_with("100 syncs, 200/s"), "{}", report.text(false));
    }
}
