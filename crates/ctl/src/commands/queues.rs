//! What is done with queues.

use serde_json::{Value, json};

use crate::call::Call;
use crate::command::{Command, QUEUES, QUEUES_AND_DIAGNOSTICS, Section, command, switch, text};
use crate::failure::{Failure, code};
use crate::format::Rows;
use crate::output::Output;
use crate::server::reason;
use crate::terms::Cell;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Queues,
        "purge_queue",
        "<queue> [--timeout <timeout>]",
        "Purges a queue (removes all messages in it)",
        purge,
    )
    .takes(1, 1)
    .says(|call| format!("Purging queue '{}' in vhost '{}' ...", call.argument(0), call.vhost())),
    command(
        Section::Queues,
        "delete_queue",
        "[--vhost <vhost>] <queue_name> [--if-empty|-e] [--if-unused|-u] [--force] [--timeout <timeout>]",
        "Deletes a queue",
        delete,
    )
    .takes(1, 1)
    .with(&[
        switch("if-empty", "only if it has no messages").or('e'),
        switch("if-unused", "only if it has no consumers").or('u'),
        switch("force", "accepted; a queue of Leveret needs no force"),
    ])
    .says(|call| {
        let condition = match (call.has("if-empty"), call.has("if-unused")) {
            (true, true) => " if queue is empty and if queue is unused",
            (true, false) => " if queue is empty",
            (false, true) => " if queue is unused",
            (false, false) => "",
        };
        format!("Deleting queue '{}' on vhost '{}'{condition} ...", call.argument(0), call.vhost())
    }),
    command(
        Section::Queues,
        "peek",
        "[--vhost <vhost>] <queue> <position> [--timeout <timeout>]",
        "Shows the message at a position of a queue, counted from 1, without taking it",
        peek,
    )
    .takes(2, 2)
    .of(QUEUES)
    .checks(|call| match call.argument(1).parse::<u64>() {
        Ok(1..) => Ok(()),
        _ => Err(Failure::argument("position value must be greater than zero")),
    })
    .says(|call| {
        format!(
            "Peeking at quorum queue {} at position {} on node {} ...",
            call.argument(0),
            call.argument(1),
            call.node()
        )
    }),
    command(
        Section::Queues,
        "quorum_status",
        "[--vhost <vhost>] <queue>",
        "Displays the members of a quorum queue: with a single node there is one",
        status,
    )
    .takes(1, 1)
    .of(QUEUES_AND_DIAGNOSTICS)
    .says(|call| format!("Status of queue {} on node {} ...", call.argument(0), call.node())),
    command(
        Section::Queues,
        "rebalance",
        "< all | quorum | stream > [--vhost-pattern <pattern>] [--queue-pattern <pattern>]",
        "Spreads the leaders of queues over nodes: with a single node all is balanced",
        rebalance,
    )
    .takes(1, 1)
    .with(&[
        text("vhost-pattern", "accepted: there is nothing to move"),
        text("queue-pattern", "accepted: there is nothing to move"),
    ])
    .of(QUEUES)
    .checks(|call| match call.argument(0) {
        "all" | "quorum" | "stream" => Ok(()),
        other => Err(Failure::unavailable(format!(
            "type {other} is not supported. Try one of all, quorum, stream."
        ))),
    })
    .says(|call| match call.argument(0) {
        "all" => "Re-balancing leaders of all queues...".to_owned(),
        kind => format!("Re-balancing leaders of {kind} queues..."),
    }),
];

fn path(call: &Call<'_>) -> String {
    call.path("/queues", &[call.vhost(), call.argument(0)])
}

fn purge(call: &Call<'_>) -> Result<Output, Failure> {
    call.server.delete(&format!("{}/contents", path(call)))?;
    Ok(Output::Nothing)
}

fn delete(call: &Call<'_>) -> Result<Output, Failure> {
    let path = path(call);
    let no_queue = || Failure::stated(code::USAGE, "No such queue was found");
    let queue = call.server.look(&path)?.ok_or_else(no_queue)?;
    let mut query = String::new();
    for (option, separator) in [("if-empty", '?'), ("if-unused", '&')] {
        if call.has(option) {
            let separator = if query.is_empty() { '?' } else { separator };
            query.push_str(&format!("{separator}{option}=true"));
        }
    }
    let answer = call.server.raw("DELETE", &format!("{path}{query}"), None, "")?;
    match answer.status {
        200..=299 => {
            let ready = queue["messages_ready"].as_u64().unwrap_or(0);
            let text = format!("Queue was successfully deleted with {ready} ready messages");
            Ok(Output::Remark(text))
        }
        404 => Err(no_queue()),
        _ => Err(Failure::unavailable(reason(&answer))),
    }
}

fn peek(call: &Call<'_>) -> Result<Output, Failure> {
    let (queue, position) = (call.argument(0), call.argument(1).parse::<usize>().unwrap_or(1));
    if call.server.look(&path(call))?.is_none() {
        return Err(Failure::unavailable(format!(
            "Target queue was not found in virtual host '{}'",
            call.vhost()
        )));
    }
    let Some(message) = ready_message(call, queue, position)? else {
        return Err(Failure::unavailable("Target queue does not have a message at that position"));
    };
    let facts = message.as_object().cloned().unwrap_or_default();
    let rows = facts.iter().map(|(key, value)| vec![Cell::text(key), Cell::of(value)]).collect();
    let columns = vec!["keys".to_owned(), "values".to_owned()];
    Ok(Output::Rows(Rows { columns, rows, is_drawn: true, is_line_if_empty: false }))
}

/// The message at a place of a queue, from 1 on. One answer shows 1000 at most.
fn ready_message(call: &Call<'_>, queue: &str, position: usize) -> Result<Option<Value>, Failure> {
    let path = call.path("/leveret/queues", &[call.vhost(), queue]) + "/messages?section=ready";
    let (mut left, mut cursor) = (position, String::new());
    loop {
        let page = format!("{path}&count={}{cursor}", left.min(1_000));
        let answer = super::leveret::get(call, &page, "show messages without taking them")?;
        let messages = answer["messages"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(message) = messages.get(left - 1) {
            return Ok(Some(message.clone()));
        }
        left -= messages.len();
        match answer["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(None),
        }
    }
}

fn status(call: &Call<'_>) -> Result<Output, Failure> {
    let Some(queue) = call.server.look(&path(call))? else {
        return Err(Failure::bare(
            code::DATA,
            format!(
                "queue '{}' was not found in virtual host '{}'",
                call.argument(0),
                call.vhost()
            ),
        ));
    };
    if queue["type"] != json!("quorum") {
        return Err(Failure::unavailable(
            "Operation not supported: the queue is not a quorum queue",
        ));
    }
    let columns = ["Node Name", "Raft State", "Membership"].map(str::to_owned).to_vec();
    let rows = vec![vec![Cell::of(&queue["node"]), Cell::text("leader"), Cell::text("voter")]];
    Ok(Output::Rows(Rows { columns, rows, is_drawn: true, is_line_if_empty: false }))
}

fn rebalance(call: &Call<'_>) -> Result<Output, Failure> {
    let queues = call.server.list("/queues", "&columns=type")?;
    let count = |kind: &str| {
        Value::from(queues.iter().filter(|queue| queue["type"] == json!(kind)).count())
    };
    let columns =
        ["Node name", "Number of quorum queues", "Number of streams"].map(str::to_owned).to_vec();
    let rows = vec![vec![
        Cell::text(call.node()),
        Cell::Plain(count("quorum")),
        Cell::Plain(count("stream")),
    ]];
    Ok(Output::Rows(Rows { columns, rows, is_drawn: true, is_line_if_empty: false }))
}
