//! `/users`: who may log in.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use metadata::{Change, Hashing, User};
use serde_json::{Value, json};

use crate::call::Call;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::fields::{self, Fields};
use crate::limits;
use crate::lists::Wanted;
use crate::login;
use crate::reply::Reply;

/// All of them.
pub(crate) fn list(call: &Call) -> Result<Reply, Failure> {
    let values = call.definitions().users().map(|user| shown(call, user)).collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// Those who have no permissions anywhere.
pub(crate) fn list_without_permissions(call: &Call) -> Result<Reply, Failure> {
    let definitions = call.definitions();
    let has_none = |user: &&Arc<User>| {
        let mut vhosts = definitions.vhosts();
        !vhosts
            .any(|(vhost, _)| definitions.permissions(vhost.as_str(), user.name.as_str()).is_some())
    };
    let values = definitions.users().filter(has_none).map(|user| shown(call, user)).collect();
    Wanted::parse(&call.query)?.answer(values)
}

/// One.
pub(crate) fn show(call: &Call) -> Result<Reply, Failure> {
    let user = call.definitions().user(call.parameter("user")).ok_or(Failure::NotFound)?;
    Ok(Reply::ok(&shown(call, user)))
}

/// Makes one, or gives one another password and other tags.
pub(crate) async fn put(call: &Call) -> Result<Reply, Failure> {
    let name = fields::name(call.parameter("user"))?;
    let given = call.object()?;
    let tags = given.get("tags").ok_or_else(|| Failure::bad("tags_not_present"))?;
    let tags = fields::tags(tags)?;
    let (password_hash, hashing) = secret(call, &given).await?;
    let is_new = call.definitions().user(name.as_str()).is_none();
    call.change(Change::SetUser(User { name, password_hash, hashing, tags })).await?;
    Ok(Reply::put(is_new))
}

/// Deletes one.
pub(crate) async fn delete(call: &Call) -> Result<Reply, Failure> {
    let user = call.definitions().user(call.parameter("user")).ok_or(Failure::NotFound)?;
    call.change(Change::RemoveUser { name: user.name.clone() }).await?;
    Ok(Reply::done())
}

/// Deletes those that exist of a list.
pub(crate) async fn delete_many(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let Value::Array(names) = fields::required(&given, "users")? else {
        return Err(Failure::bad("users has to be a list of names"));
    };
    for name in names {
        let name = name.as_str().ok_or_else(|| Failure::bad("users has to be a list of names"))?;
        if let Some(user) = call.definitions().user(name) {
            call.change(Change::RemoveUser { name: user.name.clone() }).await?;
        }
    }
    Ok(Reply::done())
}

/// The hash of a password that is to be put into a definitions file.
pub(crate) async fn hash_password(call: &Call) -> Result<Reply, Failure> {
    let (hash, _) = login::hash(&call.desk, call.parameter("password")).await?;
    Ok(Reply::ok(&json!({ "ok": hash })))
}

/// The hash that a body has, or makes. RabbitMQ takes the password of who is given none.
async fn secret(call: &Call, given: &Fields) -> Result<(String, Hashing), Failure> {
    let hashing = match fields::text(given, "hashing_algorithm")? {
        None => Hashing::default(),
        Some(name) => Hashing::parse(name).ok_or_else(|| {
            Failure::bad(format!(
                "{name} is no hashing algorithm; known are {}",
                Hashing::ALL.map(Hashing::as_str).join(", ")
            ))
        })?,
    };
    match (fields::text(given, "password")?, fields::text(given, "password_hash")?) {
        (Some(_), Some(_)) => Err(Failure::bad("both_password_and_password_hash_are_provided")),
        (Some(password), None) => {
            must_do(&call.desk, password)?;
            if password.is_empty() {
                return Ok((String::new(), Hashing::default()));
            }
            login::hash(&call.desk, password).await
        }
        (None, Some(hash)) => {
            let is_readable = STANDARD.decode(hash).is_ok();
            if !is_readable {
                // The text is not repeated: it may be somebody's password.
                return Err(Failure::bad("not_base64: password_hash has to be in base64"));
            }
            Ok((hash.to_owned(), hashing))
        }
        (None, None) => Ok((String::new(), Hashing::default())),
    }
}

/// `credential_validator.*`, in RabbitMQ's words.
pub(crate) fn must_do(desk: &Desk, password: &str) -> Result<(), Failure> {
    if desk.facts.password_rule.allows(password) {
        Ok(())
    } else {
        Err(Failure::bad("credential_validation_failed"))
    }
}

fn shown(call: &Call, user: &User) -> Value {
    let of_user = call.definitions().user_limits(user.name.as_str());
    json!({
        "name": user.name.as_str(),
        "password_hash": user.password_hash,
        "hashing_algorithm": user.hashing.as_str(),
        "tags": user.tags,
        "limits": limits::user_limits(&of_user),
    })
}
