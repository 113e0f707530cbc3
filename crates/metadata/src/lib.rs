//! What is declared: virtual hosts, users, exchanges, queues and bindings.
//!
//! Every change is a value, a [`Change`], applied the same way when a client asks for it, when a node starts, and
//! one day when a log of several nodes says so. This crate knows no live state (messages, consumers,
//! connections) and no file: it gives and takes bytes.

mod access;
mod change;
mod definitions;
mod object;
mod parameter;
mod password_rule;
mod permissions;
mod policy;
mod policy_check;
mod rules;
mod user;
mod vhost;
mod vhost_defaults;

pub use change::{Change, Unreadable};
pub use definitions::Definitions;
pub use object::{Binding, BindingEnd, Exchange, Part, Queue, lane_id, part_of};
pub use parameter::ParameterValue;
pub use password_rule::PasswordRule;
pub use permissions::{
    Access, Grants, InvalidPattern, Need, Permissions, Subject, TopicPermissions,
};
pub use policy::{ApplyTo, Policies, Policy, PolicyDefinition, entry_bytes};
pub use policy_check::InvalidPolicy;
pub use rules::{
    DEDUPLICATION_CACHE_SIZE, DEDUPLICATION_HEADER, DeadLetterStrategy, Deduplication,
    ExchangeRules, Overflow, QueueKind, QueueRules, Retry, RetryKind,
};
pub use user::{Hashing, User};
pub use vhost::{
    DEFAULT_VHOST, UserLimits, Vhost, VhostDefinition, VhostLimits, VhostSettings, is_predeclared,
};
pub use vhost_defaults::VhostDefaults;
