//! Metrics of the node as a whole.

use crate::certificates::seconds_left;
use crate::metrics::global::histogram;
use crate::metrics::metric::{Each, Family, Metric, gauge};
use crate::metrics::text::{Kind, Number};
use crate::metrics::view::View;

/// A gauge of the node.
macro_rules! of_node {
    ($make:ident, $name:literal, $help:literal, |$view:ident| $value:expr) => {
        $make($name, $help, |$view| Some(Number::from($value)), Each::Node)
    };
}

const fn untyped(name: &'static str, help: &'static str, each: Each) -> Metric {
    Metric { name, kind: Kind::Untyped, help, total: |_| None, each }
}

pub(crate) const COARSE: Family = Family {
    name: "node_coarse_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        of_node!(gauge, "process_open_fds", "Open file descriptors", |view| view
            .machine
            .open_files),
        of_node!(gauge, "process_resident_memory_bytes", "Memory used in bytes", |view| view
            .machine
            .resident_bytes),
        of_node!(gauge, "disk_space_available_bytes", "Disk space available in bytes", |view| view
            .machine
            .disk_free_bytes),
    ],
};

pub(crate) const LIMITS: Family = Family {
    name: "node_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        of_node!(gauge, "process_max_fds", "Open file descriptors limit", |view| view
            .machine
            .open_files_max),
        of_node!(gauge, "resident_memory_limit_bytes", "Memory high watermark in bytes", |view| {
            view.machine.memory_limit_bytes
        }),
        of_node!(
            gauge,
            "disk_space_available_limit_bytes",
            "Free disk space low watermark in bytes",
            |view| view.machine.disk_free_limit_bytes
        ),
        of_node!(gauge, "erlang_uptime_seconds", "Node uptime", |view| view
            .now_ms
            .saturating_sub(view.started_at_ms)
            as f64
            / 1000.0),
    ],
};

pub(crate) const TOTALS: Family = Family {
    name: "",
    prefix: "rabbitmq_",
    detailed_prefix: "",
    metrics: &[
        of_node!(gauge, "connections", "Connections currently open", |view| view
            .totals
            .connection_count),
        of_node!(gauge, "channels", "Channels currently open", |view| view.totals.channel_count),
        of_node!(gauge, "consumers", "Consumers currently connected", |view| view
            .totals
            .holdings
            .consumer_count),
        of_node!(gauge, "queues", "Queues available", |view| view.queue_count),
    ],
};

/// What every path tells: dashboards join everything else with it.
pub(crate) const ABOUT: Family = Family {
    name: "",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_",
    metrics: &[
        untyped(
            "build_info",
            "RabbitMQ & Erlang/OTP version info",
            Each::Labelled(|view| {
                let version = |text: &str| text.to_owned();
                vec![(
                    vec![
                        ("rabbitmq_version", version(view.rabbitmq_version)),
                        ("prometheus_plugin_version", version(view.rabbitmq_version)),
                        ("prometheus_client_version", version(view.leveret_version)),
                        ("erlang_version", String::new()),
                        ("product_name", "Leveret".to_owned()),
                        ("product_version", version(view.leveret_version)),
                    ],
                    Number::Count(1),
                )]
            }),
        ),
        untyped(
            "identity_info",
            "RabbitMQ node & cluster identity info",
            Each::Labelled(|view| {
                vec![(
                    vec![
                        ("rabbitmq_node", view.node.clone()),
                        ("rabbitmq_cluster", view.cluster.clone()),
                        ("rabbitmq_cluster_permanent_id", view.cluster_id.clone()),
                        ("rabbitmq_endpoint", view.endpoint.to_owned()),
                    ],
                    Number::Count(1),
                )]
            }),
        ),
    ],
};

const fn alarm(
    name: &'static str,
    help: &'static str,
    total: fn(&View) -> Option<Number>,
) -> Metric {
    Metric { name, kind: Kind::Untyped, help, total, each: Each::Node }
}

pub(crate) const ALARMS: Family = Family {
    name: "",
    prefix: "rabbitmq_",
    detailed_prefix: "",
    metrics: &[
        alarm(
            "alarms_free_disk_space_watermark",
            "is 1 if free disk space watermark alarm is in effect",
            |view| Some(view.totals.is_disk_short.into()),
        ),
        alarm(
            "alarms_memory_used_watermark",
            "is 1 if VM memory watermark alarm is in effect",
            |view| Some(view.totals.is_memory_short.into()),
        ),
        of_node!(
            gauge,
            "unreachable_cluster_peers_count",
            "Number of peers in the cluster the current node cannot reach.",
            |_view| 0_u64
        ),
    ],
};

pub(crate) const PROCESS: Family = Family {
    name: "",
    prefix: "process_",
    detailed_prefix: "",
    metrics: &[of_node!(
        gauge,
        "start_time_seconds",
        "Start time of the process since unix epoch in seconds.",
        |view| view.started_at_ms / 1000
    )],
};

/// Where memory is, in RabbitMQ's words as far as they fit.
pub(crate) const MEMORY: Family = Family {
    name: "node_memory",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_",
    metrics: &[
        of_node!(
            gauge,
            "memory_client_connection_other_bytes",
            "Client connections footprint in bytes",
            |view| view.totals.connection_memory_bytes
        ),
        of_node!(gauge, "memory_binary_heap_bytes", "Messages in memory in bytes", |view| view
            .totals
            .message_memory_bytes),
        of_node!(
            gauge,
            "memory_message_index_bytes",
            "Indexes of queues footprint in bytes",
            |view| view.queue_totals.memory_bytes
        ),
        of_node!(gauge, "memory_other_system_bytes", "Everything else in bytes", |view| {
            let known = view.totals.connection_memory_bytes + view.totals.message_memory_bytes;
            view.machine.resident_bytes.saturating_sub(known + view.queue_totals.memory_bytes)
        }),
    ],
};

/// How long messages were in the broker when they went to a consumer.
const WAITS: Metric = Metric {
    name: "message_time_in_queue_seconds",
    kind: Kind::Histogram,
    help: "How long messages were in the broker when they went to a consumer",
    total: |_| None,
    each: Each::Histogram(|view| {
        let waits = &view.meters.waits;
        let bounded = waits.counts.len() - 1;
        let bounds = (0..bounded).map(|place| (((1_u64 << place) - 1) as f64 / 1000.0).to_string());
        histogram(&[], bounds, &waits.counts, Number::Real(waits.sum_ms as f64 / 1000.0))
    }),
};

/// When certificates end, so that an alert can say so in time.
const CERTIFICATES: Metric = gauge(
    "cert_expiry_seconds",
    "How long a certificate that is in use still holds; below 0 when it has ended",
    |_| None,
    Each::Labelled(|view| {
        let left = seconds_left(&view.certificates, view.now_ms).into_iter();
        left.map(|((file, subject), seconds)| {
            (vec![("file", file), ("subject", subject)], Number::Real(seconds as f64))
        })
        .collect()
    }),
);

/// What RabbitMQ does not have.
pub(crate) const OWN: Family = Family {
    name: "leveret_node_metrics",
    prefix: "leveret_",
    detailed_prefix: "leveret_detailed_",
    metrics: &[
        of_node!(gauge, "shards", "Threads that serve connections and queues", |view| view
            .shard_count),
        of_node!(gauge, "message_memory_bytes", "Bytes of messages in memory", |view| view
            .totals
            .message_memory_bytes),
        of_node!(
            gauge,
            "connection_memory_bytes",
            "Bytes that connections hold in memory",
            |view| view.totals.connection_memory_bytes
        ),
        of_node!(
            gauge,
            "journal_unwritten_bytes",
            "Bytes that wait to be written to the journal",
            |view| view.totals.unwritten_bytes
        ),
        WAITS,
        CERTIFICATES,
    ],
};
