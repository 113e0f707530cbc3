//! The options that have an effect: each of them once.

use crate::amount::Amount;
use crate::config::{Config, Draft};
use crate::listener::Listener;
use crate::option::{ConfigOption, matches};

/// The login mechanisms that can be offered, and are unless configured, in this order.
pub(crate) const AUTH_MECHANISMS: [&str; 2] = ["PLAIN", "AMQPLAIN"];

/// The longest text value that an option takes.
const TEXT_BYTES_MAX: usize = 4096;

/// An option.
#[derive(Debug)]
pub(crate) struct Definition {
    /// Its names; the first is the one to use.
    pub(crate) names: &'static [&'static str],
    doc: &'static str,
    /// The text that stands for it when it is not set; absent for options of which there can be many.
    pub(crate) default: Option<&'static str>,
    pub(crate) shape: Shape,
}

/// What values an option takes, and where they go.
#[derive(Debug)]
pub(crate) enum Shape {
    Number {
        min: u32,
        max: u32,
        set: fn(&mut Config, u32),
    },
    Switch {
        set: fn(&mut Config, bool),
    },
    /// `set` gets the part of the key that stands for a `$`, and the value; false for a value that is not one.
    Text {
        expected: &'static str,
        set: fn(&mut Draft, &str, &str) -> bool,
    },
}

impl Definition {
    /// What there is to say about it, under each of its names.
    pub(crate) fn options(&'static self) -> impl Iterator<Item = ConfigOption> {
        let Self { names, doc, default, .. } = self;
        names.iter().map(|name| ConfigOption { name, doc, default: *default, has_effect: true })
    }
}

impl Shape {
    /// Reads a value, or says what was expected instead.
    pub(crate) fn apply(&self, draft: &mut Draft, name: &str, value: &str) -> Result<(), String> {
        match *self {
            Self::Number { min, max, set } => {
                let number = parse_number(value).filter(|n| (min..=max).contains(n));
                let number = number.ok_or_else(|| format!("a whole number from {min} to {max}"))?;
                set(&mut draft.config, number);
            }
            Self::Switch { set } => set(
                &mut draft.config,
                match value {
                    "true" => true,
                    "false" => false,
                    _ => return Err("true or false".to_owned()),
                },
            ),
            Self::Text { expected, set } => {
                if value.len() > TEXT_BYTES_MAX || !set(draft, name, value) {
                    return Err(expected.to_owned());
                }
            }
        }
        Ok(())
    }
}

/// The option that a key belongs to, and the part of the key that fills a `$`.
pub(crate) fn find<'k>(key: &[&'k str]) -> Option<(&'static Definition, &'k str)> {
    TABLE.iter().find_map(|definition| {
        let filled = definition.names.iter().find_map(|name| matches(name, key));
        filled.map(|name| (definition, name))
    })
}

pub(crate) static TABLE: &[Definition] = &[
    Definition {
        names: &["listeners.tcp"],
        doc: "Set to `none` to take no AMQP connections over plain TCP.",
        default: None,
        shape: Shape::Text {
            expected: "none; a port or address goes into listeners.tcp.1",
            set: |draft, _, value| {
                draft.has_no_listener = value == "none";
                draft.has_no_listener
            },
        },
    },
    Definition {
        names: &["listeners.tcp.$name"],
        doc: "Where AMQP connections are taken: an address and port, or a port for all interfaces. Without any, \
              127.0.0.1:5672 and [::1]:5672, where RabbitMQ listens on all interfaces.",
        default: None,
        shape: Shape::Text {
            expected: Listener::EXPECTED,
            set: |draft, name, value| {
                let listener = Listener::parse(value);
                listener.map(|it| draft.listeners.insert(name.to_owned(), it)).is_some()
            },
        },
    },
    Definition {
        names: &["tcp_listen_options.backlog"],
        doc: "How many connections may wait to be taken.",
        default: Some("128"),
        shape: Shape::Number { min: 1, max: 65_535, set: |c, n| c.tcp.backlog = n },
    },
    Definition {
        names: &["tcp_listen_options.nodelay"],
        doc: "Whether small writes are sent at once (TCP_NODELAY).",
        default: Some("true"),
        shape: Shape::Switch { set: |c, on| c.tcp.is_nodelay = on },
    },
    Definition {
        names: &["tcp_listen_options.keepalive"],
        doc: "Whether the operating system probes idle connections (SO_KEEPALIVE).",
        default: Some("false"),
        shape: Shape::Switch { set: |c, on| c.tcp.is_keepalive = on },
    },
    Definition {
        names: &["tcp_listen_options.sndbuf"],
        doc: "The send buffer of a connection in bytes (SO_SNDBUF); 0 leaves it to the operating system.",
        default: Some("0"),
        shape: Shape::Number { min: 0, max: 1 << 30, set: |c, n| c.tcp.send_buffer = n },
    },
    Definition {
        names: &["tcp_listen_options.recbuf"],
        doc: "The receive buffer of a connection in bytes (SO_RCVBUF); 0 leaves it to the operating system.",
        default: Some("0"),
        shape: Shape::Number { min: 0, max: 1 << 30, set: |c, n| c.tcp.receive_buffer = n },
    },
    Definition {
        names: &["heartbeat"],
        doc: "Seconds between signs of life on an idle connection, offered to clients; 0 turns them off.",
        default: Some("60"),
        shape: Shape::Number { min: 0, max: 65_535, set: |c, n| c.heartbeat_s = narrow(n) },
    },
    Definition {
        names: &["frame_max"],
        doc: "The largest frame in bytes, offered to clients. RabbitMQ asks for 8192 at least.",
        default: Some("131072"),
        shape: Shape::Number { min: 4096, max: 1 << 27, set: |c, n| c.frame_max = n },
    },
    Definition {
        names: &["initial_frame_max"],
        doc: "The largest frame in bytes before both sides have agreed on one. Long tokens as passwords may \
              need more.",
        default: Some("8192"),
        shape: Shape::Number { min: 4096, max: 1 << 20, set: |c, n| c.initial_frame_max = n },
    },
    Definition {
        names: &["channel_max", "max_channels_per_connection"],
        doc: "How many channels a connection may open; 0 for as many as the protocol has room for.",
        default: Some("2047"),
        shape: Shape::Number { min: 0, max: 65_535, set: |c, n| c.channel_max = narrow(n) },
    },
    Definition {
        names: &["handshake_timeout"],
        doc: "Milliseconds that a client may take to log in and open a virtual host.",
        default: Some("10000"),
        shape: Shape::Number { min: 1, max: 86_400_000, set: |c, n| c.handshake_timeout_ms = n },
    },
    Definition {
        names: &["max_message_size"],
        doc: "The longest body of a message in bytes.",
        default: Some("16777216"),
        shape: Shape::Number { min: 1, max: 1 << 29, set: |c, n| c.message_size_max = n },
    },
    Definition {
        names: &["deprecated_features.permit.global_qos"],
        doc: "Whether `basic.qos` with `global` bounds what all consumers of a channel have together. RabbitMQ 4.3 has \
              `false`, which lets it count for each consumer by itself.",
        default: Some("true"),
        shape: Shape::Switch { set: |c, is_on| c.permits_global_qos = is_on },
    },
    Definition {
        names: &["deprecated_features.permit.transient_nonexcl_queues"],
        doc: "Whether queues may be declared that are neither durable nor exclusive. RabbitMQ 4.3 has `false`.",
        default: Some("true"),
        shape: Shape::Switch { set: |c, is_on| c.permits_transient_queues = is_on },
    },
    Definition {
        names: &["loopback_users"],
        doc: "Set to `none` to let every user log in from other machines, the user guest too.",
        default: None,
        shape: Shape::Text {
            expected: "none; a user goes into loopback_users.NAME = true",
            set: |draft, _, value| {
                draft.has_no_loopback_user = value == "none";
                draft.has_no_loopback_user
            },
        },
    },
    Definition {
        names: &["loopback_users.$user"],
        doc: "Whether this user may log in from this machine only. True for guest unless set to false, also when \
              other users are named.",
        default: None,
        shape: Shape::Text {
            expected: "true or false",
            set: |draft, user, value| {
                let users = &mut draft.config.loopback_users;
                match value {
                    "true" => drop(users.insert(user.to_owned())),
                    "false" => drop(users.remove(user)),
                    _ => return false,
                }
                true
            },
        },
    },
    Definition {
        names: &["default_vhost"],
        doc: "The virtual host of a fresh broker.",
        default: Some("/"),
        shape: Shape::Text {
            expected: "a name of 1 to 255 bytes",
            set: |draft, _, value| {
                draft.config.default_vhost = value.to_owned();
                (1..=255).contains(&value.len())
            },
        },
    },
    Definition {
        names: &["default_queue_type"],
        doc: "The type of queues that ask for none, where their virtual host has none either: `classic` or `quorum`. \
              Queues that cannot be quorum queues are classic.",
        default: Some("classic"),
        shape: Shape::Text {
            expected: "classic or quorum; streams come later",
            set: |draft, _, value| {
                draft.config.default_queue_type = value.to_owned();
                matches!(value, "classic" | "quorum")
            },
        },
    },
    Definition {
        names: &["auth_mechanisms.$name"],
        doc: "A login mechanism that is offered: PLAIN or AMQPLAIN. Without any, both. RabbitMQ offers ANONYMOUS \
              too.",
        default: None,
        shape: Shape::Text {
            expected: "PLAIN or AMQPLAIN; other mechanisms come later",
            set: |draft, name, value| {
                draft.auth_mechanisms.insert(name.to_owned(), value.to_owned());
                AUTH_MECHANISMS.contains(&value)
            },
        },
    },
    Definition {
        names: &["disk_free_limit.absolute"],
        doc: "Publishers are held back while less is free on the file system of the data directory, until a quarter \
              more is; 0 for no limit. Wins over the relative limit. Without either, 1GiB, but at most a tenth of the \
              file system. RabbitMQ's default is 50MB, which a fast disk fills between two looks.",
        default: None,
        shape: Shape::Text {
            expected: Amount::EXPECTED_BYTES,
            set: |draft, _, value| {
                draft.disk_free_bytes = Amount::parse_bytes(value);
                draft.disk_free_bytes.is_some()
            },
        },
    },
    Definition {
        names: &["disk_free_limit.relative"],
        doc: "The same limit in times of the machine's memory.",
        default: None,
        shape: Shape::Text {
            expected: Amount::EXPECTED_SHARE,
            set: |draft, _, value| {
                draft.config.disk_free_limit = Amount::parse_share(value);
                draft.config.disk_free_limit.is_some()
            },
        },
    },
    Definition {
        names: &["vm_memory_high_watermark.absolute"],
        doc: "How much memory messages and connections may take together; above it, publishers are held back. 0 \
              holds them back always. Wins over the relative limit.",
        default: None,
        shape: Shape::Text {
            expected: Amount::EXPECTED_BYTES,
            set: |draft, _, value| {
                draft.memory_bytes = Amount::parse_bytes(value);
                draft.memory_bytes.is_some()
            },
        },
    },
    Definition {
        names: &["vm_memory_high_watermark.relative"],
        doc: "The same limit as a share of the machine's memory, or of what its control group may use.",
        default: Some("0.6"),
        shape: Shape::Text {
            expected: Amount::EXPECTED_SHARE,
            set: |draft, _, value| {
                let share = Amount::parse_share(value);
                share.map(|share| draft.config.memory_max = share).is_some()
            },
        },
    },
    Definition {
        names: &["leveret.shards"],
        doc: "How many threads share the work; 0 for one per core. Not an option of RabbitMQ.",
        default: Some("0"),
        shape: Shape::Number { min: 0, max: 1024, set: |c, n| c.shards = narrow(n) },
    },
    Definition {
        names: &["leveret.data_dir"],
        doc: "The directory for everything that outlives the process. Not an option of RabbitMQ.",
        default: None,
        shape: Shape::Text {
            expected: "the path of a directory",
            set: |draft, _, value| {
                draft.config.data_dir = value.to_owned();
                !value.is_empty() && !value.contains('\0')
            },
        },
    },
];

/// Whole numbers as RabbitMQ reads them: digits, perhaps with a sign.
fn parse_number(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn narrow(number: u32) -> u16 {
    u16::try_from(number).expect("the option's maximum fits")
}
