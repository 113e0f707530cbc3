//! Operating the process: its end, its log, its limits, its configuration, and whether a password is right.

use auth::{Claim, Credentials, Whence};
use hyper::StatusCode;
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use crate::call::Call;
use crate::failure::Failure;
use crate::login;
use crate::reply::Reply;
use crate::steward::Threshold;

/// Lines of the log in one answer.
const LINES_MAX: usize = 10_000;
const LINES_DEFAULT: usize = 50;

/// Stops the node, once this is answered.
pub(crate) fn stop(call: &Call) -> Result<Reply, Failure> {
    let reason = call.reason.as_deref().unwrap_or("no reason was given");
    tracing::info!("asked to stop over the HTTP API by {}: {reason}", call.caller.shown_name());
    call.desk.steward.stop().map_err(Failure::Unavailable)?;
    Ok(Reply::done())
}

/// Begins the log's file again.
pub(crate) fn rotate_log(call: &Call) -> Result<Reply, Failure> {
    call.desk.steward.reopen_log();
    Ok(Reply::done())
}

/// Changes what is logged.
pub(crate) fn set_log_level(call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let level = text(&body, "level")?;
    call.desk.steward.set_log_level(level).map_err(Failure::BadRequest)?;
    tracing::info!("the log's level is {level} now, until the node stops");
    Ok(Reply::done())
}

/// The last lines of the log.
pub(crate) async fn log(call: &Call) -> Result<Reply, Failure> {
    let count = call.number("lines")?.unwrap_or(LINES_DEFAULT).min(LINES_MAX);
    let desk = call.desk.clone();
    let lines = spawn_blocking(move || desk.steward.last_log_lines(count)).await;
    let lines = lines.map_err(|_| Failure::Unavailable("the node stops".to_owned()))?;
    Ok(Reply::ok(&json!(lines.map_err(Failure::Missing)?)))
}

/// What was configured.
pub(crate) fn configuration(call: &Call) -> Reply {
    let options = call.desk.steward.configuration().into_iter();
    Reply::ok(&Value::Object(options.map(|(key, value)| (key, json!(value))).collect()))
}

/// What was configured, as lines that can be configured again, but for secrets. RabbitMQ answers with terms of Erlang.
pub(crate) fn effective_configuration(call: &Call) -> Reply {
    let lines = call.desk.steward.effective_configuration();
    Reply::bytes(StatusCode::OK, "text/plain; charset=utf-8", lines.into_bytes())
}

/// Changes how much memory may be used.
pub(crate) async fn set_memory_limit(call: &Call) -> Result<Reply, Failure> {
    let limit = threshold(&call.object()?)?;
    if matches!(limit, Threshold::OfMemory(part) if part > 1.0) {
        return Err(Failure::bad("\"relative\" is a part of the memory: at most 1.0"));
    }
    let bytes = call.desk.steward.set_memory_limit(limit);
    let share = usize::try_from(bytes / call.desk.shard_count() as u64).unwrap_or(usize::MAX);
    call.desk.ask_all(move |shard| shard.set_memory_bytes_max(share)).await?;
    tracing::info!("vm_memory_high_watermark is {bytes} bytes now, until the node stops");
    Ok(Reply::done())
}

/// Changes how much of the disk has to be free.
pub(crate) fn set_disk_free_limit(call: &Call) -> Result<Reply, Failure> {
    call.desk.steward.set_disk_free_limit(threshold(&call.object()?)?);
    Ok(Reply::done())
}

/// Whether a user's name and password are right: 200, or 401. The password is never repeated.
pub(crate) async fn authenticate(call: &Call) -> Result<Reply, Failure> {
    let body = call.object()?;
    let (user, password) = (text(&body, "username")?, text(&body, "password")?);
    let credentials = Credentials { user: user.into(), password: password.into() };
    // Where the user may log in from is another question than whether the password is right.
    let whence = Whence { address: "localhost".to_owned(), is_loopback: true };
    match login::verify(&call.desk, whence, Claim::Password(credentials)).await? {
        Ok(name) => Ok(Reply::ok(&json!({ "name": name.as_str() }))),
        Err(_) => Err(Failure::NotAuthorised("invalid credentials".to_owned())),
    }
}

fn text<'b>(body: &'b Map<String, Value>, key: &str) -> Result<&'b str, Failure> {
    let text = body.get(key).and_then(Value::as_str);
    text.ok_or_else(|| Failure::bad(format!("the body needs a {key:?}, which is a string")))
}

/// Reads `{"absolute": bytes}` or `{"relative": part of the memory}`.
fn threshold(body: &Map<String, Value>) -> Result<Threshold, Failure> {
    let refuse = || {
        Failure::bad(
            "the body is either {\"absolute\": bytes} or {\"relative\": part of the memory}",
        )
    };
    if body.len() != 1 {
        return Err(refuse());
    }
    if let Some(bytes) = body.get("absolute").and_then(Value::as_u64) {
        return Ok(Threshold::Bytes(bytes));
    }
    let part = body.get("relative").and_then(Value::as_f64).filter(|part| *part >= 0.0);
    part.map(Threshold::OfMemory).ok_or_else(refuse)
}
