//! `/vhosts`: virtual hosts.

use std::collections::BTreeMap;

use message::Name;
use metadata::{Change, Permissions, QueueKind, Vhost, VhostDefinition, VhostSettings};
use node::observation::VhostTraffic;
use serde_json::{Value, json};

use crate::call::Call;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::fields::{self, Fields};
use crate::lists::Wanted;
use crate::rates::{Field, Object};
use crate::reply::Reply;
use crate::stats;

/// All that the caller may see.
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    let definitions = call.definitions();
    let seen =
        definitions.vhosts().filter(|(name, _)| call.caller.may_see(definitions, name.as_str()));
    let wanted = Wanted::parse(&call.query)?;
    let totals = if call.query.is_set("disable_stats") {
        BTreeMap::new()
    } else {
        totals(&call.desk).await?
    };
    let values = seen.map(|(name, vhost)| {
        let mut value = shown(call, name.as_str(), vhost);
        put_totals(call, &mut value, name, totals.get(name));
        value
    });
    wanted.answer(values.collect())
}

/// One.
pub(crate) async fn show(call: &Call) -> Result<Reply, Failure> {
    let (name, vhost) = named(call)?;
    let mut value = shown(call, name.as_str(), vhost);
    let totals = totals(&call.desk).await?;
    put_totals(call, &mut value, name, totals.get(name));
    Wanted::parse(&call.query)?.project(&mut value);
    Ok(Reply::ok(&value))
}

/// Makes one, or says something else of one: what is not said is as if it were new, as in RabbitMQ.
pub(crate) async fn put(call: &Call) -> Result<Reply, Failure> {
    let name = fields::name(call.parameter("vhost"))?;
    let found = call.definitions().vhost(name.as_str());
    let is_new = found.is_none();
    let was_protected = found.is_some_and(|vhost| vhost.settings.is_protected);
    let given = call.object()?;
    let settings = settings(&given, was_protected)?;
    let is_traced = match given.get("tracing") {
        None => None,
        Some(_) => Some(fields::is_set(&given, "tracing")?),
    };
    call.change(definition(name.clone(), settings)).await?;
    if let Some(is_on) = is_traced {
        call.change(Change::SetTracing { vhost: name.clone(), is_on }).await?;
    }
    // Whoever makes one is at home in it, as in RabbitMQ.
    if let Some(user) = call.caller.name.clone().filter(|_| is_new) {
        let all = || ".*".to_owned();
        let permissions = Permissions { configure: all(), write: all(), read: all() };
        call.change(Change::SetPermissions { vhost: name, user, permissions }).await?;
    }
    Ok(Reply::put(is_new))
}

/// Deletes one with all that is in it.
pub(crate) async fn delete(call: &Call) -> Result<Reply, Failure> {
    let (name, _) = named(call)?;
    call.change(Change::RemoveVhost { name: name.clone() }).await?;
    Ok(Reply::done())
}

/// Protects one from being deleted, or ends that.
pub(crate) async fn protect(call: &Call, is_protected: bool) -> Result<Reply, Failure> {
    let Ok((name, vhost)) = named(call) else {
        if !is_protected {
            return Err(Failure::NotFound);
        }
        return Err(Failure::missing(format!(
            "Cannot enable deletion protection of virtual host '{}' because it does not exist",
            call.parameter("vhost")
        )));
    };
    let settings = VhostSettings { is_protected, ..vhost.settings.clone() };
    call.change(definition(name.clone(), settings)).await?;
    Ok(Reply::done())
}

/// Starts one: those that exist run.
pub(crate) fn start(call: &Call) -> Result<Reply, Failure> {
    named(call)?;
    let node = call.parameter("node");
    if node != call.desk.facts.node {
        return Err(Failure::bad(format!("Unknown node: {node}")));
    }
    Ok(Reply::done())
}

/// The virtual host that the path names.
pub(crate) fn named(call: &Call) -> Result<(&Name, &Vhost), Failure> {
    call.definitions().named_vhost(call.parameter("vhost")).ok_or(Failure::NotFound)
}

/// What is in a virtual host, and went through it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    ready_count: u64,
    unsettled_count: u64,
    traffic: VhostTraffic,
}

impl Totals {
    fn lengths(&self) -> [Field; 3] {
        [
            ("messages", self.ready_count + self.unsettled_count),
            ("messages_ready", self.ready_count),
            ("messages_unacknowledged", self.unsettled_count),
        ]
    }

    /// All of it, by RabbitMQ's names.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let counters = stats::fields(&self.traffic.counters).into_iter();
        counters.chain(self.lengths()).chain(self.octets()).collect()
    }

    const fn octets(&self) -> [Field; 2] {
        [("recv_oct", self.traffic.received_bytes), ("send_oct", self.traffic.sent_bytes)]
    }
}

/// What is in each virtual host, and went through it.
pub(crate) async fn totals(desk: &Desk) -> Result<BTreeMap<Name, Totals>, Failure> {
    let mut all: BTreeMap<Name, Totals> = BTreeMap::new();
    let topology = desk.topology();
    for (id, summary) in crate::queues::summaries(desk).await? {
        let Some(queue) = topology.definitions().queue_by_id(id) else { continue };
        let totals = all.entry(queue.vhost.clone()).or_default();
        totals.ready_count += summary.holdings.ready_count;
        totals.unsettled_count += summary.holdings.unsettled_count;
    }
    let answers = desk.ask_all(|shard| shard.observe_vhosts()).await?;
    for seen in answers.into_iter().flatten() {
        let totals = all.entry(seen.vhost).or_default();
        totals.traffic += seen.traffic;
    }
    Ok(all)
}

fn put_totals(call: &Call, value: &mut Value, name: &Name, totals: Option<&Totals>) {
    let Value::Object(into) = value else { return };
    let (object, totals) = (Object::Vhost(name.clone()), totals.copied().unwrap_or_default());
    for (field, count) in totals.lengths().into_iter().chain(totals.octets()) {
        call.desk.rates.put(into, &object, field, count, &call.query);
    }
    let counters = &totals.traffic.counters;
    let shown = stats::message_stats(&call.desk.rates, &object, counters, &call.query);
    into.extend(shown.map(|stats| ("message_stats".to_owned(), stats)));
}

fn definition(name: Name, settings: VhostSettings) -> Change {
    // The broker finds the number.
    Change::SetVhost(VhostDefinition { name, first_exchange_id: 0, settings })
}

fn settings(given: &Fields, was_protected: bool) -> Result<VhostSettings, Failure> {
    let kind = match fields::text(given, "default_queue_type")? {
        None | Some("" | "undefined") => None,
        Some(kind) => Some(
            QueueKind::parse(kind)
                .ok_or_else(|| Failure::bad(format!("{kind} is not a valid queue type")))?,
        ),
    };
    let is_protected = match given.get("protected_from_deletion") {
        None => was_protected,
        Some(_) => fields::is_set(given, "protected_from_deletion")?,
    };
    Ok(VhostSettings {
        description: fields::text(given, "description")?.unwrap_or_default().to_owned(),
        tags: given.get("tags").map_or_else(|| Ok(Vec::new()), fields::tags)?,
        default_queue_type: kind,
        is_protected,
    })
}

fn shown(call: &Call, name: &str, vhost: &Vhost) -> Value {
    let settings = &vhost.settings;
    let kind = settings.default_queue_type.unwrap_or(call.desk.facts.default_queue_kind).as_str();
    json!({
        "name": name,
        "description": settings.description,
        "tags": settings.tags,
        "default_queue_type": kind,
        "protected_from_deletion": settings.is_protected,
        "metadata": {
            "description": settings.description,
            "tags": settings.tags,
            "default_queue_type": kind,
        },
        "tracing": vhost.is_traced,
        "cluster_state": { &call.desk.facts.node: "running" },
    })
}
