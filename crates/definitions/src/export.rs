//! What is declared, as RabbitMQ 4.3 writes it. Nothing is held twice: objects become text one after the other.

use broker::Topology;
use message::Name;
use metadata::{
    Binding, BindingEnd, Exchange, Policy, Queue, QueueKind, User, UserLimits, Vhost, VhostLimits,
    VhostSettings,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json, json};

use crate::json::arguments_to_json;

/// The beginning of names of global parameters that belong to one node only.
const INTERNAL_PREFIX: &str = "internal";
/// Names that begin so are the broker's.
const RESERVED_PREFIX: &str = "amq.";

/// Where definitions come from.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// The version of RabbitMQ that this broker is compatible with.
    pub rabbitmq_version: &'a str,
    /// What this broker is called.
    pub product_name: &'a str,
    /// Its own version.
    pub product_version: &'a str,
    /// The node's, as clients are told it.
    pub cluster_name: &'a str,
    /// The type of queues where neither they nor their virtual host ask for one.
    pub default_queue_kind: QueueKind,
}

/// All that is declared, as JSON.
pub fn node(topology: &Topology, provenance: &Provenance<'_>) -> Vec<u8> {
    let node = NodeExport { topology, provenance };
    serde_json::to_vec(&node).expect("what is declared always has a JSON form")
}

/// All that is declared in one virtual host, as JSON; `None` if there is no such virtual host.
pub fn vhost(topology: &Topology, name: &str, provenance: &Provenance<'_>) -> Option<Vec<u8>> {
    let vhost = topology.definitions().vhost(name)?;
    let export = VhostExport { topology, name, vhost, provenance };
    Some(serde_json::to_vec(&export).expect("what is declared always has a JSON form"))
}

struct NodeExport<'a> {
    topology: &'a Topology,
    provenance: &'a Provenance<'a>,
}

impl Serialize for NodeExport<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let definitions = self.topology.definitions();
        let cluster = self.provenance.cluster_name;
        let vhosts = || definitions.vhosts().map(|(name, vhost)| (name.as_str(), vhost));
        let mut map = to.serialize_map(None)?;
        self.provenance.tell(&mut map)?;
        map.serialize_entry("rabbitmq_definition_format", "cluster")?;
        map.serialize_entry("original_cluster_name", cluster)?;
        map.serialize_entry("explanation", &format!("Definitions of cluster '{cluster}'"))?;
        let users = definitions.users().map(|user| UserItem::new(user, definitions));
        map.serialize_entry("users", &List::new(users))?;
        let kind = self.provenance.default_queue_kind;
        let items = vhosts().map(|(name, vhost)| {
            let (limits, metadata) = (vhost_limits(vhost.limits), metadata(&vhost.settings, kind));
            json!({"name": name, "limits": limits, "metadata": metadata})
        });
        map.serialize_entry("vhosts", &List::new(items))?;
        map.serialize_entry("permissions", &List::new(permissions(definitions)))?;
        map.serialize_entry("topic_permissions", &List::new(topic_permissions(definitions)))?;
        let globals =
            definitions.global_parameters().filter(|(name, _)| !name.starts_with(INTERNAL_PREFIX));
        let globals = globals.map(|(name, value)| json!({"name": name, "value": value}));
        map.serialize_entry("global_parameters", &List::new(globals))?;
        let of = |name, vhost, shows_vhost| Contents {
            topology: self.topology,
            name,
            vhost,
            shows_vhost,
        };
        let all = || vhosts().map(move |(name, vhost)| of(name, vhost, true));
        map.serialize_entry("parameters", &List::new(all().flat_map(Contents::parameters)))?;
        map.serialize_entry("policies", &List::new(all().flat_map(Contents::policies)))?;
        map.serialize_entry("exchanges", &List::new(all().flat_map(Contents::exchanges)))?;
        map.serialize_entry("queues", &List::new(all().flat_map(Contents::queues)))?;
        map.serialize_entry("bindings", &List::new(all().flat_map(Contents::bindings)))?;
        map.end()
    }
}

struct VhostExport<'a> {
    topology: &'a Topology,
    name: &'a str,
    vhost: &'a Vhost,
    provenance: &'a Provenance<'a>,
}

impl Serialize for VhostExport<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { topology, name, vhost, provenance } = *self;
        let mut map = to.serialize_map(None)?;
        provenance.tell(&mut map)?;
        map.serialize_entry("rabbitmq_definition_format", "single_virtual_host")?;
        map.serialize_entry("original_vhost_name", name)?;
        map.serialize_entry("explanation", &format!("Definitions of virtual host '{name}'"))?;
        map.serialize_entry("description", &vhost.settings.description)?;
        let metadata = metadata(&vhost.settings, provenance.default_queue_kind);
        map.serialize_entry("metadata", &metadata)?;
        map.serialize_entry("limits", &vhost_limits(vhost.limits))?;
        let contents = Contents { topology, name, vhost, shows_vhost: false };
        map.serialize_entry("parameters", &List::new(contents.parameters()))?;
        map.serialize_entry("policies", &List::new(contents.policies()))?;
        map.serialize_entry("exchanges", &List::new(contents.exchanges()))?;
        map.serialize_entry("queues", &List::new(contents.queues()))?;
        map.serialize_entry("bindings", &List::new(contents.bindings()))?;
        map.end()
    }
}

impl Provenance<'_> {
    fn tell<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("rabbit_version", self.rabbitmq_version)?;
        map.serialize_entry("rabbitmq_version", self.rabbitmq_version)?;
        map.serialize_entry("product_name", self.product_name)?;
        map.serialize_entry("product_version", self.product_version)
    }
}

/// What a virtual host has in it.
#[derive(Clone, Copy)]
struct Contents<'a> {
    topology: &'a Topology,
    name: &'a str,
    vhost: &'a Vhost,
    /// Whether every object names its virtual host.
    shows_vhost: bool,
}

impl<'a> Contents<'a> {
    fn vhost(self) -> Option<&'a str> {
        self.shows_vhost.then_some(self.name)
    }

    /// Limits and operator policies are parameters as well.
    fn parameters(self) -> impl Iterator<Item = ParameterItem<'a>> {
        let limits = vhost_limits(self.vhost.limits);
        let limits = limits.as_object().is_some_and(|limits| !limits.is_empty()).then_some(limits);
        let limits = limits.into_iter().map(|value| ("vhost-limits", "limits", value));
        let operator = self.vhost.operator_policies.iter().map(|policy| {
            let mut value = policy_terms(policy);
            value.insert("definition".to_owned(), definition(policy));
            ("operator_policy", policy.name.as_str(), Json::Object(value))
        });
        let others = self.vhost.parameters.iter();
        let others = others.map(|((component, name), value)| {
            (component.as_str(), name.as_str(), (**value).clone())
        });
        let vhost = self.vhost();
        limits.chain(operator).chain(others).map(move |(component, name, value)| ParameterItem {
            vhost,
            component,
            name,
            value,
        })
    }

    fn policies(self) -> impl Iterator<Item = Json> {
        self.vhost.policies.iter().map(move |policy| {
            let mut item = policy_terms(policy);
            item.insert("definition".to_owned(), definition(policy));
            item.insert("name".to_owned(), policy.name.as_str().into());
            if let Some(vhost) = self.vhost() {
                item.insert("vhost".to_owned(), vhost.into());
            }
            Json::Object(item)
        })
    }

    fn exchanges(self) -> impl Iterator<Item = ExchangeItem<'a>> {
        let exchanges = self.vhost.exchanges.values();
        let exchanges = exchanges.filter(|exchange| is_own(exchange));
        exchanges.map(move |exchange| ExchangeItem {
            vhost: self.vhost(),
            name: exchange.name.as_str(),
            kind: exchange.kind.as_str(),
            durable: exchange.is_durable,
            auto_delete: exchange.is_auto_delete,
            internal: exchange.is_internal,
            arguments: arguments_to_json(&exchange.arguments),
        })
    }

    /// Exclusive queues are left out: they go with their connections.
    fn queues(self) -> impl Iterator<Item = QueueItem<'a>> {
        let queues = self.vhost.queues.values().filter(|queue| queue.owner.is_none());
        queues.map(move |queue| QueueItem {
            vhost: self.vhost(),
            name: queue.name.as_str(),
            kind: QueueKind::of(&queue.arguments).as_str(),
            durable: queue.is_durable,
            auto_delete: queue.is_auto_delete,
            arguments: arguments_to_json(&queue.arguments),
        })
    }

    fn bindings(self) -> impl Iterator<Item = BindingItem> {
        let sources = self.vhost.exchanges.values();
        let bindings = sources.flat_map(move |source| self.topology.bindings_of(source));
        let bindings = bindings.filter(move |binding| !self.is_passing(&binding.destination));
        bindings.map(move |binding| BindingItem { binding, shows_vhost: self.shows_vhost })
    }

    /// Whether something is left out of an export, so that nothing can be bound to it later.
    fn is_passing(self, destination: &BindingEnd) -> bool {
        let BindingEnd::Queue(name) = destination else { return false };
        self.vhost
            .queues
            .get(name)
            .is_none_or(|queue: &std::sync::Arc<Queue>| queue.owner.is_some())
    }
}

/// Whether an exchange is not the broker's own.
fn is_own(exchange: &Exchange) -> bool {
    !exchange.name.is_empty() && !exchange.name.as_str().starts_with(RESERVED_PREFIX)
}

/// A list that is made as it is written.
struct List<I>(std::cell::RefCell<Option<I>>);

impl<I> List<I> {
    fn new(items: I) -> Self {
        Self(std::cell::RefCell::new(Some(items)))
    }
}

impl<I: Iterator<Item: Serialize>> Serialize for List<I> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let items = self.0.take().expect("an export is written once");
        to.collect_seq(items)
    }
}

#[derive(Serialize)]
struct UserItem<'a> {
    name: &'a str,
    password_hash: &'a str,
    hashing_algorithm: &'a str,
    tags: &'a [String],
    limits: Json,
}

impl<'a> UserItem<'a> {
    fn new(user: &'a User, definitions: &metadata::Definitions) -> Self {
        Self {
            name: user.name.as_str(),
            password_hash: &user.password_hash,
            hashing_algorithm: user.hashing.as_str(),
            tags: &user.tags,
            limits: user_limits(definitions.user_limits(user.name.as_str())),
        }
    }
}

#[derive(Serialize)]
struct ParameterItem<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    vhost: Option<&'a str>,
    component: &'a str,
    name: &'a str,
    value: Json,
}

#[derive(Serialize)]
struct ExchangeItem<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    vhost: Option<&'a str>,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    durable: bool,
    auto_delete: bool,
    /// RabbitMQ leaves internal exchanges out, and then has bindings that lead nowhere. It takes the field.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    internal: bool,
    arguments: Json,
}

#[derive(Serialize)]
struct QueueItem<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    vhost: Option<&'a str>,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    durable: bool,
    auto_delete: bool,
    arguments: Json,
}

struct BindingItem {
    binding: Binding,
    shows_vhost: bool,
}

impl Serialize for BindingItem {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Binding { vhost, source, destination, key, arguments } = &self.binding;
        let (destination_type, destination) = match destination {
            BindingEnd::Queue(name) => ("queue", name),
            BindingEnd::Exchange(name) => ("exchange", name),
        };
        let mut map = to.serialize_map(None)?;
        if self.shows_vhost {
            map.serialize_entry("vhost", vhost)?;
        }
        map.serialize_entry("source", source)?;
        map.serialize_entry("destination", destination)?;
        map.serialize_entry("destination_type", destination_type)?;
        map.serialize_entry("routing_key", key)?;
        map.serialize_entry("arguments", &arguments_to_json(arguments))?;
        map.end()
    }
}

fn permissions(definitions: &metadata::Definitions) -> impl Iterator<Item = Json> {
    definitions.all_permissions().map(|(vhost, user, may)| {
        json!({
            "user": user, "vhost": vhost,
            "configure": may.configure, "write": may.write, "read": may.read,
        })
    })
}

fn topic_permissions(definitions: &metadata::Definitions) -> impl Iterator<Item = Json> {
    definitions.all_topic_permissions().map(
        |(vhost, user, exchange, may): (&Name, &Name, &Name, _)| {
            json!({
                "user": user, "vhost": vhost, "exchange": exchange,
                "write": may.write, "read": may.read,
            })
        },
    )
}

fn metadata(settings: &VhostSettings, default_kind: QueueKind) -> Json {
    let kind = settings.default_queue_type.unwrap_or(default_kind);
    let mut metadata = json!({
        "description": settings.description,
        "tags": settings.tags,
        "default_queue_type": kind.as_str(),
    });
    if settings.is_protected {
        metadata["protected_from_deletion"] = true.into();
    }
    metadata
}

fn policy_terms(policy: &Policy) -> Map<String, Json> {
    let apply_to = serde_json::to_value(policy.apply_to).expect("a word");
    Map::from_iter([
        ("pattern".to_owned(), policy.pattern.as_str().into()),
        ("priority".to_owned(), policy.priority.into()),
        ("apply-to".to_owned(), apply_to),
    ])
}

fn definition(policy: &Policy) -> Json {
    policy.definition.clone().into_iter().collect()
}

fn limits<const N: usize>(terms: [(&str, Option<u64>); N]) -> Json {
    let set = terms.into_iter().filter_map(|(key, max)| Some((key.to_owned(), max?.into())));
    Json::Object(set.collect())
}

fn vhost_limits(of: VhostLimits) -> Json {
    limits([("max-connections", of.connections_max), ("max-queues", of.queues_max)])
}

fn user_limits(of: UserLimits) -> Json {
    limits([("max-connections", of.connections_max), ("max-channels", of.channels_max)])
}
