//! `/auth/attempts`: how many have tried to log in.

use std::sync::{Mutex, PoisonError};

use node::observation::Attempts;
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::nodes;
use crate::reply::Reply;

/// The protocols that somebody can log in with, by RabbitMQ's names.
const PROTOCOLS: [&str; 2] = ["http", "amqp091"];

/// What had been counted when somebody last asked to forget it. Counters of metrics never go back.
#[derive(Debug, Default)]
pub(crate) struct Forgotten(Mutex<[Attempts; 2]>);

/// By protocol.
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    nodes::must_be_this(call)?;
    let counted = counted(call).await?;
    let forgotten = *call.desk.forgotten.0.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = PROTOCOLS.iter().zip(counted.iter().zip(&forgotten));
    let shown = rows.map(|(protocol, (counted, forgotten))| {
        let succeeded = counted.succeeded.saturating_sub(forgotten.succeeded);
        let failed = counted.failed.saturating_sub(forgotten.failed);
        json!({
            "protocol": protocol,
            "auth_attempts": succeeded + failed,
            "auth_attempts_failed": failed,
            "auth_attempts_succeeded": succeeded,
        })
    });
    Ok(Reply::ok(&shown.collect::<Value>()))
}

/// Begins to count from 0 again.
pub(crate) async fn reset(call: &Call) -> Result<Reply, Failure> {
    nodes::must_be_this(call)?;
    let counted = counted(call).await?;
    *call.desk.forgotten.0.lock().unwrap_or_else(PoisonError::into_inner) = counted;
    Ok(Reply::done())
}

/// All since the start, in the order of [`PROTOCOLS`].
async fn counted(call: &Call) -> Result<[Attempts; 2], Failure> {
    let mut amqp = Attempts::default();
    for totals in call.desk.ask_all(|shard| shard.observe_totals()).await? {
        amqp.succeeded += totals.attempts.succeeded;
        amqp.failed += totals.attempts.failed;
    }
    Ok([call.desk.attempts.read(), amqp])
}
