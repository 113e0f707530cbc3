//! What RabbitMQ has no options for.

use super::{Definition, narrow};

pub(super) const TABLE: &[Definition] = &[
    Definition::number(
        "leveret.shards",
        "How many threads share the work; 0 for one per core. Not an option of RabbitMQ.",
        0..=1024,
        |config, n| config.shards = narrow(n),
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
];
