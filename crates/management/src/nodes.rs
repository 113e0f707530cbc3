//! `/nodes`: this one.

use node::observation::ShardTotals;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::disk_use::DiskUse;
use crate::erlang;
use crate::failure::Failure;
use crate::lists::Wanted;
use crate::overview::{churn_fields, contexts, exchange_types, rates_mode, totals};
use crate::rates::{Field, Object};
use crate::reply::Reply;

/// The plugins of RabbitMQ whose work is done here without any. Tools look for them before they use what they bring.
const BUILT_IN: [&str; 7] = [
    "rabbitmq_auth_mechanism_ssl",
    "rabbitmq_consistent_hash_exchange",
    "rabbitmq_delayed_message_exchange",
    "rabbitmq_management",
    "rabbitmq_prometheus",
    "rabbitmq_random_exchange",
    "rabbitmq_recent_history_exchange",
];

/// All nodes.
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    let value = shown(call).await?;
    Wanted::parse(&call.query)?.answer(vec![value])
}

/// One.
pub(crate) async fn show(call: &Call) -> Result<Reply, Failure> {
    must_be_this(call)?;
    let mut value = shown(call).await?;
    Wanted::parse(&call.query)?.project(&mut value);
    Ok(Reply::ok(&value))
}

/// What memory is used for, in bytes or in percent.
pub(crate) async fn memory(call: &Call, is_relative: bool) -> Result<Reply, Failure> {
    must_be_this(call)?;
    let totals = totals(call).await?;
    let sum = |part: fn(&ShardTotals) -> u64| totals.iter().map(part).sum::<u64>();
    let total = call.desk.machine.readings().resident_bytes;
    let (messages, connections) =
        (sum(|t| t.message_memory_bytes), sum(|t| t.connection_memory_bytes));
    let unwritten = sum(|t| t.unwritten_bytes);
    let known = messages + connections + unwritten;
    let parts = [
        ("binary", messages),
        ("connection_readers", 0),
        ("connection_writers", 0),
        ("connection_channels", 0),
        ("connection_other", connections),
        ("queue_procs", 0),
        ("quorum_queue_procs", 0),
        ("quorum_queue_dlx_procs", 0),
        ("stream_queue_procs", 0),
        ("stream_queue_replica_reader_procs", 0),
        ("stream_queue_coordinator_procs", 0),
        ("other_proc", 0),
        ("metadata_store", 0),
        ("metadata_store_ets", 0),
        ("mnesia", 0),
        ("metrics", 0),
        ("quorum_ets", 0),
        ("code", 0),
        ("atom", 0),
        ("allocated_unused", 0),
        ("reserved_unallocated", 0),
        ("msg_index", 0),
        ("plugins", 0),
        ("mgmt_db", 0),
        ("other_ets", unwritten),
        ("other_system", total.saturating_sub(known)),
    ];
    let mut memory = Map::new();
    for (name, bytes) in parts {
        let shown = if is_relative { (bytes * 100).div_ceil(total.max(1)) } else { bytes };
        memory.insert(name.to_owned(), Value::from(shown));
    }
    if is_relative {
        memory.insert("total".to_owned(), Value::from(100));
    } else {
        memory.insert("strategy".to_owned(), Value::from("rss"));
        let all = json!({ "rss": total, "allocated": total, "erlang": total });
        memory.insert("total".to_owned(), all);
    }
    Ok(Reply::ok(&json!({ "memory": memory })))
}

/// Forgets the samples of which rates are made.
pub(crate) fn reset(call: &Call) -> Reply {
    call.desk.rates.clear();
    Reply::done()
}

/// There is one node.
pub(crate) fn must_be_this(call: &Call) -> Result<(), Failure> {
    if call.parameter("node") == call.desk.facts.node { Ok(()) } else { Err(Failure::NotFound) }
}

async fn shown(call: &Call) -> Result<Value, Failure> {
    let facts = &call.desk.facts;
    let totals = totals(call).await?;
    let connections = totals.iter().map(|t| t.connection_count).sum::<u64>();
    let readings = call.desk.machine.readings();
    let uptime_ms = readings.now_ms.saturating_sub(facts.started_at_ms);
    let mut value = json!({
        "name": facts.node,
        "type": "disc",
        "running": true,
        "being_drained": false,
        "uptime": uptime_ms,
        "os_pid": facts.process_id.to_string(),
        "processors": facts.processor_count,
        "run_queue": 0,
        "rates_mode": rates_mode(call),
        "net_ticktime": 60,
        "partitions": [],
        "cluster_links": [],
        "applications": [{
            "name": "leveret",
            "description": "Leveret",
            "version": facts.leveret_version,
        }],
        "enabled_plugins": BUILT_IN,
        "auth_mechanisms": auth_mechanisms(),
        "exchange_types": exchange_types(),
        "contexts": contexts(call),
        "log_files": ["<stderr>"],
        "config_files": [],
        "db_dir": facts.data_dir,
        "mem_calculation_strategy": "rss",
        "mem_limit": readings.memory_limit_bytes,
        "mem_alarm": totals.iter().any(|t| t.is_memory_short),
        "disk_free_limit": readings.disk_free_limit_bytes,
        "disk_free_alarm": totals.iter().any(|t| t.is_disk_short),
        "fd_total": readings.open_files_max,
        "sockets_total": facts.clients_max,
        "proc_total": facts.clients_max,
        "rabbitmq_version": facts.rabbitmq_version,
        "crypto_lib_version": crate::overview::CRYPTO,
        "leveret_version": facts.leveret_version,
    });
    let Value::Object(into) = &mut value else { return Ok(value) };
    erlang::put_versions(into);
    erlang::put_node_counters(into);
    let fields = [
        ("mem_used", readings.resident_bytes),
        ("disk_free", readings.disk_free_bytes),
        ("fd_used", readings.open_files),
        ("sockets_used", connections),
        ("proc_used", connections),
    ];
    for (field, count) in fields.into_iter().chain(churn_fields(&totals)) {
        call.desk.rates.put(into, &Object::Node, field, count, &call.query);
    }
    put_disk(call, into);
    Ok(value)
}

fn put_disk(call: &Call, into: &mut Map<String, Value>) {
    let disks = call.desk.machine.disk_uses();
    for (field, count) in disk_fields(&disks) {
        call.desk.rates.put(into, &Object::Node, field, count, &call.query);
    }
    for (field, of) in [
        ("io_read_avg_time", DiskUse::sum(&disks, |disk| disk.reads)),
        ("io_write_avg_time", DiskUse::sum(&disks, |disk| disk.writes)),
        ("io_sync_avg_time", DiskUse::sum(&disks, |disk| disk.syncs)),
    ] {
        // In milliseconds, as there.
        into.insert(field.to_owned(), Value::from(of.ns as f64 / 1e6 / of.count.max(1) as f64));
        into.insert(format!("{field}_details"), json!({ "rate": 0.0 }));
    }
}

/// What the disk has done, by RabbitMQ's names.
pub(crate) fn disk_fields(disks: &[DiskUse]) -> [Field; 5] {
    let reads = DiskUse::sum(disks, |disk| disk.reads);
    let writes = DiskUse::sum(disks, |disk| disk.writes);
    let syncs = DiskUse::sum(disks, |disk| disk.syncs);
    [
        ("io_read_count", reads.count),
        ("io_read_bytes", reads.bytes),
        ("io_write_count", writes.count),
        ("io_write_bytes", writes.bytes),
        ("io_sync_count", syncs.count),
    ]
}

fn auth_mechanisms() -> Value {
    json!([
        { "name": "PLAIN", "description": "SASL PLAIN authentication mechanism", "enabled": true },
        { "name": "AMQPLAIN", "description": "QPid AMQPLAIN mechanism", "enabled": true },
    ])
}
