//! What users may do in virtual hosts.

use serde_json::{Value, json};

use super::users::no_user_is_unavailable;
use crate::call::{Call, no_vhost};
use crate::command::{CTL_AND_DIAGNOSTICS, Command, Section, command};
use crate::failure::{Failure, code};
use crate::format::Rows;
use crate::output::Output;
use crate::terms::Cell;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Access,
        "set_permissions",
        "[--vhost <vhost>] <username> <conf> <write> <read>",
        "Sets a user's permissions in a virtual host",
        set,
    )
    .takes(4, 4)
    .says(|call| {
        format!(
            "Setting permissions for user \"{}\" in vhost \"{}\" ...",
            call.argument(0),
            call.vhost()
        )
    }),
    command(
        Section::Access,
        "set_permissions_globally",
        "<username> <conf> <write> <read>",
        "Sets a user's permissions in every virtual host that there is",
        set_globally,
    )
    .takes(4, 4)
    .says(|call| {
        format!("Setting permissions for user \"{}\" in all virtual hosts ...", call.argument(0))
    }),
    command(
        Section::Access,
        "clear_permissions",
        "[--vhost <vhost>] <username>",
        "Takes a user's permissions in a virtual host away",
        clear,
    )
    .takes(1, 1)
    .says(|call| {
        format!(
            "Clearing permissions for user \"{}\" in vhost \"{}\" ...",
            call.argument(0),
            call.vhost()
        )
    }),
    command(
        Section::Access,
        "list_permissions",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        "Lists the permissions in a virtual host",
        list,
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Listing permissions for vhost \"{}\" ...", call.vhost())),
    command(
        Section::Access,
        "list_user_permissions",
        "[--no-table-headers] <username> [--timeout <timeout>]",
        "Lists a user's permissions in all virtual hosts",
        list_of_user,
    )
    .takes(1, 1)
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Listing permissions for user \"{}\" ...", call.argument(0))),
    command(
        Section::Access,
        "set_topic_permissions",
        "[--vhost <vhost>] <username> <exchange> <write> <read>",
        "Sets which routing keys a user may use with an exchange",
        set_topic,
    )
    .takes(4, 4)
    .says(|call| {
        format!(
            "Setting topic permissions on \"{}\" for user \"{}\" in vhost \"{}\" ...",
            call.argument(1),
            call.argument(0),
            call.vhost()
        )
    }),
    command(
        Section::Access,
        "clear_topic_permissions",
        "[--vhost <vhost>] <username> [<exchange>]",
        "Takes a user's topic permissions away, for one exchange or all",
        clear_topic,
    )
    .takes(1, 2)
    .says(|call| match call.arguments().get(1) {
        Some(exchange) => format!(
            "Clearing topic permissions on \"{exchange}\" for user \"{}\" in vhost \"{}\" ...",
            call.argument(0),
            call.vhost()
        ),
        None => format!(
            "Clearing topic permissions for user \"{}\" in vhost \"{}\" ...",
            call.argument(0),
            call.vhost()
        ),
    }),
    command(
        Section::Access,
        "list_topic_permissions",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        "Lists the topic permissions in a virtual host",
        list_topic,
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Listing topic permissions for vhost \"{}\" ...", call.vhost())),
    command(
        Section::Access,
        "list_user_topic_permissions",
        "[--no-table-headers] <username> [--timeout <timeout>]",
        "Lists a user's topic permissions in all virtual hosts",
        list_topic_of_user,
    )
    .takes(1, 1)
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Listing topic permissions for user \"{}\" ...", call.argument(0))),
];

/// Refuses a vhost or user that is not there, in the words of these commands.
fn both_or_fail(call: &Call<'_>, vhost: &str, user: &str) -> Result<(), Failure> {
    if call.server.look(&call.path("/vhosts", &[vhost]))?.is_none() {
        return Err(Failure::unavailable(format!("Virtual host {vhost} does not exist")));
    }
    user_or_fail(call, user)
}

fn user_or_fail(call: &Call<'_>, user: &str) -> Result<(), Failure> {
    match call.server.look(&call.path("/users", &[user]))? {
        Some(_) => Ok(()),
        None => Err(Failure::stated(code::NO_USER, format!("User {user} does not exist"))),
    }
}

fn patterns(call: &Call<'_>) -> Value {
    json!({ "configure": call.argument(1), "write": call.argument(2), "read": call.argument(3) })
}

fn set(call: &Call<'_>) -> Result<Output, Failure> {
    let (vhost, user) = (call.vhost(), call.argument(0));
    both_or_fail(call, vhost, user)?;
    call.server.put(&call.path("/permissions", &[vhost, user]), &patterns(call))?;
    Ok(Output::Nothing)
}

fn set_globally(call: &Call<'_>) -> Result<Output, Failure> {
    let user = call.argument(0);
    user_or_fail(call, user)?;
    for vhost in call.server.list("/vhosts", "&columns=name")? {
        let vhost = vhost["name"].as_str().unwrap_or_default();
        call.server.put(&call.path("/permissions", &[vhost, user]), &patterns(call))?;
    }
    Ok(Output::Nothing)
}

fn clear(call: &Call<'_>) -> Result<Output, Failure> {
    call.server.remove(&call.path("/permissions", &[call.vhost(), call.argument(0)]), "")?;
    Ok(Output::Nothing)
}

fn set_topic(call: &Call<'_>) -> Result<Output, Failure> {
    let (vhost, user, exchange) = (call.vhost(), call.argument(0), call.argument(1));
    both_or_fail(call, vhost, user)?;
    if call.server.look(&call.path("/exchanges", &[vhost, exchange]))?.is_none() {
        return Err(Failure::unavailable(format!("Exchange {exchange} does not exist")));
    }
    let body = json!({
        "exchange": exchange,
        "write": call.argument(2),
        "read": call.argument(3),
    });
    call.server.put(&call.path("/topic-permissions", &[vhost, user]), &body)?;
    Ok(Output::Nothing)
}

fn clear_topic(call: &Call<'_>) -> Result<Output, Failure> {
    let mut names = vec![call.vhost(), call.argument(0)];
    names.extend(call.arguments().get(1).map(String::as_str));
    call.server.remove(&call.path("/topic-permissions", &names), "")?;
    Ok(Output::Nothing)
}

fn rows(items: &[Value], columns: &[&str]) -> Output {
    let rows = items
        .iter()
        .map(|item| columns.iter().map(|&column| Cell::of(&item[column])).collect())
        .collect();
    let columns = columns.iter().map(|&column| column.to_owned()).collect();
    Output::Rows(Rows { columns, rows, is_drawn: false, is_line_if_empty: true })
}

fn of_vhost(call: &Call<'_>, what: &str) -> Result<Vec<Value>, Failure> {
    let path = format!("{}/{what}", call.path("/vhosts", &[call.vhost()]));
    match call.server.look(&path)? {
        Some(Value::Array(items)) => Ok(items),
        _ => Err(no_vhost(call.vhost())),
    }
}

fn of_user(call: &Call<'_>, what: &str) -> Result<Vec<Value>, Failure> {
    let user = call.argument(0);
    call.user_or_fail(user).map_err(no_user_is_unavailable)?;
    match call.server.get(&format!("{}/{what}", call.path("/users", &[user])))? {
        Value::Array(items) => Ok(items),
        _ => Ok(Vec::new()),
    }
}

fn list(call: &Call<'_>) -> Result<Output, Failure> {
    Ok(rows(&of_vhost(call, "permissions")?, &["user", "configure", "write", "read"]))
}

fn list_of_user(call: &Call<'_>) -> Result<Output, Failure> {
    Ok(rows(&of_user(call, "permissions")?, &["vhost", "configure", "write", "read"]))
}

fn list_topic(call: &Call<'_>) -> Result<Output, Failure> {
    Ok(rows(&of_vhost(call, "topic-permissions")?, &["user", "exchange", "write", "read"]))
}

fn list_topic_of_user(call: &Call<'_>) -> Result<Output, Failure> {
    Ok(rows(&of_user(call, "topic-permissions")?, &["vhost", "exchange", "write", "read"]))
}
