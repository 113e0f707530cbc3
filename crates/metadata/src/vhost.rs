//! A virtual host: a name space of its own for exchanges, queues, policies and parameters.

use std::sync::Arc;

use imbl::OrdMap;
use message::Name;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::object::{Exchange, Queue};
use crate::parameter::ParameterValue;
use crate::permissions::Grants;
use crate::policy::Policies;
use crate::rules::QueueKind;

/// The virtual host that a fresh node has.
pub const DEFAULT_VHOST: &str = "/";

/// The exchanges that every virtual host has: name, type, whether it is internal.
pub(crate) const PREDECLARED: [(&str, &str, bool); 7] = [
    ("", "direct", false),
    ("amq.direct", "direct", false),
    ("amq.fanout", "fanout", false),
    ("amq.headers", "headers", false),
    ("amq.match", "headers", false),
    ("amq.rabbitmq.trace", "topic", true),
    ("amq.topic", "topic", false),
];

/// Whether every virtual host is born with an exchange of this name.
pub fn is_predeclared(exchange: &str) -> bool {
    PREDECLARED.iter().any(|(name, ..)| *name == exchange)
}

/// One virtual host.
#[derive(Clone, Debug, Default)]
pub struct Vhost {
    /// The number of the first of its predeclared exchanges; the others follow.
    pub first_exchange_id: u64,
    /// What is said of it.
    pub settings: VhostSettings,
    /// Its limits.
    pub limits: VhostLimits,
    /// Whether its messages are copied for whoever watches it, until the node stops.
    pub is_traced: bool,
    /// Its exchanges.
    pub exchanges: OrdMap<Name, Arc<Exchange>>,
    /// Its queues.
    pub queues: OrdMap<Name, Arc<Queue>>,
    /// Its policies.
    pub policies: Policies,
    /// Its operator policies.
    pub operator_policies: Policies,
    /// Who may do what in it.
    pub grants: Grants,
    /// Its runtime parameters, by component and name.
    pub parameters: OrdMap<(String, String), ParameterValue>,
}

impl Vhost {
    /// Adds the changes that make it and its settings.
    pub(crate) fn tell(&self, name: &Name, changes: &mut Vec<Change>) {
        changes.push(Change::SetVhost(VhostDefinition {
            name: name.clone(),
            first_exchange_id: self.first_exchange_id,
            settings: self.settings.clone(),
        }));
        if self.limits != VhostLimits::default() {
            changes.push(Change::SetVhostLimits { vhost: name.clone(), limits: self.limits });
        }
        for (policies, is_operator) in [(&self.policies, false), (&self.operator_policies, true)] {
            let policies = policies.iter().cloned();
            changes.extend(policies.map(|policy| Change::SetPolicy { policy, is_operator }));
        }
        for ((component, parameter), value) in &self.parameters {
            changes.push(Change::SetParameter {
                vhost: name.clone(),
                component: component.clone(),
                name: parameter.clone(),
                value: value.clone(),
            });
        }
    }
}

/// What is said of a virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VhostSettings {
    /// For people.
    pub description: String,
    /// Labels.
    pub tags: Vec<String>,
    /// The type of queues that ask for none; the node's own default if absent.
    pub default_queue_type: Option<QueueKind>,
    /// Whether it can not be deleted.
    pub is_protected: bool,
}

impl VhostSettings {
    /// Those of the virtual host that a node has from the start: RabbitMQ describes it, and nothing else is said of it.
    pub fn of_default() -> Self {
        Self { description: "Default virtual host".to_owned(), ..Self::default() }
    }
}

/// A virtual host's limits. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VhostLimits {
    /// How many connections there may be.
    pub connections_max: Option<u64>,
    /// How many queues there may be.
    pub queues_max: Option<u64>,
}

/// A user's limits. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserLimits {
    /// How many connections there may be.
    pub connections_max: Option<u64>,
    /// How many channels there may be, on all connections together.
    pub channels_max: Option<u64>,
}

/// The command to make a virtual host, or to say something else of one that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VhostDefinition {
    /// Its name.
    pub name: Name,
    /// The number for the first of its predeclared exchanges; the next six are taken too.
    pub first_exchange_id: u64,
    /// What is said of it.
    #[serde(default)]
    pub settings: VhostSettings,
}
