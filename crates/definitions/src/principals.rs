//! Users and what they may do, from a file.

use metadata::{BindingEnd, Change, Hashing, Permissions, TopicPermissions, User, UserLimits};
use serde_json::Value as Json;

use crate::import::{Import, Invalid};
use crate::item::Item;
use crate::plan::{Operation, Password};

/// Before this version, RabbitMQ made its hashes with MD5, and its exports did not say so.
const FIRST_WITH_SHA256: (u32, u32) = (3, 6);

impl Import<'_> {
    pub(crate) fn users(&mut self) -> Result<(), Invalid> {
        let unsaid = self.unsaid_hashing();
        for item in self.items("users", "user")? {
            let name = item.name("name")?;
            let tags = item.field("tags").ok_or_else(|| item.missing("tags"))?;
            let tags = item.tags(tags)?;
            self.users.insert(name.clone());
            match (item.optional_text("password")?, item.optional_text("password_hash")?) {
                (Some(password), None) => {
                    let (user, password) = (name.clone(), password.to_owned());
                    self.push(Operation::SetPassword(Password { user, tags, password }));
                }
                (_, hash) => {
                    let hashing = hashing(item)?.unwrap_or(unsaid);
                    let password_hash = hash.unwrap_or_default().to_owned();
                    let user = User { name: name.clone(), password_hash, hashing, tags };
                    if !user.is_hash_readable() {
                        return Err(item.invalid("'password_hash' is not base64"));
                    }
                    self.push(Operation::change(Change::SetUser(user)));
                }
            }
            if let Some(limits) = item.object("limits")?.filter(|limits| !limits.is_empty()) {
                let [connections_max, channels_max] =
                    item.limits(limits, ["max-connections", "max-channels"])?;
                let limits = UserLimits { connections_max, channels_max };
                self.push(Operation::change(Change::SetUserLimits { user: name, limits }));
            }
        }
        Ok(())
    }

    /// How hashes were made whose users do not say it.
    fn unsaid_hashing(&self) -> Hashing {
        let version = ["rabbitmq_version", "rabbit_version"];
        let version = version.iter().find_map(|key| self.file.get(*key).and_then(Json::as_str));
        let mut numbers = version.unwrap_or_default().split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) if (major, minor) < FIRST_WITH_SHA256 => {
                Hashing::Md5
            }
            _ => Hashing::Sha256,
        }
    }

    pub(crate) fn permissions(&mut self) -> Result<(), Invalid> {
        for item in self.items("permissions", "permissions of user")? {
            let (user, vhost) = (item.name("user")?, self.vhost_of(item)?);
            self.check_user(item, user.as_str())?;
            let text = |key| item.text(key).map(str::to_owned);
            let permissions = Permissions {
                configure: text("configure")?,
                write: text("write")?,
                read: text("read")?,
            };
            permissions.check().map_err(|error| item.invalid(error))?;
            self.push(Operation::change(Change::SetPermissions { vhost, user, permissions }));
        }
        Ok(())
    }

    pub(crate) fn topic_permissions(&mut self) -> Result<(), Invalid> {
        for item in self.items("topic_permissions", "topic permissions of user")? {
            let (user, vhost) = (item.name("user")?, self.vhost_of(item)?);
            self.check_user(item, user.as_str())?;
            let exchange = item.name("exchange")?;
            let text = |key| item.text(key).map(str::to_owned);
            let permissions = TopicPermissions { write: text("write")?, read: text("read")? };
            permissions.check().map_err(|error| item.invalid(error))?;
            if !self.has_end(&vhost, &BindingEnd::Exchange(exchange.clone())) {
                self.notice(format!(
                    "topic permissions of user '{user}' in virtual host '{vhost}' are left out: neither the file nor the node has exchange '{exchange}'"
                ));
                continue;
            }
            let change = Change::SetTopicPermissions { vhost, user, exchange, permissions };
            self.push(Operation::change(change));
        }
        Ok(())
    }

    fn check_user(&self, item: Item<'_>, user: &str) -> Result<(), Invalid> {
        let is_there =
            self.users.contains(user) || self.topology.definitions().user(user).is_some();
        if is_there { Ok(()) } else { Err(item.invalid("there is no such user")) }
    }
}

fn hashing(item: Item<'_>) -> Result<Option<Hashing>, Invalid> {
    let Some(word) = item.optional_text("hashing_algorithm")? else { return Ok(None) };
    Hashing::parse(word).map(Some).ok_or_else(|| {
        let known = Hashing::ALL.map(Hashing::as_str).join(", ");
        item.invalid(format_args!("there is no hashing_algorithm '{word}'; there are: {known}"))
    })
}
