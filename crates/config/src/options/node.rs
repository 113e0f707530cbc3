//! The node: what it is called, what it keeps, what it begins with.

use super::{Definition, narrow};
use crate::unit::Unit;

pub(super) const TABLE: &[Definition] = &[
    Definition::number(
        "leveret.shards",
        "How many threads share the work; 0 for one per core. Not an option of RabbitMQ.",
        0..=1024,
        |draft, n| draft.config.shards = narrow(n),
    )
    .default("0"),
    Definition::text(
        "leveret.data_dir",
        "The directory for everything that outlives the process. Not an option of RabbitMQ.",
        "the path of a directory",
        |draft, _, value| {
            draft.config.data_dir = value.to_owned();
            !value.is_empty() && !value.contains('\0')
        },
    )
    .example("/var/lib/leveret"),
    Definition::text(
        "cluster_name",
        "What the broker is called, in answers to clients and in the HTTP API. Without it, leveret@ and the name of the \
         machine.",
        "a name of 1 to 255 bytes",
        |draft, _, value| {
            draft.config.cluster_name = value.to_owned();
            (1..=255).contains(&value.len())
        },
    )
    .example("orders"),
    Definition::text(
        "leveret.node_name",
        "What the node is called; without an @, the name of the machine is added. Without it, leveret. Not an option of \
         RabbitMQ, where RABBITMQ_NODENAME has it.",
        "letters, digits, `.`, `-` and `_`, and perhaps an @ and the name of a machine behind them",
        |draft, _, value| {
            draft.config.node_name = value.to_owned();
            let (name, host) = value.split_once('@').unwrap_or((value, "localhost"));
            let is_fine =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
            let is_name = |name: &str| !name.is_empty() && name.bytes().all(is_fine);
            value.len() <= 255 && is_name(name) && is_name(host)
        },
    )
    .default("leveret")
    .example("rabbit@host-1"),
    Definition::text(
        "load_definitions",
        "A file of definitions, or a directory with several, imported at every start.",
        "the path of a file or a directory",
        |draft, _, value| {
            draft.config.definitions.path = Some(value.to_owned());
            !value.is_empty() && !value.contains('\0') && !value.contains("://")
        },
    )
    .alias(&["definitions.local.path"])
    .example("/etc/rabbitmq/definitions.json"),
    Definition::text(
        "definitions.import_backend",
        "Where definitions come from: `local_filesystem`.",
        "local_filesystem; others come later",
        |_, _, value| matches!(value, "local_filesystem" | "rabbit_definitions_import_local_filesystem"),
    )
    .default("local_filesystem"),
    Definition::switch(
        "definitions.skip_if_unchanged",
        "Whether definitions are not imported again that are the same as the last time.",
        |draft, is_on| draft.config.definitions.skips_unchanged = is_on,
    )
    .default("false"),
    Definition::number(
        "collect_statistics_interval",
        "How far apart samples for the HTTP API are taken.",
        1_000..=86_400_000,
        |draft, n| draft.config.sample_interval_ms = narrow(n),
    )
    .unit(Unit::Milliseconds)
    .default("5000"),
];
