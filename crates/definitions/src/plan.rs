//! What has to be done to have what a file says.

use std::fmt;

use broker::{Invalid, Refusal, Verb};
use message::Name;
use metadata::{BindingEnd, Change};

/// The longest key of a binding.
const KEY_BYTES_MAX: usize = 255;

/// What has to be done, in an order in which each step finds what it needs.
#[derive(Debug, Default)]
pub struct Plan {
    /// The steps. They can be asked for all at once, as long as their order stays.
    pub operations: Vec<Operation>,
    /// What the file has and is left out, with the reason, for the log.
    pub notices: Vec<String>,
}

/// One step.
#[derive(Debug)]
pub enum Operation {
    /// Ask the broker for this.
    Ask(Verb),
    /// Hash a password, and make the user with it.
    SetPassword(Password),
}

/// What has to have ended before the next begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Settings and exchanges.
    Settings,
    /// Queues.
    Queues,
    /// Bindings.
    Bindings,
}

/// A user whose password stands in the file as it is.
pub struct Password {
    /// Who.
    pub user: Name,
    /// The user's tags.
    pub tags: Vec<String>,
    /// The secret.
    pub password: String,
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, tags, password: _ } = self;
        f.debug_struct("Password").field("user", user).field("tags", tags).finish_non_exhaustive()
    }
}

/// Whether a refusal says that an exchange or queue is there with other properties.
pub const fn is_there(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Inequivalent { .. } | Refusal::Locked { .. })
}

impl Plan {
    /// The first step that will be refused whatever is there: what it is about, and why. Asked before anything is done.
    pub fn find_fault(&self) -> Option<(String, Refusal)> {
        self.operations.iter().find_map(|step| {
            let fault = step.fault()?;
            Some((step.subject(), fault))
        })
    }
}

impl Operation {
    fn fault(&self) -> Option<Refusal> {
        match self {
            Self::Ask(Verb::DeclareQueue(queue)) => broker::check_queue(queue).err(),
            Self::Ask(Verb::Bind(binding)) => {
                let count = binding.key.len();
                let is_too_long = count > KEY_BYTES_MAX;
                is_too_long.then_some(Refusal::InvalidBinding(Invalid::KeyTooLong(count)))
            }
            _ => None,
        }
    }

    pub(crate) fn change(change: Change) -> Self {
        Self::Ask(Verb::Administer(Box::new(change)))
    }

    /// Steps of one stage do not rest on each other, except on those before them that one shard does in order.
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Ask(Verb::DeclareQueue(_)) => Stage::Queues,
            Self::Ask(Verb::Bind(_)) => Stage::Bindings,
            Self::Ask(_) | Self::SetPassword(_) => Stage::Settings,
        }
    }

    /// Whether any shard may be asked: the one that is asked has the queue.
    pub const fn is_spread(&self) -> bool {
        matches!(self.stage(), Stage::Queues)
    }

    /// Whether it makes what may be there with other properties: then it stays as it is, as in RabbitMQ.
    pub const fn may_exist(&self) -> bool {
        matches!(self, Self::Ask(Verb::DeclareQueue(_) | Verb::DeclareExchange(_)))
    }

    /// What it is about, for people: `queue 'orders' in virtual host '/'`.
    pub fn subject(&self) -> String {
        let of = |what: &str, name: &dyn fmt::Display, vhost: &Name| {
            format!("{what} '{name}' in virtual host '{vhost}'")
        };
        match self {
            Self::SetPassword(password) => format!("user '{}'", password.user),
            Self::Ask(Verb::DeclareQueue(queue)) => of("queue", &queue.name, &queue.vhost),
            Self::Ask(Verb::DeclareExchange(exchange)) => {
                of("exchange", &exchange.name, &exchange.vhost)
            }
            Self::Ask(Verb::Bind(binding)) => {
                let (kind, name) = match &binding.destination {
                    BindingEnd::Queue(name) => ("queue", name),
                    BindingEnd::Exchange(name) => ("exchange", name),
                };
                let source = &binding.source;
                of(&format!("binding from exchange '{source}' to {kind}"), name, &binding.vhost)
            }
            Self::Ask(Verb::Administer(change)) => subject_of(change),
            Self::Ask(other) => format!("{other:?}"),
        }
    }
}

fn subject_of(change: &Change) -> String {
    let of = |what: &str, name: &dyn fmt::Display, vhost: &Name| {
        format!("{what} '{name}' in virtual host '{vhost}'")
    };
    match change {
        Change::SetVhost(vhost) => format!("virtual host '{}'", vhost.name),
        Change::SetVhostLimits { vhost, .. } => format!("limits of virtual host '{vhost}'"),
        Change::SetUser(user) => format!("user '{}'", user.name),
        Change::SetUserLimits { user, .. } => format!("limits of user '{user}'"),
        Change::SetPermissions { vhost, user, .. } => of("permissions of user", user, vhost),
        Change::SetTopicPermissions { vhost, user, .. } => {
            of("topic permissions of user", user, vhost)
        }
        Change::SetPolicy { policy, is_operator } => {
            let what = if *is_operator { "operator policy" } else { "policy" };
            of(what, &policy.name, &policy.vhost)
        }
        Change::SetParameter { vhost, component, name, .. } => {
            of(&format!("parameter of {component}"), name, vhost)
        }
        Change::SetGlobalParameter { name, .. } => format!("global parameter '{name}'"),
        other => format!("{other:?}"),
    }
}
