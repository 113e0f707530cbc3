//! The HTTP API.

use super::{COUNT_OR_INFINITY, Definition, count_or_infinity, narrow};
use crate::draft::Draft;
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
        "How long a client may be silent, between two requests and within the head of one; on all listeners of the HTTP API.",
        1..=86_400_000,
        |draft, n| draft.config.management.http.idle_timeout_ms = n,
    )
    .alias(&["management.ssl.idle_timeout", "management.listener.server.idle_timeout"])
    .unit(Unit::Milliseconds)
    .default("60000"),
    Definition::number(
        "management.tcp.max_keepalive",
        "How many requests a connection may make before it is closed; 0 for as many as it likes. On all listeners of the HTTP \
         API.",
        0..=0xffff_ffff,
        |draft, n| draft.config.management.http.requests_max = narrow(n),
    )
    .alias(&["management.ssl.max_keepalive", "management.listener.server.max_keepalive"])
    .default("0"),
    Definition::text(
        "management.tcp.max_connections",
        "How many connections there may be, of all listeners of the HTTP API and of metrics together; never more than 256. \
         Then whoever has been silent longest makes room, and if nobody is, who comes waits.",
        COUNT_OR_INFINITY,
        |draft, _, value| count_or_infinity(value, |count| draft.config.management.http.connections_max = count),
    )
    .alias(&["management.ssl.max_connections"])
    .default("infinity"),
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
        "What stands before every path of the HTTP API: with `/broker`, it is under /broker/api.",
        "a path that begins with / and does not end with it",
        |draft, _, value| {
            draft.config.management.path_prefix = value.trim_end_matches('/').to_owned();
            value.is_empty() || value.starts_with('/')
        },
    )
    .example("/broker"),
    Definition::text(
        "management.rates_mode",
        "What rates are told: `basic`; `none` for none, and no samples are taken. `detailed` is `basic` here: pairs of objects \
         are told apart with either.",
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
    Definition::text(
        "management.csp.policy",
        "What browsers are told in the header Content-Security-Policy.",
        HEADER,
        |draft, _, value| header(draft, "content-security-policy", value),
    )
    .default("script-src 'self'; object-src 'self'"),
    Definition::text(
        "management.hsts.policy",
        "What browsers are told in the header Strict-Transport-Security.",
        HEADER,
        |draft, _, value| header(draft, "strict-transport-security", value),
    )
    .example("max-age=31536000; includeSubDomains"),
    Definition::text(
        "management.headers.content_type_options",
        "What browsers are told in the header X-Content-Type-Options.",
        HEADER,
        |draft, _, value| header(draft, "x-content-type-options", value),
    )
    .example("nosniff"),
    Definition::text(
        "management.headers.frame_options",
        "What browsers are told in the header X-Frame-Options.",
        HEADER,
        |draft, _, value| header(draft, "x-frame-options", value),
    )
    .example("DENY"),
    Definition::text(
        "management.headers.xss_protection",
        "What browsers are told in the header X-XSS-Protection.",
        HEADER,
        |draft, _, value| header(draft, "x-xss-protection", value),
    )
    .example("1; mode=block"),
    Definition::text(
        "management.headers.referrer_policy",
        "What browsers are told in the header Referrer-Policy.",
        HEADER,
        |draft, _, value| header(draft, "referrer-policy", value),
    )
    .example("no-referrer"),
    Definition::switch(
        "management.http.hide_allow_header",
        "Whether the header Allow stands only in answers to methods that a path does not have.",
        |draft, is_on| draft.config.management.hides_allow = is_on,
    )
    .default("false"),
    Definition::number(
        "management.http.max_body_size",
        "The longest body of a request; a longer one is answered with 400. Without it, 24 MiB, and 64 MiB for definitions.",
        0..=1 << 32,
        |draft, n| draft.config.management.body_bytes_max = Some(n),
    )
    .unit(Unit::Bytes)
    .example("10000000"),
    Definition::switch(
        "management.disable_stats",
        "Whether lists have no statistics, as if each request had `disable_stats=true`, and no samples are taken for rates.",
        |draft, is_on| draft.config.management.has_no_stats = is_on,
    )
    .alias(&["management_agent.disable_metrics_collector"])
    .default("false"),
    Definition::switch(
        "management.enable_queue_totals",
        "Whether lists of queues have their totals even without statistics.",
        |draft, is_on| draft.config.management.has_queue_totals = is_on,
    )
    .default("false"),
    Definition::switch(
        "management.restrictions.operator_policy_changes.disabled",
        "Whether operator policies cannot be changed over HTTP: the answer is 405. Definitions are imported even so.",
        |draft, is_on| draft.config.management.forbids_operator_policies = is_on,
    )
    .default("false"),
    Definition::switch(
        "management.definitions.require_json_extension",
        "Whether /api/overview tells user interfaces to take definitions only from files that end in `.json`.",
        |draft, is_on| draft.config.management.needs_json_extension = is_on,
    )
    .default("false"),
    Definition::text(
        "management.disable_basic_auth",
        "Whether users cannot log in with name and password over HTTP.",
        "false; there is no other way to log in over HTTP yet: leave it out, or serve no HTTP with leveret.management = false",
        |_, _, value| value == "false",
    )
    .alias(&["management.oauth_disable_basic_auth"])
    .default("false"),
    Definition::text(
        "management.load_definitions",
        "A file of definitions that is imported at every start; an older name of `load_definitions`.",
        "the path of a file",
        |draft, _, value| {
            draft.config.management.load_definitions = Some(value.to_owned());
            !value.is_empty() && !value.contains("://")
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

const HEADER: &str = "the value of an HTTP header: printable ASCII, 4096 bytes at most";

const HEADER_BYTES_MAX: usize = 4096;

/// Has every answer carry a header.
fn header(draft: &mut Draft, name: &'static str, value: &str) -> bool {
    draft.config.management.headers.insert(name, value.to_owned());
    (1..=HEADER_BYTES_MAX).contains(&value.len())
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
