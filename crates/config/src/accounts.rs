//! The accounts that a fresh broker has, and what passwords must be.

use crate::tls::Password;

/// What is configured of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// The user of a fresh broker.
    pub default_user: String,
    /// Its password.
    pub default_password: Password,
    /// Its tags.
    pub default_tags: Vec<String>,
    /// What it may do in the virtual host of a fresh broker.
    pub default_permissions: Patterns,
    /// Users that every virtual host gets whose name fits, by name. They are made where they do not exist.
    pub default_users: Vec<DefaultUser>,
    /// How passwords of users are hashed that are made here: `argon2id`, or the name of one of RabbitMQ's modules.
    pub password_hashing: String,
    /// Who is logged in by the mechanism ANONYMOUS; `None` for nobody.
    pub anonymous: Option<AnonymousLogin>,
    /// What passwords have to be like that are set here.
    pub password_rule: PasswordRule,
}

/// What passwords have to be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PasswordRule {
    /// How many bytes they have at least.
    pub length_min: Option<u32>,
    /// A regular expression that has a match in them.
    pub pattern: Option<String>,
}

/// Which of both counts, in RabbitMQ's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordRuleKind {
    Anything,
    Length,
    Pattern,
}

/// Three regular expressions over names of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns {
    /// What may be declared, deleted and bound.
    pub configure: String,
    /// What may be published to.
    pub write: String,
    /// What may be consumed.
    pub read: String,
}

/// A user that virtual hosts get when they are made: `default_users.$name.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultUser {
    /// Who.
    pub name: String,
    /// The password, if the user has to be made; `None` for one that nobody can guess.
    pub password: Option<Password>,
    /// The tags, if the user has to be made.
    pub tags: Vec<String>,
    /// What the user may do there.
    pub permissions: Patterns,
    /// A regular expression over names of virtual hosts.
    pub vhost_pattern: String,
}

/// The user that ANONYMOUS logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnonymousLogin {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: Password,
}

impl Default for Patterns {
    /// Everything.
    fn default() -> Self {
        let all = || ".*".to_owned();
        Self { configure: all(), write: all(), read: all() }
    }
}

impl DefaultUser {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), vhost_pattern: ".*".to_owned(), ..Self::default() }
    }
}
