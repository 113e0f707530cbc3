//! What goes on and on: the life of the node, and what happens to a queue.

use regex::Regex;
use serde_json::Value;

use crate::call::Call;
use crate::command::{Command, DIAGNOSTICS, Section, command, number, text};
use crate::failure::Failure;
use crate::output::Output;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Observing,
        "consume_event_stream",
        "[--duration|-d <seconds>] [--pattern <pattern>]",
        "Prints what comes and goes on the node as it happens, an event a line as JSON",
        consume_events,
    )
    .of(DIAGNOSTICS)
    .with(&[
        number("duration", "seconds until it ends; without it, it does not").or('d'),
        text("pattern", "a regular expression: only events whose names it fits"),
    ])
    .checks(|call| pattern(call).map(|_| ()))
    .says(|call| format!("Streaming events from node {} ...", call.node())),
    command(
        Section::Observing,
        "trace_queue",
        "[--vhost <vhost>] [--payload-bytes <bytes>] [--limit <events>] [--duration|-d <seconds>] <queue>",
        "Prints what happens to the messages of a queue as it happens, an event a line as JSON",
        trace_queue,
    )
    .of(DIAGNOSTICS)
    .takes(1, 1)
    .with(&[
        number("payload-bytes", "how much of each body is shown; nothing if absent"),
        number("limit", "events until it ends"),
        number("duration", "seconds until it ends; without it, it does not").or('d'),
    ])
    .says(|call| {
        format!("Watching queue '{}' in vhost '{}' ...", call.argument(0), call.vhost())
    }),
];

fn pattern(call: &Call<'_>) -> Result<Option<Regex>, Failure> {
    let Some(text) = call.option("pattern") else { return Ok(None) };
    let pattern = Regex::new(text);
    pattern.map(Some).map_err(|_| Failure::argument("--pattern is not a regular expression"))
}

/// The query of a stream.
fn query(call: &Call<'_>, names: &[(&str, &str, u64)]) -> String {
    let given = names.iter().filter_map(|(option, field, factor)| {
        let number = call.number(option)?;
        Some(format!("{field}={}", number.saturating_mul(*factor)))
    });
    let fields: Vec<String> = given.collect();
    if fields.is_empty() { String::new() } else { format!("?{}", fields.join("&")) }
}

const DURATION: (&str, &str, u64) = ("duration", "duration_ms", 1_000);

fn consume_events(call: &Call<'_>) -> Result<Output, Failure> {
    let pattern = pattern(call)?;
    let path = format!("/events{}", query(call, &[DURATION]));
    call.server.follow(&path, |data| {
        let is_meant = pattern.as_ref().is_none_or(|pattern| {
            let event: Value = serde_json::from_str(data).unwrap_or_default();
            // What is lost has no name, and matters to everybody.
            event["event"].as_str().is_none_or(|name| pattern.is_match(name))
        });
        !is_meant || crate::print_line(data)
    })?;
    Ok(Output::Nothing)
}

fn trace_queue(call: &Call<'_>) -> Result<Output, Failure> {
    let options = [("payload-bytes", "payload_bytes", 1), ("limit", "limit", 1), DURATION];
    let path = call.path("/queues", &[call.vhost(), call.argument(0)]);
    call.server.follow(&format!("{path}/trace{}", query(call, &options)), crate::print_line)?;
    Ok(Output::Nothing)
}
