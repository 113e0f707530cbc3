//! What is agreed with clients, and what they may ask for.

use super::{Definition, narrow};
use crate::unit::Unit;

pub(super) const TABLE: &[Definition] = &[
    Definition::number(
        "heartbeat",
        "How often either side of an idle connection shows that it is there, offered to clients; 0 turns it off.",
        0..=65_535,
        |draft, n| draft.config.heartbeat_s = narrow(n),
    )
    .unit(Unit::Seconds)
    .default("60"),
    Definition::number(
        "frame_max",
        "The largest frame, offered to clients. RabbitMQ asks for 8192 at least.",
        4096..=1 << 27,
        |draft, n| draft.config.frame_max = narrow(n),
    )
    .unit(Unit::Bytes)
    .default("131072"),
    Definition::number(
        "initial_frame_max",
        "The largest frame before both sides have agreed on one. Long tokens as passwords may need more.",
        4096..=1 << 20,
        |draft, n| draft.config.initial_frame_max = narrow(n),
    )
    .unit(Unit::Bytes)
    .default("8192"),
    Definition::number(
        "channel_max",
        "How many channels a connection may open; 0 for as many as the protocol has room for.",
        0..=65_535,
        |draft, n| draft.config.channel_max = narrow(n),
    )
    .alias(&["max_channels_per_connection"])
    .default("2047"),
    Definition::number(
        "handshake_timeout",
        "How long a client may take to log in and open a virtual host.",
        1..=86_400_000,
        |draft, n| draft.config.handshake_timeout_ms = narrow(n),
    )
    .unit(Unit::Milliseconds)
    .default("10000"),
    Definition::number(
        "max_message_size",
        "The longest body of a message.",
        1..=1 << 29,
        |draft, n| draft.config.message_size_max = narrow(n),
    )
    .unit(Unit::Bytes)
    .default("16777216"),
    Definition::switch(
        "deprecated_features.permit.global_qos",
        "Whether `basic.qos` with `global` bounds what all consumers of a channel have together. RabbitMQ 4.3 has \
         `false`, which lets it count for each consumer by itself.",
        |draft, is_on| draft.config.permits_global_qos = is_on,
    )
    .default("true"),
    Definition::switch(
        "deprecated_features.permit.transient_nonexcl_queues",
        "Whether queues may be declared that are neither durable nor exclusive. RabbitMQ 4.3 has `false`.",
        |draft, is_on| draft.config.permits_transient_queues = is_on,
    )
    .default("true"),
    Definition::text(
        "default_queue_type",
        "The type of queues that ask for none, where their virtual host has none either: `classic` or `quorum`. \
         Queues that cannot be quorum queues are classic.",
        "classic or quorum; streams come later",
        |draft, _, value| {
            draft.config.default_queue_type = value.to_owned();
            matches!(value, "classic" | "quorum")
        },
    )
    .default("classic"),
    Definition::number(
        "consumer_timeout",
        "How long a consumer may take to acknowledge a message. Policies and the argument x-consumer-timeout go before \
         it.",
        1..=u64::MAX,
        |draft, n| draft.config.consumer_timeout_ms = Some(n),
    )
    .unit(Unit::Milliseconds)
    .example("1800000"),
];
