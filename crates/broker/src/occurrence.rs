//! What happens to declared things, for whoever watches the node.
//!
//! ```text
//!   change ──→ on disk ──→ published ──→ Occurrence ──→ poll_occurrence, once a turn
//! ```
//!
//! What is told is true: it is told when the change is in force. No secret is in it: not the hash of a password, nor the value of
//! a parameter, which may be an address with a password. What is long is told in short. What goes with something else, bindings with their queue, the exchanges
//! that every virtual host has, is told by that.

use std::sync::Arc;

use message::Name;
use metadata::{
    Binding, Change, Exchange, Permissions, Policy, Queue, TopicPermissions, UserLimits,
    VhostDefinition, VhostLimits,
};

use crate::broker::Broker;
use crate::request::Origin;
use crate::topology::Topology;

/// What waits to be polled, at most: the oldest goes first.
const WAITING_MAX: usize = 1_024;

/// Something that happened to what is declared.
#[derive(Clone, Debug, PartialEq)]
pub enum Occurrence {
    /// A queue is there.
    QueueCreated(Arc<Queue>),
    /// A queue is gone.
    QueueDeleted(Arc<Queue>),
    /// An exchange is there.
    ExchangeCreated(Arc<Exchange>),
    /// An exchange is gone.
    ExchangeDeleted {
        /// Where it was.
        vhost: Name,
        /// Its name.
        name: Name,
    },
    /// A binding is there.
    BindingCreated(Arc<Binding>),
    /// A binding is gone.
    BindingDeleted(Arc<Binding>),
    /// A virtual host is there.
    VhostCreated(Box<VhostDefinition>),
    /// Something else is said of a virtual host.
    VhostUpdated(Box<VhostDefinition>),
    /// A virtual host is gone.
    VhostDeleted(Name),
    /// A virtual host has limits; none if they are all absent.
    VhostLimits(Name, VhostLimits),
    /// A user is there.
    UserCreated(Name),
    /// A user is gone.
    UserDeleted(Name),
    /// A user has another password.
    PasswordChanged(Name),
    /// A user has no password.
    PasswordCleared(Name),
    /// A user has these tags.
    TagsSet(Name, Vec<String>),
    /// A user has limits; none if they are all absent.
    UserLimits(Name, UserLimits),
    /// A user may do this.
    PermissionCreated {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
        /// What.
        permissions: Permissions,
    },
    /// A user may do nothing.
    PermissionDeleted {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
    },
    /// A user may do this with a topic exchange.
    TopicPermissionCreated {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
        /// Which exchange.
        exchange: Name,
        /// What.
        permissions: TopicPermissions,
    },
    /// A user may do everything with a topic exchange.
    TopicPermissionDeleted {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
        /// Which exchange; all of them if absent.
        exchange: Option<Name>,
    },
    /// A policy is there.
    PolicySet(Box<Policy>),
    /// A policy is gone.
    PolicyCleared {
        /// Where it was.
        vhost: Name,
        /// Its name.
        name: Name,
        /// Whether it was an operator policy.
        is_operator: bool,
    },
    /// A parameter has a value.
    ParameterSet(Parameter),
    /// A parameter is gone.
    ParameterCleared(Parameter),
}

/// The name of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Where it is; `None` for one of the whole node.
    pub vhost: Option<Name>,
    /// Whose it is; `global` for one of the whole node.
    pub component: String,
    /// Its name.
    pub name: String,
}

impl Parameter {
    fn global(name: &str) -> Self {
        Self { vhost: None, component: "global".to_owned(), name: name.to_owned() }
    }
}

/// Something that happened, and who wanted it.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurred {
    /// Who has asked for it; `None` if nobody did, as when a queue goes by itself.
    pub actor: Option<Origin>,
    /// What.
    pub what: Occurrence,
}

/// What a change will be told as, if `topology` is what it changes.
pub(crate) fn occurrences_of(topology: &Topology, change: &Change, out: &mut Vec<Occurrence>) {
    let definitions = topology.definitions();
    match change {
        Change::RemoveVhost { name } => {
            let queues = definitions.vhost(name.as_str()).into_iter();
            let queues = queues.flat_map(|vhost| vhost.queues.values());
            let queues = queues.filter(|queue| queue.relay_of.is_none());
            let told = queues.map(|queue| Occurrence::QueueDeleted(Arc::clone(queue)));
            out.extend(told.map(Occurrence::abridged));
            out.push(Occurrence::VhostDeleted(name.clone()));
        }
        Change::SetUser(user) => {
            let before = definitions.user(user.name.as_str());
            match before {
                None => out.push(Occurrence::UserCreated(user.name.clone())),
                Some(before) if before.password_hash == user.password_hash => {}
                Some(_) if user.password_hash.is_empty() => {
                    out.push(Occurrence::PasswordCleared(user.name.clone()));
                }
                Some(_) => out.push(Occurrence::PasswordChanged(user.name.clone())),
            }
            if before.is_none_or(|before| before.tags != user.tags) {
                out.push(Occurrence::TagsSet(user.name.clone(), user.tags.clone()).abridged());
            }
        }
        change => {
            let told = of_object(topology, change).or_else(|| of_setting(topology, change));
            out.extend(told.map(Occurrence::abridged));
        }
    }
}

/// What a change of an exchange, queue or binding is told as.
fn of_object(topology: &Topology, change: &Change) -> Option<Occurrence> {
    Some(match change {
        // Nobody has declared what an exchange of that kind hides.
        Change::AddQueue(queue) if queue.relay_of.is_some() => return None,
        Change::AddQueue(queue) => Occurrence::QueueCreated(Arc::new(queue.clone())),
        Change::RemoveQueue { id } => {
            let queue = topology.definitions().queue_by_id(*id)?;
            (queue.relay_of.is_none()).then(|| Occurrence::QueueDeleted(Arc::clone(queue)))?
        }
        Change::AddExchange(exchange) => Occurrence::ExchangeCreated(Arc::new(exchange.clone())),
        Change::RemoveExchange { vhost, name } => {
            Occurrence::ExchangeDeleted { vhost: vhost.clone(), name: name.clone() }
        }
        Change::Bind(binding) if !topology.is_bound(binding) => {
            Occurrence::BindingCreated(Arc::new(binding.clone()))
        }
        Change::Unbind(binding) if topology.is_bound(binding) => {
            Occurrence::BindingDeleted(Arc::new(binding.clone()))
        }
        _ => return None,
    })
}

/// What a change of anything else is told as.
fn of_setting(topology: &Topology, change: &Change) -> Option<Occurrence> {
    let is_there = |vhost: &Name| topology.definitions().vhost(vhost.as_str()).is_some();
    Some(match change.clone() {
        Change::SetVhost(vhost) if is_there(&vhost.name) => {
            Occurrence::VhostUpdated(Box::new(vhost))
        }
        Change::SetVhost(vhost) => Occurrence::VhostCreated(Box::new(vhost)),
        Change::SetVhostLimits { vhost, limits } => Occurrence::VhostLimits(vhost, limits),
        Change::SetUserLimits { user, limits } => Occurrence::UserLimits(user, limits),
        Change::RemoveUser { name } => Occurrence::UserDeleted(name),
        Change::SetPermissions { vhost, user, permissions } => {
            Occurrence::PermissionCreated { vhost, user, permissions }
        }
        Change::ClearPermissions { vhost, user } => Occurrence::PermissionDeleted { vhost, user },
        Change::SetTopicPermissions { vhost, user, exchange, permissions } => {
            Occurrence::TopicPermissionCreated { vhost, user, exchange, permissions }
        }
        Change::ClearTopicPermissions { vhost, user, exchange } => {
            Occurrence::TopicPermissionDeleted { vhost, user, exchange }
        }
        Change::SetPolicy { policy, .. } => Occurrence::PolicySet(Box::new(policy)),
        Change::ClearPolicy { vhost, name, is_operator } => {
            Occurrence::PolicyCleared { vhost, name, is_operator }
        }
        Change::SetParameter { vhost, component, name, .. } => {
            Occurrence::ParameterSet(Parameter { vhost: Some(vhost), component, name })
        }
        Change::ClearParameter { vhost, component, name } => {
            Occurrence::ParameterCleared(Parameter { vhost: Some(vhost), component, name })
        }
        Change::SetGlobalParameter { name, .. } => {
            Occurrence::ParameterSet(Parameter::global(&name))
        }
        Change::ClearGlobalParameter { name } => {
            Occurrence::ParameterCleared(Parameter::global(&name))
        }
        Change::AddQueue(_)
        | Change::RemoveQueue { .. }
        | Change::AddExchange(_)
        | Change::RemoveExchange { .. }
        | Change::Bind(_)
        | Change::Unbind(_)
        | Change::ReserveIds(_)
        | Change::RemoveVhost { .. }
        | Change::SetTracing { .. }
        | Change::SetUser(_) => return None,
    })
}

impl Broker {
    /// Something has happened.
    pub(crate) fn note_occurrences(&mut self, occurred: Vec<Occurred>) {
        for one in occurred {
            if self.occurrences.len() >= WAITING_MAX {
                self.occurrences.pop_front();
                self.missed_count += 1;
            }
            self.occurrences.push_back(one);
        }
    }

    /// What has happened to declared things, in order. Only shard 0 knows. Poll once a turn.
    pub fn poll_occurrence(&mut self) -> Option<Occurred> {
        self.occurrences.pop_front()
    }

    /// How many occurrences were not polled in time since the last call.
    pub const fn take_missed_count(&mut self) -> u64 {
        std::mem::replace(&mut self.missed_count, 0)
    }
}
