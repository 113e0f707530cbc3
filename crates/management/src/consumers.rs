//! `/consumers`.

use metadata::Queue;
use node::Shard;
use node::observation::{ConnectionState, ConsumerState};
use serde_json::{Value, json};

use crate::call::Call;
use crate::connections::{split, walk};
use crate::failure::Failure;
use crate::json;
use crate::lists::{Key, Wanted};
use crate::reply::Reply;

/// A consumer and its connection.
#[derive(Clone)]
struct Row {
    connection: ConnectionState,
    consumer: ConsumerState,
}

/// Those in all virtual hosts that the caller may see, or in the one that the path names.
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    let vhosts = call.vhosts_in_view()?;
    let mut rows = walk(call, look).await?;
    rows.retain(|row| vhosts.iter().any(|(name, _)| **name == row.connection.vhost));
    let wanted = Wanted::parse(&call.query)?;
    let key = |row: &Row, column: &[String]| Key::at(&shown(call, row), column);
    let (about, rows) = wanted.select(rows, |row| row.consumer.tag.as_str(), key)?.split();
    Ok(wanted.finish(&about, rows.iter().map(|row| shown(call, row)).collect()))
}

/// Those of a queue.
pub(crate) async fn of_queue(call: &Call, queue: &Queue) -> Result<Vec<Value>, Failure> {
    let id = queue.id;
    let on_queue = move |shard: &mut Shard, state: &ConnectionState| {
        let mut rows = look(shard, state);
        rows.retain(|row| row.consumer.queue == id);
        rows
    };
    let rows = walk(call, on_queue).await?;
    Ok(rows.iter().map(|row| shown(call, row)).collect())
}

/// Those of a channel.
pub(crate) async fn of_channel(
    call: &Call,
    connection: &ConnectionState,
    number: u16,
) -> Result<Vec<Value>, Failure> {
    let client = connection.client;
    let home = call.desk.shard_of(client);
    let consumers = call.desk.ask(home, move |shard| shard.observe_consumers(client)).await?;
    let of_channel = consumers.into_iter().filter(|consumer| consumer.channel == number);
    let rows = of_channel.map(|consumer| Row { connection: connection.clone(), consumer });
    Ok(rows.map(|row| shown(call, &row)).collect())
}

fn look(shard: &mut Shard, state: &ConnectionState) -> Vec<Row> {
    let consumers = shard.observe_consumers(state.client).into_iter();
    consumers.map(|consumer| Row { connection: state.clone(), consumer }).collect()
}

/// How long the consumer may take to settle a message: what it has asked for itself, or else what holds for its queue.
fn timeout_ms(call: &Call, queue: &Queue, consumer: &ConsumerState) -> u64 {
    let own = consumer.arguments.get("x-consumer-timeout").and_then(message::Value::as_integer);
    own.and_then(|own| u64::try_from(own).ok())
        .or_else(|| call.definitions().queue_rules(queue).consumer_timeout_ms)
        .unwrap_or(call.desk.facts.consumer_timeout_ms)
}

fn shown(call: &Call, row: &Row) -> Value {
    let Row { connection, consumer } = row;
    let (peer_host, peer_port) = split(&connection.peer_address);
    let queue = call.definitions().queue_by_id(consumer.queue);
    json!({
        "consumer_tag": consumer.tag,
        "ack_required": consumer.settles,
        "exclusive": consumer.is_exclusive,
        "prefetch_count": consumer.prefetch_count,
        "arguments": json::object(&consumer.arguments),
        "consumer_timeout": queue.map(|queue| timeout_ms(call, queue, consumer)),
        "active": true,
        "activity_status": "up",
        "queue": {
            "name": queue.map(|queue| queue.name.as_str()),
            "vhost": connection.vhost.as_str(),
        },
        "channel_details": {
            "name": format!("{} ({})", connection.name, consumer.channel),
            "number": consumer.channel,
            "connection_name": connection.name,
            "node": call.desk.facts.node,
            "peer_host": peer_host,
            "peer_port": peer_port,
            "user": connection.user,
        },
    })
}
