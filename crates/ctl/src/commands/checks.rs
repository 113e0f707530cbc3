//! Health checks and diagnostics: exit code 0 is healthy, 69 is not.

use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::{Value, json};

use super::status::{alarms, field, listener, listener_value, listeners, node};
use super::wait::positive;
use crate::call::Call;
use crate::command::{
    CTL_AND_DIAGNOSTICS, Command, DIAGNOSTICS, QUEUES_AND_DIAGNOSTICS, Section, Tool, command,
    number, text,
};
use crate::failure::{Failure, code};
use crate::output::Output;
use crate::server::reason;

const OF_QUEUES: &[Tool] = QUEUES_AND_DIAGNOSTICS;
const OF_UPGRADES: &[Tool] = &[Tool::Ctl, Tool::Upgrade];

/// A check without arguments.
const fn check(
    name: &'static str,
    summary: &'static str,
    says: fn(&Call<'_>) -> String,
    runs: crate::command::Runs,
) -> Command {
    command(Section::Observing, name, "[--timeout <timeout>]", summary, runs)
        .of(DIAGNOSTICS)
        .says(says)
}

pub(super) const COMMANDS: &[Command] = &[
    check(
        "alarms",
        "Lists the alarms of memory and disk that are on",
        |call| format!("Asking node {} to report any known resource alarms ...", call.node()),
        list_alarms,
    ),
    check(
        "check_alarms",
        "Fails if an alarm is on",
        |call| format!("Asking node {} to report any local resource alarms ...", call.node()),
        |call| check_alarms(call, "no alarms, local or clusterwide"),
    ),
    check(
        "check_local_alarms",
        "Fails if an alarm is on",
        |call| format!("Asking node {} to report any local resource alarms ...", call.node()),
        |call| check_alarms(call, "no local alarms"),
    ),
    check(
        "check_running",
        "Fails unless the node runs",
        |call| format!("Checking if RabbitMQ is running on node {} ...", call.node()),
        running,
    ),
    check(
        "is_running",
        "Tells whether the node runs",
        |call| format!("Asking node {} for its status ...", call.node()),
        running,
    ),
    check(
        "check_virtual_hosts",
        "Fails unless all virtual hosts run",
        |call| format!("Checking if all vhosts are running on node {} ...", call.node()),
        |call| {
            health(call, "/virtual-hosts", &format!("Node {} reported all vhosts as running", call.node()))
        },
    ),
    command(
        Section::Observing,
        "check_port_connectivity",
        "[--address <target address>] [--timeout <timeout>]",
        "Fails unless every listener takes connections",
        connectivity,
    )
    .with(&[text("address", "host to connect to")])
    .of(DIAGNOSTICS)
    .says(|call| {
        format!(
            "Testing TCP connections to all active listeners on node {} using {} ...",
            call.node(),
            call.option("address").unwrap_or("hostname resolution")
        )
    }),
    command(
        Section::Observing,
        "check_port_listener",
        "<port> [--timeout <timeout>]",
        "Fails unless there is a listener on a port",
        port_listener,
    )
    .takes(1, 1)
    .of(DIAGNOSTICS)
    .checks(|call| positive(call.argument(0)))
    .says(|call| {
        format!(
            "Asking node {} if there's an active listener on port {} ...",
            call.node(),
            call.argument(0)
        )
    }),
    command(
        Section::Observing,
        "check_protocol_listener",
        "<protocol> [--timeout <timeout>]",
        "Fails unless there is a listener for a protocol",
        protocol_listener,
    )
    .takes(1, 1)
    .of(DIAGNOSTICS)
    .says(|call| {
        format!(
            "Asking node {} if there's an active listener for protocol {} ...",
            call.node(),
            call.argument(0)
        )
    }),
    command(
        Section::Observing,
        "check_certificate_expiration",
        "[--within <period>] [--unit <unit>]",
        "Fails if a certificate ends soon",
        certificates_end,
    )
    .with(&[number("within", "how soon, 4 if it is not said"), text("unit", "days, weeks, months or years")])
    .of(DIAGNOSTICS)
    .checks(|call| match unit(call) {
        "days" | "weeks" | "months" | "years" => Ok(()),
        unit => Err(Failure::usage(format!(
            "\"unit '{unit}' is not supported. Please use one of: days, weeks, months, years\""
        ))),
    })
    .says(|call| format!("Checking certificate expiration for all certificates on node {} ...", call.node())),
    check(
        "listeners",
        "Lists the listeners",
        |call| format!("Asking node {} to report its protocol listeners ...", call.node()),
        list_listeners,
    ),
    check(
        "check_if_node_is_quorum_critical",
        "Fails if queues would be lost with this node: a single node has no others to keep them",
        |call| {
            format!("Checking if node {} is critical for quorum of any queues/streams ...", call.node())
        },
        |call| {
            Ok(Output::passed(format!(
                "Node {} seems to be the only one in a single node cluster, the check does not apply",
                call.node()
            )))
        },
    )
    .of(OF_QUEUES),
    check(
        "check_if_new_quorum_queue_replicas_have_finished_initial_sync",
        "Fails while replicas catch up: a single node has none",
        |call| format!("Checking if node {} runs promotable replicas of any queues ...", call.node()),
        |call| {
            Ok(Output::passed(format!(
                "Node {} reported no queues with promotable replicas",
                call.node()
            )))
        },
    )
    .of(OF_QUEUES),
    command(
        Section::Observing,
        "check_for_quorum_queues_without_an_elected_leader",
        "[--vhost <vhost>] [--across-all-vhosts] <pattern>",
        "Fails if quorum queues have no leader: with a single node each has one",
        |call| {
            Ok(Output::passed(format!(
                "Node {} reported all quorum queue as having responsive leader replicas",
                call.node()
            )))
        },
    )
    .takes(1, 1)
    .with(&[crate::command::switch("across-all-vhosts", "in all virtual hosts")])
    .of(OF_QUEUES)
    .says(|call| {
        let place = if call.has("across-all-vhosts") {
            "all vhosts".to_owned()
        } else {
            format!("vhost {}", call.vhost())
        };
        format!("Checking leader replicas of quorum queues matching '{}' in {place} ...", call.argument(0))
    }),
    check(
        "check_if_metadata_store_is_initialized",
        "Fails unless what is declared can be read",
        |call| format!("Checking if metadata store on node {} is initialized ...", call.node()),
        |call| health(call, "/metadata-store/initialized", "Metadata store is initialized"),
    ),
    check(
        "check_if_metadata_store_is_initialized_with_data",
        "Fails unless what is declared can be read",
        |call| format!("Checking if metadata store on node {} is initialized with data ...", call.node()),
        |call| health(call, "/metadata-store/initialized/with-data", "Metadata store is initialized with data"),
    ),
    check(
        "has_reached_target_cluster_size",
        "Fails unless there are as many nodes as there should be: one",
        |call| format!("Checking if target cluster size has been reached on node {} ...", call.node()),
        |call| {
            call.server.get("/overview")?;
            Ok(Output::passed(format!("Target cluster size has been reached on node {}", call.node())))
        },
    )
    .of(OF_UPGRADES),
    command(
        Section::Observing,
        "resolve_hostname",
        "<hostname> [--address-family <ipv4 | ipv6>]",
        "Resolves a name on this machine",
        resolve,
    )
    .takes(1, 1)
    .with(&[text("address-family", "ipv4 (if it is not said) or ipv6")])
    .of(DIAGNOSTICS)
    .says(|call| {
        format!(
            "Asking node {} to resolve hostname {} to {} addresses...",
            call.node(),
            call.argument(0),
            call.option("address-family").unwrap_or("IPv4")
        )
    }),
    check(
        "tls_versions",
        "Lists the versions of TLS that there are",
        |_| "Listing all TLS versions supported by the runtime...".to_owned(),
        |_| {
            let versions = ["tlsv1.3", "tlsv1.2"];
            Ok(Output::Report { text: versions.join("\n"), value: json!({ "versions": versions }) })
        },
    ),
    check(
        "certificates",
        "Displays the certificates that listeners use",
        |call| format!("Certificates of node {} ...", call.node()),
        |call| {
            let value = super::leveret::get(call, "/leveret/certificates", "show its certificates")?;
            Ok(Output::Report { text: format!("{value:#}"), value })
        },
    ),
    check(
        "os_env",
        "Lists the variables of this environment that RabbitMQ reads",
        |call| {
            format!("Listing RabbitMQ-specific environment variables defined on node {}...", call.node())
        },
        |_| {
            // A cookie or a password in the environment is nobody's business.
            let is_secret = |name: &str| ["COOKIE", "PASS", "KEY", "SECRET", "URI"].iter().any(|word| name.contains(word));
            let mut lines: Vec<String> = std::env::vars()
                .filter(|(name, _)| name.starts_with("RABBITMQ_") || name.starts_with("LEVERET_"))
                .map(|(name, value)| if is_secret(&name) { format!("{name}=...") } else { format!("{name}={value}") })
                .collect();
            lines.sort_unstable();
            Ok(Output::text(lines.join("\n")))
        },
    ),
    check(
        "check_if_any_deprecated_features_are_used",
        "Fails if a deprecated feature is used",
        |_| "Checking if any deprecated features are used ...".to_owned(),
        |call| {
            let used = call.server.list("/deprecated-features/used", "")?;
            let names: Vec<&str> = used.iter().filter_map(|feature| feature["name"].as_str()).collect();
            if names.is_empty() {
                return Ok(Output::passed("None of the deprecated features are in use"));
            }
            Err(Failure::bare(code::UNAVAILABLE, names.join(", ")))
        },
    )
    .of(CTL_AND_DIAGNOSTICS),
];

fn unit<'a>(call: &'a Call<'_>) -> &'a str {
    call.option("unit").unwrap_or("weeks")
}

/// A health check of the API: it answers 200, or 503 with what is wrong.
fn health(call: &Call<'_>, path: &str, healthy: &str) -> Result<Output, Failure> {
    let answer = call.server.raw("GET", &format!("/health/checks{path}"), None, "")?;
    match answer.status {
        200..=299 => Ok(Output::passed(healthy)),
        _ => Err(Failure::bare(code::UNAVAILABLE, reason(&answer))),
    }
}

fn list_alarms(call: &Call<'_>) -> Result<Output, Failure> {
    let alarms = alarms(&node(call)?);
    let text = if alarms.is_empty() {
        format!("Node {} reported no alarms, local or clusterwide", call.node())
    } else {
        format!("Node {} reported the following alarms:\n\n{}", call.node(), alarms.join("\n"))
    };
    let value = json!({ "node": call.node(), "result": "ok", "alarms": alarms });
    Ok(Output::Report { text, value })
}

fn check_alarms(call: &Call<'_>, none: &str) -> Result<Output, Failure> {
    let alarms = alarms(&node(call)?);
    if alarms.is_empty() {
        return Ok(Output::passed(format!("Node {} reported {none}", call.node())));
    }
    Err(Failure::bare(
        code::UNAVAILABLE,
        format!("Node {} reported the following alarms:\n\n{}", call.node(), alarms.join("\n")),
    ))
}

fn running(call: &Call<'_>) -> Result<Output, Failure> {
    call.server.get("/overview")?;
    let text = format!("RabbitMQ on node {} is fully booted and running", call.node());
    let value = json!({ "result": true, "message": text });
    Ok(Output::Report { text, value })
}

fn ports(listeners: &[Value]) -> Vec<u64> {
    let mut ports: Vec<u64> = listeners.iter().filter_map(|found| found["port"].as_u64()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

fn joined(ports: &[u64]) -> String {
    ports.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn connectivity(call: &Call<'_>) -> Result<Output, Failure> {
    let listeners = listeners(call)?;
    let wait = Duration::from_secs(call.timeout_s().unwrap_or(10).max(1));
    let fails = |listener: &&Value| {
        let port = listener["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let target = (where_to(call, listener), port.unwrap_or_default());
        let mut addresses = target.to_socket_addrs().into_iter().flatten();
        !addresses.any(|address| TcpStream::connect_timeout(&address, wait).is_ok())
    };
    let failed: Vec<Value> = listeners.iter().filter(fails).cloned().collect();
    let (ports, failed) = (ports(&listeners), ports(&failed));
    if failed.is_empty() {
        return Ok(Output::passed(format!(
            "Successfully connected to ports {} on node {} (using node hostname resolution)",
            joined(&ports),
            call.node()
        )));
    }
    Err(Failure::bare(
        code::UNAVAILABLE,
        format!(
            "Connection to ports of the following listeners on node {} failed:\n{}",
            call.node(),
            joined(&failed)
        ),
    ))
}

/// Where a listener is found: where somebody says, or where it listens if that is one address.
fn where_to(call: &Call<'_>, listener: &Value) -> String {
    let own = field(listener, "ip_address");
    let is_any = own.parse::<IpAddr>().map_or(true, |address| address.is_unspecified());
    match call.option("address") {
        Some(host) => host.to_owned(),
        None if is_any => call.server.host().to_owned(),
        None => own,
    }
}

fn port_listener(call: &Call<'_>) -> Result<Output, Failure> {
    let (port, node) = (call.argument(0), call.node());
    let ports = ports(&listeners(call)?);
    if ports.iter().any(|found| found.to_string() == port) {
        return Ok(Output::passed(format!(
            "A listener for port {port} is running on node {node}."
        )));
    }
    Err(Failure::bare(
        code::UNAVAILABLE,
        format!(
            "No listener for port {port} is active on node {node}. Found listeners that use the following ports: {}",
            joined(&ports)
        ),
    ))
}

fn protocol_listener(call: &Call<'_>) -> Result<Output, Failure> {
    let (protocol, node) = (call.argument(0), call.node());
    let mut protocols: Vec<String> =
        listeners(call)?.iter().map(|found| field(found, "protocol")).collect();
    protocols.sort_unstable();
    protocols.dedup();
    // Versions of one protocol, and other words for one over TLS.
    let wanted = match protocol {
        "amqp0.9.1" | "amqp091" | "amqp1.0" | "amqp10" => "amqp",
        "amqps" | "amqp/tls" | "amqps0.9.1" => "amqp/ssl",
        "http_prometheus" | "prometheus" => "http/prometheus",
        other => other,
    };
    if protocols.iter().any(|found| found == wanted || found == protocol) {
        return Ok(Output::passed(format!(
            "A listener for protocol {protocol} is running on node {node}."
        )));
    }
    Err(Failure::unavailable(format!(
        "No listener for protocol {protocol} is active on node {node}. Found listeners for the following protocols: {}",
        protocols.join(", ")
    )))
}

fn certificates_end(call: &Call<'_>) -> Result<Output, Failure> {
    let within = call.number("within").unwrap_or(4);
    let unit = unit(call);
    let shown = if within == 1 { unit.trim_end_matches('s') } else { unit };
    health(
        call,
        &format!("/certificate-expiration/{within}/{unit}"),
        &format!("No certificates are expiring within {within} {shown}."),
    )
}

fn list_listeners(call: &Call<'_>) -> Result<Output, Failure> {
    let listeners = listeners(call)?;
    let lines: Vec<String> = listeners.iter().map(listener).collect();
    let value = json!({
        "node": call.node(),
        "result": "ok",
        "listeners": listeners.iter().map(listener_value).collect::<Value>(),
    });
    Ok(Output::Report { text: lines.join("\n"), value })
}

fn resolve(call: &Call<'_>) -> Result<Output, Failure> {
    let is_ipv6 =
        call.option("address-family").is_some_and(|family| family.eq_ignore_ascii_case("ipv6"));
    let found: Vec<String> = (call.argument(0), 0)
        .to_socket_addrs()
        .into_iter()
        .flatten()
        .filter(|address| address.is_ipv6() == is_ipv6)
        .map(|address| address.ip().to_string())
        .collect();
    if found.is_empty() {
        return Err(Failure::stated(
            code::DATA,
            "Hostname does not resolve (resolution failed with an nxdomain)",
        ));
    }
    Ok(Output::text(found.join("\n")))
}
