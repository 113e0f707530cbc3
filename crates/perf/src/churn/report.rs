//! What a run showed: a table for people, a line of JSON for programs.

use std::fmt;

use serde::Serialize;

use super::options::Options;
use crate::clock::seconds;
use crate::latency::Latency;
use crate::report::{LatencyUs, Rates, float, grouped, grouped_float, rounded};
use crate::window::Mark;

const KIB_PER_MIB: f64 = 1024.0;
const MICROS_PER_S: f64 = 1e6;

/// The figures of a run. Field names are those of the JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) subject: &'static str,
    pub(super) durable: bool,
    /// Each does one thing after the other.
    pub(super) clients: u32,
    /// How long was measured.
    pub(super) seconds: f64,
    /// What was made and removed again.
    pub(super) pairs: u64,
    pub(super) pairs_per_s: f64,
    /// From the first request of a pair to its last answer.
    pub(super) latency_us: Option<LatencyUs>,
    /// The broker's processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_us_per_pair: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peak_rss_mib: Option<f64>,
    /// The broker's memory when it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rss_mib: Option<f64>,
    pub(super) tool_cpu_us_per_pair: Option<f64>,
    /// The part of one core that the tool used.
    pub(super) tool_cores: f64,
}

impl Report {
    /// The figures of what happened between two marks.
    pub(super) fn between(
        options: &Options,
        from: &Mark,
        until: &Mark,
        rates: Rates,
        mut latency: Latency,
    ) -> Self {
        let pairs = until.sum.consumed - from.sum.consumed;
        let end_ns = match rates {
            Rates::OverTime => until.at_ns,
            Rates::UntilLastMessage => until.sum.consumed_last_ns,
        };
        let span_s = seconds(end_ns.saturating_sub(from.at_ns));
        let per_pair =
            |cpu_s: f64| (pairs > 0).then(|| rounded(cpu_s * MICROS_PER_S / float(pairs), 2));
        let per_s = |amount: f64| if span_s > 0.0 { amount / span_s } else { 0.0 };
        let broker_cpu_s = from.broker_cpu_s.zip(until.broker_cpu_s).map(|(a, b)| b - a);
        let tool_cpu_s = until.tool_cpu_s - from.tool_cpu_s;
        Self {
            subject: options.subject().name(),
            durable: options.is_durable(),
            clients: options.clients(),
            seconds: rounded(span_s, 3),
            pairs,
            pairs_per_s: rounded(per_s(float(pairs)), 1),
            latency_us: LatencyUs::of(&mut latency),
            cpu_us_per_pair: broker_cpu_s.and_then(per_pair),
            peak_rss_mib: None,
            rss_mib: None,
            tool_cpu_us_per_pair: per_pair(tool_cpu_s),
            tool_cores: rounded(per_s(tool_cpu_s), 2),
        }
    }

    /// Adds the broker's memory: the most that it had, and what it had at the end.
    pub(super) fn with_memory(self, peak_kib: Option<u64>, resident_kib: Option<u64>) -> Self {
        let mib = |kib: u64| rounded(float(kib) / KIB_PER_MIB, 1);
        Self { peak_rss_mib: peak_kib.map(mib), rss_mib: resident_kib.map(mib), ..self }
    }

    /// One line, without its end.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers under names are JSON")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, clients, .. } = self;
        let durable = if self.durable { "durable " } else { "" };
        let each = if *clients == 1 { "client" } else { "clients" };
        writeln!(f, "{durable}{subject}, {clients} {each}, each one thing after the other")?;
        writeln!(f, "measured        {:>14.3} s", self.seconds)?;
        let (pairs, per_s) = (grouped(self.pairs), grouped_float(self.pairs_per_s));
        writeln!(f, "made, removed   {pairs:>14}   {per_s:>14}/s")?;
        if let Some(latency) = self.latency_us {
            writeln!(f, "{latency}")?;
        }
        if let Some(cpu_us) = self.cpu_us_per_pair {
            writeln!(f, "broker CPU      {cpu_us:>14.2} µs per pair")?;
        }
        if let (Some(peak), Some(now)) = (self.peak_rss_mib, self.rss_mib) {
            writeln!(f, "broker memory   {peak:>14.1} MiB at most, {now:.1} MiB at the end")?;
        }
        if let Some(cpu_us) = self.tool_cpu_us_per_pair {
            let cores = self.tool_cores;
            writeln!(f, "tool CPU        {cpu_us:>14.2} µs per pair ({cores:.2} cores)")?;
        }
        Ok(())
    }
}
