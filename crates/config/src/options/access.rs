//! Who may log in, and how.

use super::{Definition, switch};

/// The login mechanisms that can be offered, and are unless configured, in this order.
pub(crate) const AUTH_MECHANISMS: [&str; 2] = ["PLAIN", "AMQPLAIN"];

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
        "auth_mechanisms.$name",
        "A login mechanism that is offered: PLAIN or AMQPLAIN. Without any, both. RabbitMQ offers ANONYMOUS too.",
        "PLAIN or AMQPLAIN; other mechanisms come later",
        |draft, filled, value| {
            draft.auth_mechanisms.insert(filled[0].to_owned(), value.to_owned());
            AUTH_MECHANISMS.contains(&value)
        },
    )
    .example("PLAIN"),
];
