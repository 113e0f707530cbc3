//! What is told of an event: RabbitMQ's fields, as far as they are known here.

use broker::{Occurrence as O, Parameter};
use metadata::{Binding, BindingEnd, Exchange, Queue, QueueKind, VhostDefinition};
use node::{EventKind, Identity, NewConsumer, Resource, What, pid};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::connections::{self, split};
use crate::json;
use crate::policies;

/// What RabbitMQ tells of a connection that is open.
const CONNECTION: [&str; 26] = [
    "name",
    "node",
    "user",
    "user_who_performed_action",
    "user_provided_name",
    "vhost",
    "protocol",
    "auth_mechanism",
    "type",
    "host",
    "port",
    "peer_host",
    "peer_port",
    "connected_at",
    "client_properties",
    "channel_max",
    "frame_max",
    "timeout",
    "ssl",
    "ssl_protocol",
    "ssl_key_exchange",
    "ssl_cipher",
    "ssl_hash",
    "peer_cert_subject",
    "peer_cert_issuer",
    "peer_cert_validity",
];

/// An event without its name and time.
pub(crate) fn shown(call: &Call, kind: &EventKind) -> Value {
    match kind {
        EventKind::Client(happening) => client(call, &happening.who, &happening.what),
        EventKind::Declared(occurred) => object(call, &occurred.what)
            .or_else(|| of_user(&occurred.what))
            .unwrap_or_else(|| setting(&occurred.what)),
        EventKind::Alarm { resource, .. } => {
            let resource = match resource {
                Resource::Memory => "memory",
                Resource::Disk => "disk",
            };
            json!({ "resource": resource, "node": call.desk.facts.node })
        }
    }
}

fn client(call: &Call, who: &Identity, what: &What) -> Value {
    let channel_name = |number: u16| format!("{} ({number})", who.name());
    match what {
        What::LoggedIn => login(who),
        What::LoginRefused { why, .. } => {
            let mut value = login(who);
            value["error"] = json!(why);
            value
        }
        What::Opened(state) => {
            let Value::Object(mut all) = connections::shown(call, state) else {
                unreachable!("a connection is shown as an object")
            };
            all.retain(|field, _| CONNECTION.contains(&field.as_str()));
            all.insert("pid".to_owned(), json!(pid(who.client)));
            let mut value = Value::Object(all);
            put(&mut value, "user_provided_name", who.user_provided_name.as_deref());
            value
        }
        What::Closed => {
            let (name, node) = (who.name(), &call.desk.facts.node);
            let mut value = json!({ "name": name, "pid": pid(who.client), "node": node });
            put(&mut value, "user_provided_name", who.user_provided_name.as_deref());
            put(&mut value, "user", Some(who.user.as_str()).filter(|user| !user.is_empty()));
            value
        }
        What::ChannelOpened { number } => json!({
            "name": channel_name(*number),
            "number": number,
            "connection": pid(who.client),
            "user": who.user,
            "user_who_performed_action": who.user,
            "vhost": who.vhost.as_str(),
        }),
        What::ChannelClosed { number, consumer_count } => json!({
            "name": channel_name(*number),
            "number": number,
            "connection": pid(who.client),
            "consumer_count": consumer_count,
            "user_who_performed_action": who.user,
        }),
        What::ConsumerCreated(consumer) => {
            let NewConsumer { channel, tag, queue, settles, is_exclusive, .. } = &**consumer;
            json!({
                "queue": queue.as_str(),
                "vhost": who.vhost.as_str(),
                "consumer_tag": tag,
                "channel": channel_name(*channel),
                "ack_required": settles,
                "exclusive": is_exclusive,
                "prefetch_count": consumer.prefetch_count,
                "arguments": json::object(&consumer.arguments),
                "user_who_performed_action": who.user,
            })
        }
        What::ConsumerDeleted { channel, tag, queue } => json!({
            "queue": queue.as_str(),
            "vhost": who.vhost.as_str(),
            "consumer_tag": tag,
            "channel": channel_name(*channel),
            "user_who_performed_action": who.user,
        }),
    }
}

fn login(who: &Identity) -> Value {
    let (host, port) = split(&who.addresses.1);
    let (peer_host, peer_port) = split(&who.addresses.0);
    json!({
        "name": who.user,
        "connection_name": who.name(),
        "connection_type": "network",
        "auth_mechanism": who.mechanism,
        "protocol": "AMQP 0-9-1",
        "ssl": who.is_tls,
        "host": host,
        "port": port,
        "peer_host": peer_host,
        "peer_port": peer_port,
    })
}

fn object(call: &Call, what: &O) -> Option<Value> {
    Some(match what {
        O::QueueCreated(queue) => {
            let mut value = named_queue(queue);
            value["durable"] = json!(queue.is_durable);
            value["auto_delete"] = json!(queue.is_auto_delete);
            value["exclusive"] = json!(queue.owner.is_some());
            value["owner_pid"] = json!(queue.owner.map_or_else(String::new, pid));
            value["arguments"] = json::object(&queue.arguments);
            value["leader"] = json!(call.desk.facts.node);
            value["members"] = json!([call.desk.facts.node]);
            value
        }
        O::QueueDeleted(queue) => named_queue(queue),
        O::ExchangeCreated(exchange) => exchange_value(exchange),
        O::ExchangeDeleted { vhost, name } => {
            json!({ "name": name.as_str(), "vhost": vhost.as_str() })
        }
        O::BindingCreated(binding) | O::BindingDeleted(binding) => binding_value(binding),
        _ => return None,
    })
}

fn named_queue(queue: &Queue) -> Value {
    let kind = match QueueKind::of(&queue.arguments) {
        QueueKind::Classic => "rabbit_classic_queue",
        QueueKind::Quorum => "rabbit_quorum_queue",
    };
    json!({ "name": queue.name.as_str(), "vhost": queue.vhost.as_str(), "type": kind })
}

fn exchange_value(exchange: &Exchange) -> Value {
    json!({
        "name": exchange.name.as_str(),
        "vhost": exchange.vhost.as_str(),
        "type": exchange.kind.as_str(),
        "durable": exchange.is_durable,
        "auto_delete": exchange.is_auto_delete,
        "internal": exchange.is_internal,
        "arguments": json::object(&exchange.arguments),
    })
}

fn binding_value(binding: &Binding) -> Value {
    let (kind, name) = match &binding.destination {
        BindingEnd::Queue(name) => ("queue", name),
        BindingEnd::Exchange(name) => ("exchange", name),
    };
    json!({
        "vhost": binding.vhost.as_str(),
        "source_kind": "exchange",
        "source_name": binding.source.as_str(),
        "destination_kind": kind,
        "destination_name": name.as_str(),
        "routing_key": binding.key,
        "arguments": json::object(&binding.arguments),
    })
}

fn of_user(what: &O) -> Option<Value> {
    Some(match what {
        O::UserCreated(name)
        | O::UserDeleted(name)
        | O::PasswordChanged(name)
        | O::PasswordCleared(name) => json!({ "name": name.as_str() }),
        O::TagsSet(name, tags) => json!({ "name": name.as_str(), "tags": tags }),
        O::UserLimits(user, limits) => {
            let mut value = json!({ "name": "limits", "username": user.as_str() });
            put(&mut value, "max-connections", limits.connections_max);
            put(&mut value, "max-channels", limits.channels_max);
            value
        }
        O::PermissionCreated { vhost, user, permissions } => json!({
            "vhost": vhost.as_str(),
            "user": user.as_str(),
            "configure": permissions.configure,
            "write": permissions.write,
            "read": permissions.read,
        }),
        O::PermissionDeleted { vhost, user } => {
            json!({ "vhost": vhost.as_str(), "user": user.as_str() })
        }
        O::TopicPermissionCreated { vhost, user, exchange, permissions } => json!({
            "vhost": vhost.as_str(),
            "user": user.as_str(),
            "exchange": exchange.as_str(),
            "write": permissions.write,
            "read": permissions.read,
        }),
        O::TopicPermissionDeleted { vhost, user, exchange } => {
            let mut value = json!({ "vhost": vhost.as_str(), "user": user.as_str() });
            put(&mut value, "exchange", exchange.as_ref().map(|name| name.as_str()));
            value
        }
        _ => return None,
    })
}

fn setting(what: &O) -> Value {
    match what {
        O::VhostCreated(vhost) | O::VhostUpdated(vhost) => vhost_value(vhost),
        O::VhostDeleted(name) => json!({ "name": name.as_str() }),
        O::VhostLimits(vhost, limits) => {
            let mut value = json!({ "name": "limits", "vhost": vhost.as_str() });
            put(&mut value, "max-connections", limits.connections_max);
            put(&mut value, "max-queues", limits.queues_max);
            value
        }
        O::PolicySet(policy) => policies::shown(policy),
        O::PolicyCleared { vhost, name, .. } => {
            json!({ "name": name.as_str(), "vhost": vhost.as_str() })
        }
        O::ParameterSet(parameter) | O::ParameterCleared(parameter) => {
            // Not its value, which may hold a password: that of a shovel is an address of a broker.
            let Parameter { vhost, component, name } = parameter;
            let mut value = json!({ "component": component, "name": name });
            put(&mut value, "vhost", vhost.as_ref().map(|name| name.as_str()));
            value
        }
        _ => Value::Object(Map::new()),
    }
}

fn vhost_value(vhost: &VhostDefinition) -> Value {
    let settings = &vhost.settings;
    let kind = settings.default_queue_type.map(QueueKind::as_str);
    json!({
        "name": vhost.name.as_str(),
        "description": settings.description,
        "tags": settings.tags,
        "default_queue_type": kind,
        "protected_from_deletion": settings.is_protected,
    })
}

/// Adds what is there.
fn put(value: &mut Value, name: &str, field: Option<impl Into<Value>>) {
    if let Some(field) = field {
        value[name] = field.into();
    }
}
