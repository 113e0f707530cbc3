//! What was seen: a table for people, a line of JSON for programs.

use std::fmt;

use serde::Serialize;

use super::options::{Options, Subject};
use crate::process::Process;
use crate::report::{float, grouped, grouped_float, rounded};

const KIB_PER_MIB: f64 = 1024.0;
const MICROS_PER_S: f64 = 1e6;

/// The broker's process at one moment; `None` when it is not watched, or gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    resident_kib: Option<u64>,
    cpu_s: Option<f64>,
}

impl Sight {
    pub(super) fn of(broker: Option<&Process>) -> Self {
        let memory = broker.and_then(Process::memory);
        Self {
            resident_kib: memory.map(|memory| memory.resident_kib),
            cpu_s: broker.and_then(Process::cpu_s),
        }
    }
}

/// The figures. Field names are those of the JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Report {
    subject: &'static str,
    durable: bool,
    count: u64,
    /// Of each connection.
    channels: u16,
    /// How long it took to make them.
    seconds: f64,
    per_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_before_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rss_mib: Option<f64>,
    /// Resident memory that each takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    kib_each: Option<f64>,
    /// The broker's processor time to make each.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_us_each: Option<f64>,
    /// The part of one core that the broker uses when nothing happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_cores: Option<f64>,
}

impl Report {
    pub(super) fn new(
        options: &Options,
        took_s: f64,
        before: Sight,
        made: Sight,
        after: Sight,
    ) -> Self {
        let (subject, count) = match options.subject() {
            Subject::Connections(count) => ("connection", count),
            Subject::Queues(count) => ("queue", count),
        };
        let count = count as u64;
        let mib = |kib: u64| rounded(float(kib) / KIB_PER_MIB, 1);
        let memory = before.resident_kib.zip(after.resident_kib);
        let kib_each = memory.map(|(before, after)| (float(after) - float(before)) / float(count));
        let cpu_s = before.cpu_s.zip(made.cpu_s).map(|(before, made)| made - before);
        let idle_s = made.cpu_s.zip(after.cpu_s).map(|(made, after)| after - made);
        let settle_s = options.settle().as_secs_f64();
        Self {
            subject,
            durable: options.is_durable(),
            count,
            channels: options.channels(),
            seconds: rounded(took_s, 3),
            per_s: rounded(float(count) / took_s.max(f64::EPSILON), 1),
            rss_before_mib: before.resident_kib.map(mib),
            rss_mib: after.resident_kib.map(mib),
            kib_each: kib_each.map(|kib| rounded(kib, 3)),
            cpu_us_each: cpu_s.map(|cpu_s| rounded(cpu_s * MICROS_PER_S / float(count), 2)),
            idle_cores: idle_s.filter(|_| settle_s > 0.0).map(|it| rounded(it / settle_s, 3)),
        }
    }

    /// One line, without its end.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers under names are JSON")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = grouped(self.count);
        match (self.subject, self.durable) {
            ("connection", _) => {
                writeln!(f, "{count} connections, {} channels each", self.channels)?
            }
            (_, true) => writeln!(f, "{count} durable queues")?,
            (_, false) => writeln!(f, "{count} transient queues")?,
        }
        let (seconds, per_s) = (self.seconds, grouped_float(self.per_s));
        writeln!(f, "made in         {seconds:>14.3} s {per_s:>14}/s")?;
        if let (Some(before), Some(after)) = (self.rss_before_mib, self.rss_mib) {
            writeln!(f, "broker memory   {after:>14.1} MiB, {before:.1} MiB before")?;
        }
        if let Some(kib) = self.kib_each {
            writeln!(f, "each            {kib:>14.3} KiB")?;
        }
        if let Some(cpu_us) = self.cpu_us_each {
            writeln!(f, "broker CPU      {cpu_us:>14.2} µs each")?;
        }
        if let Some(cores) = self.idle_cores {
            writeln!(f, "broker, idle    {cores:>14.3} cores")?;
        }
        Ok(())
    }
}
