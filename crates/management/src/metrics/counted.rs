//! Metrics of what the node has done beside messages: the disk, logins, scrapes.

use crate::disk_use::DiskUse;
use crate::metrics::global::histogram;
use crate::metrics::metric::{Each, Family, HistogramSample, Labelled, Metric, counter};
use crate::metrics::page::Depth;
use crate::metrics::text::{CONTENT_TYPE, Kind, Number};
use crate::metrics::view::View;

const NS_PER_S: f64 = 1e9;

/// A counter of the disk.
macro_rules! of_disk {
    ($name:literal, $help:literal, $operations:ident, $field:ident) => {
        counter(
            $name,
            $help,
            |view| Some(DiskUse::sum(&view.disks, |disk| disk.$operations).$field.into()),
            Each::Node,
        )
    };
    ($name:literal, $help:literal, $operations:ident) => {
        counter(
            $name,
            $help,
            |view| {
                Some(
                    (DiskUse::sum(&view.disks, |disk| disk.$operations).ns as f64 / NS_PER_S)
                        .into(),
                )
            },
            Each::Node,
        )
    };
}

/// What RabbitMQ has names for and shows as 0, because its stores stopped counting; here it is counted.
pub(crate) const DISK: Family = Family {
    name: "node_persister_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        of_disk!("io_read_ops_total", "Total number of I/O read operations", reads, count),
        of_disk!("io_read_bytes_total", "Total number of I/O bytes read", reads, bytes),
        of_disk!("io_write_ops_total", "Total number of I/O write operations", writes, count),
        of_disk!("io_write_bytes_total", "Total number of I/O bytes written", writes, bytes),
        of_disk!("io_sync_ops_total", "Total number of I/O sync operations", syncs, count),
        of_disk!("io_read_time_seconds_total", "Total I/O read time", reads),
        of_disk!("io_write_time_seconds_total", "Total I/O write time", writes),
        of_disk!("io_sync_time_seconds_total", "Total I/O sync time", syncs),
    ],
};

/// What each task of the disk has done.
fn by_lane(view: &View, of: fn(&DiskUse) -> u64) -> Vec<Labelled> {
    let rows = view.disks.iter();
    rows.map(|disk| (vec![("lane", disk.lane.to_owned())], of(disk).into())).collect()
}

/// How long syncs took, by the task that they were for.
const SYNCS: Metric = Metric {
    name: "disk_sync_seconds",
    kind: Kind::Histogram,
    help: "How long the disk took to make safe what was written, by task: confirms wait for that of the journal",
    total: |_| None,
    each: Each::Histogram(|view| {
        let syncing = view.disks.iter().filter(|disk| disk.lane != "read");
        let samples = syncing.flat_map(|disk| {
            let bounds = DiskUse::SYNC_BOUNDS_US.iter().map(|us| (*us as f64 / 1e6).to_string());
            let sum = Number::Real(disk.syncs.ns as f64 / NS_PER_S);
            histogram(&[("lane", disk.lane.to_owned())], bounds, &disk.sync_counts, sum)
        });
        samples.collect()
    }),
};

/// A counter of the journal.
macro_rules! of_journal {
    ($name:literal, $help:literal, $operations:ident, $field:ident) => {
        counter(
            $name,
            $help,
            |view| {
                let journal = view.disks.iter().find(|disk| disk.lane == "journal")?;
                Some(journal.$operations.$field.into())
            },
            Each::Node,
        )
    };
}

/// What RabbitMQ does not have.
pub(crate) const OWN: Family = Family {
    name: "leveret_node_metrics",
    prefix: "leveret_",
    detailed_prefix: "leveret_detailed_",
    metrics: &[
        of_journal!(
            "journal_written_bytes_total",
            "Bytes written to the journal, with the zeros that are written ahead of it",
            writes,
            bytes
        ),
        of_journal!("journal_syncs_total", "How often the journal was synced", syncs, count),
        SYNCS,
        counter(
            "disk_written_bytes_total",
            "Bytes written to disk, by task",
            |_| None,
            Each::Labelled(|view| by_lane(view, |disk| disk.writes.bytes)),
        ),
        counter(
            "disk_read_bytes_total",
            "Bytes read from disk, by task",
            |_| None,
            Each::Labelled(|view| by_lane(view, |disk| disk.reads.bytes)),
        ),
    ],
};

/// Who has tried to log in, by protocol.
fn attempts(view: &View, of: fn(&node::observation::Attempts) -> u64) -> Vec<Labelled> {
    let rows = [("amqp091", &view.totals.attempts), ("http", &view.http_attempts)];
    let rows = rows.into_iter();
    rows.map(|(protocol, counts)| (vec![("protocol", protocol.to_owned())], of(counts).into()))
        .collect()
}

/// A counter of logins.
macro_rules! of_attempts {
    ($name:literal, $help:literal, |$counts:ident| $value:expr) => {
        counter($name, $help, |_| None, Each::Labelled(|view| attempts(view, |$counts| $value)))
    };
}

pub(crate) const ATTEMPTS: Family = Family {
    name: "auth_attempt_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        of_attempts!("auth_attempts_total", "Total number of authentication attempts", |counts| {
            counts.succeeded + counts.failed
        }),
        of_attempts!(
            "auth_attempts_succeeded_total",
            "Total number of successful authentication attempts",
            |counts| counts.succeeded
        ),
        of_attempts!(
            "auth_attempts_failed_total",
            "Total number of failed authentication attempts",
            |counts| counts.failed
        ),
    ],
};

/// What earlier scrapes took, under RabbitMQ's names for what they showed.
fn scraped(
    view: &View,
    sum: fn(&crate::metrics::scrapes::Scraped) -> Number,
) -> Vec<HistogramSample> {
    let registries =
        [(Depth::Totals, "default"), (Depth::Objects, "per-object"), (Depth::Detailed, "detailed")];
    let mut samples = Vec::new();
    for (depth, registry) in registries {
        let scraped = &view.scraped[depth as usize];
        if scraped.count > 0 {
            let labels =
                vec![("registry", registry.to_owned()), ("content_type", CONTENT_TYPE.to_owned())];
            samples.push(("_count", labels.clone(), Number::Count(scraped.count)));
            samples.push(("_sum", labels, sum(scraped)));
        }
    }
    samples
}

pub(crate) const SCRAPES: Family = Family {
    name: "",
    prefix: "telemetry_",
    detailed_prefix: "",
    metrics: &[
        Metric {
            name: "scrape_duration_seconds",
            kind: Kind::Summary,
            help: "How long scrapes took until all was sent",
            total: |_| None,
            each: Each::Histogram(|view| scraped(view, |of| Number::Real(of.us as f64 / 1e6))),
        },
        Metric {
            name: "scrape_size_bytes",
            kind: Kind::Summary,
            help: "How large scrapes were",
            total: |_| None,
            each: Each::Histogram(|view| scraped(view, |of| Number::Count(of.bytes))),
        },
    ],
};
