//! What a client asked for and may not have, as facts. The front-ends put them into their protocol's words.

use message::{Name, Value};
use metadata::{InvalidPattern, InvalidPolicy, QueueKind};
use routing::Invalid;

/// What kind of thing a refusal speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// An exchange.
    Exchange,
    /// A queue.
    Queue,
}

/// On which condition a queue is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has no consumers.
    Unused,
    /// It holds nothing that is ready.
    Empty,
}

/// An argument that an object cannot have.
#[derive(Clone, Debug, PartialEq)]
pub struct InvalidArgument {
    /// Which argument.
    pub argument: &'static str,
    /// What it is an argument of.
    pub object: Object,
    /// The name of that.
    pub name: Name,
    /// Where it was to be.
    pub vhost: Name,
    /// What is wrong.
    pub fault: ArgumentFault,
}

/// Of what there are as many as there may be. All have the limit in `max`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Queues of a virtual host.
    Queues {
        /// The queue that was to be.
        name: Name,
        /// Where.
        vhost: Name,
        /// The limit.
        max: u64,
    },
    /// Virtual hosts of the node.
    Vhosts {
        /// The virtual host that was to be.
        name: Name,
        /// The limit.
        max: u64,
    },
    /// Connections to the node.
    NodeConnections {
        /// The limit.
        max: u64,
    },
    /// Connections to a virtual host.
    VhostConnections {
        /// Which.
        vhost: Name,
        /// Who wanted one more.
        user: Name,
        /// The limit.
        max: u64,
    },
    /// Connections of a user.
    UserConnections {
        /// Who.
        user: Name,
        /// The limit.
        max: u64,
    },
    /// Channels of a user.
    Channels {
        /// Who.
        user: Name,
        /// The limit.
        max: u64,
    },
}

/// What is wrong with an argument.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgumentFault {
    /// It is no whole number.
    NotAnInteger(Value),
    /// It is of a type that the argument does not have.
    WrongType(Value),
    /// It names another object and is no text.
    NotAName(Value),
    /// Another type of queue has it, and this one not.
    Foreign(QueueKind),
    /// It is below 0.
    Negative(i64),
    /// It is 0.
    Zero,
    /// It is more than any queue could need.
    TooLarge(i64),
    /// It is above the argument's limit.
    AboveMax(i64),
    /// It is none of the words that the argument takes.
    UnknownWord,
    /// There is no such version of classic queues.
    UnknownVersion(i64),
    /// There is no such type of queue.
    UnknownQueueType(String),
    /// A routing key of so many bytes: no message can have it.
    KeyTooLong(usize),
    /// A key for dead letters needs an exchange for them.
    NoDeadLetterExchange,
}

/// Why a request was refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// There is no such thing.
    NotFound {
        /// What kind of thing.
        object: Object,
        /// Its name.
        name: Name,
        /// Where it was looked for.
        vhost: Name,
    },
    /// The queue belongs to another connection.
    Locked {
        /// The queue.
        name: Name,
        /// Where it is.
        vhost: Name,
    },
    /// The default exchange cannot be declared, deleted, bound or unbound.
    DefaultExchange,
    /// Only other exchanges may publish to this one.
    InternalExchange {
        /// The exchange.
        name: Name,
        /// Where it is.
        vhost: Name,
    },
    /// Names that begin with `amq.` are the broker's.
    ReservedName {
        /// What kind of thing.
        object: Object,
        /// The name.
        name: Name,
    },
    /// An exchange that the broker itself needs cannot be deleted.
    SystemExchange {
        /// The exchange.
        name: Name,
        /// Where it is.
        vhost: Name,
    },
    /// No such exchange type.
    UnknownExchangeKind {
        /// What was asked for.
        kind: String,
    },
    /// The object exists and differs from what was asked for.
    Inequivalent {
        /// What kind of thing.
        object: Object,
        /// Its name.
        name: Name,
        /// Where it is.
        vhost: Name,
        /// Which property differs, in RabbitMQ's words: `durable`, `type`, `x-message-ttl`, …
        property: &'static str,
        /// What was asked for; `None` for nothing.
        received: Option<Value>,
        /// What is; `None` for nothing.
        current: Option<Value>,
    },
    /// It is used and was to be deleted only if it is not.
    InUse {
        /// What kind of thing.
        object: Object,
        /// Its name.
        name: Name,
        /// Where it is.
        vhost: Name,
    },
    /// The queue holds messages and was to be deleted only if it does not.
    NotEmpty {
        /// The queue.
        name: Name,
        /// Where it is.
        vhost: Name,
    },
    /// Another consumer has, or this one wants, the queue for itself.
    ExclusiveUse {
        /// The queue.
        name: Name,
        /// Where it is.
        vhost: Name,
    },
    /// Nobody may take single messages from a quorum queue that one consumer at a time has for itself.
    OneConsumerOnly {
        /// The queue.
        name: Name,
        /// Where it is.
        vhost: Name,
    },
    /// A quorum queue is deleted whatever it holds and whoever uses it, or not at all.
    ConditionalDelete {
        /// The queue.
        name: Name,
        /// Where it is.
        vhost: Name,
        /// On which condition it was to be deleted.
        condition: Condition,
    },
    /// A binding's key or arguments do not fit the exchange's type.
    InvalidBinding(Invalid),
    /// An argument is not for such an object, or has a value that it cannot have.
    InvalidArgument(Box<InvalidArgument>),
    /// Queues of this type have names from their clients.
    ServerNamed {
        /// The type.
        kind: QueueKind,
    },
    /// There are as many as there may be.
    Limit(Limit),
    /// The virtual host is protected from being deleted.
    ProtectedVhost {
        /// Its name.
        name: Name,
    },
    /// A policy makes no sense.
    InvalidPolicy(InvalidPolicy),
    /// A permission is no regular expression.
    InvalidPattern(InvalidPattern),
    /// The hash of a password is not in base64.
    UnreadableHash {
        /// Whose.
        user: Name,
    },
    /// There is no such user.
    NoUser {
        /// The name.
        name: Name,
    },
    /// The user has no permissions in the virtual host.
    VhostAccess {
        /// Which.
        vhost: Name,
        /// Who.
        user: Name,
    },
    /// There is no such virtual host.
    NoVhost {
        /// Its name.
        name: Name,
    },
    /// A queue of its type cannot have this property.
    InvalidProperty {
        /// In RabbitMQ's words: `exclusive-owner`, …
        property: &'static str,
        /// The queue.
        name: Name,
        /// Where it was to be.
        vhost: Name,
    },
    /// The feature comes later; it is refused rather than silently taken for something else.
    NotYet {
        /// What was asked for.
        feature: String,
    },
}
