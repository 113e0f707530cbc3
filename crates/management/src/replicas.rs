//! `/queues/quorum`: the replicas of a quorum queue. There is one node, and each queue has its one replica there: who wants one there
//! has it, and one anywhere else cannot be.

use metadata::QueueKind;
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::fields;
use crate::reply::Reply;
use crate::{nodes, queues};

const STRANGER: &str = "Node is not a cluster member";

/// The replica and its state. There is no log that replicas agree on, so that no place in it has been reached.
pub(crate) fn status(call: &Call) -> Result<Reply, Failure> {
    let queue = queues::named(call)?;
    if QueueKind::of(&queue.arguments) == QueueKind::Classic {
        return Err(crate::health::unwell(json!({}), "classic_queue_not_supported"));
    }
    let replica = json!({
        "Node Name": call.desk.facts.node,
        "Raft State": "leader",
        "Membership": "voter",
        "Last Log Index": 0,
        "Last Written": 0,
        "Last Applied": 0,
        "Commit Index": 0,
        "Snapshot Index": -1,
        "Term": 1,
        "Machine Version": 0,
    });
    Ok(Reply::ok(&Value::Array(vec![replica])))
}

/// A replica on this node is there already.
pub(crate) fn add(call: &Call) -> Result<Reply, Failure> {
    named_here(call)?;
    Ok(Reply::done())
}

/// The last replica is not given up.
pub(crate) fn remove(call: &Call) -> Result<Reply, Failure> {
    named_here(call)?;
    Err(Failure::Unavailable("last_node".to_owned()))
}

/// Replicas of all queues on a node: on this one they are.
pub(crate) fn grow(call: &Call) -> Result<Reply, Failure> {
    nodes::must_be_this(call).map_err(|_| Failure::bad(STRANGER))?;
    Ok(Reply::done())
}

/// Whether the body names this node, and the path a queue that could have replicas.
fn named_here(call: &Call) -> Result<(), Failure> {
    let given = call.object()?;
    if fields::required_text(&given, "node")? != call.desk.facts.node {
        return Err(Failure::bad(STRANGER));
    }
    let queue = queues::named(call).map_err(|_| Failure::Unavailable("not_found".to_owned()))?;
    match QueueKind::of(&queue.arguments) {
        QueueKind::Quorum => Ok(()),
        QueueKind::Classic => Err(Failure::Unavailable("classic_queue_not_supported".to_owned())),
    }
}
