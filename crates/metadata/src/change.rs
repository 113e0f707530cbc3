//! Changes as values, and their form on disk.
//!
//! A change is kept as JSON: it is written rarely, read once at a start, and must still be readable by every later
//! version. A field that is added later gets a default.

use std::borrow::Borrow;
use std::fmt;

use message::{Name, QueueId};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::object::{Binding, Exchange, Queue};
use crate::parameter::ParameterValue;
use crate::permissions::{Permissions, TopicPermissions};
use crate::policy::Policy;
use crate::user::User;
use crate::vhost::{UserLimits, VhostDefinition, VhostLimits};

/// One change of what is declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// An exchange is there.
    AddExchange(Exchange),
    /// An exchange and its bindings are gone.
    RemoveExchange {
        /// Where it was.
        vhost: Name,
        /// Its name.
        name: Name,
    },
    /// A queue is there.
    AddQueue(Queue),
    /// A queue and its bindings are gone.
    RemoveQueue {
        /// Its number.
        id: QueueId,
    },
    /// A binding is there.
    Bind(Binding),
    /// A binding is gone.
    Unbind(Binding),
    /// Numbers below this one have been given.
    ReserveIds(u64),
    /// A virtual host is there with its predeclared exchanges, or something else is said of it.
    SetVhost(VhostDefinition),
    /// A virtual host is gone with all that is in it.
    RemoveVhost {
        /// Its name.
        name: Name,
    },
    /// A virtual host has these limits.
    SetVhostLimits {
        /// Which.
        vhost: Name,
        /// All of its limits.
        limits: VhostLimits,
    },
    /// Messages of a virtual host are copied for whoever watches it, or not. It is not kept over a restart, as in RabbitMQ.
    SetTracing {
        /// Which.
        vhost: Name,
        /// Whether they are.
        is_on: bool,
    },
    /// A user has these limits.
    SetUserLimits {
        /// Who.
        user: Name,
        /// All of the user's limits.
        limits: UserLimits,
    },
    /// A user is there, in place of one of the same name.
    SetUser(User),
    /// A user is gone, with permissions and limits.
    RemoveUser {
        /// Who.
        name: Name,
    },
    /// A user may do this in a virtual host, and nothing else.
    SetPermissions {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
        /// What.
        permissions: Permissions,
    },
    /// A user may not enter a virtual host.
    ClearPermissions {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
    },
    /// A user may do this with a topic exchange, and nothing else.
    SetTopicPermissions {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
        /// With which exchange.
        exchange: Name,
        /// What.
        permissions: TopicPermissions,
    },
    /// A user may do everything with a topic exchange, as far as other permissions let them.
    ClearTopicPermissions {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
        /// With which exchange; all of them if absent.
        exchange: Option<Name>,
    },
    /// A policy is there, in place of one of the same name.
    SetPolicy {
        /// What it says.
        policy: Policy,
        /// Whether it is an operator policy.
        is_operator: bool,
    },
    /// A policy is gone.
    ClearPolicy {
        /// Where it was.
        vhost: Name,
        /// Its name.
        name: Name,
        /// Whether it was an operator policy.
        is_operator: bool,
    },
    /// A runtime parameter has this value.
    SetParameter {
        /// Where.
        vhost: Name,
        /// Whose it is: `shovel`, …
        component: String,
        /// Its name.
        name: String,
        /// Its value.
        value: ParameterValue,
    },
    /// A runtime parameter is gone.
    ClearParameter {
        /// Where it was.
        vhost: Name,
        /// Whose it was.
        component: String,
        /// Its name.
        name: String,
    },
    /// A parameter of the whole node has this value.
    SetGlobalParameter {
        /// Its name.
        name: String,
        /// Its value.
        value: ParameterValue,
    },
    /// A parameter of the whole node is gone.
    ClearGlobalParameter {
        /// Its name.
        name: String,
    },
}

/// Bytes that should have been changes are not.
#[derive(Debug)]
pub struct Unreadable {
    reason: serde_json::Error,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record of declared objects cannot be read: {}", self.reason)
    }
}

impl std::error::Error for Unreadable {}

impl Change {
    /// The change as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a change is plain values, which always have a JSON form")
    }

    /// The change that [`Change::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Unreadable`] when the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(bytes).map_err(|reason| Unreadable { reason })
    }

    /// Many changes as one run of bytes: a snapshot.
    pub fn list_to_bytes<C: Borrow<Self>>(changes: impl IntoIterator<Item = C>) -> Vec<u8> {
        let mut bytes = vec![b'['];
        for change in changes {
            if bytes.len() > 1 {
                bytes.push(b',');
            }
            serde_json::to_writer(&mut bytes, change.borrow()).expect("changes are plain values");
        }
        bytes.push(b']');
        bytes
    }

    /// Hands over one after the other what [`Change::list_to_bytes`] wrote: there may be millions.
    ///
    /// # Errors
    /// [`Unreadable`] when the bytes are something else. What came before has been handed over then.
    pub fn each_from_bytes(bytes: &[u8], take: impl FnMut(Self)) -> Result<(), Unreadable> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let read = reader.deserialize_seq(Each(take)).and_then(|()| reader.end());
        read.map_err(|reason| Unreadable { reason })
    }

    /// What [`Change::list_to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Unreadable`] when the bytes are something else.
    pub fn list_from_bytes(bytes: &[u8]) -> Result<Vec<Self>, Unreadable> {
        serde_json::from_slice(bytes).map_err(|reason| Unreadable { reason })
    }
}

/// Takes a list apart.
struct Each<F>(F);

impl<'de, F: FnMut(Change)> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of changes")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(change) = list.next_element()? {
            (self.0)(change);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use message::{Arguments, Value};

    use super::*;

    #[test]
    fn a_change_returns_from_its_bytes_with_every_kind_of_argument() {
        let arguments = Arguments::from([
            ("void".into(), Value::Void),
            ("int".into(), Value::I32(-5)),
            ("nan".into(), Value::F64(f64::INFINITY)),
            ("text".into(), Value::Text(vec![0xFF, 0, b'a'])),
            ("list".into(), Value::Array(vec![Value::Bool(true), Value::Timestamp(7)])),
            ("table".into(), Value::Table(Arguments::from([("d".into(), Value::F32(1.5))]))),
        ]);
        let change = Change::AddQueue(Queue {
            id: QueueId::new(7, 3),
            vhost: Name::fixed("/"),
            name: Name::fixed("orders"),
            is_durable: true,
            is_auto_delete: false,
            owner: None,
            lane_count: 1,
            relay_of: None,
            arguments: arguments.into(),
        });
        assert_eq!(Change::from_bytes(&change.to_bytes()).unwrap(), change);
        let list = vec![change.clone(), change];
        assert_eq!(Change::list_from_bytes(&Change::list_to_bytes(&list)).unwrap(), list);
    }

    #[test]
    fn foreign_bytes_are_refused_with_a_reason() {
        assert!(
            Change::from_bytes(b"{\"Frobnicate\":1}")
                .unwrap_err()
                .to_string()
                .contains("Frobnicate")
        );
    }
}
