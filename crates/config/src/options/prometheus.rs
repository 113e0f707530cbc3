//! Metrics for Prometheus.

use super::{COUNT_OR_INFINITY, Definition, count_or_infinity, narrow};
use crate::unit::Unit;

pub(super) const TABLE: &[Definition] = &[
    Definition::text(
        "prometheus.tcp.listener",
        "Set to `none` to serve metrics on no port of their own; or an address and a port.",
        "none, or an address and a port like 127.0.0.1:15692",
        |draft, _, value| {
            draft.has_no_prometheus_tcp = value == "none";
            if let Some((ip, port)) = value.rsplit_once(':') {
                draft.prometheus_tcp.ip = ip.trim_matches(['[', ']']).parse().ok();
                draft.prometheus_tcp.port = port.parse().ok();
            }
            let listener = draft.prometheus_tcp;
            draft.has_no_prometheus_tcp || (listener.ip.is_some() && listener.port.is_some())
        },
    )
    .example("none"),
    Definition::number(
        "prometheus.tcp.port",
        "The port on which metrics are served. Without this and `prometheus.tcp.ip` that is 127.0.0.1:15692 and \
         [::1]:15692; with the port alone on all interfaces.",
        0..=65_535,
        |draft, n| draft.prometheus_tcp.port = Some(narrow(n)),
    )
    .example("15692"),
    Definition::text(
        "prometheus.tcp.ip",
        "The address of the interface on which metrics are served.",
        "an IP address",
        |draft, _, value| {
            draft.prometheus_tcp.ip = value.parse().ok();
            draft.prometheus_tcp.ip.is_some()
        },
    )
    .example("127.0.0.1"),
    Definition::number(
        "prometheus.tcp.idle_timeout",
        "How long a connection may be silent.",
        0..=u64::MAX,
        |draft, n| draft.config.prometheus.http.idle_timeout_ms = n,
    )
    .unit(Unit::Milliseconds)
    .default("60000"),
    Definition::number(
        "prometheus.tcp.request_timeout",
        "How long the head of a request may take to arrive.",
        0..=u64::MAX,
        |draft, n| draft.config.prometheus.http.request_timeout_ms = n,
    )
    .unit(Unit::Milliseconds)
    .default("5000"),
    Definition::number(
        "prometheus.tcp.max_keepalive",
        "How many requests a connection may make; 0 for as many as it likes.",
        0..=0xffff_ffff,
        |draft, n| draft.config.prometheus.http.requests_max = narrow(n),
    )
    .default("0"),
    Definition::text(
        "prometheus.tcp.max_connections",
        "How many connections there may be.",
        COUNT_OR_INFINITY,
        |draft, _, value| count_or_infinity(value, |count| draft.config.prometheus.http.connections_max = count),
    )
    .default("infinity"),
    Definition::switch(
        "prometheus.tcp.compress",
        "Whether answers may be compressed.",
        |draft, is_on| draft.config.prometheus.http.is_compressed = is_on,
    )
    .default("true"),
    Definition::number(
        "prometheus.ssl.port",
        "The port on which metrics are served over TLS; 15691 if only the address is set.",
        0..=65_535,
        |draft, n| draft.prometheus_ssl.port = Some(narrow(n)),
    )
    .example("15691"),
    Definition::text(
        "prometheus.ssl.ip",
        "The address of the interface on which metrics are served over TLS.",
        "an IP address",
        |draft, _, value| {
            draft.prometheus_ssl.ip = value.parse().ok();
            draft.prometheus_ssl.ip.is_some()
        },
    )
    .example("127.0.0.1"),
    Definition::text(
        "prometheus.path",
        "The path under which metrics are served.",
        "a path that begins with /",
        |draft, _, value| {
            draft.config.prometheus.path = value.to_owned();
            value.starts_with('/')
        },
    )
    .default("/metrics"),
    Definition::switch(
        "prometheus.return_per_object_metrics",
        "Whether that path gives a row for each queue, connection and channel rather than their sums.",
        |draft, is_on| draft.config.prometheus.is_per_object = is_on,
    )
    .default("false"),
    Definition::switch(
        "prometheus.authentication.enabled",
        "Whether a user that may monitor has to ask.",
        |draft, is_on| draft.config.prometheus.needs_login = is_on,
    )
    .default("false"),
    Definition::switch(
        "leveret.prometheus",
        "Whether metrics are served. Not an option of RabbitMQ, where the plugin rabbitmq_prometheus is enabled or not.",
        |draft, is_on| draft.has_prometheus = Some(is_on),
    )
    .example("false"),
];
