//! Limits of virtual hosts and of users.

use serde_json::{Map, Value, json};

use super::parameters::document;
use super::users::no_user_is_unavailable;
use crate::call::Call;
use crate::command::{CTL_AND_DIAGNOSTICS, Command, Section, command, switch, text};
use crate::failure::Failure;
use crate::format::Rows;
use crate::output::Output;
use crate::terms::Cell;

const OF_VHOSTS: [&str; 2] = ["max-connections", "max-queues"];
const OF_USERS: [&str; 2] = ["max-connections", "max-channels"];

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Vhosts,
        "set_vhost_limits",
        "[--vhost <vhost>] <definition>",
        "Sets the limits of a virtual host, max-connections and max-queues, as a JSON object",
        set_of_vhost,
    )
    .takes(1, 1)
    .says(|call| {
        format!(
            "Setting vhost limits to \"{}\" for vhost \"{}\" ...",
            call.argument(0),
            call.vhost()
        )
    }),
    command(
        Section::Vhosts,
        "clear_vhost_limits",
        "[--vhost <vhost>]",
        "Clears the limits of a virtual host",
        clear_of_vhost,
    )
    .says(|call| format!("Clearing vhost \"{}\" limits ...", call.vhost())),
    command(
        Section::Vhosts,
        "list_vhost_limits",
        "[--vhost <vhost>] [--global] [--no-table-headers]",
        "Displays the limits of a virtual host, or of all",
        list_of_vhosts,
    )
    .with(&[switch("global", "of all virtual hosts")])
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| {
        if call.has("global") {
            "Listing limits for all vhosts ...".to_owned()
        } else {
            format!("Listing limits for vhost \"{}\" ...", call.vhost())
        }
    }),
    command(
        Section::Users,
        "set_user_limits",
        "<username> <definition>",
        "Sets the limits of a user, max-connections and max-channels, as a JSON object",
        set_of_user,
    )
    .takes(2, 2)
    .says(|call| {
        format!(
            "Setting user limits to \"{}\" for user \"{}\" ...",
            call.argument(1),
            call.argument(0)
        )
    }),
    command(
        Section::Users,
        "clear_user_limits",
        "<username> <limit_type> | all",
        "Clears one limit of a user, or all",
        clear_of_user,
    )
    .takes(2, 2)
    .says(|call| match call.argument(1) {
        "all" => format!("Clearing all limits for user \"{}\" ...", call.argument(0)),
        limit => format!("Clearing \"{limit}\" limit for user \"{}\" ...", call.argument(0)),
    }),
    command(
        Section::Users,
        "list_user_limits",
        "[--user <username>] [--global]",
        "Displays the limits of a user, or of all",
        list_of_users,
    )
    .with(&[
        text("user", "whose limits, guest's if it is not said"),
        switch("global", "of all users"),
    ])
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| {
        if call.has("global") {
            "Listing limits for all users ...".to_owned()
        } else {
            format!("Listing limits for user \"{}\" ...", user(call))
        }
    }),
];

fn user<'a>(call: &'a Call<'_>) -> &'a str {
    call.option("user").unwrap_or("guest")
}

/// The limits of a JSON object, in RabbitMQ's words if they are none.
fn parsed(text: &str, known: &[&str], place: &str) -> Result<Map<String, Value>, Failure> {
    let Value::Object(limits) = document(text)? else {
        return Err(Failure::unavailable(format!("{place} have to be a JSON object")));
    };
    // The sentences of virtual hosts come with a heading.
    let refuse = |what: String| {
        Failure::unavailable(if place == "limits" {
            format!("Validation failed\n\n{what}\n")
        } else {
            what
        })
    };
    for (name, value) in &limits {
        let term = match value {
            Value::String(text) => format!("<<\"{text}\">>"),
            other => other.to_string(),
        };
        if !known.contains(&name.as_str()) {
            return Err(refuse(format!(
                "Unrecognised terms [{{<<\"{name}\">>,{term}}}] in {place}"
            )));
        }
        if !value.is_i64() {
            return Err(refuse(format!("{name} should be a number, actually was {term}")));
        }
    }
    Ok(limits)
}

fn set_of_vhost(call: &Call<'_>) -> Result<Output, Failure> {
    let vhost = call.vhost();
    let limits = parsed(call.argument(0), &OF_VHOSTS, "limits")?;
    call.vhost_or_fail(vhost)?;
    for name in OF_VHOSTS {
        let path = call.path("/vhost-limits", &[vhost, name]);
        match limits.get(name) {
            Some(value) => call.server.put(&path, &json!({ "value": value }))?,
            // The definition replaces what was there.
            None => {
                call.server.remove(&path, "")?;
            }
        }
    }
    Ok(Output::Nothing)
}

/// The limits of a name, as the API lists them.
fn found(
    call: &Call<'_>,
    path: &str,
    key: &str,
    name: &str,
) -> Result<Map<String, Value>, Failure> {
    let limits = call.server.list(path, "")?;
    let found = limits.iter().find(|limit| limit[key] == json!(name));
    Ok(found.and_then(|limit| limit["value"].as_object().cloned()).unwrap_or_default())
}

fn clear_of_vhost(call: &Call<'_>) -> Result<Output, Failure> {
    let vhost = call.vhost();
    let limits = found(call, "/vhost-limits", "vhost", vhost)?;
    if limits.is_empty() {
        return Err(Failure::unavailable("Parameter does not exist"));
    }
    for name in limits.keys() {
        call.server.remove(&call.path("/vhost-limits", &[vhost, name]), "")?;
    }
    Ok(Output::Nothing)
}

fn table(call: &Call<'_>, path: &str, key: &str) -> Result<Output, Failure> {
    let rows = call
        .server
        .list(path, "")?
        .iter()
        .filter(|limit| limit["value"].as_object().is_some_and(|value| !value.is_empty()))
        .map(|limit| vec![Cell::of(&limit[key]), Cell::Document(limit["value"].clone())])
        .collect();
    let columns = vec![key.to_owned(), "limits".to_owned()];
    Ok(Output::Rows(Rows { columns, rows, is_drawn: false, is_line_if_empty: true }))
}

fn list_of_vhosts(call: &Call<'_>) -> Result<Output, Failure> {
    if call.has("global") {
        return table(call, "/vhost-limits", "vhost");
    }
    call.vhost_or_fail(call.vhost())?;
    let limits = Value::Object(found(call, "/vhost-limits", "vhost", call.vhost())?);
    // RabbitMQ has no line of braces for a virtual host without limits.
    let text = if limits == json!({}) { String::new() } else { limits.to_string() };
    Ok(Output::Report { text, value: limits })
}

fn set_of_user(call: &Call<'_>) -> Result<Output, Failure> {
    let name = call.argument(0);
    let limits = parsed(call.argument(1), &OF_USERS, "user-limits")?;
    call.user_or_fail(name).map_err(no_user_is_unavailable)?;
    for (limit, value) in &limits {
        call.server.put(&call.path("/user-limits", &[name, limit]), &json!({ "value": value }))?;
    }
    Ok(Output::Nothing)
}

fn clear_of_user(call: &Call<'_>) -> Result<Output, Failure> {
    let (name, limit) = (call.argument(0), call.argument(1));
    call.user_or_fail(name).map_err(no_user_is_unavailable)?;
    let known: Vec<&str> = match limit {
        "all" => OF_USERS.to_vec(),
        limit => OF_USERS.into_iter().filter(|known| *known == limit).collect(),
    };
    for limit in known {
        call.server.remove(&call.path("/user-limits", &[name, limit]), "")?;
    }
    Ok(Output::Nothing)
}

fn list_of_users(call: &Call<'_>) -> Result<Output, Failure> {
    if call.has("global") {
        return table(call, "/user-limits", "user");
    }
    call.user_or_fail(user(call)).map_err(no_user_is_unavailable)?;
    let limits = Value::Object(found(call, "/user-limits", "user", user(call))?);
    Ok(Output::Report { text: limits.to_string(), value: limits })
}
