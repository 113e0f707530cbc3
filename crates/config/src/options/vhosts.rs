//! What virtual hosts get when they are made, beside what all of them have.

use super::{Definition, PATTERN, pattern};
use crate::draft::Draft;
use crate::unit::Unit;

pub(super) const TABLE: &[Definition] = &[
    Definition::text(
        "default_limits.vhosts.$id.pattern",
        "Which virtual hosts get these limits when they are made: a regular expression over their names. The first that \
         fits counts. Without it, all.",
        PATTERN,
        |draft, filled, value| pattern(value, &mut draft.vhost_limits(filled[0]).pattern),
    )
    .example("^tenant-.*"),
    Definition::text(
        "default_limits.vhosts.$id.max_connections",
        "How many connections such a virtual host may have.",
        COUNT,
        |draft, filled, value| {
            draft.vhost_limits(filled[0]).connections_max = count(value);
            count(value).is_some()
        },
    )
    .example("100"),
    Definition::text(
        "default_limits.vhosts.$id.max_queues",
        "How many queues such a virtual host may have.",
        COUNT,
        |draft, filled, value| {
            draft.vhost_limits(filled[0]).queues_max = count(value);
            count(value).is_some()
        },
    )
    .example("1000"),
    Definition::text(
        "default_policies.operator.$id.vhost_pattern",
        "Which virtual hosts get an operator policy of this name when they are made: a regular expression over their \
         names. Without it, all.",
        PATTERN,
        |draft, filled, value| pattern(value, &mut draft.default_policy(filled[0]).vhost_pattern),
    )
    .example("^tenant-.*"),
    Definition::text(
        "default_policies.operator.$id.queue_pattern",
        "For which queues that policy is: a regular expression over their names. Without it, all.",
        PATTERN,
        |draft, filled, value| pattern(value, &mut draft.default_policy(filled[0]).queue_pattern),
    )
    .example("^temporary-.*"),
    Definition::text(
        "default_policies.operator.$id.apply_to",
        "What kinds of objects that policy is for. Without it, all.",
        "all, queues, classic_queues, quorum_queues, streams or exchanges",
        |draft, filled, value| {
            value.clone_into(&mut draft.default_policy(filled[0]).apply_to);
            matches!(
                value,
                "all" | "queues" | "classic_queues" | "quorum_queues" | "streams" | "exchanges"
            )
        },
    )
    .example("queues"),
    Definition::text(
        "default_policies.operator.$id.expires",
        "After how long without use that policy has its queues deleted.",
        DURATION,
        |draft, filled, value| said(draft, filled, "expires", Unit::Milliseconds, value),
    )
    .example("1h"),
    Definition::text(
        "default_policies.operator.$id.message_ttl",
        "How long messages live in the queues of that policy.",
        DURATION,
        |draft, filled, value| said(draft, filled, "message-ttl", Unit::Milliseconds, value),
    )
    .example("1d"),
    Definition::text(
        "default_policies.operator.$id.max_length",
        "How many messages a queue of that policy may have.",
        COUNT,
        |draft, filled, value| said(draft, filled, "max-length", Unit::None, value),
    )
    .example("100000"),
    Definition::text(
        "default_policies.operator.$id.max_length_bytes",
        "How many bytes of messages a queue of that policy may have.",
        SIZE,
        |draft, filled, value| said(draft, filled, "max-length-bytes", Unit::Bytes, value),
    )
    .example("1GB"),
    Definition::text(
        "default_policies.operator.$id.delivery_limit",
        "How often the queues of that policy may deliver a message again.",
        COUNT,
        |draft, filled, value| said(draft, filled, "delivery-limit", Unit::None, value),
    )
    .example("50"),
    Definition::text(
        "default_policies.operator.$id.max_in_memory_length",
        "Kept in that policy, and of no consequence, as in RabbitMQ.",
        COUNT,
        |draft, filled, value| said(draft, filled, "max-in-memory-length", Unit::None, value),
    )
    .example("1000"),
    Definition::text(
        "default_policies.operator.$id.max_in_memory_bytes",
        "Kept in that policy, and of no consequence, as in RabbitMQ.",
        SIZE,
        |draft, filled, value| said(draft, filled, "max-in-memory-bytes", Unit::Bytes, value),
    )
    .example("1MB"),
];

const COUNT: &str = "a whole number from 1 to 4294967295";
const DURATION: &str = "a whole number above 0 (milliseconds, or with a unit like 30s)";
const SIZE: &str = "a whole number above 0 (bytes, or with a unit like 64MB)";

fn count(value: &str) -> Option<u32> {
    value.parse::<u32>().ok().filter(|&number| number > 0)
}

/// Takes over what a policy says.
fn said(draft: &mut Draft, filled: &[&str], key: &'static str, unit: Unit, value: &str) -> bool {
    let number = match unit {
        Unit::None => count(value).map(u64::from),
        unit => unit.parse(value).filter(|&number| number > 0),
    };
    let said = &mut draft.default_policy(filled[0]).definition;
    number.map(|number| said.insert(key, number)).is_some()
}
