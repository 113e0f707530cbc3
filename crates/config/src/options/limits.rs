//! How much of the machine the broker takes, and how much of anything there may be.

use super::{COUNT_OR_INFINITY, Definition, count_or_infinity};
use crate::amount::Amount;

pub(super) const TABLE: &[Definition] = &[
    Definition::text(
        "disk_free_limit.absolute",
        "Publishers are held back while less is free on the file system of the data directory, until a quarter more \
         is; 0 for no limit. Wins over the relative limit. Without either, 1GiB, but at most a tenth of the file \
         system. RabbitMQ's default is 50MB, which a fast disk fills between two looks.",
        Amount::EXPECTED_BYTES,
        |draft, _, value| {
            draft.disk_free_bytes = Amount::parse_bytes(value);
            draft.disk_free_bytes.is_some()
        },
    )
    .example("2GB"),
    Definition::text(
        "disk_free_limit.relative",
        "The same limit in times of the machine's memory.",
        Amount::EXPECTED_SHARE,
        |draft, _, value| {
            draft.config.disk_free_limit = Amount::parse_share(value);
            draft.config.disk_free_limit.is_some()
        },
    )
    .example("1.0"),
    Definition::text(
        "vm_memory_high_watermark.absolute",
        "How much memory messages and connections may take together; above it, publishers are held back. 0 holds them \
         back always. Wins over the relative limit.",
        Amount::EXPECTED_BYTES,
        |draft, _, value| {
            draft.memory_bytes = Amount::parse_bytes(value);
            draft.memory_bytes.is_some()
        },
    )
    .example("4GB"),
    Definition::text(
        "vm_memory_high_watermark.relative",
        "The same limit as a share of the machine's memory, or of what its control group may use.",
        Amount::EXPECTED_SHARE,
        |draft, _, value| {
            let share = Amount::parse_share(value);
            share.map(|share| draft.config.memory_max = share).is_some()
        },
    )
    .default("0.6"),
    Definition::text(
        "max_connections",
        "How many connections of clients the node takes.",
        COUNT_OR_INFINITY,
        |draft, _, value| count_or_infinity(value, |count| draft.config.limits.connections_max = count),
    )
    .alias(&["connection_max"])
    .default("infinity"),
    Definition::text(
        "channel_max_per_node",
        "How many channels there may be on the node.",
        COUNT_OR_INFINITY,
        |draft, _, value| count_or_infinity(value, |count| draft.config.limits.channels_max = count),
    )
    .default("infinity"),
    Definition::text(
        "consumer_max_per_channel",
        "How many consumers a channel may have.",
        COUNT_OR_INFINITY,
        |draft, _, value| count_or_infinity(value, |count| draft.config.limits.consumers_per_channel_max = count),
    )
    .default("infinity"),
    Definition::text(
        "vhost_max",
        "How many virtual hosts there may be.",
        COUNT_OR_INFINITY,
        |draft, _, value| count_or_infinity(value, |count| draft.config.limits.vhosts_max = count),
    )
    .default("infinity"),
];
