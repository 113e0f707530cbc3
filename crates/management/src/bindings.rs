//! `/bindings`. A binding has no name: what stands for it in a path is made of its key and its arguments.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker::Verb;
use hyper::header::{HeaderValue, LOCATION};
use message::{Arguments, Name};
use metadata::{Access, Binding, BindingEnd, Exchange, Queue, Vhost};
use routing::{Destination, ExchangeId};
use serde_json::{Value, json};

use crate::call::Call;
use crate::exchanges::name_of;
use crate::failure::Failure;
use crate::fields;
use crate::json;
use crate::lists::{Key, Wanted};
use crate::reply::Reply;

/// What stands for a binding without key and arguments.
const PLAIN: &str = "~";

/// Those of all virtual hosts that the caller may see, or of the one that the path names.
pub(crate) fn list(call: &Call) -> Result<Reply, Failure> {
    let vhosts = call.vhosts_in_view()?;
    answer(call, vhosts.into_iter().flat_map(|(_, vhost)| of_vhost(call, vhost)).collect())
}

/// Those with an exchange at their beginning.
pub(crate) fn list_by_source(call: &Call) -> Result<Reply, Failure> {
    let exchange = exchange(call, call.parameter("exchange"))?;
    answer(call, of_source(call, exchange))
}

/// Those with an exchange at their end.
pub(crate) fn list_by_destination(call: &Call) -> Result<Reply, Failure> {
    let exchange = exchange(call, call.parameter("exchange"))?;
    answer(call, to(call, &Destination::Exchange(ExchangeId(exchange.id))))
}

/// Those of a queue, the one of the default exchange included.
pub(crate) fn list_of_queue(call: &Call) -> Result<Reply, Failure> {
    let (vhost, name) = (call.parameter("vhost"), call.parameter("destination"));
    let queue = call.topology.queue(vhost, name).ok_or(Failure::NotFound)?;
    let mut all = vec![implicit(queue)];
    all.extend(to(call, &Destination::Queue(queue.id.number())));
    answer(call, all)
}

/// Those between an exchange and a queue or another exchange.
pub(crate) fn list_between(call: &Call) -> Result<Reply, Failure> {
    answer(call, between(call)?)
}

/// One.
pub(crate) fn show(call: &Call) -> Result<Reply, Failure> {
    Ok(Reply::ok(&shown(&named(call)?)))
}

/// Makes one.
pub(crate) async fn post(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let end = end(call)?;
    let source = fields::name(name_of(call.parameter("source")))?;
    let binding = Binding {
        vhost: crate::vhosts::named(call)?.0.clone(),
        source,
        destination: end,
        key: fields::text(&given, "routing_key")?.unwrap_or_default().to_owned(),
        arguments: json::table(&given, "arguments")?,
    };
    may_change(call, &binding)?;
    let key = properties_key(&binding.key, &binding.arguments);
    let path = format!("{}/{}", quoted(call.parameter("destination")), quoted(&key));
    call.operate(Verb::Bind(binding)).await?;
    let location = HeaderValue::from_str(&path).unwrap_or(HeaderValue::from_static(PLAIN));
    Ok(Reply::created().with(LOCATION, location))
}

/// Removes one.
pub(crate) async fn delete(call: &Call) -> Result<Reply, Failure> {
    let binding = named(call)?;
    may_change(call, &binding)?;
    call.operate(Verb::Unbind(binding)).await?;
    Ok(Reply::done())
}

/// Whoever changes a binding has to be able to write to its end and to read from its beginning.
fn may_change(call: &Call, binding: &Binding) -> Result<(), Failure> {
    let (BindingEnd::Queue(end) | BindingEnd::Exchange(end)) = &binding.destination;
    call.may(Access::Write, end)?;
    call.may(Access::Read, &binding.source)
}

fn answer(call: &Call, bindings: Vec<Binding>) -> Result<Reply, Failure> {
    let wanted = Wanted::parse(&call.query)?;
    let key = |binding: &Binding, column: &[String]| Key::at(&shown(binding), column);
    let (about, rows) = wanted.select(bindings, |binding| binding.source.as_str(), key)?.split();
    Ok(wanted.finish(&about, rows.iter().map(shown)))
}

fn exchange<'c>(call: &'c Call, part: &str) -> Result<&'c Arc<Exchange>, Failure> {
    call.topology.exchange(call.parameter("vhost"), name_of(part)).ok_or(Failure::NotFound)
}

/// The end that the path names.
fn end(call: &Call) -> Result<BindingEnd, Failure> {
    let destination = call.parameter("destination");
    match call.parameter("dtype") {
        "q" => Ok(BindingEnd::Queue(fields::name(destination)?)),
        "e" => Ok(BindingEnd::Exchange(fields::name(name_of(destination))?)),
        other => Err(Failure::bad(format!("{other} is no type of destination: q or e"))),
    }
}

fn between(call: &Call) -> Result<Vec<Binding>, Failure> {
    let source = exchange(call, call.parameter("source"))?;
    let end = end(call)?;
    let all = of_source(call, source).into_iter();
    Ok(all.filter(|binding| binding.destination == end).collect())
}

fn named(call: &Call) -> Result<Binding, Failure> {
    let wanted = call.parameter("props");
    let mut all = between(call)?.into_iter();
    let is_wanted = |binding: &Binding| properties_key(&binding.key, &binding.arguments) == wanted;
    all.find(is_wanted).ok_or(Failure::NotFound)
}

/// Every queue is bound to the default exchange with its name.
fn implicit(queue: &Queue) -> Binding {
    Binding {
        vhost: queue.vhost.clone(),
        source: Name::fixed(""),
        destination: BindingEnd::Queue(queue.name.clone()),
        key: queue.name.as_str().to_owned(),
        arguments: Arguments::new(),
    }
}

fn of_vhost(call: &Call, vhost: &Vhost) -> Vec<Binding> {
    vhost.exchanges.values().flat_map(|exchange| of_source(call, exchange)).collect()
}

fn of_source(call: &Call, exchange: &Exchange) -> Vec<Binding> {
    if exchange.name.is_empty() {
        let vhost = call.definitions().vhost(exchange.vhost.as_str());
        return vhost
            .map_or_else(Vec::new, |vhost| vhost.queues.values().map(|q| implicit(q)).collect());
    }
    call.topology.bindings_of(exchange)
}

fn to(call: &Call, destination: &Destination) -> Vec<Binding> {
    let sources = call.topology.sources_of(*destination);
    let exchanges = sources.into_iter().filter_map(|id| call.topology.exchange_by_id(id));
    let all = exchanges.flat_map(|exchange| call.topology.bindings_of(exchange));
    let is_end =
        |binding: &Binding| call.topology.ends(binding).is_some_and(|(_, end)| end == *destination);
    all.filter(is_end).collect()
}

/// A binding as the API shows it.
pub(crate) fn shown(binding: &Binding) -> Value {
    let (kind, destination) = match &binding.destination {
        BindingEnd::Queue(name) => ("queue", name),
        BindingEnd::Exchange(name) => ("exchange", name),
    };
    json!({
        "source": binding.source.as_str(),
        "vhost": binding.vhost.as_str(),
        "destination": destination.as_str(),
        "destination_type": kind,
        "routing_key": binding.key,
        "arguments": json::object(&binding.arguments),
        "properties_key": properties_key(&binding.key, &binding.arguments),
    })
}

/// What stands for a binding in a path: its key, and if it has arguments, something that stands for those.
fn properties_key(key: &str, arguments: &Arguments) -> String {
    match (key.is_empty(), arguments.is_empty()) {
        (true, true) => PLAIN.to_owned(),
        (_, true) => quoted(key),
        (_, false) => format!("{}~{}", quoted(key), fingerprint(arguments)),
    }
}

/// As in a form, but that RabbitMQ leaves no `*` as it is.
fn quoted(text: &str) -> String {
    let pieces = form_urlencoded::byte_serialize(text.as_bytes());
    pieces.map(|piece| piece.replace('*', "%2A")).collect()
}

/// 64 bits that stand for arguments (FNV-1a of their JSON). RabbitMQ has others; clients take what they are given.
fn fingerprint(arguments: &Arguments) -> String {
    let text = json::object(arguments).to_string();
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    URL_SAFE_NO_PAD.encode(hash.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_quoted_as_rabbitmq_quotes_them() {
        let none = Arguments::new();
        assert_eq!(properties_key("", &none), "~");
        assert_eq!(properties_key("a.b", &none), "a.b");
        assert_eq!(properties_key("a/b c~d%", &none), "a%2Fb+c%7Ed%25");
        assert_eq!(properties_key("a.*.#", &none), "a.%2A.%23");
        let some = Arguments::from([("x".to_owned(), message::Value::I32(1))]);
        let other = Arguments::from([("x".to_owned(), message::Value::I32(2))]);
        assert!(properties_key("a", &some).starts_with("a~"));
        assert_ne!(properties_key("a", &some), properties_key("a", &other));
    }
}
