//! `/overview`: the node at a glance.

use node::observation::{MessageCounters, ShardTotals};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::erlang;
use crate::facts::Listening;
use crate::failure::Failure;
use crate::global_parameters::cluster_name;
use crate::rates::{Field, Object};
use crate::reply::Reply;
use crate::stats;

/// What encrypts, for those who look for the version of OpenSSL.
pub(crate) const CRYPTO: &str = "rustls with ring";

/// The types of exchanges, and what RabbitMQ says of them.
const EXCHANGE_TYPES: [(&str, &str); 10] = [
    ("direct", "AMQP direct exchange, as per the AMQP specification"),
    ("fanout", "AMQP fanout exchange, as per the AMQP specification"),
    ("headers", "AMQP headers exchange, as per the AMQP specification"),
    ("topic", "AMQP topic exchange, as per the AMQP specification"),
    ("x-consistent-hash", "Consistent Hashing Exchange"),
    ("x-delayed-message", "Delayed Message Exchange"),
    ("x-local-random", "Picks one random local binding (queue) to route via (to)."),
    ("x-modulus-hash", "Modulus Hashing Exchange"),
    ("x-random", "Randomly picks a binding (queue) to route via (to)."),
    ("x-recent-history", "Recent History Exchange."),
];

/// The node at a glance. A user who may not see everything sees the totals of the virtual hosts that they may enter.
pub(crate) async fn show(call: &Call) -> Result<Reply, Failure> {
    let facts = &call.desk.facts;
    let totals = totals(call).await?;
    let mut value = json!({
        "management_version": facts.rabbitmq_version,
        "rabbitmq_version": facts.rabbitmq_version,
        "crypto_lib_version": CRYPTO,
        "product_name": "Leveret",
        "product_version": facts.leveret_version,
        "leveret_version": facts.leveret_version,
        "rates_mode": rates_mode(call),
        "sample_retention_policies": { "global": [600, 3600], "basic": [600, 3600], "detailed": [600] },
        "exchange_types": exchange_types(),
        "node": facts.node,
        "cluster_name": cluster_name(call),
        "cluster_tags": {},
        "node_tags": {},
        "default_queue_type": facts.default_queue_kind.as_str(),
        "disable_stats": facts.api.has_no_stats,
        "enable_queue_totals": facts.api.has_queue_totals,
        "is_op_policy_updating_enabled": facts.api.permits_operator_policies,
        "require_definition_json_extension": facts.api.needs_json_extension,
        "statistics_db_event_queue": 0,
        "object_totals": object_totals(call, &totals),
    });
    let Value::Object(into) = &mut value else { return Ok(Reply::ok(&value)) };
    erlang::put_versions(into);
    if !call.query.is_set("disable_stats") {
        let counters = totals.iter().fold(MessageCounters::ZERO, |sum, t| sum + t.counters);
        let stats = stats::message_stats(&call.desk.rates, &Object::Node, &counters, &call.query);
        into.insert("message_stats".to_owned(), stats.unwrap_or_else(|| json!({})));
        let group = |fields: &[Field]| {
            let mut group = Map::new();
            for (field, count) in fields {
                call.desk.rates.put(&mut group, &Object::Node, field, *count, &call.query);
            }
            Value::Object(group)
        };
        into.insert("queue_totals".to_owned(), group(&queue_fields(&totals)));
        into.insert("churn_rates".to_owned(), group(&churn_fields(&totals)));
    }
    if call.caller.is_monitoring() {
        let listeners = facts.listeners.iter().map(|at| listener(&facts.node, at));
        into.insert("listeners".to_owned(), listeners.collect());
        into.insert("contexts".to_owned(), contexts(call));
    }
    Ok(Reply::ok(&value))
}

/// RabbitMQ's word for what is told of rates.
pub(crate) fn rates_mode(call: &Call) -> &'static str {
    if call.desk.facts.api.has_rates { "basic" } else { "none" }
}

/// What each shard holds and has done.
pub(crate) async fn totals(call: &Call) -> Result<Vec<ShardTotals>, Failure> {
    call.desk.ask_all(|shard| shard.observe_totals()).await
}

/// How many messages there are, by RabbitMQ's names.
pub(crate) fn queue_fields(totals: &[ShardTotals]) -> [Field; 3] {
    let ready = totals.iter().map(|t| t.holdings.ready_count).sum::<u64>();
    let unsettled = totals.iter().map(|t| t.holdings.unsettled_count).sum::<u64>();
    [
        ("messages", ready + unsettled),
        ("messages_ready", ready),
        ("messages_unacknowledged", unsettled),
    ]
}

/// What came and went, by RabbitMQ's names.
pub(crate) fn churn_fields(totals: &[ShardTotals]) -> [Field; 7] {
    let sum = |part: fn(&ShardTotals) -> u64| totals.iter().map(part).sum::<u64>();
    [
        ("connection_created", sum(|t| t.churn.connection_created)),
        ("connection_closed", sum(|t| t.churn.connection_closed)),
        ("channel_created", sum(|t| t.churn.channel_created)),
        ("channel_closed", sum(|t| t.churn.channel_closed)),
        ("queue_declared", sum(|t| t.churn.queue_declared)),
        ("queue_created", sum(|t| t.churn.queue_created)),
        ("queue_deleted", sum(|t| t.churn.queue_deleted)),
    ]
}

fn object_totals(call: &Call, totals: &[ShardTotals]) -> Value {
    let sum = |part: fn(&ShardTotals) -> u64| totals.iter().map(part).sum::<u64>();
    let vhosts = call.vhosts_in_view().unwrap_or_default();
    json!({
        "connections": sum(|t| t.connection_count),
        "channels": sum(|t| t.channel_count),
        "consumers": sum(|t| t.holdings.consumer_count),
        "exchanges": vhosts.iter().map(|(_, vhost)| vhost.exchanges.len()).sum::<usize>(),
        "queues": vhosts.iter().map(|(_, vhost)| vhost.queues.len()).sum::<usize>(),
    })
}

/// The types of exchanges.
pub(crate) fn exchange_types() -> Value {
    let types = EXCHANGE_TYPES.iter();
    types
        .map(|(name, text)| json!({ "name": name, "description": text, "enabled": true }))
        .collect()
}

/// Where HTTP is served.
pub(crate) fn contexts(call: &Call) -> Value {
    let facts = &call.desk.facts;
    let http = facts.listeners.iter().filter(|at| at.protocol.starts_with("http"));
    http.map(|at| {
        let is_metrics = at.protocol.ends_with("prometheus");
        let mut context = json!({
            "node": facts.node,
            "description": if is_metrics { "Leveret Prometheus" } else { "Leveret Management" },
            "path": if facts.api.path_prefix.is_empty() { "/" } else { &facts.api.path_prefix },
            "ip": at.address.ip().to_string(),
            "port": at.address.port().to_string(),
            "cowboy_opts": "[]",
            "ssl_opts": [],
        });
        if is_metrics {
            context["protocol"] = Value::from(format!("'{}'", at.protocol));
        }
        context
    })
    .collect()
}

fn listener(node: &str, at: &Listening) -> Value {
    json!({
        "node": node,
        "protocol": at.protocol,
        "ip_address": at.address.ip().to_string(),
        "port": at.address.port(),
        "socket_opts": {},
        "tls": at.is_tls,
    })
}
