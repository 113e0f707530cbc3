//! What all objects show of the messages that went through them.

use node::observation::{MessageCounters, QueueSummary};
use serde_json::{Map, Value};

use crate::query::Query;
use crate::rates::{Field, Object, Rates};

/// Counters by RabbitMQ's names.
pub(crate) const fn fields(counters: &MessageCounters) -> [Field; 14] {
    [
        ("publish", counters.publish),
        ("confirm", counters.confirm),
        ("return_unroutable", counters.return_unroutable),
        ("drop_unroutable", counters.drop_unroutable),
        ("deliver", counters.deliver),
        ("deliver_no_ack", counters.deliver_no_ack),
        ("get", counters.get),
        ("get_no_ack", counters.get_no_ack),
        ("get_empty", counters.get_empty),
        ("redeliver", counters.redeliver),
        ("ack", counters.ack),
        ("deliver_get", counters.deliver_get()),
        ("disk_reads", counters.disk_reads),
        ("disk_writes", counters.disk_writes),
    ]
}

/// How many messages wait and are out, by RabbitMQ's names.
pub(crate) const fn lengths(summary: &QueueSummary) -> [Field; 3] {
    [
        ("messages", summary.holdings.ready_count + summary.holdings.unsettled_count),
        ("messages_ready", summary.holdings.ready_count),
        ("messages_unacknowledged", summary.holdings.unsettled_count),
    ]
}

/// `message_stats`; absent while nothing has happened, as in RabbitMQ.
pub(crate) fn message_stats(
    rates: &Rates,
    object: &Object,
    counters: &MessageCounters,
    query: &Query,
) -> Option<Value> {
    if *counters == MessageCounters::ZERO {
        return None;
    }
    let mut stats = Map::new();
    for (field, count) in fields(counters) {
        rates.put(&mut stats, object, field, count, query);
    }
    Some(Value::Object(stats))
}
