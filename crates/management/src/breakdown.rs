//! Which channel publishes to which exchange, which exchange feeds which queue, and which queue which channel.
//!
//! Each channel tells its exchanges and queues apart, and each queue the exchanges; the other side of a pair is found by
//! asking them all. RabbitMQ shows this where `management_agent` keeps detailed rates, and empty lists otherwise.

use std::sync::Arc;

use metadata::{Exchange, Queue};
use node::Shard;
use node::observation::{ChannelBreakdown, ConnectionState, MessageCounters, PAGE_MAX, Source};
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
    let (id, vhost) = (queue.id, queue.vhost.clone());
    let look = move |shard: &mut Shard, state: &ConnectionState| {
        if state.vhost != vhost {
            return Vec::new();
        }
        let mut found = Vec::new();
        for channel in shard.observe_channels(state.client) {
            let all = shard.observe_breakdown(state.client, channel.number).deliveries;
            let is_only = all.len() == 1;
            let of_queue = all.into_iter().find(|(of, _)| *of == id);
            found.extend(
                of_queue.map(|(_, counters)| (state.clone(), channel.number, counters, is_only)),
            );
        }
        found
    };
    let rows = walk(call, look).await?;
    let shown = rows.iter().map(|(connection, number, counters, is_only)| {
        let object = if *is_only {
            Object::Channel(connection.client, *number)
        } else {
            Object::Deliveries(connection.client, *number, id)
        };
        let stats = stats(call, &object, &delivered(counters));
        json!({ "channel_details": channel_details(call, connection, *number), "stats": stats })
    });
    Ok(shown.collect())
}

/// Which channels have published to an exchange.
pub(crate) async fn into_exchange(call: &Call, exchange: &Exchange) -> Result<Value, Failure> {
    let (id, vhost) = (exchange.id, exchange.vhost.clone());
    let look = move |shard: &mut Shard, state: &ConnectionState| {
        if state.vhost != vhost {
            return Vec::new();
        }
        let mut found = Vec::new();
        for channel in shard.observe_channels(state.client) {
            let all = shard.observe_breakdown(state.client, channel.number).publishes;
            let is_only = all.len() == 1;
            let to_exchange = all.into_iter().find(|(of, _)| *of == id);
            found.extend(
                to_exchange.map(|(_, counters)| (state.clone(), channel.number, counters, is_only)),
            );
        }
        found
    };
    let rows = walk(call, look).await?;
    let shown = rows.iter().map(|(connection, number, counters, is_only)| {
        let object = if *is_only {
            Object::Channel(connection.client, *number)
        } else {
            Object::Publishes(connection.client, *number, id)
        };
        let stats = stats(call, &object, &published(counters, *is_only));
        json!({ "channel_details": channel_details(call, connection, *number), "stats": stats })
    });
    Ok(shown.collect())
}

/// Which queues messages of an exchange went to.
pub(crate) async fn out_of_exchange(call: &Call, exchange: &Exchange) -> Result<Value, Failure> {
    let Some(vhost) = call.definitions().vhost(exchange.vhost.as_str()) else {
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
                let of = |id| {
                    let sources = shard.observe_sources(id);
                    let is_only = sources.len() == 1;
                    let name = name.as_str().as_bytes();
                    let found = sources.into_iter().find(|source| *source.exchange == *name);
                    found.map(|source| (source.count, is_only))
                };
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

fn named(vhost: &message::Name, name: &message::Name) -> Value {
    json!({ "name": name.as_str(), "vhost": vhost.as_str() })
}
