//! The HTTP API.

use super::{COUNT_OR_INFINITY, Definition, count_or_infinity, narrow};
use crate::management::RatesMode;
use crate::unit::Unit;

pub(super) const TABLE: &[Definition] = &[
    Definition::number(
        "management.tcp.port",
        "The port of the HTTP API. Without this and `management.tcp.ip` it is served on 127.0.0.1:15672 and \
         [::1]:15672; with the port alone on all interfaces.",
        0..=65_535,
        |draft, n| draft.management_tcp.port = Some(narrow(n)),
    )
    .example("15672"),
    Definition::text(
        "management.tcp.ip",
        "The address of the interface on which the HTTP API is served.",
        "an IP address",
        |draft, _, value| {
            draft.management_tcp.ip = value.parse().ok();
            draft.management_tcp.ip.is_some()
        },
    )
    .example("127.0.0.1"),
    Definition::number(
        "management.tcp.idle_timeout",
        "How long a connection may be silent.",
        0..=u64::MAX,
        |draft, n| draft.config.management.http.idle_timeout_ms = n,
    )
    .unit(Unit::Milliseconds)
    .default("60000"),
    Definition::number(
        "management.tcp.request_timeout",
        "How long the head of a request may take to arrive.",
        0..=u64::MAX,
        |draft, n| draft.config.management.http.request_timeout_ms = n,
    )
    .unit(Unit::Milliseconds)
    .default("5000"),
    Definition::number(
        "management.tcp.max_keepalive",
        "How many requests a connection may make; 0 for as many as it likes.",
        0..=0xffff_ffff,
        |draft, n| draft.config.management.http.requests_max = narrow(n),
    )
    .default("0"),
    Definition::text(
        "management.tcp.max_connections",
        "How many connections there may be.",
        COUNT_OR_INFINITY,
        |draft, _, value| count_or_infinity(value, |count| draft.config.management.http.connections_max = count),
    )
    .default("infinity"),
    Definition::switch(
        "management.tcp.compress",
        "Whether answers may be compressed.",
        |draft, is_on| draft.config.management.http.is_compressed = is_on,
    )
    .default("true"),
    Definition::number(
        "management.ssl.port",
        "The port of the HTTP API over TLS; 15671 if only the address is set.",
        0..=65_535,
        |draft, n| draft.management_ssl.port = Some(narrow(n)),
    )
    .example("15671"),
    Definition::text(
        "management.ssl.ip",
        "The address of the interface on which the HTTP API is served over TLS.",
        "an IP address",
        |draft, _, value| {
            draft.management_ssl.ip = value.parse().ok();
            draft.management_ssl.ip.is_some()
        },
    )
    .example("127.0.0.1"),
    Definition::number(
        "management.listener.port",
        "An older name of `management.tcp.port`, and of `management.ssl.port` with `management.listener.ssl`.",
        0..=65_535,
        |draft, n| draft.management_listener.port = Some(narrow(n)),
    )
    .example("15672"),
    Definition::text(
        "management.listener.ip",
        "An older name of `management.tcp.ip`, and of `management.ssl.ip` with `management.listener.ssl`.",
        "an IP address",
        |draft, _, value| {
            draft.management_listener.ip = value.parse().ok();
            draft.management_listener.ip.is_some()
        },
    )
    .example("127.0.0.1"),
    Definition::switch(
        "management.listener.ssl",
        "Whether what `management.listener.port` names speaks TLS.",
        |draft, is_on| draft.is_management_listener_tls = is_on,
    )
    .default("false"),
    Definition::text(
        "management.path_prefix",
        "What stands before every path of the HTTP API.",
        "a path that begins with / and does not end with it",
        |draft, _, value| {
            draft.config.management.path_prefix = value.trim_end_matches('/').to_owned();
            value.is_empty() || value.starts_with('/')
        },
    )
    .example("/broker"),
    Definition::text(
        "management.rates_mode",
        "How much is counted: `basic`; `detailed` for rates of pairs of objects, too; `none` for no rates.",
        "basic, detailed or none",
        |draft, _, value| {
            draft.config.management.rates_mode = match value {
                "basic" => RatesMode::Basic,
                "detailed" => RatesMode::Detailed,
                "none" => RatesMode::None,
                _ => return false,
            };
            true
        },
    )
    .default("basic"),
    Definition::text(
        "management.sample_retention_policies.$section.$interval",
        "How far apart the samples of the last minute, hour or day are, in seconds. Sections are `global`, `basic` and \
         `detailed`; intervals are `minute`, `hour`, `day`, or a number of seconds.",
        "a number of seconds, for a section global, basic or detailed and an interval minute, hour, day or a number",
        |draft, filled, value| {
            let (section, interval) = (filled[0], filled[1]);
            let interval_s = match interval {
                "minute" => Some(60),
                "hour" => Some(3_600),
                "day" => Some(86_400),
                number => number.parse().ok().filter(|&seconds: &u64| seconds > 0),
            };
            let distance_s = value.parse().ok().filter(|&seconds: &u64| seconds > 0);
            let (Some(interval_s), Some(distance_s)) = (interval_s, distance_s) else { return false };
            let retention = &mut draft.config.management.retention;
            retention.entry(section.to_owned()).or_default().insert(interval_s, distance_s);
            matches!(section, "global" | "basic" | "detailed")
        },
    )
    .example("5"),
    Definition::text(
        "management.cors.allow_origins",
        "Set to `none` to let no page of another origin call the API, whatever `management.cors.allow_origins.1` says.",
        "none; an origin goes into management.cors.allow_origins.1",
        |draft, _, value| {
            draft.has_no_cors = value == "none";
            draft.has_no_cors
        },
    )
    .example("none"),
    Definition::text(
        "management.cors.allow_origins.$name",
        "An origin whose pages may call the API; `*` for all.",
        "an origin like https://example.org, or *",
        |draft, filled, value| {
            draft.cors_origins.insert(filled[0].to_owned(), value.to_owned());
            value == "*" || value.contains("://")
        },
    )
    .example("https://example.org"),
    Definition::number(
        "management.cors.max_age",
        "How long a browser may remember what origins are allowed.",
        0..=0xffff_ffff,
        |draft, n| draft.config.management.cors_max_age_s = narrow(n),
    )
    .unit(Unit::Seconds)
    .default("1800"),
    Definition::number(
        "management.http.max_body_size",
        "The longest body of a request.",
        0..=1 << 32,
        |draft, n| draft.config.management.body_bytes_max = n,
    )
    .unit(Unit::Bytes)
    .default("20000000"),
    Definition::switch(
        "management.disable_stats",
        "Whether answers have no statistics.",
        |draft, is_on| draft.config.management.has_no_stats = is_on,
    )
    .default("false"),
    Definition::switch(
        "management.enable_queue_totals",
        "Whether lists of queues have their totals even without statistics.",
        |draft, is_on| draft.config.management.has_queue_totals = is_on,
    )
    .default("false"),
    Definition::text(
        "management.load_definitions",
        "A file of definitions that is imported at every start; an older name of `load_definitions`.",
        "the path of a file",
        |draft, _, value| {
            draft.config.management.load_definitions = Some(value.to_owned());
            !value.is_empty()
        },
    )
    .example("/etc/rabbitmq/definitions.json"),
    Definition::switch(
        "leveret.management",
        "Whether the HTTP API is served. Not an option of RabbitMQ, where the plugin rabbitmq_management is enabled or \
         not.",
        |draft, is_on| draft.has_management = Some(is_on),
    )
    .example("false"),
];
