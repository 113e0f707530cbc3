//! A row as it is played: in turn against each broker, round after round.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};

use super::broker::{Contender, Part, Stage};
use super::child::Program;
use super::results::{Measured, Run, StepRun};
use super::rows::{Row, Step};
use crate::run::complain;
use crate::uri::Uri;

/// What a step may take beyond its seconds, or in all when it counts.
const STEP_LIMIT: Duration = Duration::from_secs(600);
/// How long a load warms up, in seconds.
const WARMUP_S: &str = "0.5";
/// A load by count warms up with one of so many messages, as a share of the count.
const WARMUP_SHARE: u64 = 50;
/// What a load by count may take of a broker, as a multiple of the seconds of other loads.
const COUNTED_SECONDS: f64 = 2.0;
/// What the load tool calls its queue, or its first and, with a number, all others.
const QUEUE: &str = "perf";
/// The most queues that a row has at a peer.
const QUEUES_MAX: u32 = 100;
/// How long a relay is measured.
const RELAY_S: &str = "1";
/// How often what bounds a row is measured at most.
const BOUND_ROUNDS: usize = 3;
/// How long the disk is asked before and after a run.
const SYNCS_S: &str = "1";

/// The program that is the load tool.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    path: PathBuf,
    /// The word that makes the program the load tool, when it is more than that.
    word: Option<&'static str>,
}

impl Tool {
    /// # Errors
    /// The operating system does not tell where this program is.
    pub(super) fn of_this_program() -> io::Result<Self> {
        let is_perf = std::env::args_os().nth(1).is_some_and(|word| word == "perf");
        Ok(Self { path: std::env::current_exe()?, word: is_perf.then_some("perf") })
    }

    /// The program, when it is a broker too.
    pub(super) fn broker(&self) -> Option<PathBuf> {
        self.word.map(|_| self.path.clone())
    }

    /// Starts it with the words of a line and lets it run.
    ///
    /// # Errors
    /// The operating system does not start it.
    pub(super) fn start(&self, line: &str) -> io::Result<Program> {
        let arguments = self.arguments(line.split_whitespace());
        Program::start(&self.path, &arguments, Stdio::null(), Stdio::null())
    }

    fn arguments<'a>(&self, words: impl Iterator<Item = &'a str>) -> Vec<OsString> {
        self.word.into_iter().chain(words).map(OsString::from).collect()
    }

    /// Runs it with these words and `--json`.
    ///
    /// # Errors
    /// It fails, takes too long, or is no longer wanted.
    pub(super) fn run(
        &self,
        words: &[String],
        limit: Duration,
        interrupted: &AtomicBool,
    ) -> Result<Value, String> {
        let words = words.iter().map(String::as_str).chain(["--json"]);
        let arguments = self.arguments(words);
        let program = Program::start(&self.path, &arguments, Stdio::piped(), Stdio::piped())
            .map_err(|fault| fault.to_string())?;
        let said = program.finish(limit, interrupted)?;
        if !said.status.success() {
            return Err(format!("{}: {}", said.status, said.err.trim()));
        }
        let line = said.out.lines().last().unwrap_or_default();
        serde_json::from_str(line).map_err(|_| format!("it printed no JSON but {line:?}"))
    }
}

/// What all rows have in common.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub(super) tool: &'a Tool,
    /// Where data are kept, and syncs are counted.
    pub(super) data: &'a Path,
    pub(super) seconds: f64,
    pub(super) is_quick: bool,
    pub(super) interrupted: &'a AtomicBool,
}

impl Scene<'_> {
    /// Plays a row: all brokers in turn, `rounds` times.
    pub(super) fn play(
        &self,
        row: &Row,
        contenders: &[Contender],
        rounds: usize,
        measured: &mut Measured,
    ) {
        for round in 0..rounds {
            for (place, contender) in contenders.iter().enumerate() {
                if self.interrupted.load(Relaxed) {
                    return;
                }
                let is_bound = matches!(contender, Contender::Nothing | Contender::Relay);
                if !contender.plays(row)
                    || is_bound && round >= BOUND_ROUNDS
                    || round >= row.rounds_max()
                {
                    continue;
                }
                let mut run = Run {
                    broker: place,
                    round,
                    steps: Vec::new(),
                    syncs_per_s: None,
                    failure: None,
                };
                run.failure = self.act(row, contender, &mut run).err();
                measured.runs.push(run);
                tell(row, contender, round, rounds, measured);
            }
        }
    }

    /// One run.
    ///
    /// # Errors
    /// Why it is not whole.
    fn act(&self, row: &Row, contender: &Contender, run: &mut Run) -> Result<(), String> {
        let asks_disk = contender.part() == Part::Own
            && row.figures.iter().any(|figure| figure.source.needs_syncs());
        let before = asks_disk.then(|| self.syncs_per_s()).transpose()?;
        let mut stage = contender.stage(row, self.tool)?;
        let played = match (contender, row.size_for_relay()) {
            (Contender::Relay, Some(size)) => self.relay(size, run),
            _ => self.play_steps(row, &mut stage, run),
        };
        if played.is_err() && contender.part() == Part::Peer {
            self.clear(&stage);
        }
        drop(stage);
        played?;
        let after = asks_disk.then(|| self.syncs_per_s()).transpose()?;
        run.syncs_per_s = before.zip(after).map(|(before, after)| f64::midpoint(before, after));
        Ok(())
    }

    fn play_steps(&self, row: &Row, stage: &mut Stage, run: &mut Run) -> Result<(), String> {
        let share = self.share(row, stage)?;
        for step in row.steps {
            let (command, report) = match step {
                Step::Timed(line) => {
                    let line = format!("{line} --warmup {WARMUP_S} --duration {}", self.seconds);
                    self.load(&line, stage)?
                }
                Step::Counted(line, count) => {
                    let line = format!("{line} --count {}", rounded(*count, share));
                    self.load(&line, stage)?
                }
                Step::Task { line, of_peer } => {
                    let line = if stage.is_own() { line } else { of_peer };
                    self.load(line, stage)?
                }
                Step::List => {
                    let (queues, took_s) = stage
                        .list_queues(self.interrupted)
                        .map_err(|why| format!("`ctl list_queues`: {why}"))?;
                    let report = json!({ "queues": queues, "seconds": took_s });
                    ("(leveret ctl list_queues name messages)".to_owned(), report)
                }
                Step::Restart => {
                    let took_s = stage.restart()?;
                    let report = json!({ "seconds": took_s, "rss_mib": stage.rss_mib() });
                    ("(stop, start)".to_owned(), report)
                }
                Step::Start => {
                    let report = json!({ "ready_ms": stage.ready_ms, "rss_mib": stage.rss_mib() });
                    ("(start)".to_owned(), report)
                }
            };
            run.steps.push(StepRun { command, report });
        }
        Ok(())
    }

    /// Measures a relay of bytes instead of a broker.
    fn relay(&self, size: u32, run: &mut Run) -> Result<(), String> {
        let command = format!("relay --size {size} --duration {RELAY_S}");
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let report = self.tool.run(&words, STEP_LIMIT, self.interrupted)?;
        run.steps.push(StepRun { command, report });
        Ok(())
    }

    /// Warms a broker up for loads by count, and tells which share of the counts it can do in the time: all of them, if
    /// it is fast.
    fn share(&self, row: &Row, stage: &Stage) -> Result<f64, String> {
        let mut share: f64 = if self.is_quick { 0.05 } else { 1.0 };
        for step in row.steps {
            let Step::Counted(line, count) = step else { continue };
            let (_, report) =
                self.load(&format!("{line} --count {}", count / WARMUP_SHARE), stage)?;
            let per_s = ["published_per_s", "consumed_per_s"]
                .iter()
                .filter_map(|&field| report[field].as_f64())
                .fold(0.0, f64::max);
            #[expect(clippy::cast_precision_loss, reason = "counts are a few millions")]
            let wanted = *count as f64;
            share = share.min(per_s * self.seconds * COUNTED_SECONDS / wanted);
        }
        Ok(share)
    }

    /// Runs the tool with the words of a step, and tells these and the report.
    fn load(&self, line: &str, stage: &Stage) -> Result<(String, Value), String> {
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        words.extend(["--uri".to_owned(), stage.uri.clone()]);
        if let Some(pid) = stage.pid {
            words.extend(["--pid".to_owned(), pid.to_string()]);
        }
        let limit = STEP_LIMIT + Duration::from_secs_f64(self.seconds);
        let report = self
            .tool
            .run(&words, limit, self.interrupted)
            .map_err(|why| format!("`{line}`: {why}"))?;
        Ok((line.to_owned(), report))
    }

    /// How often a second the disk syncs now.
    fn syncs_per_s(&self) -> Result<f64, String> {
        let dir = self.data.to_string_lossy().into_owned();
        let words = ["fdatasync", "--dir", &dir, "--duration", SYNCS_S].map(str::to_owned);
        let report = self
            .tool
            .run(&words, STEP_LIMIT, self.interrupted)
            .map_err(|why| format!("`fdatasync`: {why}"))?;
        report["syncs_per_s"].as_f64().ok_or_else(|| "no syncs were counted".to_owned())
    }

    /// A peer lives on after a run that failed: what that may have left there is deleted.
    fn clear(&self, stage: &Stage) {
        let queues = (1..=QUEUES_MAX).map(|number| format!("{QUEUE}-{number}"));
        let queues = std::iter::once(QUEUE.to_owned()).chain(queues).collect();
        let Ok(uri) = stage.uri.parse::<Uri>() else { return };
        if let Err(why) = crate::run::delete_queues(&uri, queues) {
            complain(&format!("queues may be left behind at {}: {why}", uri.endpoint()));
        }
    }
}

/// A share of a count, to two digits, and at least one.
fn rounded(count: u64, share: f64) -> u64 {
    if share >= 1.0 {
        return count;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count of some millions is such a count"
    )]
    let exact = (count as f64 * share) as u64;
    let unit = 10_u64.pow(exact.checked_ilog10().unwrap_or_default().saturating_sub(1));
    (exact / unit * unit).max(1)
}

/// A line on standard error for each run.
fn tell(row: &Row, contender: &Contender, round: usize, rounds: usize, measured: &Measured) {
    let Some(run) = measured.runs.last() else { return };
    let shown = match &run.failure {
        Some(failure) => failure.clone(),
        None => {
            let told = |figure: &super::figure::Figure| {
                let value = measured.values(figure, run.broker).get(round).copied().flatten()?;
                Some(format!("{} {}", figure.name, figure.unit.show(value)))
            };
            row.figures.iter().filter_map(told).collect::<Vec<_>>().join(", ")
        }
    };
    let name = contender.name();
    complain(&format!("{} {}/{rounds} {name}: {shown}", row.name, round + 1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_broker_gets_a_round_share_of_the_count() {
        assert_eq!(rounded(4_000_000, 1.5), 4_000_000);
        assert_eq!(rounded(4_000_000, 0.123_456), 490_000);
        assert_eq!(rounded(1_000, 0.000_1), 1);
        assert_eq!(rounded(1_000_000, 0.05), 50_000);
    }
}
