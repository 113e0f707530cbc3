//! `/overview`: the node at a glance.

use serde_json::{Value, json};

use crate::call::Call;
use crate::facts::Listening;
use crate::failure::Failure;
use crate::reply::Reply;

/// The types of exchanges, and what RabbitMQ says of them.
const EXCHANGE_TYPES: [(&str, &str); 9] = [
    ("direct", "AMQP direct exchange, as per the AMQP specification"),
    ("fanout", "AMQP fanout exchange, as per the AMQP specification"),
    ("headers", "AMQP headers exchange, as per the AMQP specification"),
    ("topic", "AMQP topic exchange, as per the AMQP specification"),
    ("x-consistent-hash", "Consistent Hashing Exchange"),
    ("x-delayed-message", "Delayed Message Exchange"),
    ("x-local-random", "Picks one random local binding (queue) to route via (to)."),
    ("x-modulus-hash", "Modulus Hashing Exchange"),
    ("x-random", "Randomly picks a binding (queue) to route via (to)."),
];

/// The node at a glance.
pub(crate) async fn show(call: &Call) -> Result<Reply, Failure> {
    let facts = &call.desk.facts;
    let definitions = call.definitions();
    let totals = call.desk.ask_all(|shard| shard.observe_totals()).await?;
    let sum =
        |part: fn(&node::observation::ShardTotals) -> u64| totals.iter().map(part).sum::<u64>();
    let seen = || {
        let vhosts = definitions.vhosts();
        vhosts.filter(|(name, _)| call.caller.may_see(definitions, name.as_str()))
    };
    let (ready, unsettled) = (sum(|t| t.holdings.ready_count), sum(|t| t.holdings.unsettled_count));
    Ok(Reply::ok(&json!({
        "management_version": facts.rabbitmq_version,
        "rabbitmq_version": facts.rabbitmq_version,
        "product_name": "Leveret",
        "product_version": facts.leveret_version,
        "leveret_version": facts.leveret_version,
        "rates_mode": "basic",
        "exchange_types": exchange_types(),
        "node": facts.node,
        "cluster_name": facts.node,
        "default_queue_type": facts.default_queue_kind.as_str(),
        "object_totals": {
            "connections": sum(|t| t.connection_count),
            "channels": sum(|t| t.channel_count),
            "consumers": sum(|t| t.holdings.consumer_count),
            "exchanges": seen().map(|(_, vhost)| vhost.exchanges.len()).sum::<usize>(),
            "queues": seen().map(|(_, vhost)| vhost.queues.len()).sum::<usize>(),
        },
        "queue_totals": {
            "messages": ready + unsettled,
            "messages_ready": ready,
            "messages_unacknowledged": unsettled,
        },
        "listeners": facts.listeners.iter().map(|at| listener(&facts.node, at)).collect::<Vec<_>>(),
    })))
}

fn exchange_types() -> Vec<Value> {
    let types = EXCHANGE_TYPES.iter();
    types
        .map(|(name, text)| json!({ "name": name, "description": text, "enabled": true }))
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
