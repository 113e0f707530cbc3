//! `/feature-flags` and `/deprecated-features`: what RabbitMQ's clients look at before they use something.

use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::lists::Wanted;
use crate::reply::Reply;

/// The flags of RabbitMQ 4.3 that say something true of this broker, and what each stands for.
const FLAGS: [(&str, &str); 20] = [
    ("classic_queue_type_delivery_support", "Deliveries of classic queues name their queue's type"),
    ("detailed_queues_endpoint", "Queues are listed in short, and in detail at /queues/detailed"),
    ("direct_exchange_routing_v2", "Direct exchanges look up their bindings by routing key"),
    ("drop_unroutable_metric", "Messages that are dropped because nothing takes them are counted"),
    ("empty_basic_get_metric", "Fetches from empty queues are counted"),
    ("feature_flags_v2", "Feature flags are enabled by themselves"),
    ("implicit_default_bindings", "Bindings to the default exchange exist without being kept"),
    ("listener_records_in_ets", "Listeners are kept in memory"),
    ("message_containers", "Messages are kept as they arrived, in any protocol's encoding"),
    (
        "message_containers_deaths_v2",
        "Deaths are counted per queue and reason, so that cycles are found",
    ),
    ("quorum_queue", "Queues of type quorum"),
    ("rabbit_exchange_type_local_random", "Exchanges of type x-local-random"),
    ("rabbitmq_4.0.0", "What RabbitMQ 4.0 brought"),
    ("rabbitmq_4.1.0", "What RabbitMQ 4.1 brought"),
    ("rabbitmq_4.2.0", "What RabbitMQ 4.2 brought"),
    ("rabbitmq_4.3.0", "What RabbitMQ 4.3 brought"),
    ("track_qq_members_uids", "Members of quorum queues are told apart after they were made anew"),
    ("tracking_records_in_ets", "Connections and channels are counted in memory"),
    ("user_limits", "Users have limits of connections and channels"),
    (
        "virtual_host_metadata",
        "Virtual hosts have a description, tags and a default type of queues",
    ),
];

/// Those of them that RabbitMQ 4.3 does not demand yet.
const STABLE: [&str; 2] = ["rabbitmq_4.3.0", "track_qq_members_uids"];

/// Deprecated features: name, phase in RabbitMQ 4.3, whether they are there.
const DEPRECATED: [(&str, &str, bool); 8] = [
    ("amqp_address_v1", "denied_by_default", false),
    ("amqp_filter_set_bug", "denied_by_default", false),
    ("classic_queue_mirroring", "removed", false),
    ("global_qos", "denied_by_default", true),
    ("management_metrics_collection", "permitted_by_default", true),
    ("queue_master_locator", "denied_by_default", false),
    ("ram_node_type", "removed", false),
    ("transient_nonexcl_queues", "permitted_by_default", true),
];

/// All flags: they are enabled.
pub(crate) fn list_flags(call: &Call) -> Result<Reply, Failure> {
    let flags = FLAGS.map(|(name, desc)| {
        json!({
            "name": name,
            "desc": desc,
            "doc_url": "",
            "state": "enabled",
            "stability": if STABLE.contains(&name) { "stable" } else { "required" },
            "require_level": "hard",
            "experiment_level": "supported",
            "callbacks": [],
            "provided_by": "rabbit",
        })
    });
    Wanted::parse(&call.query)?.answer(flags.to_vec())
}

/// Enables a flag, which is enabled.
pub(crate) fn enable_flag(call: &Call) -> Result<Reply, Failure> {
    if FLAGS.iter().any(|(name, _)| *name == call.parameter("name")) {
        return Ok(Reply::done());
    }
    Err(Failure::bad("unsupported"))
}

/// All deprecated features.
pub(crate) fn list_deprecated(call: &Call) -> Result<Reply, Failure> {
    let features = DEPRECATED.iter().map(|(name, phase, is_there)| {
        let mut value = deprecated(name, phase);
        value["state"] = Value::from(if *is_there { "permitted" } else { "denied" });
        value
    });
    Wanted::parse(&call.query)?.answer(features.collect())
}

/// Those in use: queues that a restart takes although they belong to nobody.
pub(crate) fn list_deprecated_in_use(call: &Call) -> Result<Reply, Failure> {
    let mut queues = call.definitions().vhosts().flat_map(|(_, vhost)| vhost.queues.values());
    let is_used = queues.any(|queue| !queue.is_durable && queue.owner.is_none());
    let features =
        DEPRECATED.iter().filter(|(name, ..)| is_used && *name == "transient_nonexcl_queues");
    let values = features.map(|(name, phase, _)| deprecated(name, phase)).collect();
    Wanted::parse(&call.query)?.answer(values)
}

fn deprecated(name: &str, phase: &str) -> Value {
    json!({
        "name": name,
        "desc": "",
        "doc_url": "",
        "deprecation_phase": phase,
        "provided_by": "rabbit",
    })
}
