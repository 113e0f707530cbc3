//! Why a message would go where it would go.

use std::collections::BTreeSet;

use message::{Arguments, Headers, QueueId, Value as Argument};
use metadata::{Access, Exchange};
use routing::{Destination, Envelope, ExchangeId, Step, Way};
use serde_json::{Value, json};

use crate::bindings;
use crate::call::Call;
use crate::exchanges::name_of;
use crate::failure::Failure;
use crate::fields::{self, Fields};
use crate::json;
use crate::reply::Reply;

/// What a message would say of itself.
struct Said {
    headers: Arguments,
    properties: Arguments,
}

impl Headers for Said {
    fn get(&self, name: &str) -> Option<Argument> {
        self.headers.get(name).cloned()
    }

    fn property(&self, name: &str) -> Option<Argument> {
        self.properties.get(name).cloned()
    }
}

/// Answers for a message with the key, headers and properties of the body. Nothing is published.
pub(crate) fn explain(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let known = ["routing_key", "headers", "properties"];
    fields::only("explain", &known, given.keys().map(String::as_str))?;
    let (vhost, name) = (call.parameter("vhost"), name_of(call.parameter("exchange")));
    let exchange = call.topology.exchange(vhost, name).ok_or(Failure::NotFound)?;
    call.may(Access::Read, &exchange.name)?;
    let routing_key = fields::text(&given, "routing_key")?.unwrap_or_default();
    let said = said(&given)?;
    let mut keys = vec![routing_key.as_bytes().to_vec()];
    keys.extend(further_keys(&said.headers));
    if let Some(long) = keys.iter().find(|key| key.len() > usize::from(u8::MAX)) {
        return Err(Failure::bad(format!(
            "a routing key of {} bytes is too long: 255 are allowed",
            long.len()
        )));
    }
    let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let steps = if name.is_empty() { Vec::new() } else { walk(call, exchange, &keys, &said) };
    let queues = if name.is_empty() { named(call, vhost, &keys) } else { reached(call, &steps) };
    let steps: Vec<Value> = steps.iter().map(|step| shown(call, step)).collect();
    Ok(Reply::ok(&json!({
        "vhost": vhost,
        "exchange": name,
        "routing_key": routing_key,
        "routed": !queues.is_empty(),
        "queues": queues,
        "steps": steps,
    })))
}

fn said(given: &Fields) -> Result<Said, Failure> {
    let (headers, properties) = (json::table(given, "headers")?, json::table(given, "properties")?);
    Ok(Said { headers, properties })
}

/// The keys of the headers `CC` and `BCC`, which count as the routing key does.
fn further_keys(headers: &Arguments) -> Vec<Vec<u8>> {
    let lists = ["CC", "BCC"].into_iter().filter_map(|name| headers.get(name));
    let keys =
        lists.filter_map(|list| if let Argument::Array(keys) = list { Some(keys) } else { None });
    keys.flatten()
        .filter_map(|key| if let Argument::Text(key) = key { Some(key.clone()) } else { None })
        .collect()
}

fn walk(call: &Call, exchange: &Exchange, keys: &[&[u8]], said: &Said) -> Vec<Step> {
    let delay = said.headers.get("x-delay").and_then(Argument::as_integer);
    let is_delayed = delay.is_some_and(|delay_ms| delay_ms > 0);
    let envelope = Envelope { is_delayed, ..Envelope::new(keys, said) };
    call.topology.router().explain(ExchangeId(exchange.id), &envelope)
}

/// The default exchange leads to the queues whose names the keys are.
fn named(call: &Call, vhost: &str, keys: &[&[u8]]) -> BTreeSet<String> {
    let names = keys.iter().filter_map(|key| std::str::from_utf8(key).ok());
    let queues = names.filter_map(|name| call.topology.queue(vhost, name));
    queues.map(|queue| queue.name.as_str().to_owned()).collect()
}

fn reached(call: &Call, steps: &[Step]) -> BTreeSet<String> {
    let bindings = steps.iter().flat_map(|step| &step.matched);
    let ids = bindings.filter_map(|binding| match binding.destination {
        Destination::Queue(number) => Some(QueueId::from_number(number)),
        Destination::Exchange(_) => None,
    });
    let queues = ids.filter_map(|id| call.definitions().queue_by_id(id));
    queues.map(|queue| queue.name.as_str().to_owned()).collect()
}

fn shown(call: &Call, step: &Step) -> Value {
    let name = |id: ExchangeId| {
        call.definitions().exchange_by_id(id.0).map(|exchange| exchange.name.as_str().to_owned())
    };
    let exchange = call.definitions().exchange_by_id(step.exchange.0);
    let (way, from) = match step.way {
        Way::Published => ("publish", None),
        Way::Bound(source) => ("binding", name(source)),
        Way::Alternate(of) => ("alternate-exchange", name(of)),
    };
    let found = exchange.into_iter().flat_map(|exchange| {
        step.matched.iter().filter_map(|binding| call.topology.named(exchange, binding))
    });
    let matched: Vec<Value> = found.map(|binding| bindings::shown(&binding)).collect();
    json!({
        "exchange": name(step.exchange),
        "type": exchange.map(|exchange| exchange.kind.as_str()),
        "came_by": way,
        "from": from,
        "bindings": matched,
        "kept": step.is_kept,
    })
}
