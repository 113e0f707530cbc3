//! `/version`: which RabbitMQ this is compatible with. Open to all: clients choose what they ask by it.

use serde_json::Value;

use crate::call::Call;
use crate::reply::Reply;

pub(crate) fn show(call: &Call) -> Reply {
    Reply::ok(&Value::from(call.desk.facts.rabbitmq_version))
}
