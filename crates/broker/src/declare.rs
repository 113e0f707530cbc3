//! Declaring and deleting exchanges. Declaring what exists, with the same properties, changes nothing.

use message::{Name, QueueId, ShardId, Value};
use metadata::{Change, Exchange};
use routing::{Destination, Kind};
use store::Ticket;

use crate::broker::Broker;
use crate::queue_arguments::is_same;
use crate::refusal::{ArgumentFault, InvalidArgument, Object, Refusal};
use crate::request::ExchangeDeclaration;

/// Names that begin so are given by the broker only.
pub(crate) const RESERVED_PREFIX: &str = "amq.";

/// Whether an exchange takes no message twice.
const DEDUPLICATION: &str = "x-message-deduplication";
/// Where messages go that an exchange has no destination for.
const ALTERNATE: &str = "alternate-exchange";

impl Broker {
    pub(crate) fn declare_exchange(
        &mut self,
        wanted: ExchangeDeclaration,
    ) -> Result<Option<Ticket>, Refusal> {
        let ExchangeDeclaration { vhost, name, .. } = &wanted;
        if name.is_empty() && wanted.is_passive {
            return Err(Refusal::DefaultExchange);
        }
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
        check_alternate(&wanted)?;
        let id = self.draft.definitions().next_id();
        let is_sieve = asks_for_deduplication(&wanted)?;
        if is_sieve && kind == Kind::RecentHistory {
            let feature = format!("'{DEDUPLICATION}' for exchanges of type '{}'", kind.as_str());
            return Err(Refusal::NotYet { feature });
        }
        let has_relay = is_sieve || matches!(kind, Kind::Delayed | Kind::RecentHistory);
        let home =
            ShardId::try_from(id % self.shards as u64).expect("a node has at most 256 shards");
        let exchange = Exchange {
            id,
            vhost: wanted.vhost,
            name: wanted.name,
            kind: Name::fixed(kind.as_str()),
            is_durable: wanted.is_durable,
            is_auto_delete: wanted.is_auto_delete,
            is_internal: wanted.is_internal,
            relay: has_relay.then(|| QueueId::new(id + 1, home)),
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
}

fn asks_for_deduplication(wanted: &ExchangeDeclaration) -> Result<bool, Refusal> {
    match wanted.arguments.get(DEDUPLICATION) {
        None => Ok(false),
        Some(Value::Bool(is_asked)) => Ok(*is_asked),
        Some(value) => Err(invalid(wanted, DEDUPLICATION, ArgumentFault::WrongType(value.clone()))),
    }
}

fn check_alternate(wanted: &ExchangeDeclaration) -> Result<(), Refusal> {
    match wanted.arguments.get(ALTERNATE) {
        None | Some(Value::Text(_)) => Ok(()),
        Some(value) => Err(invalid(wanted, ALTERNATE, ArgumentFault::NotAName(value.clone()))),
    }
}

fn invalid(wanted: &ExchangeDeclaration, argument: &'static str, fault: ArgumentFault) -> Refusal {
    Refusal::InvalidArgument(Box::new(InvalidArgument {
        argument,
        object: Object::Exchange,
        name: wanted.name.clone(),
        vhost: wanted.vhost.clone(),
        fault,
    }))
}

fn same_exchange(found: &Exchange, wanted: &ExchangeDeclaration) -> Result<(), Refusal> {
    let differs = |property: &'static str, received, current| Refusal::Inequivalent {
        object: Object::Exchange,
        name: found.name.clone(),
        vhost: found.vhost.clone(),
        property,
        received,
        current,
    };
    if found.kind.as_str() != wanted.kind {
        let (received, current) = (Value::text(&wanted.kind), Value::text(found.kind.as_str()));
        return Err(differs("type", Some(received), Some(current)));
    }
    for (property, received, current) in [
        ("durable", wanted.is_durable, found.is_durable),
        ("auto_delete", wanted.is_auto_delete, found.is_auto_delete),
        ("internal", wanted.is_internal, found.is_internal),
    ] {
        if received != current {
            let (received, current) = (Value::Bool(received), Value::Bool(current));
            return Err(differs(property, Some(received), Some(current)));
        }
    }
    let (received, current) = (wanted.arguments.get(ALTERNATE), found.arguments.get(ALTERNATE));
    if !is_same(received, current) {
        return Err(differs(ALTERNATE, received.cloned(), current.cloned()));
    }
    Ok(())
}
