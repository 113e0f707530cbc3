//! Everything that was measured, run by run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::broker::Part;
use super::figure::{Figure, Source, Unit};
use super::machine::Machine;
use super::rows::{ROWS, Row};
use super::statistics::Spread;

/// What `results.json` holds.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Results {
    pub(super) machine: Machine,
    pub(super) brokers: Vec<Broker>,
    /// How many runs there were of each row and broker, and for how long a load lasted.
    pub(super) runs: usize,
    pub(super) seconds: f64,
    pub(super) rows: Vec<Measured>,
}

/// Who took part.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Broker {
    pub(super) name: String,
    /// As it calls itself.
    pub(super) product: String,
    pub(super) part: Part,
}

/// A row and its runs.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) runs: Vec<Run>,
}

/// One run of a row against one broker.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Run {
    /// The place of the broker in [`Results::brokers`].
    pub(super) broker: usize,
    /// From 0.
    pub(super) round: usize,
    pub(super) steps: Vec<StepRun>,
    /// Syncs a second that the disk did before and after, where that matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) syncs_per_s: Option<f64>,
    /// Why it is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

/// What one step said.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct StepRun {
    pub(super) command: String,
    pub(super) report: Value,
}

impl Measured {
    pub(super) fn new(row: &Row) -> Self {
        Self { name: row.name.to_owned(), title: row.title.to_owned(), runs: Vec::new() }
    }

    /// What was measured; `None` if the results come from a program that knew other rows.
    pub(super) fn row(&self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.name == self.name)
    }

    /// The figures of the row; none of a row that this program does not know.
    pub(super) fn figures(&self) -> &'static [Figure] {
        self.row().map_or(&[], |row| row.figures)
    }

    /// A figure of one broker, round by round.
    pub(super) fn values(&self, figure: &Figure, broker: usize) -> Vec<Option<f64>> {
        let rounds = self.runs.iter().map(|run| run.round + 1).max().unwrap_or_default();
        let mut values = vec![None; rounds];
        for run in self.runs.iter().filter(|run| run.broker == broker && run.failure.is_none()) {
            let reports: Vec<Value> = run.steps.iter().map(|step| step.report.clone()).collect();
            values[run.round] = figure.source.value(&reports, run.syncs_per_s);
        }
        values
    }

    /// A figure of one broker over all its runs.
    pub(super) fn spread(&self, figure: &Figure, broker: usize) -> Option<Spread> {
        Spread::of(self.values(figure, broker).into_iter().flatten())
    }

    /// A field of the reports of a step, over all runs of a broker.
    pub(super) fn field(&self, broker: usize, step: usize, field: &'static str) -> Option<Spread> {
        let source = Source::Field { step, field };
        self.spread(&Figure { name: "", source, unit: Unit::PerS, target: None }, broker)
    }

    /// How a figure of one broker compares with another's.
    pub(super) fn ratio(&self, figure: &Figure, broker: usize, other: usize) -> Option<Spread> {
        Spread::of_ratios(&self.values(figure, broker), &self.values(figure, other))
    }

    /// Why runs against a broker failed, without repetitions.
    pub(super) fn failures(&self, broker: usize) -> Vec<&str> {
        let mut failures: Vec<&str> = Vec::new();
        for run in self.runs.iter().filter(|run| run.broker == broker) {
            if let Some(failure) = run.failure.as_deref().filter(|it| !failures.contains(it)) {
                failures.push(failure);
            }
        }
        failures
    }
}

impl Results {
    /// Whether anything went wrong.
    pub(super) fn has_failures(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.runs).any(|run| run.failure.is_some())
    }
}
