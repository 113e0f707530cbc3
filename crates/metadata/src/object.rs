//! The things that are declared.

use message::{Arguments, ClientId, Name, QueueId};
use serde::{Deserialize, Serialize};

/// An exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its number: never used again.
    pub id: u64,
    /// Where it is.
    pub vhost: Name,
    /// Its name; empty for the default exchange.
    pub name: Name,
    /// Its type, as the client named it: `direct`, `fanout`, …
    pub kind: Name,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether it goes when its last binding goes.
    pub is_auto_delete: bool,
    /// Whether only other exchanges may publish to it.
    pub is_internal: bool,
    /// What else was asked for.
    pub arguments: Arguments,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its number, which also tells where it lives.
    pub id: QueueId,
    /// Where it is.
    pub vhost: Name,
    /// Its name.
    pub name: Name,
    /// Whether it survives a restart. An exclusive queue does not.
    pub is_durable: bool,
    /// Whether it goes when its last consumer goes.
    pub is_auto_delete: bool,
    /// The only client that may use it, if it is exclusive; it goes when that client goes.
    #[serde(skip)]
    pub owner: Option<ClientId>,
    /// What else was asked for.
    pub arguments: Arguments,
}

/// Where a binding leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BindingEnd {
    /// To a queue.
    Queue(Name),
    /// To another exchange.
    Exchange(Name),
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Where it is.
    pub vhost: Name,
    /// The exchange that messages come from.
    pub source: Name,
    /// Where they go.
    pub destination: BindingEnd,
    /// The binding key.
    pub key: String,
    /// Further conditions, for headers exchanges.
    pub arguments: Arguments,
}
