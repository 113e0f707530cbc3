//! `/vhost-limits` and `/user-limits`.

use metadata::{Change, UserLimits, VhostLimits};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::fields::{self, Fields};
use crate::lists::Wanted;
use crate::reply::Reply;

/// What a user's limits are called.
pub(crate) const USER_LIMITS: [&str; 2] = ["max-connections", "max-channels"];
/// What a virtual host's limits are called.
pub(crate) const VHOST_LIMITS: [&str; 2] = ["max-connections", "max-queues"];

/// The limits of all virtual hosts that the caller may see and that have any.
pub(crate) fn list_vhosts(call: &Call) -> Result<Reply, Failure> {
    let definitions = call.definitions();
    let seen = definitions.vhosts().filter(|(name, vhost)| {
        vhost.limits != VhostLimits::default() && call.caller.may_see(definitions, name.as_str())
    });
    let values = seen.map(|(name, vhost)| of_vhost(name.as_str(), &vhost.limits)).collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// The limits of one virtual host, as a list.
pub(crate) fn list_vhost(call: &Call) -> Result<Reply, Failure> {
    let (name, vhost) = crate::vhosts::named(call)?;
    let has_any = vhost.limits != VhostLimits::default();
    let values = has_any.then(|| of_vhost(name.as_str(), &vhost.limits)).into_iter().collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// Sets a limit of a virtual host, or clears it.
pub(crate) async fn set_vhost(call: &Call, is_set: bool) -> Result<Reply, Failure> {
    let limit = call.parameter("name");
    if !VHOST_LIMITS.contains(&limit) && is_set {
        let given = call.object()?.get("value").map(erlang).unwrap_or_default();
        return Err(Failure::bad(format!(
            "Validation failed\n\nUnrecognised terms [{{<<\"{limit}\">>,{given}}}] in limits\n"
        )));
    }
    let Ok((name, vhost)) = crate::vhosts::named(call) else {
        return Err(if is_set { Failure::missing("vhost_not_found") } else { Failure::NotFound });
    };
    let value = if is_set {
        number(&call.object()?, limit)
            .map_err(|reason| Failure::bad(format!("Validation failed\n\n{reason}\n")))?
    } else {
        None
    };
    let mut limits = vhost.limits;
    match limit {
        "max-connections" => limits.connections_max = value,
        "max-queues" => limits.queues_max = value,
        _ => return Ok(Reply::done()),
    }
    call.change(Change::SetVhostLimits { vhost: name.clone(), limits }).await?;
    Ok(Reply::done())
}

/// The limits of all users who have any.
pub(crate) fn list_users(call: &Call) -> Result<Reply, Failure> {
    let all = call.definitions().all_user_limits();
    let values = all.map(|(name, limits)| of_user(name.as_str(), limits)).collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// The limits of one user, as a list.
pub(crate) fn list_user(call: &Call) -> Result<Reply, Failure> {
    let user = call.parameter("user");
    call.definitions().user(user).ok_or(Failure::NotFound)?;
    let limits = call.definitions().user_limits(user);
    let has_any = limits != UserLimits::default();
    let values = has_any.then(|| of_user(user, &limits)).into_iter().collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// Sets a limit of a user, or clears it.
pub(crate) async fn set_user(call: &Call, is_set: bool) -> Result<Reply, Failure> {
    let (user, limit) = (call.parameter("user"), call.parameter("name"));
    let value = if is_set {
        let given = call.object()?;
        if !USER_LIMITS.contains(&limit) {
            let given = erlang(fields::required(&given, "value")?);
            return Err(Failure::bad(format!(
                "Unrecognised terms [{{<<\"{limit}\">>,{given}}}] in user-limits"
            )));
        }
        number(&given, limit).map_err(Failure::BadRequest)?
    } else {
        None
    };
    let Some(found) = call.definitions().user(user) else {
        let reason = format!("no_such_user: {user}");
        return Err(if is_set { Failure::bad(reason) } else { Failure::NotFound });
    };
    let mut limits = call.definitions().user_limits(user);
    match limit {
        "max-connections" => limits.connections_max = value,
        "max-channels" => limits.channels_max = value,
        _ => return Ok(Reply::done()),
    }
    call.change(Change::SetUserLimits { user: found.name.clone(), limits }).await?;
    Ok(Reply::done())
}

/// A limit out of a body; below 0 is none.
fn number(given: &Fields, limit: &str) -> Result<Option<u64>, String> {
    let value = given.get("value").ok_or_else(|| "[{key_missing,value}]".to_owned())?;
    match value.as_i64() {
        Some(number) => Ok(u64::try_from(number).ok()),
        None => Err(format!("{limit} should be a number, actually was {}", erlang(value))),
    }
}

/// A value as RabbitMQ's texts have it.
fn erlang(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("<<\"{text}\">>"))
}

fn of_vhost(name: &str, limits: &VhostLimits) -> Value {
    json!({ "vhost": name, "value": vhost_limits(limits) })
}

fn of_user(name: &str, limits: &UserLimits) -> Value {
    json!({ "user": name, "value": user_limits(limits) })
}

/// A virtual host's limits as an object.
pub(crate) fn vhost_limits(limits: &VhostLimits) -> Value {
    present([("max-connections", limits.connections_max), ("max-queues", limits.queues_max)])
}

/// A user's limits as an object.
pub(crate) fn user_limits(limits: &UserLimits) -> Value {
    present([("max-connections", limits.connections_max), ("max-channels", limits.channels_max)])
}

fn present(limits: [(&str, Option<u64>); 2]) -> Value {
    let set =
        limits.into_iter().filter_map(|(name, max)| Some((name.to_owned(), Value::from(max?))));
    Value::Object(set.collect::<Map<_, _>>())
}
