//! `/channels`.

use node::Shard;
use node::observation::{ChannelState, ConnectionState};
use serde_json::{Value, json};

use crate::breakdown;
use crate::call::Call;
use crate::connections::{self, details, is_visible, walk};
use crate::failure::Failure;
use crate::lists::{Key, Wanted};
use crate::rates::Object;
use crate::reply::Reply;
use crate::{erlang, stats, time};

/// A channel and its connection.
struct Row {
    name: String,
    connection: ConnectionState,
    channel: ChannelState,
}

impl Row {
    fn of(connection: &ConnectionState, channel: ChannelState) -> Self {
        let name = format!("{} ({})", connection.name, channel.number);
        Self { name, connection: connection.clone(), channel }
    }
}

/// Those that the caller may see.
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    let vhost = match call.parameters.find("vhost") {
        Some(_) => Some(crate::vhosts::named(call)?.0.clone()),
        None => None,
    };
    let look = |shard: &mut Shard, state: &ConnectionState| {
        let channels = shard.observe_channels(state.client).into_iter();
        channels.map(|channel| Row::of(state, channel)).collect::<Vec<_>>()
    };
    let mut rows = walk(call, look).await?;
    rows.retain(|row| {
        is_visible(call, &row.connection)
            && vhost.as_ref().is_none_or(|vhost| row.connection.vhost == *vhost)
    });
    answer(call, rows)
}

/// Those of one connection.
pub(crate) async fn list_of_connection(call: &Call) -> Result<Reply, Failure> {
    let state = connections::named(call).await?;
    let client = state.client;
    let home = call.desk.shard_of(client);
    let channels = call.desk.ask(home, move |shard| shard.observe_channels(client)).await?;
    answer(call, channels.into_iter().map(|channel| Row::of(&state, channel)).collect())
}

/// One.
pub(crate) async fn show(call: &Call) -> Result<Reply, Failure> {
    let name = call.parameter("channel").to_owned();
    let look = move |shard: &mut Shard, state: &ConnectionState| {
        if !name.starts_with(&state.name) {
            return Vec::new();
        }
        let channels = shard.observe_channels(state.client).into_iter();
        channels.map(|channel| Row::of(state, channel)).filter(|row| row.name == name).collect()
    };
    let row = walk(call, look).await?.into_iter().next().ok_or(Failure::NotFound)?;
    call.must_own(&row.connection.user)?;
    let mut value = shown(call, &row);
    let consumers = crate::consumers::of_channel(call, &row.connection, row.channel.number).await?;
    value["consumer_details"] = Value::Array(consumers);
    let found = breakdown::of_channel(call, &row.connection, row.channel.number).await?;
    (value["publishes"], value["deliveries"]) = found;
    Wanted::parse(&call.query)?.project(&mut value);
    Ok(Reply::ok(&value))
}

fn answer(call: &Call, rows: Vec<Row>) -> Result<Reply, Failure> {
    let wanted = Wanted::parse(&call.query)?;
    let key = |row: &Row, column: &[String]| Key::at(&shown(call, row), column);
    let (about, rows) = wanted.select(rows, |row| row.name.as_str(), key)?.split();
    Ok(wanted.finish(&about, rows.iter().map(|row| shown(call, row))))
}

fn shown(call: &Call, row: &Row) -> Value {
    let Row { name, connection, channel } = row;
    let mut value = json!({
        "name": name,
        "number": channel.number,
        "node": call.desk.facts.node,
        "user": connection.user,
        "user_who_performed_action": connection.user,
        "vhost": connection.vhost.as_str(),
        "connection_details": details(connection),
        "state": if channel.used_at_ms == 0 { "idle" } else { "running" },
        "confirm": channel.confirms,
        "transactional": channel.is_transactional,
        "consumer_count": channel.consumer_count,
        "messages_unacknowledged": channel.unacknowledged_count,
        "messages_unconfirmed": channel.unconfirmed_count,
        "messages_uncommitted": channel.uncommitted_count,
        "acks_uncommitted": channel.uncommitted_ack_count,
        "prefetch_count": channel.prefetch_count,
        "global_prefetch_count": channel.global_prefetch_count,
        "pending_raft_commands": 0,
        "cached_segments": 0,
    });
    if let Value::Object(into) = &mut value {
        erlang::put_process_counters(into);
    }
    if channel.used_at_ms > 0 {
        value["idle_since"] = Value::from(time::rfc3339(channel.used_at_ms));
    }
    let object = Object::Channel(channel.client, channel.number);
    let shown = stats::message_stats(&call.desk.rates, &object, &channel.counters, &call.query);
    if let Some(stats) = shown {
        value["message_stats"] = stats;
    }
    value
}
