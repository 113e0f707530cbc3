//! What a client asks for and waits to hear of.
//!
//! ```text
//!   client's shard ──→ shard 0 (what is declared) ──→ queue's shard (what it holds) ──→ client's shard
//! ```
//!
//! A request visits the shards that it needs, as mail, and ends with exactly one [`Event::Answered`](crate::Event).
//! With one shard all of that happens within the turn.

use message::{Arguments, ClientId, Name, QueueId};
use metadata::{Binding, Change};
use queue::{Consumer, Cursor, Section};

use crate::event::Answer;
use crate::refusal::Refusal;

/// Who asks: a client, and which of its conversations (an AMQP 0-9-1 channel, say).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The client.
    pub client: ClientId,
    /// The front-end's number for the conversation.
    pub link: u64,
}

/// What a queue is to be like.
#[derive(Clone, Debug)]
pub struct QueueDeclaration {
    /// Where.
    pub vhost: Name,
    /// Its name; empty lets the broker find one.
    pub name: Name,
    /// Only ask whether it is there.
    pub is_passive: bool,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether only this client may use it, and it goes with the client.
    pub is_exclusive: bool,
    /// Whether it goes when its last consumer goes.
    pub is_auto_delete: bool,
    /// What else is asked for.
    pub arguments: Arguments,
}

/// What an exchange is to be like.
#[derive(Clone, Debug)]
pub struct ExchangeDeclaration {
    /// Where.
    pub vhost: Name,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub kind: String,
    /// Only ask whether it is there.
    pub is_passive: bool,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether it goes when its last binding goes.
    pub is_auto_delete: bool,
    /// Whether only other exchanges may publish to it.
    pub is_internal: bool,
    /// What else is asked for.
    pub arguments: Arguments,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Verb {
    /// See [`ExchangeDeclaration`].
    DeclareExchange(ExchangeDeclaration),
    /// Deletes an exchange and its bindings.
    DeleteExchange {
        /// Where.
        vhost: Name,
        /// Its name.
        name: Name,
        /// Only if nothing is bound to it.
        if_unused: bool,
    },
    /// Adds a binding.
    Bind(Binding),
    /// Removes a binding.
    Unbind(Binding),
    /// See [`QueueDeclaration`].
    DeclareQueue(QueueDeclaration),
    /// Deletes a queue with all it holds.
    DeleteQueue {
        /// Where.
        vhost: Name,
        /// Its name.
        name: Name,
        /// Only if it has no consumers.
        if_unused: bool,
        /// Only if no message is ready.
        if_empty: bool,
    },
    /// Removes all ready messages.
    PurgeQueue {
        /// Where.
        vhost: Name,
        /// Its name.
        name: Name,
    },
    /// Adds a consumer.
    Consume {
        /// Where.
        vhost: Name,
        /// The queue.
        name: Name,
        /// The consumer.
        consumer: Consumer,
        /// What else it asks for, to be put into the consumer.
        arguments: Arguments,
    },
    /// Removes a consumer.
    Cancel {
        /// The queue that it is on.
        queue: QueueId,
        /// The front-end's number for it.
        consumer: u32,
    },
    /// Takes one message.
    Fetch {
        /// Where.
        vhost: Name,
        /// The queue.
        name: Name,
        /// Whether it will be settled later; if not, it is gone.
        settles: bool,
    },
    /// Looks at some messages of a queue without taking them. Only for operators: whose queue it is does not matter.
    Peek {
        /// The queue, or the relay of an exchange.
        queue: QueueId,
        /// Which messages.
        section: Section,
        /// Where to begin: at the first, or where another look has ended.
        cursor: Option<Cursor>,
        /// How many; there are bounds on their number and bytes.
        count: usize,
    },
    /// Calls a message off that waits for its time. Only for operators.
    CancelDelayed {
        /// The queue, or the relay of an exchange.
        queue: QueueId,
        /// Its lane.
        lane: u8,
        /// Its place, as [`Verb::Peek`] tells it.
        seq: u64,
    },
    /// The client wants to use a virtual host.
    Enter {
        /// Which.
        vhost: Name,
        /// As whom.
        user: Name,
    },
    /// The client wants to open a channel, and its user's channels are limited.
    OpenChannel,
    /// An operator's change: of virtual hosts, policies, limits or parameters. Other changes have verbs of their own.
    /// The number in [`Change::SetVhost`] is found by the broker.
    Administer(Box<Change>),
    /// The client goes: its exclusive queues go with it.
    Leave,
}

impl Verb {
    /// The virtual host in which something is to be declared or removed.
    pub(crate) const fn vhost(&self) -> Option<&Name> {
        match self {
            Self::DeclareExchange(wanted) => Some(&wanted.vhost),
            Self::DeleteExchange { vhost, .. } => Some(vhost),
            Self::Bind(binding) | Self::Unbind(binding) => Some(&binding.vhost),
            Self::DeclareQueue(wanted) => Some(&wanted.vhost),
            _ => None,
        }
    }
}

/// A request on its way.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub origin: Origin,
    /// For what.
    pub verb: Verb,
}

/// How a request ends.
pub(crate) type Reply = Result<Answer, Refusal>;
