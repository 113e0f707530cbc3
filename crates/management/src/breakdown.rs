//! Which channel publishes to which exchange, which exchange feeds which queue, and which queue which channel.
//!
//! Each channel tells its exchanges and queues apart, and each queue the exchanges; the other side of a pair is found by
//! asking them all, unless statistics are not wanted. RabbitMQ shows this where `management_agent` keeps detailed rates, and
//! empty lists otherwise.

use std::sync::Arc;

use message::Name;
use metadata::{Exchange, Queue};
use node::Shard;
use node::observation::{
    ChannelBreakdown, ConnectionState, End, MessageCounters, PAGE_MAX, Source,
};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::connections::{channel_details, walk};
use crate::failure::Failure;
use crate::rates::{Field, Object};

/// What a channel has published, and was delivered.
pub(crate) async fn of_channel(
    call: &Call,
    connection: &ConnectionState,
    number: u16,
) -> Result<(Value, Value), Failure> {
    let client = connection.client;
    let home = call.desk.shard_of(client);
    let look = move |shard: &mut Shard| shard.observe_breakdown(client, number);
    let ChannelBreakdown { publishes, deliveries } = call.desk.ask(home, look).await?;
    let channel = || Object::Channel(client, number);
    let is_only = publishes.len() == 1;
    let publishes = publishes.iter().filter_map(|(id, counters)| {
        let exchange = call.definitions().exchange_by_id(*id)?;
        let object = if is_only { channel() } else { Object::Publishes(client, number, *id) };
        let stats = stats(call, &object, &published(counters, is_only));
        Some(json!({ "exchange": named(&exchange.vhost, &exchange.name), "stats": stats }))
    });
    let is_only = deliveries.len() == 1;
    let deliveries = deliveries.iter().filter_map(|(id, counters)| {
        let queue = call.definitions().queue_by_id(*id)?;
        let object = if is_only { channel() } else { Object::Deliveries(client, number, *id) };
        let stats = stats(call, &object, &delivered(counters));
        Some(json!({ "queue": named(&queue.vhost, &queue.name), "stats": stats }))
    });
    Ok((publishes.collect(), deliveries.collect()))
}

/// From which exchanges the messages of a queue came.
pub(crate) async fn into_queue(call: &Call, queue: &Queue) -> Result<Value, Failure> {
    if call.query.is_set("disable_stats") {
        return Ok(json!([]));
    }
    let id = queue.id;
    let home = usize::from(id.home()) % call.desk.shard_count();
    let sources = call.desk.ask(home, move |shard| shard.observe_sources(id)).await?;
    let is_only = sources.len() == 1;
    let shown = sources.iter().filter_map(|Source { exchange, count }| {
        let name = std::str::from_utf8(exchange).ok()?;
        let exchange = call.topology.exchange(queue.vhost.as_str(), name)?;
        let object = if is_only { Object::Queue(id) } else { Object::Incoming(id, exchange.id) };
        let stats = stats(call, &object, &[("publish", *count)]);
        Some(json!({ "exchange": named(&exchange.vhost, &exchange.name), "stats": stats }))
    });
    Ok(shown.collect())
}

/// To which channels the messages of a queue went.
pub(crate) async fn out_of_queue(call: &Call, queue: &Queue) -> Result<Value, Failure> {
    channels_of(call, &queue.vhost, End::Queue(queue.id)).await
}

/// Which channels have published to an exchange.
pub(crate) async fn into_exchange(call: &Call, exchange: &Exchange) -> Result<Value, Failure> {
    channels_of(call, &exchange.vhost, End::Exchange(exchange.id)).await
}

/// Which channels have to do with an exchange or a queue.
async fn channels_of(call: &Call, vhost: &Name, end: End) -> Result<Value, Failure> {
    if call.query.is_set("disable_stats") {
        return Ok(json!([]));
    }
    let vhost = vhost.clone();
    let look = move |shard: &mut Shard, state: &ConnectionState| {
        if state.vhost != vhost {
            return Vec::new();
        }
        let found = shard.observe_shares(state.client, end).into_iter();
        found.map(|share| (state.clone(), share)).collect()
    };
    let rows = walk(call, look).await?;
    let shown = rows.iter().map(|(connection, (number, counters, is_only))| {
        let (client, number) = (connection.client, *number);
        let object = match end {
            _ if *is_only => Object::Channel(client, number),
            End::Queue(id) => Object::Deliveries(client, number, id),
            End::Exchange(id) => Object::Publishes(client, number, id),
        };
        let stats = match end {
            End::Queue(_) => stats(call, &object, &delivered(counters)),
            End::Exchange(_) => stats(call, &object, &published(counters, *is_only)),
        };
        json!({ "channel_details": channel_details(call, connection, number), "stats": stats })
    });
    Ok(shown.collect())
}

/// Which queues messages of an exchange went to.
pub(crate) async fn out_of_exchange(call: &Call, exchange: &Exchange) -> Result<Value, Failure> {
    let vhost = call.definitions().vhost(exchange.vhost.as_str());
    let Some(vhost) = vhost.filter(|_| !call.query.is_set("disable_stats")) else {
        return Ok(json!([]));
    };
    let queues: Vec<&Arc<Queue>> = vhost.queues.values().collect();
    let mut shown = Vec::new();
    for shard in 0..call.desk.shard_count() {
        let here =
            |queue: &&&Arc<Queue>| usize::from(queue.id.home()) % call.desk.shard_count() == shard;
        let here: Vec<_> = queues.iter().filter(here).collect();
        for page in here.chunks(PAGE_MAX) {
            let ids: Vec<_> = page.iter().map(|queue| queue.id).collect();
            let name = exchange.name.clone();
            let look = move |shard: &mut Shard| {
                let of = |id| shard.observe_source(id, name.as_str().as_bytes());
                ids.into_iter().map(of).collect::<Vec<_>>()
            };
            let counts = call.desk.ask(shard, look).await?;
            for (queue, found) in page.iter().zip(counts) {
                let Some((count, is_only)) = found else { continue };
                let object = if is_only {
                    Object::Queue(queue.id)
                } else {
                    Object::Incoming(queue.id, exchange.id)
                };
                let stats = stats(call, &object, &[("publish", count)]);
                shown.push(json!({ "queue": named(&queue.vhost, &queue.name), "stats": stats }));
            }
        }
    }
    Ok(Value::Array(shown))
}

/// What is counted of messages that go to an exchange. Confirms are not told apart where there are several.
pub(crate) fn published(counters: &MessageCounters, is_only: bool) -> Vec<Field> {
    let mut fields = vec![
        ("publish", counters.publish),
        ("return_unroutable", counters.return_unroutable),
        ("drop_unroutable", counters.drop_unroutable),
    ];
    if is_only {
        fields.push(("confirm", counters.confirm));
    }
    fields
}

/// What is counted of messages that come from a queue.
pub(crate) const fn delivered(counters: &MessageCounters) -> [Field; 8] {
    [
        ("deliver", counters.deliver),
        ("deliver_no_ack", counters.deliver_no_ack),
        ("get", counters.get),
        ("get_no_ack", counters.get_no_ack),
        ("get_empty", counters.get_empty),
        ("deliver_get", counters.deliver_get()),
        ("redeliver", counters.redeliver),
        ("ack", counters.ack),
    ]
}

fn stats(call: &Call, object: &Object, fields: &[Field]) -> Value {
    let mut stats = Map::new();
    for (field, count) in fields {
        call.desk.rates.put(&mut stats, object, field, *count, &call.query);
    }
    Value::Object(stats)
}

fn named(vhost: &Name, name: &Name) -> Value {
    json!({ "name": name.as_str(), "vhost": vhost.as_str() })
}
