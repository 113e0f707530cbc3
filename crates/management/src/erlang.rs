//! What RabbitMQ says of the runtime that it is written for, and clients read as if no server could be without it.
//!
//! There is no such runtime here. Versions say so, and what it would count is 0, as the counters of stores are that RabbitMQ
//! itself has not counted since 4.0 and still sends. A field that is left out breaks a client whose types demand it; only
//! `garbage_collection` is left out, because no client demands that, and 0 would be no setting that a collector can have.

use serde_json::{Map, Value, json};

/// Stands for the version of Erlang.
const VERSION: &str = "none";

/// Stands for the version of Erlang, at length.
const FULL_VERSION: &str = "none: Leveret is written in Rust";

/// What a node counts of its runtime and, since long ago, of stores that it no longer has. Each has a rate.
const OF_NODE: [&str; 12] = [
    "context_switches",
    "gc_bytes_reclaimed",
    "gc_num",
    "io_reopen_count",
    "io_seek_avg_time",
    "io_seek_count",
    "mnesia_disk_tx_count",
    "mnesia_ram_tx_count",
    "msg_store_read_count",
    "msg_store_write_count",
    "queue_index_read_count",
    "queue_index_write_count",
];

/// What a node has deleted, and not yet forgotten the counters of.
const UNFORGOTTEN: [&str; 8] = [
    "channel_closed",
    "channel_consumer_deleted",
    "connection_closed",
    "consumer_deleted",
    "exchange_deleted",
    "node_node_deleted",
    "queue_deleted",
    "vhost_deleted",
];

/// The versions, for an overview and for a node.
pub(crate) fn put_versions(into: &mut Map<String, Value>) {
    into.insert("erlang_version".to_owned(), Value::from(VERSION));
    into.insert("erlang_full_version".to_owned(), Value::from(FULL_VERSION));
}

/// What a node counts.
pub(crate) fn put_node_counters(into: &mut Map<String, Value>) {
    for name in OF_NODE {
        put_nothing(into, name);
    }
    let unforgotten = UNFORGOTTEN.map(|name| (name.to_owned(), Value::from(0)));
    into.insert("metrics_gc_queue_length".to_owned(), Map::from_iter(unforgotten).into());
    into.insert(
        "ra_open_file_metrics".to_owned(),
        json!({ "ra_log_wal": 0, "ra_log_segment_writer": 0 }),
    );
}

/// What is counted of the process that a connection, a channel or a queue is there.
pub(crate) fn put_process_counters(into: &mut Map<String, Value>) {
    put_nothing(into, "reductions");
}

fn put_nothing(into: &mut Map<String, Value>, name: &str) {
    into.insert(name.to_owned(), Value::from(0));
    into.insert(format!("{name}_details"), json!({ "rate": 0.0 }));
}
