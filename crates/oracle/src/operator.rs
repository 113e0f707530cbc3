//! What an operator of RabbitMQ can change: through the HTTP API, in the virtual hosts of one conversation.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use metadata::{Change, Hashing, Policy, User, VhostDefinition};
use serde_json::{Value, json};

use crate::http::{self, quoted};
use crate::virtual_host::VirtualHost;

/// The virtual host that a conversation is in if it says nothing else.
const DEFAULT: &str = "/";
/// Who conversations are if they say nothing else.
const SHARED_USER: &str = "guest";

/// Method, path and body.
type Request = (&'static str, String, Value);

/// The virtual hosts of a conversation, by the names that they have in it.
#[derive(Debug)]
pub(crate) struct Operator {
    http: SocketAddr,
    hosts: BTreeMap<String, VirtualHost>,
    /// Users that it has made and has to remove.
    users: BTreeSet<String>,
}

/// Whether there is a way to say this to RabbitMQ that touches nothing of others.
pub(crate) fn obstacle(change: &Change) -> Option<&'static str> {
    match change {
        Change::SetUserLimits { user, .. } if user.as_str() == SHARED_USER => {
            Some("limits of the user that all conversations share")
        }
        Change::SetUser(user) if user.hashing == Hashing::Argon2id => {
            Some("a hash that RabbitMQ does not know")
        }
        Change::SetUser(User { name: user, .. })
        | Change::RemoveUser { name: user }
        | Change::SetPermissions { user, .. }
        | Change::ClearPermissions { user, .. }
            if user.as_str() == SHARED_USER =>
        {
            Some("another account for all conversations")
        }
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
        Ok(Self { http, hosts, users: BTreeSet::new() })
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
                vec![
                    limit(&path, "max-connections", limits.connections_max),
                    limit(&path, "max-queues", limits.queues_max),
                ]
            }
            Change::SetTracing { vhost, is_on } => {
                vec![("PUT", self.path_of(vhost.as_str()), json!({ "tracing": is_on }))]
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
            _ => self.access_requests(change)?,
        };
        self.send(requests, is_refused)
    }

    /// What changes of users and permissions are in RabbitMQ's API.
    fn access_requests(&mut self, change: &Change) -> Result<Vec<Request>, String> {
        Ok(match change {
            Change::SetUser(user) => {
                self.users.insert(user.name.to_string());
                let body = json!({
                    "password_hash": user.password_hash,
                    "hashing_algorithm": user.hashing.as_str(),
                    "tags": user.tags,
                });
                vec![("PUT", user_path(user.name.as_str()), body)]
            }
            Change::RemoveUser { name } => {
                vec![("DELETE", user_path(name.as_str()), Value::Null)]
            }
            Change::SetUserLimits { user, limits } => {
                let path = format!("/api/user-limits/{}", quoted(user.as_str()));
                vec![
                    limit(&path, "max-connections", limits.connections_max),
                    limit(&path, "max-channels", limits.channels_max),
                ]
            }
            Change::SetPermissions { vhost, user, permissions } => {
                let body = json!({
                    "configure": permissions.configure,
                    "write": permissions.write,
                    "read": permissions.read,
                });
                vec![(
                    "PUT",
                    self.permissions_path("permissions", vhost.as_str(), user.as_str()),
                    body,
                )]
            }
            Change::ClearPermissions { vhost, user } => {
                vec![(
                    "DELETE",
                    self.permissions_path("permissions", vhost.as_str(), user.as_str()),
                    Value::Null,
                )]
            }
            Change::SetTopicPermissions { vhost, user, exchange, permissions } => {
                let body = json!({
                    "exchange": exchange.as_str(),
                    "write": permissions.write,
                    "read": permissions.read,
                });
                vec![(
                    "PUT",
                    self.permissions_path("topic-permissions", vhost.as_str(), user.as_str()),
                    body,
                )]
            }
            Change::ClearTopicPermissions { vhost, user, exchange } => {
                let path =
                    self.permissions_path("topic-permissions", vhost.as_str(), user.as_str());
                let path = exchange.as_ref().map_or_else(
                    || path.clone(),
                    |exchange| format!("{path}/{}", quoted(exchange.as_str())),
                );
                vec![("DELETE", path, Value::Null)]
            }
            other => return Err(format!("RabbitMQ cannot be told of {other:?} here")),
        })
    }

    fn send(&self, requests: Vec<Request>, is_refused: bool) -> Result<(), String> {
        for (method, path, body) in requests {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let status = http::request(self.http, method, &path, &body)?;
            if (status >= 400) != is_refused {
                return Err(format!("{method} {path} {body}: the status is {status}"));
            }
        }
        Ok(())
    }

    fn set_vhost(&mut self, definition: &VhostDefinition) -> Result<Vec<Request>, String> {
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

    fn permissions_path(&self, kind: &str, vhost: &str, user: &str) -> String {
        format!("/api/{kind}/{}/{}", quoted(&self.name_of(vhost)), quoted(user))
    }

    fn path_of(&self, vhost: &str) -> String {
        format!("/api/vhosts/{}", quoted(&self.name_of(vhost)))
    }

    fn policy_path(&self, is_operator: bool, vhost: &str, name: &str) -> String {
        let kind = if is_operator { "operator-policies" } else { "policies" };
        format!("/api/{kind}/{}/{}", quoted(&self.name_of(vhost)), quoted(name))
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        for user in &self.users {
            if let Err(reason) = http::request(self.http, "DELETE", &user_path(user), "") {
                eprintln!("oracle: the user '{user}' is left: {reason}");
            }
        }
    }
}

fn user_path(user: &str) -> String {
    format!("/api/users/{}", quoted(user))
}

fn limit(path: &str, name: &str, value: Option<u64>) -> Request {
    match value {
        Some(value) => ("PUT", format!("{path}/{name}"), json!({ "value": value })),
        None => ("DELETE", format!("{path}/{name}"), Value::Null),
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
