//! Virtual hosts and what is in them, from a file.

use std::collections::BTreeMap;

use broker::{ExchangeDeclaration, QueueDeclaration, Verb};
use message::{Arguments, Name, Value};
use metadata::{
    ApplyTo, Binding, BindingEnd, Change, Permissions, Policy, QueueKind, VhostDefinition,
    VhostLimits, VhostSettings, is_predeclared,
};
use routing::Kind;
use serde_json::{Map, Value as Json};

use crate::import::{Import, Invalid, PARAMETER_COMPONENTS, Scope};
use crate::item::Item;
use crate::json::value_to_json;
use crate::plan::Operation;

/// Names that begin so are the broker's.
const RESERVED_PREFIX: &str = "amq.";
const QUEUE_TYPE: &str = "x-queue-type";
/// The parameters that are more than a value that is kept.
const VHOST_LIMITS: &str = "vhost-limits";
const OPERATOR_POLICY: &str = "operator_policy";
const POLICY: &str = "policy";
/// What is said of a virtual host.
const METADATA: [&str; 4] =
    ["description", "tags", "default_queue_type", "protected_from_deletion"];

impl Import<'_> {
    pub(crate) fn vhosts(&mut self) -> Result<(), Invalid> {
        for item in self.items("vhosts", "virtual host")? {
            let name = item.name("name")?;
            let found = self.topology.definitions().vhost(name.as_str());
            let before = found.map(|vhost| vhost.settings.clone()).unwrap_or_default();
            let settings = self.vhost_settings(item, before)?;
            let vhost = VhostDefinition { name: name.clone(), first_exchange_id: 0, settings };
            self.push(Operation::change(Change::SetVhost(vhost)));
            if found.is_none()
                && self.vhosts.insert(name.clone())
                && let Scope::Node { acting_user: Some(user) } = self.scope
            {
                let (vhost, user) = (name.clone(), user.clone());
                let permissions = Permissions::all();
                let change = Change::SetPermissions { vhost, user, permissions };
                self.push(Operation::change(change));
            }
            if let Some(limits) = item.object("limits")?.filter(|limits| !limits.is_empty()) {
                self.limit_vhost(item, name, limits)?;
            }
        }
        Ok(())
    }

    /// What a file says of a virtual host; what it does not say stays as it was.
    fn vhost_settings(
        &mut self,
        item: Item<'_>,
        before: VhostSettings,
    ) -> Result<VhostSettings, Invalid> {
        let metadata = item.object("metadata")?;
        let said = |key: &str| {
            let inner = metadata.and_then(|metadata| metadata.get(key));
            item.field(key).or(inner).filter(|json| !json.is_null())
        };
        for key in metadata.into_iter().flat_map(Map::keys) {
            if !METADATA.contains(&key.as_str()) {
                let name = item.text("name")?;
                self.notice(format!("metadata '{key}' of virtual host '{name}' is left out"));
            }
        }
        if item.flag("tracing", false)? {
            let name = item.text("name")?;
            self.notice(format!("tracing of virtual host '{name}' is not switched on by a file"));
        }
        let description = match said("description") {
            Some(Json::String(text)) => text.clone(),
            Some(_) => return Err(item.invalid("'description' has to be text")),
            None => before.description,
        };
        let is_protected = match said("protected_from_deletion") {
            Some(Json::Bool(flag)) => *flag,
            Some(_) => {
                return Err(item.invalid("'protected_from_deletion' has to be true or false"));
            }
            None => before.is_protected,
        };
        let tags = said("tags").map_or(Ok(before.tags), |json| item.tags(json))?;
        let default_queue_type = match said("default_queue_type") {
            Some(json) => item.queue_kind(json)?,
            None => before.default_queue_type,
        };
        Ok(VhostSettings { description, tags, default_queue_type, is_protected })
    }

    fn limit_vhost(
        &mut self,
        item: Item<'_>,
        vhost: Name,
        limits: &Map<String, Json>,
    ) -> Result<(), Invalid> {
        let [connections_max, queues_max] =
            item.limits(limits, ["max-connections", "max-queues"])?;
        let limits = VhostLimits { connections_max, queues_max };
        self.push(Operation::change(Change::SetVhostLimits { vhost, limits }));
        Ok(())
    }

    pub(crate) fn global_parameters(&mut self) -> Result<(), Invalid> {
        for item in self.items("global_parameters", "global parameter")? {
            let name = item.text("name")?.to_owned();
            let value = item.field("value").cloned().unwrap_or_default().into();
            self.push(Operation::change(Change::SetGlobalParameter { name, value }));
        }
        Ok(())
    }

    pub(crate) fn policies(&mut self) -> Result<(), Invalid> {
        for item in self.items("policies", "policy")? {
            let (vhost, name) = (self.vhost_of(item)?, item.name("name")?);
            self.policy(item, item, vhost, name, false)?;
        }
        Ok(())
    }

    /// A policy whose terms stand in `terms`, and whose faults are told of `item`.
    fn policy(
        &mut self,
        item: Item<'_>,
        terms: Item<'_>,
        vhost: Name,
        name: Name,
        is_operator: bool,
    ) -> Result<(), Invalid> {
        let pattern = terms.text("pattern").map_err(|_| item.missing("pattern"))?.to_owned();
        let apply_to = match terms.optional_text("apply-to")? {
            None => ApplyTo::All,
            Some(word) => ApplyTo::parse(word)
                .ok_or_else(|| item.invalid(format_args!("a policy cannot apply to '{word}'")))?,
        };
        let definition = terms.object("definition")?.cloned().unwrap_or_default();
        let policy = Policy {
            vhost,
            name,
            pattern,
            apply_to,
            priority: terms.integer("priority", 0)?,
            definition: definition.into_iter().collect(),
        };
        policy.check(is_operator).map_err(|error| item.invalid(error))?;
        self.push(Operation::change(Change::SetPolicy { policy, is_operator }));
        Ok(())
    }

    pub(crate) fn parameters(&mut self) -> Result<(), Invalid> {
        for item in self.items("parameters", "parameter")? {
            let (vhost, name) = (self.vhost_of(item)?, item.name("name")?);
            let component = item.text("component")?;
            let value = item.field("value").ok_or_else(|| item.missing("value"))?;
            match component {
                VHOST_LIMITS => {
                    let limits = item.object("value")?.cloned().unwrap_or_default();
                    self.limit_vhost(item, vhost, &limits)?;
                }
                OPERATOR_POLICY | POLICY => {
                    let is_operator = component == OPERATOR_POLICY;
                    let terms = Item::new("policy", 0, value)?;
                    self.policy(item, terms, vhost, name, is_operator)?;
                }
                _ if PARAMETER_COMPONENTS.contains(&component) => {
                    crate::check_parameter(component, name.as_str(), value).map_err(|fault| {
                        item.invalid(format_args!("Validation failed\n\n{fault}\n"))
                    })?;
                    self.notice(format!(
                        "parameter '{name}' of '{component}' in virtual host '{vhost}' is kept, but nothing runs by it here"
                    ));
                    let (component, name) = (component.to_owned(), name.as_str().to_owned());
                    let value = value.clone().into();
                    let change = Change::SetParameter { vhost, component, name, value };
                    self.push(Operation::change(change));
                }
                _ => {
                    let problem = format!("Validation failed\n\ncomponent {component} not found\n");
                    return Err(item.invalid(problem));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn exchanges(&mut self) -> Result<(), Invalid> {
        for item in self.items("exchanges", "exchange")? {
            let (vhost, name) = (self.vhost_of(item)?, item.name("name")?);
            if name.is_empty() {
                continue;
            }
            if name.as_str().starts_with(RESERVED_PREFIX) {
                let text = "its name begins with 'amq.', which is for the broker's own; left out";
                self.notice(format!("exchange '{name}' in virtual host '{vhost}': {text}"));
                continue;
            }
            let kind = item.text("type")?;
            if Kind::parse(kind).is_none() {
                return Err(item.invalid(format_args!("unknown exchange type '{kind}'")));
            }
            self.exchanges.insert((vhost.clone(), name.clone()));
            let wanted = ExchangeDeclaration {
                vhost,
                name,
                kind: kind.to_owned(),
                is_passive: false,
                is_durable: item.flag("durable", true)?,
                is_auto_delete: item.flag("auto_delete", false)?,
                is_internal: item.flag("internal", false)?,
                arguments: item.arguments()?,
            };
            self.push(Operation::Ask(Verb::DeclareExchange(wanted)));
        }
        Ok(())
    }

    pub(crate) fn queues(&mut self) -> Result<(), Invalid> {
        let mut added: BTreeMap<Name, u64> = BTreeMap::new();
        for item in self.items("queues", "queue")? {
            let (vhost, name) = (self.vhost_of(item)?, item.name("name")?);
            if name.is_empty() || name.as_str().starts_with(RESERVED_PREFIX) {
                let text = "such names are given by the broker; left out";
                self.notice(format!("queue '{name}' in virtual host '{vhost}': {text}"));
                continue;
            }
            let wanted = QueueDeclaration {
                vhost,
                name,
                is_passive: false,
                is_durable: item.flag("durable", true)?,
                is_exclusive: false,
                is_auto_delete: item.flag("auto_delete", false)?,
                arguments: queue_arguments(item)?,
            };
            if !self.queues.insert((wanted.vhost.clone(), wanted.name.clone())) {
                continue;
            }
            if !self.has_queue(&wanted) {
                *added.entry(wanted.vhost.clone()).or_default() += 1;
                self.push(Operation::Ask(Verb::DeclareQueue(wanted)));
            }
        }
        added.into_iter().try_for_each(|(vhost, count)| self.check_queue_limit(&vhost, count))
    }

    /// Whether a queue of this name is there, and tells if it differs: it stays as it is.
    fn has_queue(&mut self, wanted: &QueueDeclaration) -> bool {
        let Some(found) = self.topology.queue(wanted.vhost.as_str(), wanted.name.as_str()) else {
            return false;
        };
        let is_same = found.is_durable == wanted.is_durable
            && found.is_auto_delete == wanted.is_auto_delete
            && wanted.arguments.iter().all(|(key, value)| {
                found.arguments.get(key).is_some_and(|found| {
                    // Widths of numbers do not come through a file.
                    value_to_json(found) == value_to_json(value)
                })
            });
        if !is_same {
            let (name, vhost) = (&wanted.name, &wanted.vhost);
            self.notice(format!(
                "queue '{name}' in virtual host '{vhost}' exists with other properties; left as it is"
            ));
        }
        true
    }

    /// The words are RabbitMQ's.
    fn check_queue_limit(&self, vhost: &Name, added: u64) -> Result<(), Invalid> {
        let Some(found) = self.topology.definitions().vhost(vhost.as_str()) else { return Ok(()) };
        let (there, max) = (found.queues.len() as u64, found.limits.queues_max);
        match max {
            Some(max) if there + added > max => Err(Invalid::new(format!(
                "Adding {added} queue(s) to virtual host \"{vhost}\" would exceed the limit of {max} queue(s).\n\n\
                 This virtual host currently has {there} queue(s) defined.\n\nImport aborted!"
            ))),
            _ => Ok(()),
        }
    }

    pub(crate) fn bindings(&mut self) -> Result<(), Invalid> {
        for item in self.items("bindings", "binding")? {
            let (vhost, source) = (self.vhost_of(item)?, item.name("source")?);
            let destination = item.name("destination")?;
            // Every queue is bound to the default exchange as it is.
            if source.is_empty() {
                continue;
            }
            let (kind, destination) = match item.optional_text("destination_type")? {
                None | Some("queue") => ("queue", BindingEnd::Queue(destination)),
                Some("exchange") => ("exchange", BindingEnd::Exchange(destination)),
                Some(other) => {
                    let problem = format_args!("nothing can be bound to a '{other}'");
                    return Err(item.invalid(problem));
                }
            };
            let missing = if !self.has_end(&vhost, &BindingEnd::Exchange(source.clone())) {
                Some(("exchange", &source))
            } else if !self.has_end(&vhost, &destination) {
                let (BindingEnd::Queue(name) | BindingEnd::Exchange(name)) = &destination;
                Some((kind, name))
            } else {
                None
            };
            if let Some((kind, name)) = missing {
                // RabbitMQ exports the bindings of exclusive queues and internal exchanges, but not these.
                self.notice(format!(
                    "a binding of exchange '{source}' in virtual host '{vhost}' is left out: neither the file nor the node has {kind} '{name}'"
                ));
                continue;
            }
            let key = item.optional_text("routing_key")?.unwrap_or_default().to_owned();
            let arguments = item.arguments()?;
            let binding = Binding { vhost, source, destination, key, arguments };
            if !self.topology.is_bound(&binding) {
                self.push(Operation::Ask(Verb::Bind(binding)));
            }
        }
        Ok(())
    }

    /// Whether there is such a queue or exchange, or will be.
    pub(crate) fn has_end(&self, vhost: &Name, end: &BindingEnd) -> bool {
        let (vhost, topology) = (vhost.clone(), self.topology);
        match end {
            BindingEnd::Queue(name) => {
                topology.queue(vhost.as_str(), name.as_str()).is_some()
                    || self.queues.contains(&(vhost, name.clone()))
            }
            BindingEnd::Exchange(name) => {
                is_predeclared(name.as_str())
                    || topology.exchange(vhost.as_str(), name.as_str()).is_some()
                    || self.exchanges.contains(&(vhost, name.clone()))
            }
        }
    }
}

/// The arguments, with the queue's type among them. RabbitMQ reads the type from there only, and takes the virtual
/// host's default without it: who exports, drops that argument and imports again, moves classic queues to that type.
/// What says of itself that it is of another type does not become classic by that.
fn queue_arguments(item: Item<'_>) -> Result<Arguments, Invalid> {
    let mut arguments = item.arguments()?;
    let asked = match arguments.get(QUEUE_TYPE) {
        None => item.field("type").cloned(),
        Some(value) => Some(value_to_json(value)),
    };
    let kind = asked.map_or(Ok(None), |json| item.queue_kind(&json))?;
    if let Some(kind @ QueueKind::Quorum) = kind {
        arguments.insert(QUEUE_TYPE.to_owned(), Value::text(kind.as_str()));
    }
    Ok(arguments)
}
