//! `/queues`.
//!
//! ```text
//!   Definitions ── names ──> select the page ──> ask the shards for its queues ──> rendered
//!                               ↑ only if it is sorted by something alive: summaries of all queues
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use broker::{QueueDeclaration, Verb};
use message::QueueId;
use metadata::{Access, Queue, QueueKind, RetryKind, Subject};
use node::observation::{ConsumerId, Holdings, PAGE_MAX, QueueState, QueueSummary};
use serde_json::{Map, Value, json};

use crate::breakdown;
use crate::call::Call;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::fields;
use crate::json;
use crate::lists::{Key, Wanted, Written};
use crate::rates::Object;
use crate::reply::Reply;
use crate::{erlang, stats, time};

/// What is alive of some queues.
type States = BTreeMap<QueueId, QueueState>;

/// Those of all virtual hosts that the caller may see, or of the one that the path names.
pub(crate) async fn list(call: &Call, is_detailed: bool) -> Result<Reply, Failure> {
    let wanted = Wanted::parse(&call.query)?;
    let vhosts = call.vhosts_in_view()?;
    let rows: Vec<&Arc<Queue>> =
        vhosts.iter().flat_map(|(_, vhost)| vhost.queues.values()).collect();
    let summaries = match wanted.sort_column() {
        Some([column, ..]) if !is_said(column) => summaries(&call.desk).await?,
        _ => HashMap::new(),
    };
    let key = |row: &&Arc<Queue>, column: &[String]| sort_key(call, row, &summaries, column);
    let (about, rows) = wanted.select(rows, |row| row.name.as_str(), key)?.split();
    let has_stats = !call.query.is_set("disable_stats") || call.query.is_set("enable_queue_totals");
    // The names of a million queues are asked for often, and need no shard.
    let has_stats = has_stats && !wanted.has_only(is_said);
    let is_brief = wanted.has_only(is_property);
    let mut written = Written::default();
    for page in rows.chunks(PAGE_MAX) {
        let states = if has_stats { states(call, page).await? } else { States::new() };
        let tags = tags(&call.desk, &states).await?;
        for queue in page {
            let mut value = if is_brief { properties(queue) } else { said(call, queue) };
            if has_stats {
                put_state(call, &mut value, queue, states.get(&queue.id));
            }
            if is_detailed && !is_brief {
                put_details(&mut value, states.get(&queue.id));
            }
            put_tags(&mut value, states.get(&queue.id), &tags);
            wanted.write(&mut written, value);
        }
        // Other requests have their turn between two pages.
        tokio::task::yield_now().await;
    }
    Ok(Wanted::close(&about, written))
}

/// One.
pub(crate) async fn show(call: &Call) -> Result<Reply, Failure> {
    let queue = named(call)?;
    let states = states(call, &[queue]).await?;
    let mut value = said(call, queue);
    put_state(call, &mut value, queue, states.get(&queue.id));
    put_details(&mut value, states.get(&queue.id));
    put_tags(&mut value, states.get(&queue.id), &tags(&call.desk, &states).await?);
    if let Some(owner) = queue.owner {
        let home = call.desk.shard_of(owner);
        let found = call.desk.ask(home, move |shard| shard.observe_connection(owner)).await?;
        if let Some(connection) = found {
            value["owner_pid_details"] = crate::connections::details(&connection);
        }
    }
    value["incoming"] = breakdown::into_queue(call, queue).await?;
    value["deliveries"] = breakdown::out_of_queue(call, queue).await?;
    value["consumer_details"] = Value::Array(crate::consumers::of_queue(call, queue).await?);
    Wanted::parse(&call.query)?.project(&mut value);
    Ok(Reply::ok(&value))
}

/// Declares one.
pub(crate) async fn put(call: &Call) -> Result<Reply, Failure> {
    let Ok((vhost, found)) = crate::vhosts::named(call) else {
        return Err(Failure::missing("vhost_not_found"));
    };
    let given = call.object()?;
    let name = fields::name(call.parameter("queue"))?;
    if let Some(node) = fields::text(&given, "node")?.filter(|node| *node != call.desk.facts.node) {
        return Err(Failure::bad(format!("Node {node} is not a cluster member")));
    }
    let mut arguments = json::table(&given, "arguments")?;
    if let Some(kind) = fields::text(&given, "type")? {
        let kind = message::Value::Text(kind.as_bytes().to_vec());
        arguments.entry("x-queue-type".to_owned()).or_insert(kind);
    }
    call.may_declare(Subject::Queue(name.as_str()), arguments.get("x-dead-letter-exchange"))?;
    let is_new = !found.queues.contains_key(&name);
    let declaration = QueueDeclaration {
        vhost: vhost.clone(),
        name,
        is_passive: false,
        is_durable: fields::is_set(&given, "durable")?,
        is_exclusive: false,
        is_auto_delete: fields::is_set(&given, "auto_delete")?,
        arguments,
    };
    call.operate(Verb::DeclareQueue(declaration)).await?;
    Ok(Reply::put(is_new))
}

/// Deletes one.
pub(crate) async fn delete(call: &Call) -> Result<Reply, Failure> {
    let queue = named(call)?;
    call.may(Access::Configure, &queue.name)?;
    let (vhost, name) = (queue.vhost.clone(), queue.name.clone());
    let (if_unused, if_empty) = (call.query.is_set("if-unused"), call.query.is_set("if-empty"));
    call.operate(Verb::DeleteQueue { vhost, name, if_unused, if_empty }).await?;
    Ok(Reply::done())
}

/// Removes all ready messages.
pub(crate) async fn purge(call: &Call) -> Result<Reply, Failure> {
    let queue = named(call)?;
    call.may(Access::Read, &queue.name)?;
    let (vhost, name) = (queue.vhost.clone(), queue.name.clone());
    call.operate(Verb::PurgeQueue { vhost, name }).await?;
    Ok(Reply::done())
}

/// Actions of mirrored queues, which RabbitMQ 4.3 does not know any more either.
pub(crate) fn act(call: &Call) -> Result<Reply, Failure> {
    named(call)?;
    let given = call.object()?;
    let action = fields::required(&given, "action")?;
    Err(Failure::bad(format!("unknown action: {action}")))
}

/// The queue that the path names.
pub(crate) fn named(call: &Call) -> Result<&Arc<Queue>, Failure> {
    let (vhost, queue) = (call.parameter("vhost"), call.parameter("queue"));
    call.topology.queue(vhost, queue).ok_or(Failure::NotFound)
}

/// Asks the shards for what is alive of some queues.
async fn states(call: &Call, queues: &[&Arc<Queue>]) -> Result<States, Failure> {
    let mut by_shard: BTreeMap<usize, Vec<QueueId>> = BTreeMap::new();
    for queue in queues {
        by_shard.entry(usize::from(queue.id.home())).or_default().push(queue.id);
    }
    let shards = call.desk.shard_count();
    let mut states = States::new();
    for (home, ids) in by_shard {
        let ask = move |shard: &mut node::Shard| {
            ids.iter().filter_map(|id| Some((*id, shard.observe_queue(*id)?))).collect::<Vec<_>>()
        };
        states.extend(call.desk.ask(home % shards, ask).await?);
    }
    Ok(states)
}

/// The tags of consumers.
type Tags = BTreeMap<ConsumerId, String>;

/// The tags of the consumers that have queues for themselves, or are the active ones of theirs.
async fn tags(desk: &Desk, states: &States) -> Result<Tags, Failure> {
    let mut by_shard: BTreeMap<usize, Vec<ConsumerId>> = BTreeMap::new();
    for state in states.values() {
        for consumer in state.active_consumer.into_iter().chain(state.exclusive_consumer) {
            by_shard.entry(desk.shard_of(consumer.client)).or_default().push(consumer);
        }
    }
    let mut tags = Tags::new();
    for (home, consumers) in by_shard {
        let look = move |shard: &mut node::Shard| {
            let tags = consumers.into_iter().filter_map(|id| Some((id, shard.observe_tag(id)?)));
            tags.collect::<Vec<_>>()
        };
        tags.extend(desk.ask(home, look).await?);
    }
    Ok(tags)
}

fn put_tags(value: &mut Value, state: Option<&QueueState>, tags: &Tags) {
    let Some(state) = state else { return };
    let named = [
        ("single_active_consumer_tag", state.active_consumer),
        ("exclusive_consumer_tag", state.exclusive_consumer),
    ];
    for (field, consumer) in named {
        if let Some(tag) = consumer.and_then(|consumer| tags.get(&consumer)) {
            value[field] = Value::from(tag.as_str());
        }
    }
}

/// The least of all queues that have been used.
pub(crate) async fn summaries(desk: &Desk) -> Result<HashMap<QueueId, QueueSummary>, Failure> {
    let mut all = HashMap::new();
    for shard in 0..desk.shard_count() {
        let mut after = None;
        loop {
            let page = desk.ask(shard, move |shard| shard.observe_queue_summaries(after)).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            all.extend(page.into_iter().map(|summary| (summary.id, summary)));
        }
    }
    Ok(all)
}

/// Whether a column is what was declared, and nothing alive.
fn is_said(column: &str) -> bool {
    ["name", "vhost", "type", "durable", "auto_delete", "exclusive", "arguments", "node", "policy"]
        .contains(&column)
}

/// Whether [`properties`] has a column.
fn is_property(column: &str) -> bool {
    ["name", "vhost", "durable", "auto_delete", "exclusive"].contains(&column)
}

/// The least of what was declared.
fn properties(queue: &Queue) -> Value {
    json!({
        "name": queue.name.as_str(),
        "vhost": queue.vhost.as_str(),
        "durable": queue.is_durable,
        "auto_delete": queue.is_auto_delete,
        "exclusive": queue.owner.is_some(),
    })
}

fn sort_key(
    call: &Call,
    queue: &Queue,
    summaries: &HashMap<QueueId, QueueSummary>,
    column: &[String],
) -> Key {
    let [first, ..] = column else { return Key::Number(0.0) };
    let summary = summaries.get(&queue.id).copied().unwrap_or_else(|| nothing(queue.id));
    let number = match first.as_str() {
        "messages" => summary.holdings.ready_count + summary.holdings.unsettled_count,
        "messages_ready" => summary.holdings.ready_count,
        "messages_unacknowledged" => summary.holdings.unsettled_count,
        "consumers" => summary.holdings.consumer_count,
        "memory" => summary.memory_bytes,
        "message_bytes" => summary.holdings.ready_bytes + summary.holdings.unsettled_bytes,
        "message_bytes_ready" => summary.holdings.ready_bytes,
        "message_bytes_unacknowledged" => summary.holdings.unsettled_bytes,
        "name" => return Key::Text(queue.name.as_str().to_owned()),
        "vhost" => return Key::Text(queue.vhost.as_str().to_owned()),
        _ => return Key::at(&said(call, queue), column),
    };
    Key::Number(number as f64)
}

/// A queue that has not been used since the start.
fn nothing(id: QueueId) -> QueueSummary {
    QueueSummary { id, holdings: Holdings::default(), memory_bytes: 0 }
}

/// What was declared.
fn said(call: &Call, queue: &Queue) -> Value {
    let kind = QueueKind::of(&queue.arguments);
    let (policy, operator_policy) = call.definitions().policies_of_queue(queue);
    let mut arguments = json::object(&queue.arguments);
    if let Value::Object(fields) = &mut arguments {
        fields.entry("x-queue-type").or_insert_with(|| Value::from(kind.as_str()));
    }
    let mut effective = Map::new();
    for policy in [policy, operator_policy].into_iter().flatten() {
        effective.extend(policy.definition.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    let node = &call.desk.facts.node;
    let mut value = json!({
        "name": queue.name.as_str(),
        "vhost": queue.vhost.as_str(),
        "type": kind.as_str(),
        "durable": queue.is_durable,
        "auto_delete": queue.is_auto_delete,
        "exclusive": queue.owner.is_some(),
        "internal": false,
        "internal_owner": false,
        "arguments": arguments,
        "node": node,
        "state": "running",
        "policy": policy.map(|policy| policy.name.as_str()),
        "operator_policy": operator_policy.map(|policy| policy.name.as_str()),
        "effective_policy_definition": effective,
    });
    if kind == QueueKind::Quorum {
        let rules = call.definitions().queue_rules(queue);
        value["delivery_limit"] = rules.delivery_limit.map_or_else(|| Value::from(-1), Value::from);
        value["delayed_retry"] = Value::from(match rules.retry.map(|retry| retry.kind) {
            None => "disabled",
            Some(RetryKind::All) => "all",
            Some(RetryKind::Failed) => "failed",
            Some(RetryKind::Returned) => "returned",
        });
        value["leader"] = Value::from(node.as_str());
        value["members"] = json!([node]);
        value["online"] = json!([node]);
    } else {
        value["storage_version"] = Value::from(2);
    }
    value
}

/// What is alive.
fn put_state(call: &Call, value: &mut Value, queue: &Queue, state: Option<&QueueState>) {
    let Value::Object(into) = value else { return };
    let summary = state.map_or_else(|| nothing(queue.id), |state| state.summary);
    let object = Object::Queue(queue.id);
    for (field, count) in stats::lengths(&summary) {
        call.desk.rates.put(into, &object, field, count, &call.query);
    }
    if call.query.is_set("disable_stats") {
        return;
    }
    erlang::put_process_counters(into);
    let in_memory = state.map_or(0, |state| state.ready_in_memory_count);
    let capacity = state.and_then(|state| state.consumer_capacity).unwrap_or(0.0);
    let numbers = [
        ("consumers", summary.holdings.consumer_count),
        ("memory", summary.memory_bytes),
        ("message_bytes", summary.holdings.ready_bytes + summary.holdings.unsettled_bytes),
        ("message_bytes_ready", summary.holdings.ready_bytes),
        ("message_bytes_unacknowledged", summary.holdings.unsettled_bytes),
        ("message_bytes_ram", state.map_or(0, |state| state.in_memory_bytes)),
        ("message_bytes_persistent", state.map_or(0, |state| state.persistent_bytes)),
        ("messages_persistent", state.map_or(0, |state| state.persistent_count)),
        ("messages_ready_ram", in_memory),
        ("messages_unacknowledged_ram", summary.holdings.unsettled_count),
        ("messages_ram", in_memory + summary.holdings.unsettled_count),
        ("messages_delayed", summary.holdings.scheduled_count),
    ];
    into.extend(numbers.map(|(name, number)| (name.to_owned(), Value::from(number))));
    for name in ["consumer_capacity", "consumer_utilisation"] {
        into.insert(name.to_owned(), Value::from(capacity));
    }
    if QueueKind::of(&queue.arguments) == QueueKind::Quorum {
        let lanes = state.map_or(&[][..], |state| &state.lane_ready_counts).iter().enumerate();
        let used = lanes.filter(|(_, count)| **count > 0);
        let by_priority: Map<_, _> =
            used.map(|(level, count)| (level.to_string(), Value::from(*count))).collect();
        into.insert("messages_active_priorities".to_owned(), Value::from(by_priority.len()));
        into.insert("messages_by_priority".to_owned(), Value::Object(by_priority));
    }
    if let Some(at_s) = state.and_then(|state| state.head_timestamp_s) {
        into.insert("head_message_timestamp".to_owned(), Value::from(at_s));
    }
    let counters = state.map(|state| state.counters).unwrap_or_default();
    let shown = stats::message_stats(&call.desk.rates, &object, &counters, &call.query);
    into.extend(shown.map(|stats| ("message_stats".to_owned(), stats)));
}

/// What only a single queue shows, and `/queues/detailed`.
fn put_details(value: &mut Value, state: Option<&QueueState>) {
    value["exclusive_consumer_tag"] = Value::Null;
    value["single_active_consumer_tag"] = Value::Null;
    value["head_message_timestamp"] =
        state.and_then(|state| state.head_timestamp_s).map_or(Value::Null, Value::from);
    if let Some(used_at_ms) = state.map(|state| state.used_at_ms).filter(|at_ms| *at_ms > 0) {
        value["idle_since"] = Value::from(time::rfc3339(used_at_ms));
    }
    if let Some(lanes) = state.map(|state| &state.lane_ready_counts).filter(|lanes| lanes.len() > 1)
    {
        let lengths =
            lanes.iter().enumerate().map(|(level, count)| (level.to_string(), json!(count)));
        value["backing_queue_status"] =
            json!({ "priority_lengths": Value::Object(lengths.collect::<Map<_, _>>()) });
    }
}
