//! `/vhosts`: virtual hosts.

use metadata::Vhost;
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::lists::Wanted;
use crate::reply::Reply;

/// All that the caller may see.
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    let definitions = call.definitions();
    let seen =
        definitions.vhosts().filter(|(name, _)| call.caller.may_see(definitions, name.as_str()));
    let values = seen.map(|(name, vhost)| shown(call, name.as_str(), vhost)).collect();
    Wanted::parse(&call.query)?.answer(values)
}

fn shown(call: &Call, name: &str, vhost: &Vhost) -> Value {
    let settings = &vhost.settings;
    let kind = settings.default_queue_type.unwrap_or(call.desk.facts.default_queue_kind).as_str();
    json!({
        "name": name,
        "description": settings.description,
        "tags": settings.tags,
        "default_queue_type": kind,
        "protected_from_deletion": settings.is_protected,
        "metadata": {
            "description": settings.description,
            "tags": settings.tags,
            "default_queue_type": kind,
        },
        "tracing": false,
        "cluster_state": { &call.desk.facts.node: "running" },
    })
}
