//! What an operator of RabbitMQ can change: through the HTTP API, in the virtual hosts of one conversation.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use metadata::{Change, Policy, VhostDefinition};
use serde_json::{Value, json};

use crate::http::{self, quoted};
use crate::virtual_host::VirtualHost;

/// The virtual host that a conversation is in if it says nothing else.
const DEFAULT: &str = "/";

/// The virtual hosts of a conversation, by the names that they have in it.
#[derive(Debug)]
pub(crate) struct Operator {
    http: SocketAddr,
    hosts: BTreeMap<String, VirtualHost>,
}

/// Whether there is a way to say this to RabbitMQ that touches nothing of others.
pub(crate) fn obstacle(change: &Change) -> Option<&'static str> {
    match change {
        Change::SetUserLimits { .. } => Some("limits of the user that all conversations share"),
        Change::SetParameter { .. } | Change::ClearParameter { .. } => {
            Some("parameters that make plugins do something")
        }
        Change::SetGlobalParameter { .. } | Change::ClearGlobalParameter { .. } => {
            Some("parameters of the whole node")
        }
        Change::SetVhost(definition) if definition.name.as_str().len() > 1 => {
            Some("a virtual host whose name is longer than one octet")
        }
        _ => None,
    }
}

impl Operator {
    /// An operator who has made the virtual host that the conversation is in.
    ///
    /// # Errors
    /// The HTTP API does not answer.
    pub(crate) fn new(http: SocketAddr) -> Result<Self, String> {
        let hosts = BTreeMap::from([(DEFAULT.to_owned(), VirtualHost::create(http)?)]);
        Ok(Self { http, hosts })
    }

    /// What the virtual host is called that the conversation calls `name`.
    pub(crate) fn name_of(&self, name: &str) -> String {
        self.hosts.get(name).map_or_else(|| name.to_owned(), |host| host.name().to_string())
    }

    /// Names of virtual hosts in the conversation, and what RabbitMQ calls them.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, char)> {
        self.hosts.iter().map(|(name, host)| (name.as_str(), host.name()))
    }

    /// Makes a change.
    ///
    /// # Errors
    /// It is refused and should not be, or the other way round; or it cannot be said.
    pub(crate) fn change(&mut self, change: &Change, is_refused: bool) -> Result<(), String> {
        let requests = match change {
            Change::SetVhost(definition) => self.set_vhost(definition)?,
            Change::RemoveVhost { name } => {
                vec![("DELETE", self.path_of(name.as_str()), Value::Null)]
            }
            Change::SetVhostLimits { vhost, limits } => {
                let path = format!("/api/vhost-limits/{}", quoted(&self.name_of(vhost.as_str())));
                let limit = |name, value: Option<u64>| match value {
                    Some(value) => ("PUT", format!("{path}/{name}"), json!({ "value": value })),
                    None => ("DELETE", format!("{path}/{name}"), Value::Null),
                };
                vec![
                    limit("max-connections", limits.connections_max),
                    limit("max-queues", limits.queues_max),
                ]
            }
            Change::SetPolicy { policy, is_operator } => {
                let path =
                    self.policy_path(*is_operator, policy.vhost.as_str(), policy.name.as_str());
                vec![("PUT", path, body_of(policy)?)]
            }
            Change::ClearPolicy { vhost, name, is_operator } => {
                vec![(
                    "DELETE",
                    self.policy_path(*is_operator, vhost.as_str(), name.as_str()),
                    Value::Null,
                )]
            }
            other => return Err(format!("RabbitMQ cannot be told of {other:?} here")),
        };
        for (method, path, body) in requests {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let status = http::request(self.http, method, &path, &body)?;
            if (status >= 400) != is_refused {
                return Err(format!("{method} {path} {body}: the status is {status}"));
            }
        }
        Ok(())
    }

    fn set_vhost(
        &mut self,
        definition: &VhostDefinition,
    ) -> Result<Vec<(&'static str, String, Value)>, String> {
        let name = definition.name.to_string();
        if !self.hosts.contains_key(&name) {
            self.hosts.insert(name, VirtualHost::create(self.http)?);
        }
        let settings = &definition.settings;
        let kind = settings.default_queue_type.map_or("classic", |kind| kind.as_str());
        let body = json!({
            "description": settings.description,
            "default_queue_type": kind,
            "protected_from_deletion": settings.is_protected,
        });
        let path = self.path_of(definition.name.as_str());
        let mut requests = vec![("PUT", path.clone(), body)];
        if !settings.is_protected {
            requests.push(("DELETE", format!("{path}/deletion/protection"), Value::Null));
        }
        Ok(requests)
    }

    fn path_of(&self, vhost: &str) -> String {
        format!("/api/vhosts/{}", quoted(&self.name_of(vhost)))
    }

    fn policy_path(&self, is_operator: bool, vhost: &str, name: &str) -> String {
        let kind = if is_operator { "operator-policies" } else { "policies" };
        format!("/api/{kind}/{}/{}", quoted(&self.name_of(vhost)), quoted(name))
    }
}

fn body_of(policy: &Policy) -> Result<Value, String> {
    let apply_to = serde_json::to_value(policy.apply_to).map_err(|error| error.to_string())?;
    Ok(json!({
        "pattern": policy.pattern,
        "definition": policy.definition,
        "priority": policy.priority,
        "apply-to": apply_to,
    }))
}
