//! Declaring exchanges and queues. Declaring what exists, with the same properties, changes nothing.

use message::{Name, QueueId, Value};
use metadata::{Change, Exchange, Queue, QueueKind};
use routing::{Destination, Kind};
use stdx::Random;
use store::Ticket;

use crate::broker::Broker;
use crate::event::Answer;
use crate::mail::Mail;
use crate::refusal::{Object, Refusal};
use crate::request::{ExchangeDeclaration, Origin, QueueDeclaration, Request, Verb};

/// Names that begin so are given by the broker only.
const RESERVED_PREFIX: &str = "amq.";

/// The type of queues that keep every message on disk, whatever its producer asked for.
pub(crate) const QUORUM: &str = "quorum";

/// Whether only one of a queue's consumers gets messages at a time.
pub(crate) const SINGLE_ACTIVE: &str = "x-single-active-consumer";

/// Queue arguments of RabbitMQ's classic queues whose meaning comes with a later version. They are refused: a queue
/// that silently kept messages for longer, or more of them, than it was told would be worse.
const LATER_QUEUE_ARGUMENTS: [&str; 9] = [
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-delivery-limit",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-message-ttl",
];

impl Broker {
    pub(crate) fn declare_exchange(
        &mut self,
        wanted: ExchangeDeclaration,
    ) -> Result<Option<Ticket>, Refusal> {
        let ExchangeDeclaration { vhost, name, .. } = &wanted;
        let found = self.draft.exchange(vhost.as_str(), name.as_str());
        if wanted.is_passive {
            let missing = || Refusal::NotFound {
                object: Object::Exchange,
                name: name.clone(),
                vhost: vhost.clone(),
            };
            return found.map(|_| None).ok_or_else(missing);
        }
        let Some(kind) = Kind::parse(&wanted.kind) else {
            return Err(Refusal::UnknownExchangeKind { kind: wanted.kind });
        };
        if name.is_empty() {
            return Err(Refusal::DefaultExchange);
        }
        if let Some(found) = found {
            return same_exchange(found, &wanted).map(|()| None);
        }
        if name.as_str().starts_with(RESERVED_PREFIX) {
            return Err(Refusal::ReservedName { object: Object::Exchange, name: name.clone() });
        }
        if wanted.arguments.contains_key("alternate-exchange") {
            let feature = "exchange argument 'alternate-exchange'".to_owned();
            return Err(Refusal::NotYet { feature });
        }
        let exchange = Exchange {
            id: self.draft.definitions().next_id(),
            vhost: wanted.vhost,
            name: wanted.name,
            kind: Name::fixed(kind.as_str()),
            is_durable: wanted.is_durable,
            is_auto_delete: wanted.is_auto_delete,
            is_internal: wanted.is_internal,
            relay: None,
            arguments: wanted.arguments,
        };
        self.change(&[Change::AddExchange(exchange)]).map_err(Refusal::InvalidBinding)
    }

    pub(crate) fn delete_exchange(
        &mut self,
        vhost: &Name,
        name: &Name,
        if_unused: bool,
    ) -> Result<Option<Ticket>, Refusal> {
        if name.is_empty() {
            return Err(Refusal::DefaultExchange);
        }
        if name.as_str().starts_with(RESERVED_PREFIX) {
            return Err(Refusal::SystemExchange { name: name.clone(), vhost: vhost.clone() });
        }
        let Some(found) = self.draft.exchange(vhost.as_str(), name.as_str()) else {
            return Ok(None);
        };
        let id = routing::ExchangeId(found.id);
        let router = self.draft.router();
        if if_unused && router.has_bindings(id) {
            let (name, vhost) = (name.clone(), vhost.clone());
            return Err(Refusal::InUse { object: Object::Exchange, name, vhost });
        }
        let sources = self.draft.sources_of(Destination::Exchange(id));
        let (vhost, name) = (vhost.clone(), name.clone());
        let removed = self.change(&[Change::RemoveExchange { vhost, name }]);
        let ticket = removed.map_err(Refusal::InvalidBinding)?;
        Ok(self.remove_unbound(sources).or(ticket))
    }

    /// Declares a queue. Who asked hears of it from the shard where the queue lives, which knows what it holds.
    pub(crate) fn declare_queue(&mut self, origin: Origin, mut wanted: QueueDeclaration) {
        if wanted.name.is_empty() {
            wanted.name = generated_name(&mut self.random);
        } else if wanted.name.as_str().starts_with(RESERVED_PREFIX) {
            let name = wanted.name;
            let refusal = Refusal::ReservedName { object: Object::Queue, name };
            return self.answer(origin, Err(refusal));
        }
        // An exclusive queue goes with its client and so never survives a restart.
        wanted.is_durable = wanted.is_durable && !wanted.is_exclusive;
        if let Some(found) = self.draft.queue(wanted.vhost.as_str(), wanted.name.as_str()) {
            return match same_queue(found, &wanted, origin) {
                Ok(()) => {
                    let id = found.id;
                    let verb = Verb::DeclareQueue(wanted);
                    self.send_when_noted(id, Request { origin, verb });
                }
                Err(refusal) => self.answer(origin, Err(refusal)),
            };
        }
        match self.add_queue(origin, wanted) {
            Ok((ticket, name)) => {
                let answer = Answer::QueueDeclared { name, ready_count: 0, consumer_count: 0 };
                self.answer_after(ticket, origin, Ok(answer));
            }
            Err(refusal) => self.answer(origin, Err(refusal)),
        }
    }

    fn add_queue(
        &mut self,
        origin: Origin,
        wanted: QueueDeclaration,
    ) -> Result<(Option<Ticket>, Name), Refusal> {
        check_arguments(&wanted)?;
        let home = origin.client.shard();
        let id = QueueId::new(self.draft.definitions().next_id(), home);
        let name = wanted.name.clone();
        let owner = wanted.is_exclusive.then_some(origin.client);
        let queue = Queue {
            id,
            vhost: wanted.vhost,
            name: wanted.name,
            is_durable: wanted.is_durable,
            is_auto_delete: wanted.is_auto_delete,
            owner,
            lane_count: QueueKind::of(&wanted.arguments).lane_count(&wanted.arguments),
            relay_of: None,
            arguments: wanted.arguments,
        };
        let ticket = self.change(&[Change::AddQueue(queue)]).map_err(Refusal::InvalidBinding)?;
        if owner.is_some() {
            let client = origin.client;
            if client.shard() == self.shard {
                self.own(client, id);
            } else {
                self.post(client.shard(), Mail::Owns { client, queue: id });
            }
        }
        Ok((ticket, name))
    }
}

/// `amq.gen-` and 22 characters of the URL-safe alphabet, as RabbitMQ makes them.
fn generated_name(random: &mut Random) -> Name {
    Name::new(&format!("amq.gen-{}", random.token(22))).expect("30 characters fit")
}

fn check_arguments(wanted: &QueueDeclaration) -> Result<(), Refusal> {
    for (argument, value) in &wanted.arguments {
        if LATER_QUEUE_ARGUMENTS.contains(&argument.as_str()) {
            return Err(Refusal::NotYet { feature: format!("queue argument '{argument}'") });
        }
        if argument == "x-queue-type" {
            check_queue_type(wanted, value)?;
        }
        if argument == SINGLE_ACTIVE && !matches!(value, Value::Bool(_)) {
            return Err(Refusal::InvalidArgument {
                argument: argument.clone(),
                name: wanted.name.clone(),
                vhost: wanted.vhost.clone(),
                reason: "unacceptable_type".to_owned(),
            });
        }
    }
    Ok(())
}

fn check_queue_type(wanted: &QueueDeclaration, value: &Value) -> Result<(), Refusal> {
    match value.as_text() {
        Some("classic") => Ok(()),
        Some(QUORUM) => check_quorum(wanted),
        Some("stream") => Err(Refusal::NotYet { feature: "queue type 'stream'".to_owned() }),
        _ => Err(Refusal::InvalidArgument {
            argument: "x-queue-type".to_owned(),
            name: wanted.name.clone(),
            vhost: wanted.vhost.clone(),
            reason: "unsupported queue type".to_owned(),
        }),
    }
}

/// A quorum queue with one member: durable, shared, and it keeps every message on disk.
fn check_quorum(wanted: &QueueDeclaration) -> Result<(), Refusal> {
    let property = if wanted.is_exclusive {
        "exclusive-owner"
    } else if !wanted.is_durable {
        "non-durable"
    } else if wanted.is_auto_delete {
        "auto-delete"
    } else {
        return Ok(());
    };
    Err(Refusal::InvalidProperty {
        property: property.to_owned(),
        name: wanted.name.clone(),
        vhost: wanted.vhost.clone(),
    })
}

fn same_exchange(found: &Exchange, wanted: &ExchangeDeclaration) -> Result<(), Refusal> {
    let differs = |property: &str, received: Value, current: Value| Refusal::Inequivalent {
        object: Object::Exchange,
        name: found.name.clone(),
        vhost: found.vhost.clone(),
        property: property.to_owned(),
        received: Some(received),
        current: Some(current),
    };
    if found.kind.as_str() != wanted.kind {
        let (received, current) = (Value::text(&wanted.kind), Value::text(found.kind.as_str()));
        return Err(differs("type", received, current));
    }
    for (property, received, current) in [
        ("durable", wanted.is_durable, found.is_durable),
        ("auto_delete", wanted.is_auto_delete, found.is_auto_delete),
        ("internal", wanted.is_internal, found.is_internal),
    ] {
        if received != current {
            return Err(differs(property, Value::Bool(received), Value::Bool(current)));
        }
    }
    Ok(())
}

fn same_queue(found: &Queue, wanted: &QueueDeclaration, origin: Origin) -> Result<(), Refusal> {
    let owner = wanted.is_exclusive.then_some(origin.client);
    if found.owner != owner {
        return Err(Refusal::Locked { name: found.name.clone(), vhost: found.vhost.clone() });
    }
    let differs = |property: &str, received, current| Refusal::Inequivalent {
        object: Object::Queue,
        name: found.name.clone(),
        vhost: found.vhost.clone(),
        property: property.to_owned(),
        received,
        current,
    };
    for (property, received, current) in [
        ("durable", wanted.is_durable, found.is_durable),
        ("auto_delete", wanted.is_auto_delete, found.is_auto_delete),
    ] {
        if received != current {
            let (received, current) = (Value::Bool(received), Value::Bool(current));
            return Err(differs(property, Some(received), Some(current)));
        }
    }
    for argument in LATER_QUEUE_ARGUMENTS.iter().copied().chain(["x-queue-type", SINGLE_ACTIVE]) {
        let (received, current) = (wanted.arguments.get(argument), found.arguments.get(argument));
        if !is_same_argument(argument, received, current) {
            return Err(differs(argument, received.cloned(), current.cloned()));
        }
    }
    Ok(())
}

/// Whole numbers are the same if their values are, whatever their widths; no queue type means the classic one.
fn is_same_argument(argument: &str, a: Option<&Value>, b: Option<&Value>) -> bool {
    if argument == "x-queue-type" {
        let kind =
            |value: Option<&Value>| value.and_then(Value::as_text).unwrap_or("classic").to_owned();
        return kind(a) == kind(b);
    }
    match (a, b) {
        (Some(a), Some(b)) => match (a.as_integer(), b.as_integer()) {
            (Some(a), Some(b)) => a == b,
            _ => a == b,
        },
        (a, b) => a == b,
    }
}
