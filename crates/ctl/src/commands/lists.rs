//! Lists of what a node has: queues, exchanges, bindings, connections, channels, consumers.

use serde_json::{Value, json};

use crate::call::{self, Call};
use crate::command::{
    CTL_AND_DIAGNOSTICS, Command, QUEUES, Section, Tool, command, number, switch,
};
use crate::failure::Failure;
use crate::output::Output;
use crate::terms::Cell;

const QUEUE: &[&str] = &[
    "arguments",
    "auto_delete",
    "consumer_capacity",
    "consumer_utilisation",
    "consumers",
    "disk_reads",
    "disk_writes",
    "durable",
    "effective_policy_definition",
    "exclusive",
    "exclusive_consumer_pid",
    "exclusive_consumer_tag",
    "head_message_timestamp",
    "leader",
    "members",
    "memory",
    "message_bytes",
    "message_bytes_persistent",
    "message_bytes_ram",
    "message_bytes_ready",
    "message_bytes_unacknowledged",
    "messages",
    "messages_persistent",
    "messages_ram",
    "messages_ready",
    "messages_ready_ram",
    "messages_unacknowledged",
    "messages_unacknowledged_ram",
    "name",
    "online",
    "operator_policy",
    "owner_pid",
    "pid",
    "policy",
    "state",
    "type",
];
const EXCHANGE: &[&str] =
    &["arguments", "auto_delete", "durable", "internal", "name", "policy", "type"];
const BINDING: &[&str] = &[
    "source_name",
    "source_kind",
    "destination_name",
    "destination_kind",
    "routing_key",
    "arguments",
];
const CONNECTION: &[&str] = &[
    "auth_mechanism",
    "channel_max",
    "channels",
    "client_properties",
    "connected_at",
    "container_id",
    "frame_max",
    "host",
    "name",
    "peer_cert_issuer",
    "peer_cert_serial_number",
    "peer_cert_subject",
    "peer_cert_validity",
    "peer_host",
    "peer_port",
    "pid",
    "port",
    "protocol",
    "recv_cnt",
    "recv_oct",
    "send_cnt",
    "send_oct",
    "send_pend",
    "ssl",
    "ssl_cipher",
    "ssl_hash",
    "ssl_key_exchange",
    "ssl_protocol",
    "state",
    "timeout",
    "user",
    "vhost",
];
const CHANNEL: &[&str] = &[
    "acks_uncommitted",
    "confirm",
    "connection",
    "consumer_count",
    "messages_unacknowledged",
    "messages_uncommitted",
    "messages_unconfirmed",
    "name",
    "number",
    "pid",
    "prefetch_count",
    "transactional",
    "user",
    "vhost",
];
const CONSUMER: &[&str] = &[
    "ack_required",
    "active",
    "activity_status",
    "arguments",
    "channel_pid",
    "consumer_tag",
    "prefetch_count",
    "queue_name",
];
const SEEING: &[Tool] = CTL_AND_DIAGNOSTICS;
const SEEING_QUEUES: &[Tool] = &[Tool::Ctl, Tool::Diagnostics, QUEUES[0]];

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Observing,
        "list_queues",
        "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] [<column>, ...] [--timeout <timeout>]",
        "Lists queues and their properties",
        queues,
    )
    .takes(0, usize::MAX)
    .with(&[
        switch("online", "those that can be used"),
        switch("offline", "those that cannot"),
        switch("local", "those of this node: all of them"),
    ])
    .lists(QUEUE, &["name", "messages"])
    .of(SEEING_QUEUES)
    .checks(call::columns)
    .says(|call| {
        let seconds = call.timeout_s().unwrap_or(60);
        format!("Timeout: {seconds}.0 seconds ...\nListing queues for vhost {} ...", call.vhost())
    }),
    command(
        Section::Observing,
        "list_unresponsive_queues",
        "[--local] [--queue-timeout <seconds>] [<column> ...] [--no-table-headers] [--timeout <timeout>]",
        "Lists queues that cannot be used",
        unresponsive,
    )
    .takes(0, usize::MAX)
    .with(&[
        switch("local", "those of this node: all of them"),
        number("queue-timeout", "accepted; a queue of Leveret answers with its node"),
    ])
    .lists(&["name", "durable", "auto_delete", "arguments", "pid", "recoverable_mirrors"], &["name"])
    .of(SEEING)
    .checks(call::columns)
    .says(|call| format!("Listing unresponsive queues for vhost {} ...", call.vhost())),
    command(
        Section::Observing,
        "list_exchanges",
        "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
        "Lists exchanges",
        exchanges,
    )
    .takes(0, usize::MAX)
    .lists(EXCHANGE, &["name", "type"])
    .of(SEEING)
    .checks(call::columns)
    .says(|call| format!("Listing exchanges for vhost {} ...", call.vhost())),
    command(
        Section::Observing,
        "list_bindings",
        "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
        "Lists the bindings of a virtual host",
        bindings,
    )
    .takes(0, usize::MAX)
    .lists(BINDING, BINDING)
    .of(SEEING)
    .checks(call::columns)
    .says(|call| format!("Listing bindings for vhost {}...", call.vhost())),
    command(
        Section::Observing,
        "list_connections",
        "[--no-table-headers] [<column> ...] [--timeout <timeout>]",
        "Lists connections",
        connections,
    )
    .takes(0, usize::MAX)
    .lists(CONNECTION, &["user", "peer_host", "peer_port", "state"])
    .of(SEEING)
    .checks(call::columns)
    .says(|_| "Listing connections ...".to_owned()),
    command(
        Section::Observing,
        "list_channels",
        "[--no-table-headers] [<column> ...]",
        "Lists channels",
        channels,
    )
    .takes(0, usize::MAX)
    .lists(CHANNEL, &["pid", "user", "consumer_count", "messages_unacknowledged"])
    .of(SEEING)
    .checks(call::columns)
    .says(|_| "Listing channels ...".to_owned()),
    command(
        Section::Observing,
        "list_consumers",
        "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
        "Lists the consumers of a virtual host",
        consumers,
    )
    .takes(0, usize::MAX)
    .lists(CONSUMER, &["queue_name", "channel_pid", "consumer_tag", "ack_required", "prefetch_count", "active", "arguments"])
    .of(SEEING)
    .checks(call::columns)
    .says(|call| format!("Listing consumers in vhost {} ...", call.vhost())),
];

/// The name of a connection or channel as RabbitMQ's tools name processes: without spaces, so that scripts can cut
/// lines at them. `close_connection` takes it.
pub(super) fn pid(node: &str, name: &str) -> Cell {
    if name.is_empty() {
        return Cell::text("");
    }
    Cell::text(format!("<{node}.{}>", name.replace(" -> ", "-").replace(' ', "")))
}

fn text<'a>(item: &'a Value, field: &str) -> &'a str {
    item[field].as_str().unwrap_or_default()
}

/// What is in a virtual host; nothing is in one that is not there, as RabbitMQ has it.
fn of_vhost(call: &Call<'_>, words: &str) -> Result<Vec<Value>, Failure> {
    columns_of_vhost(call, words, None)
}

/// The same, with some columns only: then all of them are asked for at once, rather than in pages.
fn columns_of_vhost(
    call: &Call<'_>,
    words: &str,
    columns: Option<&[String]>,
) -> Result<Vec<Value>, Failure> {
    let vhost = call.vhost();
    if call.server.look(&call.path("/vhosts", &[vhost]))?.is_none() {
        return Ok(Vec::new());
    }
    let path = call.path(words, &[vhost]);
    let Some(columns) = columns else { return call.server.list(&path, "") };
    match call.server.get(&format!("{path}?columns={}", columns.join(",")))? {
        Value::Array(all) => Ok(all),
        _ => Ok(Vec::new()),
    }
}

fn is_online(queue: &Value) -> bool {
    !matches!(text(queue, "state"), "down" | "stopped" | "crashed")
}

fn queues(call: &Call<'_>) -> Result<Output, Failure> {
    let is_filtered = call.has("offline") != call.has("online");
    let columns = call.columns()?;
    let needs_others = columns.iter().any(|column| NEEDS_OTHERS.contains(&&**column));
    // Everything about a million queues would be a gigabyte.
    let some = (!is_filtered && !needs_others).then_some(&*columns);
    let mut queues = columns_of_vhost(call, "/queues", some)?;
    if is_filtered {
        queues.retain(|queue| is_online(queue) == call.has("online"));
    }
    Ok(Output::Rows(call.rows(&queues, queue_cell)?))
}

/// Columns of [`queue_cell`] that are made of others.
const NEEDS_OTHERS: &[&str] = &["leader", "members", "owner_pid", "pid"];

fn queue_cell(queue: &Value, column: &str) -> Cell {
    let node = text(queue, "node");
    match column {
        "arguments" => Cell::arguments(&queue[column]),
        "effective_policy_definition" => {
            Cell::Definition(queue[column].as_object().cloned().unwrap_or_default())
        }
        "leader" if queue[column].is_null() => Cell::of(&queue["node"]),
        "members" if queue[column].is_null() => Cell::Names(vec![node.to_owned()]),
        "pid" => pid(node, text(queue, "name")),
        "owner_pid" => pid(node, text(&queue["owner_pid_details"], "name")),
        "exclusive_consumer_pid" => Cell::text(""),
        _ => Cell::of(&queue[column]),
    }
}

fn unresponsive(call: &Call<'_>) -> Result<Output, Failure> {
    let mut queues = of_vhost(call, "/queues")?;
    queues.retain(|queue| !is_online(queue));
    Ok(Output::Rows(call.rows(&queues, queue_cell)?))
}

fn exchanges(call: &Call<'_>) -> Result<Output, Failure> {
    let exchanges = of_vhost(call, "/exchanges")?;
    Ok(Output::Rows(call.rows(&exchanges, |exchange, column| match column {
        "arguments" => Cell::arguments(&exchange[column]),
        _ => Cell::of(&exchange[column]),
    })?))
}

fn bindings(call: &Call<'_>) -> Result<Output, Failure> {
    let bindings = of_vhost(call, "/bindings")?;
    Ok(Output::Rows(call.rows(&bindings, |binding, column| match column {
        "arguments" => Cell::arguments(&binding[column]),
        "source_name" => Cell::of(&binding["source"]),
        "source_kind" => Cell::text("exchange"),
        "destination_name" => Cell::of(&binding["destination"]),
        "destination_kind" => Cell::of(&binding["destination_type"]),
        _ => Cell::of(&binding[column]),
    })?))
}

fn connections(call: &Call<'_>) -> Result<Output, Failure> {
    let connections = call.server.list("/connections", "")?;
    Ok(Output::Rows(call.rows(&connections, |connection, column| match column {
        "pid" => pid(text(connection, "node"), text(connection, "name")),
        "client_properties" => Cell::arguments(&connection[column]),
        "protocol" => protocol(text(connection, column)),
        "host" | "peer_host" => Cell::Address(text(connection, column).to_owned()),
        "timeout" | "send_pend" if connection[column].is_null() => Cell::Plain(json!(0)),
        _ => Cell::of(&connection[column]),
    })?))
}

/// `AMQP 0-9-1` is `{0,9,1}` to RabbitMQ's tools.
fn protocol(name: &str) -> Cell {
    match name.strip_prefix("AMQP ") {
        Some(version) => Cell::Term(format!("{{{}}}", version.replace('-', ","))),
        None => Cell::text(name),
    }
}

fn channels(call: &Call<'_>) -> Result<Output, Failure> {
    let channels = call.server.list("/channels", "")?;
    Ok(Output::Rows(call.rows(&channels, |channel, column| match column {
        "pid" => pid(text(channel, "node"), text(channel, "name")),
        "connection" => pid(text(channel, "node"), text(&channel["connection_details"], "name")),
        _ => Cell::of(&channel[column]),
    })?))
}

fn consumers(call: &Call<'_>) -> Result<Output, Failure> {
    let consumers = of_vhost(call, "/consumers")?;
    Ok(Output::Rows(call.rows(&consumers, |consumer, column| match column {
        "arguments" => Cell::arguments(&consumer[column]),
        "queue_name" => Cell::of(&consumer["queue"]["name"]),
        "channel_pid" => {
            let channel = &consumer["channel_details"];
            pid(text(channel, "node"), text(channel, "name"))
        }
        _ => Cell::of(&consumer[column]),
    })?))
}
