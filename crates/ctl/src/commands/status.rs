//! What a node says of itself.

use serde_json::{Value, json};

use super::memory::{kinds, lines, shown};
use crate::call::Call;
use crate::command::{CTL_AND_DIAGNOSTICS, Command, DIAGNOSTICS, Section, command, switch, text};
use crate::failure::Failure;
use crate::output::Output;
use crate::server::escaped;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Observing,
        "status",
        "[--unit <unit>] [--timeout <timeout>]",
        "Displays the status of a node",
        status,
    )
    .with(&[text("unit", "bytes, MB, GB, TB, MiB, GiB or TiB")])
    .of(CTL_AND_DIAGNOSTICS)
    .checks(|call| {
        let units = ["bytes", "mb", "mib", "gb", "gib", "tb", "tib"];
        match call.option("unit") {
            Some(unit) if !units.contains(&unit.to_ascii_lowercase().as_str()) => {
                Err(Failure::usage(format!(
                    "\"unit '{unit}' is not supported. Please use one of: {}\"",
                    units.join(", ")
                )))
            }
            _ => Ok(()),
        }
    })
    .says(|call| format!("Status of node {} ...", call.node())),
    command(
        Section::Cluster,
        "cluster_status",
        "[--timeout <timeout>]",
        "Displays the nodes of the cluster: this one",
        cluster,
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Cluster status of node {} ...", call.node())),
    command(
        Section::Observing,
        "report",
        "",
        "Displays the status, and what there is in every virtual host, for whoever helps",
        report,
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Reporting server status of node {} ...\n", call.node())),
    command(
        Section::Observing,
        "server_version",
        "[--timeout <timeout>]",
        "Displays the version of the server",
        |call| Ok(Output::text(field(&call.server.get("/overview")?, "rabbitmq_version"))),
    )
    .of(DIAGNOSTICS)
    .says(|call| format!("Asking node {} for its RabbitMQ version...", call.node())),
    command(
        Section::Configuration,
        "log_location",
        "[--all|-a] [--timeout <timeout>]",
        "Displays where the log goes",
        |call| Ok(Output::text(names(&node(call)?, "log_files").join("\n"))),
    )
    .with(&[switch("all", "all places; they are always all").or('a')])
    .of(DIAGNOSTICS)
    .says(|call| format!("Log file location(s) on node {} ...", call.node())),
];

/// The node as the API lists it.
pub(super) fn node(call: &Call<'_>) -> Result<Value, Failure> {
    let nodes = call.server.list("/nodes", "")?;
    let named = nodes.iter().find(|node| node["name"].as_str() == Some(call.node()));
    Ok(named.or_else(|| nodes.first()).cloned().unwrap_or_default())
}

pub(super) fn field(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn names(value: &Value, name: &str) -> Vec<String> {
    value[name]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn bullets(items: &[String]) -> String {
    if items.is_empty() {
        return "(none)\n".to_owned();
    }
    items.iter().map(|item| format!(" * {item}\n")).collect()
}

fn section(title: &str, body: &str) -> String {
    format!("{title}\n\n{body}\n")
}

/// One listener, as RabbitMQ's tools show it.
pub(super) fn listener(listener: &Value) -> String {
    let protocol = field(listener, "protocol");
    format!(
        "Interface: {}, port: {}, protocol: {protocol}, purpose: {}",
        field(listener, "ip_address").replace("::", "[::]"),
        field(listener, "port"),
        purpose(&protocol)
    )
}

pub(super) fn purpose(protocol: &str) -> &str {
    match protocol {
        "amqp" => "AMQP 0-9-1 and AMQP 1.0",
        "amqp/ssl" | "amqps" => "AMQP 0-9-1 and AMQP 1.0 over TLS",
        "mqtt" => "MQTT",
        "stomp" => "STOMP",
        "http" => "HTTP API",
        "https" => "HTTP API over TLS (HTTPS)",
        "http/prometheus" => "Prometheus exporter API over HTTP",
        "https/prometheus" => "Prometheus exporter API over TLS (HTTPS)",
        "clustering" => "inter-node and CLI tool communication",
        other => other,
    }
}

pub(super) fn listeners(call: &Call<'_>) -> Result<Vec<Value>, Failure> {
    let overview = call.server.get("/overview")?;
    Ok(overview["listeners"].as_array().cloned().unwrap_or_default())
}

/// The alarms that are on, in a sentence each.
pub(super) fn alarms(node: &Value) -> Vec<String> {
    let name = field(node, "name");
    let mut alarms = Vec::new();
    if node["mem_alarm"] == json!(true) {
        alarms.push(format!("Memory alarm on node {name}"));
    }
    if node["disk_free_alarm"] == json!(true) {
        alarms.push(format!("Free disk space alarm on node {name}"));
    }
    alarms
}

fn text_of(call: &Call<'_>, node: &Value, overview: &Value) -> Result<String, Failure> {
    let unit = call.option("unit").unwrap_or("gb");
    let number = |name: &str| node[name].as_u64().unwrap_or(0);
    let count = |name: &str| field(&overview["object_totals"], name);
    let runtime = format!(
        "OS PID: {}\nOS: Linux\nUptime (seconds): {}\nIs under maintenance?: {}\nRabbitMQ version: {}\nNode name: {}\nServer: {}\nScheduler run queue: {}\nCluster heartbeat timeout (net_ticktime): {}\n",
        field(node, "os_pid"),
        number("uptime") / 1000,
        node["being_drained"] == json!(true),
        field(overview, "rabbitmq_version"),
        call.node(),
        [field(overview, "product_name"), field(overview, "product_version")].join(" "),
        number("run_queue"),
        number("net_ticktime"),
    );
    let mut plugins = "Enabled plugins:\n\n".to_owned();
    plugins.push_str(&bullets(&names(node, "enabled_plugins")));
    let memory = format!(
        "Total memory used: {}\nCalculation strategy: {}\nMemory high watermark setting: computed to: {}\n\n{}\n",
        shown(number("mem_used"), unit),
        field(node, "mem_calculation_strategy"),
        shown(number("mem_limit"), unit),
        lines(&kinds(call)?, unit, " ")
    );
    let disk = format!(
        "Low free disk space watermark: {}\nFree disk space: {}\n",
        shown(number("disk_free_limit"), unit),
        shown(number("disk_free"), unit)
    );
    let totals = format!(
        "Connection count: {}\nQueue count: {}\nVirtual host count: {}\n",
        count("connections"),
        count("queues"),
        call.server.list("/vhosts", "&columns=name")?.len()
    );
    let listeners: Vec<String> =
        overview["listeners"].as_array().into_iter().flatten().map(listener).collect();
    Ok([
        section("Runtime", &runtime),
        section("Plugins", &plugins),
        section("Data directory", &format!("Node data directory: {}\n", field(node, "db_dir"))),
        section("Config files", &bullets(&names(node, "config_files"))),
        section("Log file(s)", &bullets(&names(node, "log_files"))),
        section("Alarms", &bullets(&alarms(node))),
        section("Memory", &memory),
        section("Free Disk Space", &disk),
        section("Totals", &totals),
        section("Listeners", &listeners.join("\n")),
    ]
    .concat()
    .trim_end()
    .to_owned())
}

fn status(call: &Call<'_>) -> Result<Output, Failure> {
    let (node, overview) = (node(call)?, call.server.get("/overview")?);
    let text = text_of(call, &node, &overview)?;
    let memory: serde_json::Map<String, Value> =
        kinds(call)?.into_iter().map(|(kind, bytes)| (kind, json!(bytes))).collect();
    let value = json!({
        "pid": node["os_pid"].as_str().and_then(|pid| pid.parse::<u64>().ok()),
        "os": "Linux",
        "uptime": node["uptime"].as_u64().unwrap_or(0) / 1000,
        "is_under_maintenance": node["being_drained"] == json!(true),
        "rabbitmq_version": overview["rabbitmq_version"],
        "product_name": overview["product_name"],
        "product_version": overview["product_version"],
        "active_plugins": node["enabled_plugins"],
        "data_directory": node["db_dir"],
        "config_files": node["config_files"],
        "log_files": node["log_files"],
        "alarms": alarms(&node),
        "memory": memory,
        "vm_memory_calculation_strategy": node["mem_calculation_strategy"],
        "vm_memory_limit": node["mem_limit"],
        "vm_memory_high_watermark_limit": node["mem_limit"],
        "disk_free": node["disk_free"],
        "disk_free_limit": node["disk_free_limit"],
        "file_descriptors": { "total_used": node["fd_used"], "total_limit": node["fd_total"] },
        "net_ticktime": node["net_ticktime"],
        "run_queue": node["run_queue"],
        "processes": { "used": node["proc_used"], "limit": node["proc_total"] },
        "totals": {
            "connection_count": overview["object_totals"]["connections"],
            "queue_count": overview["object_totals"]["queues"],
            "virtual_host_count": call.server.list("/vhosts", "&columns=name")?.len(),
        },
        "listeners": overview["listeners"].as_array().into_iter().flatten().map(listener_value).collect::<Value>(),
    });
    Ok(Output::Report { text, value })
}

pub(super) fn listener_value(listener: &Value) -> Value {
    let protocol = field(listener, "protocol");
    json!({
        "node": listener["node"],
        "interface": listener["ip_address"],
        "port": listener["port"],
        "purpose": purpose(&protocol),
        "protocol": protocol,
    })
}

fn cluster(call: &Call<'_>) -> Result<Output, Failure> {
    let (node, overview) = (node(call)?, call.server.get("/overview")?);
    let name = call.node();
    let cores = node["processors"].as_u64().unwrap_or(1);
    let flags = call.server.list("/feature-flags", "")?;
    let flag_lines: String = flags
        .iter()
        .map(|flag| format!("Flag: {}, state: {}\n", field(flag, "name"), field(flag, "state")))
        .collect();
    let listeners: Vec<Value> =
        overview["listeners"].as_array().into_iter().flatten().map(listener_value).collect();
    let listener_lines: String = overview["listeners"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|found| format!("Node: {name}, {}\n", listener(found).replacen('I', "i", 1)))
        .collect();
    let version = field(&overview, "rabbitmq_version");
    let maintenance = if node["being_drained"] == json!(true) {
        "under maintenance"
    } else {
        "not under maintenance"
    };
    let text = [
        section(
            "Basics",
            &format!(
                "Cluster name: {}\nTotal CPU cores available cluster-wide: {cores}\n",
                field(&overview, "cluster_name")
            ),
        ),
        section("Cluster Tags", "(none)\n"),
        section("Disk Nodes", &format!("{name}\n")),
        section("Running Nodes", &format!("{name}\n")),
        section("Versions", &format!("{name}: RabbitMQ {version}\n")),
        section("CPU Cores", &format!("Node: {name}, available CPU cores: {cores}\n")),
        section("Maintenance status", &format!("Node: {name}, status: {maintenance}\n")),
        section("Alarms", &bullets(&alarms(&node))),
        section("Network Partitions", "(none)\n"),
        section("Listeners", &listener_lines),
        section("Feature flags", &flag_lines),
    ]
    .concat();
    let value = json!({
        "cluster_name": overview["cluster_name"],
        "cluster_tags": [],
        "disk_nodes": [name],
        "ram_nodes": [],
        "running_nodes": [name],
        "versions": { name: { "rabbitmq_name": "RabbitMQ", "rabbitmq_version": version } },
        "cpu_cores": { name: cores },
        "maintenance_status": { name: maintenance },
        "alarms": alarms(&node),
        "partitions": {},
        "listeners": { name: listeners },
        "feature_flags": flags.iter().map(|flag| json!({ "name": flag["name"], "state": flag["state"] })).collect::<Value>(),
    });
    Ok(Output::Report { text: text.trim_end().to_owned(), value })
}

fn report(call: &Call<'_>) -> Result<Output, Failure> {
    let (node, overview) = (node(call)?, call.server.get("/overview")?);
    let mut text =
        format!("Status of node {} ...\n{}\n", call.node(), text_of(call, &node, &overview)?);
    for vhost in call.server.list("/vhosts", "&columns=name")? {
        let vhost = vhost["name"].as_str().unwrap_or_default();
        text.push_str(&format!("\nVirtual host {vhost}\n"));
        for (title, words, fields) in [
            ("queues", "/queues", &["name", "type", "messages", "consumers", "policy"][..]),
            ("exchanges", "/exchanges", &["name", "type"][..]),
            ("bindings", "/bindings", &["source", "destination", "routing_key"][..]),
        ] {
            text.push_str(&format!("\n{title}: {}\n", fields.join("\t")));
            let path = format!("{words}/{}", escaped(vhost));
            for item in call.server.list(&path, "")? {
                let cells: Vec<String> = fields.iter().map(|name| field(&item, name)).collect();
                text.push_str(&cells.join("\t"));
                text.push('\n');
            }
        }
    }
    Ok(Output::Report { text: text.trim_end().to_owned(), value: overview })
}
