//! Who may log in, and how.

use super::{Definition, PATTERN, narrow, pattern, switch};
use crate::accounts::PasswordRuleKind;
use crate::tls::Password;

/// The login mechanisms that can be offered, and are unless configured, in this order.
pub(crate) const AUTH_MECHANISMS: [&str; 2] = ["PLAIN", "AMQPLAIN"];

/// Those that can be asked for.
const KNOWN_MECHANISMS: [&str; 4] = ["PLAIN", "AMQPLAIN", "EXTERNAL", "ANONYMOUS"];

pub(super) const TABLE: &[Definition] = &[
    Definition::text(
        "loopback_users",
        "Set to `none` to let every user log in from other machines, the user guest too.",
        "none; a user goes into loopback_users.NAME = true",
        |draft, _, value| {
            draft.has_no_loopback_user = value == "none";
            draft.has_no_loopback_user
        },
    )
    .example("none"),
    Definition::text(
        "loopback_users.$user",
        "Whether this user may log in from this machine only. True for guest unless set to false, also when other \
         users are named.",
        "true or false",
        |draft, filled, value| {
            let users = &mut draft.config.loopback_users;
            match switch(value) {
                Some(true) => drop(users.insert(filled[0].to_owned())),
                Some(false) => drop(users.remove(filled[0])),
                None => return false,
            }
            true
        },
    )
    .example("true"),
    Definition::text(
        "default_vhost",
        "The virtual host of a fresh broker.",
        "a name of 1 to 255 bytes",
        |draft, _, value| {
            draft.config.default_vhost = value.to_owned();
            (1..=255).contains(&value.len())
        },
    )
    .default("/"),
    Definition::text(
        "default_user",
        "The user of a fresh broker.",
        "a name of 1 to 255 bytes",
        |draft, _, value| {
            draft.config.accounts.default_user = value.to_owned();
            (1..=255).contains(&value.len())
        },
    )
    .default("guest"),
    Definition::text(
        "default_pass",
        "The password of the user of a fresh broker.",
        "a password",
        |draft, _, value| {
            draft.config.accounts.default_password = Password(value.to_owned());
            !value.is_empty()
        },
    )
    .secret()
    .default("guest"),
    Definition::text(
        "default_user_tags.$tag",
        "Whether the user of a fresh broker has this tag. Without any, it is `administrator`.",
        "true or false",
        |draft, filled, value| {
            let Some(is_on) = switch(value) else { return false };
            draft.default_tags.insert(filled[0].to_owned(), is_on);
            true
        },
    )
    .example("true"),
    Definition::text(
        "default_permissions.configure",
        "What the user of a fresh broker may declare, delete and bind: a regular expression over names.",
        PATTERN,
        |draft, _, value| pattern(value, &mut draft.config.accounts.default_permissions.configure),
    )
    .default(".*"),
    Definition::text(
        "default_permissions.write",
        "What the user of a fresh broker may publish to: a regular expression over names.",
        PATTERN,
        |draft, _, value| pattern(value, &mut draft.config.accounts.default_permissions.write),
    )
    .default(".*"),
    Definition::text(
        "default_permissions.read",
        "What the user of a fresh broker may consume: a regular expression over names.",
        PATTERN,
        |draft, _, value| pattern(value, &mut draft.config.accounts.default_permissions.read),
    )
    .default(".*"),
    Definition::text(
        "default_users.$name.password",
        "The password of a user that virtual hosts get when they are made, if the user does not exist. Without it, nobody \
         can log in as that user until one is set.",
        "a password",
        |draft, filled, value| {
            draft.default_user(filled[0]).password = Some(Password(value.to_owned()));
            !value.is_empty()
        },
    )
    .secret(),
    Definition::text(
        "default_users.$name.tags",
        "The tags of that user, with commas.",
        "tags with commas between them",
        |draft, filled, value| {
            let tags = value.split(',').map(|tag| tag.trim().to_owned());
            draft.default_user(filled[0]).tags = tags.filter(|tag| !tag.is_empty()).collect();
            true
        },
    )
    .example("policymaker, management"),
    Definition::text(
        "default_users.$name.vhost_pattern",
        "Which virtual hosts get that user: a regular expression over their names. Without it, all.",
        PATTERN,
        |draft, filled, value| pattern(value, &mut draft.default_user(filled[0]).vhost_pattern),
    )
    .example("^tenant-.*"),
    Definition::text(
        "default_users.$name.configure",
        "What that user may declare, delete and bind there. Without it, everything.",
        PATTERN,
        |draft, filled, value| pattern(value, &mut draft.default_user(filled[0]).permissions.configure),
    )
    .example(".*"),
    Definition::text(
        "default_users.$name.write",
        "What that user may publish to there. Without it, everything.",
        PATTERN,
        |draft, filled, value| pattern(value, &mut draft.default_user(filled[0]).permissions.write),
    )
    .example(".*"),
    Definition::text(
        "default_users.$name.read",
        "What that user may consume there. Without it, everything.",
        PATTERN,
        |draft, filled, value| pattern(value, &mut draft.default_user(filled[0]).permissions.read),
    )
    .example(".*"),
    Definition::text(
        "password_hashing_module",
        "How passwords are hashed that are set here: `argon2id`, or one of RabbitMQ's. Hashes that are imported keep \
         theirs.",
        "argon2id, rabbit_password_hashing_sha256, rabbit_password_hashing_sha512 or rabbit_password_hashing_md5",
        |draft, _, value| {
            draft.config.accounts.password_hashing = value.to_owned();
            matches!(
                value,
                "argon2id"
                    | "rabbit_password_hashing_sha256"
                    | "rabbit_password_hashing_sha512"
                    | "rabbit_password_hashing_md5"
            )
        },
    )
    .default("argon2id"),
    Definition::text(
        "anonymous_login_user",
        "Who is logged in by the mechanism ANONYMOUS; `none` for nobody. RabbitMQ has guest.",
        "the name of a user, or none",
        |draft, _, value| {
            draft.anonymous_user = value.to_owned();
            !value.is_empty()
        },
    )
    .default("none"),
    Definition::text(
        "anonymous_login_pass",
        "The password of that user.",
        "a password",
        |draft, _, value| {
            draft.anonymous_password = Password(value.to_owned());
            true
        },
    )
    .secret()
    .default("guest"),
    Definition::text(
        "credential_validator.validation_backend",
        "What passwords that are set have to be like: rabbit_credential_validator_min_password_length, \
         rabbit_credential_validator_password_regexp, or anything with rabbit_credential_validator_accept_everything. \
         Without it, what of credential_validator.min_length and credential_validator.regexp is set counts, where \
         RabbitMQ then takes anything.",
        "rabbit_credential_validator_min_password_length, rabbit_credential_validator_password_regexp or \
         rabbit_credential_validator_accept_everything; modules of others cannot be loaded",
        |draft, _, value| {
            draft.password_rule.kind = match value {
                "rabbit_credential_validator_accept_everything" => Some(PasswordRuleKind::Anything),
                "rabbit_credential_validator_min_password_length" => Some(PasswordRuleKind::Length),
                "rabbit_credential_validator_password_regexp" => Some(PasswordRuleKind::Pattern),
                _ => return false,
            };
            true
        },
    )
    .example("rabbit_credential_validator_min_password_length"),
    Definition::number(
        "credential_validator.min_length",
        "How many bytes passwords have to have that are set over HTTP, with rabbitmqctl or from definitions; 5 if only \
         the validation backend is named.",
        0..=1_000,
        |draft, n| draft.password_rule.length_min = Some(narrow(n)),
    )
    .example("12"),
    Definition::text(
        "credential_validator.regexp",
        "What passwords have to have a match of that are set over HTTP, with rabbitmqctl or from definitions.",
        PATTERN,
        |draft, _, value| {
            let mut found = String::new();
            let is_pattern = !value.is_empty() && pattern(value, &mut found);
            draft.password_rule.pattern = is_pattern.then_some(found);
            is_pattern
        },
    )
    .example("^[a-zA-Z0-9$]{20,100}"),
    Definition::text(
        "auth_backends.$num",
        "Where users and what they may do are looked up: `internal`, which is what is declared here.",
        "internal; other sources of accounts come later, and nobody is let in by another one instead: create the users here, \
         and take the line out",
        |_, _, value| matches!(value, "internal" | "rabbit_auth_backend_internal"),
    )
    .alias(&[
        "auth_backends.$num.authn",
        "auth_backends.$num.authz",
        "http_dispatch.auth_backends.$num",
        "http_dispatch.auth_backends.$num.authn",
        "http_dispatch.auth_backends.$num.authz",
    ])
    .example("internal"),
    Definition::text(
        "auth_mechanisms.$name",
        "A login mechanism that is offered: PLAIN, AMQPLAIN, EXTERNAL (over TLS, by the name in the client's certificate) \
         or ANONYMOUS. Without any, PLAIN and AMQPLAIN; RabbitMQ offers ANONYMOUS too.",
        "PLAIN, AMQPLAIN, EXTERNAL or ANONYMOUS",
        |draft, filled, value| {
            draft.auth_mechanisms.insert(filled[0].to_owned(), value.to_owned());
            KNOWN_MECHANISMS.contains(&value)
        },
    )
    .example("PLAIN"),
];
