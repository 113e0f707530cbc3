//! The names of events, as RabbitMQ's event exchange has them for routing keys.

use broker::Occurrence as O;
use metadata::{UserLimits, VhostLimits};
use node::{EventKind, What};

/// The name of an event.
pub(crate) fn name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Client(happening) => of_client(&happening.what),
        EventKind::Declared(occurred) => of_declared(&occurred.what),
        EventKind::Alarm { is_set: true, .. } => "alarm.set",
        EventKind::Alarm { is_set: false, .. } => "alarm.cleared",
    }
}

const fn of_client(what: &What) -> &'static str {
    match what {
        What::LoggedIn => "user.authentication.success",
        What::LoginRefused { .. } => "user.authentication.failure",
        What::Opened(_) => "connection.created",
        What::Closed => "connection.closed",
        What::ChannelOpened { .. } => "channel.created",
        What::ChannelClosed { .. } => "channel.closed",
        What::ConsumerCreated(_) => "consumer.created",
        What::ConsumerDeleted { .. } => "consumer.deleted",
    }
}

fn of_declared(what: &O) -> &'static str {
    match what {
        O::QueueCreated(_) => "queue.created",
        O::QueueDeleted(_) => "queue.deleted",
        O::ExchangeCreated(_) => "exchange.created",
        O::ExchangeDeleted { .. } => "exchange.deleted",
        O::BindingCreated(_) => "binding.created",
        O::BindingDeleted(_) => "binding.deleted",
        O::VhostCreated(_) => "vhost.created",
        O::VhostUpdated(_) => "vhost.updated",
        O::VhostDeleted(_) => "vhost.deleted",
        O::VhostLimits(_, limits) if *limits == VhostLimits::default() => "vhost.limits.cleared",
        O::VhostLimits(..) => "vhost.limits.set",
        O::UserCreated(_) => "user.created",
        O::UserDeleted(_) => "user.deleted",
        O::PasswordChanged(_) => "user.password.changed",
        O::PasswordCleared(_) => "user.password.cleared",
        O::TagsSet(..) => "user.tags.set",
        O::UserLimits(_, limits) if *limits == UserLimits::default() => "user.limits.cleared",
        O::UserLimits(..) => "user.limits.set",
        O::PermissionCreated { .. } => "permission.created",
        O::PermissionDeleted { .. } => "permission.deleted",
        O::TopicPermissionCreated { .. } => "topic.permission.created",
        O::TopicPermissionDeleted { .. } => "topic.permission.deleted",
        O::PolicySet(_) => "policy.set",
        O::PolicyCleared { is_operator: false, .. } => "policy.cleared",
        O::PolicyCleared { is_operator: true, .. } => "operator.policy.cleared",
        O::ParameterSet(_) => "parameter.set",
        O::ParameterCleared(_) => "parameter.cleared",
    }
}
