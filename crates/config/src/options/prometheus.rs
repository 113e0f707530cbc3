//! Metrics for Prometheus.

use super::{Definition, narrow};

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
