//! `/consumers`.

use std::collections::{BTreeMap, BTreeSet};

use message::QueueId;
use metadata::Queue;
use node::Shard;
use node::observation::{ConnectionState, ConsumerId, ConsumerState, TakerState};
use serde_json::{Value, json};

use crate::call::Call;
use crate::connections::{channel_details, walk};
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
    let is_by_queue = wanted
        .sort_column()
        .is_some_and(|column| column.first().is_some_and(|column| is_said_by_queue(column)));
    let all = if is_by_queue { takers(call, &rows).await? } else { Takers::new() };
    let key = |row: &Row, column: &[String]| Key::at(&shown(call, row, &all), column);
    let (about, rows) = wanted.select(rows, |row| row.consumer.tag.as_str(), key)?.split();
    answer(call, &rows).await.map(|items| wanted.finish(&about, items))
}

/// Those of a queue.
pub(crate) async fn of_queue(call: &Call, queue: &Queue) -> Result<Vec<Value>, Failure> {
    let id = queue.id;
    let on_queue = move |shard: &mut Shard, state: &ConnectionState| {
        let mut rows = look(shard, state);
        rows.retain(|row| row.consumer.queue == id);
        rows
    };
    answer(call, &walk(call, on_queue).await?).await
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
    answer(call, &rows.collect::<Vec<_>>()).await
}

/// What queues know of consumers.
type Takers = BTreeMap<(QueueId, ConsumerId), TakerState>;

/// How many queues are asked in one go: some have very many consumers.
const QUEUES_AT_ONCE: usize = 64;

/// Asks the queues of some consumers what they know of theirs.
async fn takers(call: &Call, rows: &[Row]) -> Result<Takers, Failure> {
    let mut by_shard: BTreeMap<usize, BTreeSet<QueueId>> = BTreeMap::new();
    for row in rows {
        let queue = row.consumer.queue;
        let home = usize::from(queue.home()) % call.desk.shard_count();
        by_shard.entry(home).or_default().insert(queue);
    }
    let mut takers = Takers::new();
    for (home, queues) in by_shard {
        for page in queues.into_iter().collect::<Vec<_>>().chunks(QUEUES_AT_ONCE) {
            let page = page.to_vec();
            let look = move |shard: &mut Shard| {
                let of = |queue: QueueId| {
                    let takers = shard.observe_takers(queue).into_iter();
                    takers.map(move |taker| ((queue, taker.consumer), taker))
                };
                page.into_iter().flat_map(of).collect::<Vec<_>>()
            };
            takers.extend(call.desk.ask(home, look).await?);
        }
    }
    Ok(takers)
}

/// Whether a column is what the queue says of a consumer.
fn is_said_by_queue(column: &str) -> bool {
    ["active", "activity_status"].contains(&column)
}

async fn answer(call: &Call, rows: &[Row]) -> Result<Vec<Value>, Failure> {
    let takers = takers(call, rows).await?;
    Ok(rows.iter().map(|row| shown(call, row, &takers)).collect())
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

fn shown(call: &Call, row: &Row, takers: &Takers) -> Value {
    let Row { connection, consumer } = row;
    let queue = call.definitions().queue_by_id(consumer.queue);
    let id = ConsumerId { client: consumer.client, number: consumer.number };
    let taker = takers.get(&(consumer.queue, id));
    let is_active = taker.is_none_or(|taker| taker.is_active);
    let is_only_one = queue.is_some_and(|queue| is_single_active(queue));
    let status = match (is_only_one, is_active) {
        (false, _) => "up",
        (true, true) => "single_active",
        (true, false) => "waiting",
    };
    json!({
        "consumer_tag": consumer.tag,
        "ack_required": consumer.settles,
        "exclusive": consumer.is_exclusive,
        "prefetch_count": consumer.prefetch_count,
        "arguments": json::object(&consumer.arguments),
        "consumer_timeout": queue.map(|queue| timeout_ms(call, queue, consumer)),
        "active": is_active,
        "activity_status": status,
        "queue": {
            "name": queue.map(|queue| queue.name.as_str()),
            "vhost": connection.vhost.as_str(),
        },
        "channel_details": channel_details(call, connection, consumer.channel),
    })
}

/// Whether only one consumer of a queue gets messages at a time.
fn is_single_active(queue: &Queue) -> bool {
    queue.arguments.get("x-single-active-consumer") == Some(&message::Value::Bool(true))
}
