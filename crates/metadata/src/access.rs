//! Users and what they may do, as part of what is declared.

use std::iter;
use std::sync::Arc;

use message::Name;

use crate::change::Change;
use crate::definitions::Definitions;
use crate::permissions::{Access, Need, Permissions, Subject, TopicPermissions};
use crate::user::User;

impl Definitions {
    /// The user of this name.
    pub fn user(&self, name: &str) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.users.values()
    }

    /// What a user may do in a virtual host; `None` if they may not even enter it.
    pub fn permissions(&self, vhost: &str, user: &str) -> Option<&Permissions> {
        self.vhost(vhost)?.grants.permissions(user)
    }

    /// All permissions: virtual host, user, permissions.
    pub fn all_permissions(&self) -> impl Iterator<Item = (&Name, &Name, &Permissions)> {
        self.vhosts().flat_map(|(vhost, found)| {
            found.grants.all_permissions().map(move |(user, said)| (vhost, user, said))
        })
    }

    /// A user's topic permissions in a virtual host: exchange, permissions.
    pub fn topic_permissions(
        &self,
        vhost: &str,
        user: &str,
    ) -> impl Iterator<Item = (&Name, &TopicPermissions)> {
        self.vhost(vhost).into_iter().flat_map(move |found| found.grants.topic_permissions(user))
    }

    /// All topic permissions: virtual host, user, exchange, permissions.
    pub fn all_topic_permissions(
        &self,
    ) -> impl Iterator<Item = (&Name, &Name, &Name, &TopicPermissions)> {
        self.vhosts().flat_map(|(vhost, found)| {
            let all = found.grants.all_topic_permissions();
            all.map(move |(user, exchange, said)| (vhost, user, exchange, said))
        })
    }

    /// Whether a user may do something to the exchange or queue of this name. An empty name is the default exchange.
    pub fn may(&self, user: &str, vhost: &str, access: Access, object: &str) -> bool {
        self.vhost(vhost).is_some_and(|found| found.grants.may(user, access, object))
    }

    /// What a user needs who declares something, in the order in which RabbitMQ asks. Something that sends messages on to
    /// an exchange (its `x-dead-letter-exchange` or `alternate-exchange`) is then read, and that exchange written, unless
    /// it is there already: what it says is then only compared.
    pub fn needs_of_declaring<'a>(
        &self,
        vhost: &str,
        subject: Subject<'a>,
        sends_on_to: Option<&'a str>,
    ) -> impl Iterator<Item = Need<'a>> + use<'a> {
        let is_there = match subject {
            Subject::Queue(name) => self.queue(vhost, name).is_some(),
            Subject::Exchange(name) => self.exchange(vhost, name).is_some(),
        };
        let goal = sends_on_to.filter(|_| !is_there);
        let passage =
            goal.map(|goal| [(Access::Read, subject), (Access::Write, Subject::Exchange(goal))]);
        iter::once((Access::Configure, subject)).chain(passage.into_iter().flatten())
    }

    /// Whether a user may publish to a topic exchange with this key ([`Access::Write`]), or bind to it
    /// ([`Access::Read`]). Where nothing is said, they may.
    pub fn may_topic(
        &self,
        (user, vhost, client_id): (&str, &str, Option<&str>),
        access: Access,
        exchange: &str,
        key: &str,
    ) -> bool {
        self.vhost(vhost).is_none_or(|found| {
            found.grants.may_topic((user, vhost, client_id), access, (exchange, key))
        })
    }

    /// Grows whenever somebody may log in, or may do, other things than before.
    pub const fn access_version(&self) -> u64 {
        self.access_version
    }

    /// Applies a change of who may what.
    pub(crate) fn apply_access(&mut self, change: &Change) {
        match change {
            Change::SetUser(user) => {
                self.users.insert(user.name.clone(), Arc::new(user.clone()));
            }
            Change::RemoveUser { name } => self.remove_user(name),
            Change::SetPermissions { vhost, user, permissions } => {
                self.vhost_mut(vhost).grants.set(user, permissions);
            }
            Change::ClearPermissions { vhost, user } => self.vhost_mut(vhost).grants.clear(user),
            Change::SetTopicPermissions { vhost, user, exchange, permissions } => {
                self.vhost_mut(vhost).grants.set_topic(user, exchange, permissions);
            }
            Change::ClearTopicPermissions { vhost, user, exchange } => {
                self.vhost_mut(vhost).grants.clear_topic(user, exchange.as_ref());
            }
            _ => unreachable!("the others are applied elsewhere"),
        }
        self.access_version += 1;
    }

    /// A user goes, with all that was said of them.
    fn remove_user(&mut self, name: &Name) {
        self.users.remove(name);
        self.user_limits.remove(name);
        let vhosts: Vec<_> = self.vhosts().map(|(vhost, _)| vhost.clone()).collect();
        for vhost in vhosts {
            let grants = &self.vhost_mut(&vhost).grants;
            let is_known = grants.permissions(name.as_str()).is_some()
                || grants.topic_permissions(name.as_str()).next().is_some();
            if is_known {
                let grants = &mut self.vhost_mut(&vhost).grants;
                grants.clear(name);
                grants.clear_topic(name, None);
            }
        }
    }

    /// Adds the changes that make users and permissions.
    pub(crate) fn tell_access(&self, changes: &mut Vec<Change>) {
        changes.extend(self.users.values().map(|user| Change::SetUser((**user).clone())));
        for (vhost, user, permissions) in self.all_permissions() {
            let (vhost, user, permissions) = (vhost.clone(), user.clone(), permissions.clone());
            changes.push(Change::SetPermissions { vhost, user, permissions });
        }
        for (vhost, user, exchange, permissions) in self.all_topic_permissions() {
            changes.push(Change::SetTopicPermissions {
                vhost: vhost.clone(),
                user: user.clone(),
                exchange: exchange.clone(),
                permissions: permissions.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::Hashing;
    use crate::vhost::UserLimits;

    fn user(name: &'static str) -> Change {
        Change::SetUser(User {
            name: Name::fixed(name),
            password_hash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR".to_owned(),
            hashing: Hashing::Sha256,
            tags: vec!["management".to_owned()],
        })
    }

    fn permissions(user: &'static str) -> Change {
        let (vhost, user) = (Name::fixed("/"), Name::fixed(user));
        Change::SetPermissions { vhost, user, permissions: Permissions::all() }
    }

    fn topic_permissions(user: &'static str) -> Change {
        Change::SetTopicPermissions {
            vhost: Name::fixed("/"),
            user: Name::fixed(user),
            exchange: Name::fixed("amq.topic"),
            permissions: TopicPermissions { write: "^a".to_owned(), read: ".*".to_owned() },
        }
    }

    fn limits(user: &'static str) -> Change {
        let limits = UserLimits { channels_max: Some(2), connections_max: None };
        Change::SetUserLimits { user: Name::fixed(user), limits }
    }

    fn definitions(users: [&'static str; 2]) -> Definitions {
        let mut definitions = Definitions::new();
        for name in users {
            for change in [user(name), permissions(name), topic_permissions(name), limits(name)] {
                definitions.apply(&Change::from_bytes(&change.to_bytes()).unwrap());
            }
        }
        definitions
    }

    #[test]
    fn users_and_permissions_return_from_a_snapshot() {
        let definitions = definitions(["ann", "bob"]);
        let told = definitions.durable_settings();
        let mut again = Definitions::new();
        told.iter().for_each(|change| again.apply(change));
        assert_eq!(again.durable_settings(), told);
        assert_eq!(again.user("ann"), definitions.user("ann"));
        assert_eq!(again.users().count(), 2);
        assert_eq!(again.permissions("/", "bob"), Some(&Permissions::all()));
        assert_eq!(again.topic_permissions("/", "bob").count(), 1);
        assert!(again.may("bob", "/", Access::Write, ""));
        assert!(!again.may_topic(("bob", "/", None), Access::Write, "amq.topic", "b"));
    }

    #[test]
    fn a_user_takes_along_what_was_said_of_them_and_of_nobody_else() {
        let mut definitions = definitions(["ann", "bob"]);
        let before = definitions.access_version();
        definitions.apply(&Change::RemoveUser { name: Name::fixed("ann") });
        assert!(definitions.access_version() > before);
        assert!(definitions.user("ann").is_none() && definitions.user("bob").is_some());
        assert!(definitions.permissions("/", "ann").is_none());
        assert_eq!(definitions.topic_permissions("/", "ann").count(), 0);
        assert_eq!(definitions.user_limits("ann"), UserLimits::default());
        assert!(!definitions.may("ann", "/", Access::Read, "q"));
        assert_eq!(definitions.all_permissions().count(), 1);
        assert_eq!(definitions.all_topic_permissions().count(), 1);
        assert_eq!(definitions.all_user_limits().count(), 1);
    }

    #[test]
    fn a_virtual_host_takes_along_who_might_enter_it() {
        let mut definitions = definitions(["ann", "bob"]);
        let before = definitions.access_version();
        definitions.apply(&Change::RemoveVhost { name: Name::fixed("/") });
        assert!(definitions.access_version() > before);
        assert_eq!(definitions.all_permissions().count(), 0);
        assert!(!definitions.may("bob", "/", Access::Read, "q"));
        assert!(definitions.user("bob").is_some());
    }

    #[test]
    fn what_sends_on_to_an_exchange_has_to_be_allowed_to_when_it_is_made() {
        let definitions = definitions(["ann", "bob"]);
        let needs = |subject, goal| -> Vec<_> {
            definitions.needs_of_declaring("/", subject, goal).collect()
        };
        let queue = Subject::Queue("q");
        assert_eq!(needs(queue, None), [(Access::Configure, queue)]);
        let passage = [
            (Access::Configure, queue),
            (Access::Read, queue),
            (Access::Write, Subject::Exchange("")),
        ];
        assert_eq!(needs(queue, Some("")), passage);
        let exchange = Subject::Exchange("amq.fanout");
        assert_eq!(needs(exchange, Some("x")), [(Access::Configure, exchange)], "it is there");
    }

    #[test]
    fn permissions_can_be_taken_back() {
        let mut definitions = definitions(["ann", "bob"]);
        let (vhost, user) = (Name::fixed("/"), Name::fixed("ann"));
        definitions.apply(&Change::ClearPermissions { vhost: vhost.clone(), user: user.clone() });
        definitions.apply(&Change::ClearTopicPermissions { vhost, user, exchange: None });
        assert!(definitions.permissions("/", "ann").is_none());
        assert_eq!(definitions.topic_permissions("/", "ann").count(), 0);
        assert_eq!(definitions.all_topic_permissions().count(), 1);
    }
}
