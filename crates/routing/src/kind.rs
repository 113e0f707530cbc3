//! The types of exchange, and what an exchange's arguments make of them.

use message::{Arguments, Value};

use crate::exchange::{consistent, headers, topic};
use crate::invalid::Invalid;
use crate::{Binding, Destination};

/// A type of exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To bindings whose key equals the routing key.
    Direct,
    /// To all bindings.
    Fanout,
    /// To bindings whose arguments match the message's headers.
    Headers,
    /// To bindings whose pattern of words matches the routing key.
    Topic,
    /// To the one binding that the routing key, a header or a property is mapped to. A binding's key is its weight;
    /// an added binding takes its share and nothing else moves.
    ConsistentHash,
    /// To the one binding that the routing key is mapped to; an added binding moves most keys.
    ModulusHash,
    /// To one binding by chance.
    Random,
    /// To one queue of this node by chance. All queues are on the one node that there is.
    LocalRandom,
    /// To all bindings. The exchange keeps its last messages for queues that are bound later: not here.
    RecentHistory,
    /// As another type, which its argument `x-delayed-type` names. Messages can wait in it: not here.
    Delayed,
}

/// How an exchange routes: its type, and what its arguments say.
#[derive(Clone, Debug)]
pub(crate) struct Behaviour {
    pub(crate) kind: Kind,
    /// What it routes as: its own type, unless it is one that delays.
    pub(crate) routes_as: Kind,
    pub(crate) hash_on: HashOn,
    /// The header by which it takes no message twice, so that each that has it is kept first. Whoever keeps it looks.
    pub(crate) sieve: Option<Box<str>>,
}

/// What a consistent-hash exchange looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HashOn {
    RoutingKey,
    Header(Box<str>),
    Property(Box<str>),
}

impl Kind {
    /// All types, in the order in which they are listed to people.
    pub const ALL: [Self; 10] = [
        Self::Direct,
        Self::Fanout,
        Self::Headers,
        Self::Topic,
        Self::ConsistentHash,
        Self::Delayed,
        Self::LocalRandom,
        Self::ModulusHash,
        Self::Random,
        Self::RecentHistory,
    ];

    /// The type with this name, as in `exchange.declare`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name, as in `exchange.declare`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Headers => "headers",
            Self::Topic => "topic",
            Self::ConsistentHash => "x-consistent-hash",
            Self::ModulusHash => "x-modulus-hash",
            Self::Random => "x-random",
            Self::LocalRandom => "x-local-random",
            Self::RecentHistory => "x-recent-history",
            Self::Delayed => "x-delayed-message",
        }
    }
}

impl Behaviour {
    pub(crate) fn of(kind: Kind, arguments: &Arguments) -> Result<Self, Invalid> {
        let is_sieve = arguments.get("x-message-deduplication") == Some(&Value::Bool(true));
        let header = arguments.get("x-deduplication-header").and_then(Value::as_text);
        let sieve = is_sieve.then(|| header.unwrap_or("x-deduplication-header").into());
        let hash_on = HashOn::RoutingKey;
        let mut behaviour = Self { kind, routes_as: kind, hash_on, sieve };
        match kind {
            Kind::ConsistentHash => behaviour.hash_on = HashOn::of(arguments)?,
            Kind::RecentHistory => check_history_length(arguments)?,
            Kind::Delayed => {
                let inner = Self::of(delayed_kind(arguments)?, arguments)?;
                behaviour = Self { kind, ..inner };
            }
            Kind::Direct
            | Kind::Fanout
            | Kind::Headers
            | Kind::Topic
            | Kind::ModulusHash
            | Kind::Random
            | Kind::LocalRandom => {}
        }
        Ok(behaviour)
    }

    /// Whether such an exchange takes a binding.
    pub(crate) fn check(&self, binding: &Binding) -> Result<(), Invalid> {
        let key = binding.key.as_bytes();
        match self.routes_as {
            Kind::Topic => topic::check(key),
            Kind::Headers => headers::Match::of(&binding.arguments).map(|_| ()),
            Kind::ConsistentHash => consistent::weight(key).map(|_| ()),
            Kind::LocalRandom if !key.is_empty() => Err(Invalid::KeyNotEmpty(key.to_vec())),
            Kind::LocalRandom => match binding.destination {
                Destination::Queue(_) => Ok(()),
                Destination::Exchange(_) => Err(Invalid::NotAQueue),
            },
            Kind::Direct
            | Kind::Fanout
            | Kind::ModulusHash
            | Kind::Random
            | Kind::RecentHistory
            | Kind::Delayed => Ok(()),
        }
    }
}

impl HashOn {
    /// The properties that can be looked at, in RabbitMQ's words.
    const PROPERTIES: [&str; 3] = ["correlation_id", "message_id", "timestamp"];

    fn of(arguments: &Arguments) -> Result<Self, Invalid> {
        match (text(arguments, "hash-header")?, text(arguments, "hash-property")?) {
            (None, None) => Ok(Self::RoutingKey),
            (Some(_), Some(_)) => Err(Invalid::HashTwice),
            (Some(header), None) => Ok(Self::Header(header)),
            (None, Some(property)) if Self::PROPERTIES.contains(&&*property) => {
                Ok(Self::Property(property))
            }
            (None, Some(property)) => Err(Invalid::HashProperty(property.into())),
        }
    }
}

fn text(arguments: &Arguments, name: &'static str) -> Result<Option<Box<str>>, Invalid> {
    match arguments.get(name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(String::from_utf8_lossy(text).into())),
        Some(other) => Err(Invalid::HashArgument { argument: name, value: other.clone() }),
    }
}

fn check_history_length(arguments: &Arguments) -> Result<(), Invalid> {
    match arguments.get("x-recent-history-length") {
        Some(length) if length.as_integer().is_none_or(|length| length <= 0) => {
            Err(Invalid::HistoryLength(length.clone()))
        }
        _ => Ok(()),
    }
}

fn delayed_kind(arguments: &Arguments) -> Result<Kind, Invalid> {
    let Some(Value::Text(name) | Value::Bytes(name)) = arguments.get("x-delayed-type") else {
        return Err(Invalid::NoDelayedKind);
    };
    let name = String::from_utf8_lossy(name);
    match Kind::parse(&name) {
        Some(Kind::Delayed) => Err(Invalid::DelayedTwice),
        Some(kind) => Ok(kind),
        None => Err(Invalid::UnknownKind(name.into_owned())),
    }
}
