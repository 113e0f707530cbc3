//! `/health/checks`: is it well? Answered for load balancers and alerts: 200, or 503 with a reason.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;

/// Nothing can be wrong here.
pub(crate) fn well() -> Reply {
    Reply::ok(&json!({ "status": "ok" }))
}

/// There are no other nodes.
pub(crate) fn single_node() -> Reply {
    Reply::ok(&json!({ "status": "ok", "reason": "single node cluster" }))
}

/// Something is wrong, and what.
pub(crate) fn unwell(mut answer: Value, reason: &str) -> Failure {
    answer["status"] = Value::from("failed");
    answer["reason"] = Value::from(reason);
    Failure::Unhealthy(answer)
}

/// Memory and disk.
pub(crate) async fn alarms(call: &Call) -> Result<Reply, Failure> {
    let totals = call.desk.ask_all(|shard| shard.observe_totals()).await?;
    let node = &call.desk.facts.node;
    let alarm = |resource: &str| json!({ "node": node, "resource": resource });
    let mut alarms = Vec::new();
    if totals.iter().any(|totals| totals.is_memory_short) {
        alarms.push(alarm("memory"));
    }
    if totals.iter().any(|totals| totals.is_disk_short) {
        alarms.push(alarm("disk"));
    }
    if alarms.is_empty() {
        return Ok(well());
    }
    let reason = "There are alarm(s) in effect in the cluster";
    Err(unwell(json!({ "alarms": alarms }), reason))
}

/// Definitions are loaded before anybody is served.
pub(crate) fn metadata_store(call: &Call) -> Reply {
    let has_vhosts = call.definitions().vhosts().next().is_some();
    if has_vhosts { well() } else { Reply::ok(&json!({ "status": "ok", "vhosts": 0 })) }
}

/// Whether something listens on a port.
pub(crate) fn port_listener(call: &Call) -> Result<Reply, Failure> {
    let port: u16 = call.parameter("port").parse().map_err(|_| Failure::bad("Invalid port"))?;
    let ports: BTreeSet<u16> =
        call.desk.facts.listeners.iter().map(|listening| listening.address.port()).collect();
    if ports.contains(&port) {
        return Ok(Reply::ok(&json!({ "status": "ok", "port": port })));
    }
    Err(unwell(json!({ "missing": port, "ports": ports }), "No active listener"))
}

/// Whether something listens for each of some protocols.
pub(crate) fn protocol_listener(call: &Call) -> Result<Reply, Failure> {
    let protocols: BTreeSet<&str> =
        call.desk.facts.listeners.iter().map(|listening| listening.protocol).collect();
    let wanted = call.parameter("protocols").split(',').map(|name| protocol(name.trim()));
    let missing: Vec<String> = wanted.filter(|name| !protocols.contains(name.as_str())).collect();
    if missing.is_empty() {
        return Ok(Reply::ok(&json!({ "status": "ok", "protocols": protocols })));
    }
    Err(unwell(json!({ "missing": missing, "protocols": protocols }), "No active listener"))
}

/// A protocol by any of the names that people have for it.
fn protocol(name: &str) -> String {
    let name = name.to_lowercase();
    match name.as_str() {
        "amqp091" | "amqp0.9.1" | "amqp10" | "amqp1.0" => "amqp".to_owned(),
        "amqps" => "amqp/ssl".to_owned(),
        "http_prometheus" => "http/prometheus".to_owned(),
        _ => name,
    }
}

/// Whether clients can connect.
pub(crate) fn ready(call: &Call) -> Result<Reply, Failure> {
    let listeners = &call.desk.facts.listeners;
    if listeners.iter().any(|listening| listening.protocol.starts_with("amqp")) {
        return Ok(well());
    }
    Err(unwell(json!({}), "No AMQP listener: listeners.tcp is none"))
}

/// Whether one more connection would be taken.
pub(crate) async fn connection_limit(call: &Call) -> Result<Reply, Failure> {
    let totals = call.desk.ask_all(|shard| shard.client_count()).await?;
    let (current, limit) = (totals.iter().sum::<usize>(), call.desk.facts.clients_max);
    if current < limit {
        return Ok(well());
    }
    let answer = json!({ "limit": limit, "connections": current });
    Err(unwell(answer, "node connection limit is reached"))
}
