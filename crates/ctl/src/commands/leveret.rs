//! Routes that RabbitMQ's API lacks. A server without them is told apart from one that refuses.

use serde_json::Value;

use crate::call::Call;
use crate::failure::Failure;
use crate::server::reason;

/// Asks such a route.
pub(super) fn get(call: &Call<'_>, path: &str, what: &str) -> Result<Value, Failure> {
    ask(call, "GET", path, None, what)
}

/// Asks, or changes something.
pub(super) fn ask(
    call: &Call<'_>,
    method: &str,
    path: &str,
    body: Option<&Value>,
    what: &str,
) -> Result<Value, Failure> {
    let answer = call.server.raw(method, path, body, "")?;
    match answer.status {
        200..=299 if answer.body.is_empty() => Ok(Value::Null),
        200..=299 => Ok(serde_json::from_slice(&answer.body).unwrap_or_default()),
        // A server that knows the route says what it is that is not there; others have no more to say than that.
        404 if reason(&answer) != "Not Found" => Err(Failure::unavailable(reason(&answer))),
        404 | 405 | 501 => Err(Failure::unavailable(format!(
            "this server has no way to {what} while it runs ({method} /api{}); change rabbitmq.conf and restart the node",
            path.split('?').next().unwrap_or_default()
        ))),
        _ => Err(Failure::unavailable(reason(&answer))),
    }
}
