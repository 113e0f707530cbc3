//! Connections are closed.

use serde_json::Value;

use super::lists::pid;
use crate::call::Call;
use crate::command::{Command, Section, command, number, switch};
use crate::failure::Failure;
use crate::output::Output;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Operations,
        "close_connection",
        "<connection pid> <explanation>",
        "Closes a connection, given as the column pid or name of list_connections shows it",
        close,
    )
    .takes(2, 2)
    .says(|call| format!("Closing connection {}, reason: {}...", call.argument(0), call.argument(1))),
    command(
        Section::Operations,
        "close_all_connections",
        "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay <delay>] <explanation>",
        "Closes all connections of a virtual host, or of the node",
        close_all,
    )
    .takes(1, 1)
    .with(&[
        switch("global", "of all virtual hosts"),
        number("limit", "how many at most; 0 is all"),
        number("per-connection-delay", "milliseconds to wait after each"),
    ])
    .says(|call| {
        let reason = call.argument(0);
        if call.has("global") {
            format!("Closing all connections to node {} (across all vhosts), reason: {reason}...", call.node())
        } else {
            format!("Closing all connections in vhost {}, reason: {reason}...", call.vhost())
        }
    }),
    command(
        Section::Operations,
        "close_all_user_connections",
        "<username> <explanation>",
        "Closes all connections of a user",
        close_of_user,
    )
    .takes(2, 2)
    .says(|call| {
        format!("Closing connections of user {}, reason: {}...", call.argument(0), call.argument(1))
    }),
];

/// A reason as a header line; what would end the line goes.
fn because(reason: &str) -> String {
    let reason: String = reason.chars().filter(|letter| !letter.is_control()).collect();
    format!("X-Reason: {reason}\r\n")
}

fn name(connection: &Value) -> &str {
    connection["name"].as_str().unwrap_or_default()
}

fn close(call: &Call<'_>) -> Result<Output, Failure> {
    let wanted = call.argument(0);
    let connections = call.server.list("/connections", "&columns=name,node,user_provided_name")?;
    let found = connections.iter().find(|connection| {
        let node = connection["node"].as_str().unwrap_or_default();
        name(connection) == wanted || pid(node, name(connection)).shown() == wanted
    });
    let Some(connection) = found else {
        return Err(Failure::unavailable(format!(
            "Error:\nthere is no connection {wanted}; give it as `list_connections pid` or `list_connections name` shows it"
        )));
    };
    let path = call.path("/connections", &[name(connection)]);
    call.server.remove(&path, &because(call.argument(1)))?;
    Ok(Output::Nothing)
}

fn close_all(call: &Call<'_>) -> Result<Output, Failure> {
    let mut connections = call.server.list("/connections", "&columns=name,vhost")?;
    if !call.has("global") {
        connections.retain(|connection| connection["vhost"].as_str() == Some(call.vhost()));
    }
    if let Some(limit @ 1..) = call.number("limit") {
        connections.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let pause = std::time::Duration::from_millis(call.number("per-connection-delay").unwrap_or(0));
    let mut closed = 0;
    for connection in &connections {
        let path = call.path("/connections", &[name(connection)]);
        // One that has gone by itself is not counted.
        closed += usize::from(call.server.remove(&path, &because(call.argument(0)))?);
        std::thread::sleep(pause);
    }
    Ok(Output::text(format!("Closed {closed} connections")))
}

fn close_of_user(call: &Call<'_>) -> Result<Output, Failure> {
    let path = call.path("/connections/username", &[call.argument(0)]);
    call.server.remove(&path, &because(call.argument(1)))?;
    Ok(Output::Nothing)
}
