//! What users may do, as patterns.
//!
//! A pattern stands for the names that it has a match in, like a policy's; an empty one stands for the empty name only.
//! The text is kept as it was given, and beside it what matches.

use std::fmt;
use std::sync::Arc;

use fancy_regex::Regex;
use imbl::OrdMap;
use message::Name;
use serde::{Deserialize, Serialize};

use crate::policy::compile;

/// What the default exchange is called where permissions are asked: patterns could not tell its real name, which is
/// empty, from nothing.
const DEFAULT_EXCHANGE_ALIAS: &str = "amq.default";

/// What an operation does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// It makes it, changes it or removes it.
    Configure,
    /// It puts messages in.
    Write,
    /// It takes messages out.
    Read,
}

impl Access {
    /// All of them, in the order in which RabbitMQ lists them.
    pub const ALL: [Self; 3] = [Self::Configure, Self::Write, Self::Read];

    /// RabbitMQ's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What permissions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A queue, by its name.
    Queue(&'a str),
    /// An exchange, by its name; the default exchange has an empty one.
    Exchange(&'a str),
}

impl<'a> Subject<'a> {
    /// Its name.
    pub const fn name(self) -> &'a str {
        match self {
            Self::Queue(name) | Self::Exchange(name) => name,
        }
    }
}

/// What is to be done to what.
pub type Need<'a> = (Access, Subject<'a>);

/// What a user may do in a virtual host: patterns for the names of exchanges and queues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    /// What the user may declare and delete.
    pub configure: String,
    /// Where the user may publish, and what they may bind.
    pub write: String,
    /// Where the user may consume from, and to what they may bind.
    pub read: String,
}

impl Permissions {
    /// The permissions of somebody who may do everything.
    pub fn all() -> Self {
        let all = || ".*".to_owned();
        Self { configure: all(), write: all(), read: all() }
    }

    /// Whether all patterns can be understood.
    ///
    /// # Errors
    /// [`InvalidPattern`]: the first that can not.
    pub fn check(&self) -> Result<(), InvalidPattern> {
        [&self.configure, &self.write, &self.read].into_iter().try_for_each(|text| check(text))
    }
}

/// What a user may do with a topic exchange: patterns for routing keys. They may name `{username}`, `{vhost}` and
/// `{client_id}`, which stand for what the connection says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPermissions {
    /// With which keys the user may publish.
    pub write: String,
    /// With which keys the user may bind.
    pub read: String,
}

impl TopicPermissions {
    /// Whether both patterns can be understood.
    ///
    /// # Errors
    /// [`InvalidPattern`]: the first that can not.
    pub fn check(&self) -> Result<(), InvalidPattern> {
        let check_filled = |text: &String| {
            let filled = check(&Variables::default().fill(text));
            filled.map_err(|invalid| InvalidPattern { pattern: text.clone(), ..invalid })
        };
        [&self.write, &self.read].into_iter().try_for_each(check_filled)
    }
}

/// A permission is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern {
    /// What was given.
    pub pattern: String,
    /// What is wrong with it, for people.
    pub reason: String,
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid_regexp: '{}': {}", self.pattern, self.reason)
    }
}

impl std::error::Error for InvalidPattern {}

fn check(pattern: &str) -> Result<(), InvalidPattern> {
    let built = compile(pattern).map(|_| ());
    built.map_err(|reason| InvalidPattern { pattern: pattern.to_owned(), reason })
}

/// A pattern ready to be matched.
#[derive(Debug)]
enum Pattern {
    /// The empty text.
    Empty,
    /// `.*`, which most users have.
    Anything,
    Regex(Regex),
    /// What it stands for depends on who asks.
    Variable(String),
    /// No regular expression, which permissions that were checked do not have.
    Nothing,
}

impl Pattern {
    fn of_name(text: &str) -> Self {
        match text {
            "" | "^$" => Self::Empty,
            ".*" | "^.*" | "^.*$" => Self::Anything,
            _ => compile(text).map_or(Self::Nothing, Self::Regex),
        }
    }

    fn of_key(text: &str) -> Self {
        if Variables::NAMES.iter().any(|name| text.contains(name)) {
            return Self::Variable(text.to_owned());
        }
        Self::of_name(text)
    }

    fn matches(&self, text: &str, variables: &Variables<'_>) -> bool {
        match self {
            Self::Empty => text.is_empty(),
            Self::Anything => true,
            Self::Regex(regex) => regex.is_match(text).unwrap_or(false),
            Self::Variable(pattern) => compile(&variables.fill(pattern))
                .is_ok_and(|regex| regex.is_match(text).unwrap_or(false)),
            Self::Nothing => false,
        }
    }
}

/// What the names in a topic permission stand for.
#[derive(Clone, Copy, Debug, Default)]
struct Variables<'a> {
    user: &'a str,
    vhost: &'a str,
    client_id: Option<&'a str>,
}

impl Variables<'_> {
    const NAMES: [&'static str; 3] = ["{username}", "{vhost}", "{client_id}"];

    fn fill(&self, pattern: &str) -> String {
        let escaped = |text| fancy_regex::escape(text);
        let filled = pattern.replace("{username}", &escaped(self.user));
        let filled = filled.replace("{vhost}", &escaped(self.vhost));
        filled.replace("{client_id}", &escaped(self.client_id.unwrap_or("{client_id}")))
    }
}

/// Permissions with what matches.
#[derive(Debug)]
struct Granted {
    permissions: Permissions,
    configure: Pattern,
    write: Pattern,
    read: Pattern,
}

#[derive(Debug)]
struct TopicGranted {
    permissions: TopicPermissions,
    write: Pattern,
    read: Pattern,
}

/// Who may do what in a virtual host.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    by_user: OrdMap<Name, Arc<Granted>>,
    by_topic: OrdMap<Name, OrdMap<Name, Arc<TopicGranted>>>,
}

impl Grants {
    /// A user's permissions.
    pub fn permissions(&self, user: &str) -> Option<&Permissions> {
        self.by_user.get(user).map(|granted| &granted.permissions)
    }

    /// The permissions of all users, by name.
    pub fn all_permissions(&self) -> impl Iterator<Item = (&Name, &Permissions)> {
        self.by_user.iter().map(|(user, granted)| (user, &granted.permissions))
    }

    /// A user's topic permissions, by exchange.
    pub fn topic_permissions(
        &self,
        user: &str,
    ) -> impl Iterator<Item = (&Name, &TopicPermissions)> {
        let by_exchange = self.by_topic.get(user).into_iter().flatten();
        by_exchange.map(|(exchange, granted)| (exchange, &granted.permissions))
    }

    /// The topic permissions of all users: user, exchange, permissions.
    pub fn all_topic_permissions(&self) -> impl Iterator<Item = (&Name, &Name, &TopicPermissions)> {
        self.by_topic.iter().flat_map(|(user, by_exchange)| {
            let of_user = by_exchange.iter();
            of_user.map(move |(exchange, granted)| (user, exchange, &granted.permissions))
        })
    }

    pub(crate) fn may(&self, user: &str, access: Access, object: &str) -> bool {
        let Some(granted) = self.by_user.get(user) else { return false };
        let pattern = match access {
            Access::Configure => &granted.configure,
            Access::Write => &granted.write,
            Access::Read => &granted.read,
        };
        let object = if object.is_empty() { DEFAULT_EXCHANGE_ALIAS } else { object };
        pattern.matches(object, &Variables::default())
    }

    /// `topic` is the exchange and the key.
    pub(crate) fn may_topic(
        &self,
        (user, vhost, client_id): (&str, &str, Option<&str>),
        access: Access,
        (exchange, key): (&str, &str),
    ) -> bool {
        let granted = self.by_topic.get(user).and_then(|by_exchange| by_exchange.get(exchange));
        let Some(granted) = granted else { return true };
        let pattern = match access {
            Access::Configure => return true,
            Access::Write => &granted.write,
            Access::Read => &granted.read,
        };
        pattern.matches(key, &Variables { user, vhost, client_id })
    }

    pub(crate) fn set(&mut self, user: &Name, permissions: &Permissions) {
        let granted = Granted {
            configure: Pattern::of_name(&permissions.configure),
            write: Pattern::of_name(&permissions.write),
            read: Pattern::of_name(&permissions.read),
            permissions: permissions.clone(),
        };
        self.by_user.insert(user.clone(), Arc::new(granted));
    }

    pub(crate) fn clear(&mut self, user: &Name) {
        self.by_user.remove(user);
    }

    pub(crate) fn set_topic(
        &mut self,
        user: &Name,
        exchange: &Name,
        permissions: &TopicPermissions,
    ) {
        let granted = TopicGranted {
            write: Pattern::of_key(&permissions.write),
            read: Pattern::of_key(&permissions.read),
            permissions: permissions.clone(),
        };
        let by_exchange = self.by_topic.entry(user.clone()).or_default();
        by_exchange.insert(exchange.clone(), Arc::new(granted));
    }

    /// Takes back what was said for one exchange, or for all.
    pub(crate) fn clear_topic(&mut self, user: &Name, exchange: Option<&Name>) {
        let Some(by_exchange) = self.by_topic.get_mut(user) else { return };
        match exchange {
            Some(exchange) => {
                by_exchange.remove(exchange);
            }
            None => by_exchange.clear(),
        }
        if by_exchange.is_empty() {
            self.by_topic.remove(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(pattern: &str) -> Grants {
        let mut grants = Grants::default();
        let read = pattern.to_owned();
        let permissions = Permissions { read, ..Permissions::all() };
        grants.set(&Name::fixed("ann"), &permissions);
        grants
    }

    #[test]
    fn a_pattern_stands_for_the_names_that_it_has_a_match_in() {
        for (pattern, name, expected) in [
            (".*", "q", true),
            ("", "q", false),
            ("^$", "q", false),
            ("b", "abc", true),
            ("^b", "abc", false),
            ("^(?!amq\\.)", "amq.topic", false),
            ("^(?!amq\\.)", "orders", true),
            // The default exchange has another name here, and none that an empty pattern would know.
            ("^amq\\.default$", "", true),
            ("", "", false),
            ("(", "(", false),
        ] {
            let grants = grants(pattern);
            assert_eq!(grants.may("ann", Access::Read, name), expected, "{pattern} {name}");
            assert!(grants.may("ann", Access::Write, name));
            assert!(!grants.may("bob", Access::Write, name));
        }
    }

    #[test]
    fn a_topic_permission_is_for_keys_and_knows_who_asks() {
        let mut grants = Grants::default();
        let (ann, exchange) = (Name::fixed("ann"), Name::fixed("t"));
        let who = ("ann", "v", Some("c1"));
        assert!(grants.may_topic(who, Access::Write, ("t", "any")), "nothing is said");
        let permissions = TopicPermissions {
            write: "^{vhost}-{username}-{client_id}-.*".to_owned(),
            read: String::new(),
        };
        assert_eq!(permissions.check(), Ok(()));
        grants.set_topic(&ann, &exchange, &permissions);
        assert!(grants.may_topic(who, Access::Write, ("t", "v-ann-c1-x")));
        assert!(!grants.may_topic(who, Access::Write, ("t", "v-bob-c1-x")));
        // Without such a name, the words stand for themselves; names are no patterns.
        let nameless = ("ann", "v", None);
        assert!(grants.may_topic(nameless, Access::Write, ("t", "v-ann-{client_id}-x")));
        assert!(!grants.may_topic(("ann", "v", Some(".")), Access::Write, ("t", "v-ann-c-x")));
        assert!(grants.may_topic(who, Access::Read, ("t", "")));
        assert!(!grants.may_topic(who, Access::Read, ("t", "x")));
        assert!(grants.may_topic(who, Access::Write, ("other", "x")));
        grants.clear_topic(&ann, Some(&exchange));
        assert!(grants.may_topic(who, Access::Read, ("t", "x")));
        assert_eq!(grants.all_topic_permissions().count(), 0);
    }

    #[test]
    fn what_is_no_regular_expression_is_found_with_its_reason() {
        let wrong = Permissions { write: "(".to_owned(), ..Permissions::all() };
        assert_eq!(wrong.check().unwrap_err().pattern, "(");
        assert_eq!(Permissions::all().check(), Ok(()));
        let wrong = TopicPermissions { write: String::new(), read: "[".to_owned() };
        assert!(wrong.check().unwrap_err().to_string().starts_with("invalid_regexp: '[': "));
    }
}
