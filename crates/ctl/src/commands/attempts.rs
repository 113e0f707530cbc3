//! How many have tried to log in.

use serde_json::{Value, json};

use crate::call::Call;
use crate::command::{CTL_AND_DIAGNOSTICS, Command, DIAGNOSTICS, Section, command, switch};
use crate::failure::Failure;
use crate::format::{Formatter, Rows};
use crate::output::Output;
use crate::server::escaped;
use crate::terms::Cell;

const COLUMNS: [&str; 4] =
    ["protocol", "auth_attempts", "auth_attempts_failed", "auth_attempts_succeeded"];

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Observing,
        "list_node_auth_attempt_stats",
        "[--by-source]",
        "Lists how many have tried to log in, by protocol",
        list,
    )
    .with(&[switch("by-source", "by address, which is not counted: refused")])
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Listing authentication\n attempts for node \"{}\" ...", call.node())),
    command(
        Section::Observing,
        "reset_node_auth_attempt_metrics",
        "",
        "Counts those who try to log in from 0 again",
        |call| call.server.delete(&path(call)).map(|()| Output::Nothing),
    )
    .of(DIAGNOSTICS)
    .says(|call| format!("Reset auth attempt metrics on node {} ...", call.node())),
];

fn path(call: &Call<'_>) -> String {
    format!("/auth/attempts/{}", escaped(call.node()))
}

fn list(call: &Call<'_>) -> Result<Output, Failure> {
    let path = path(call);
    let path = if call.has("by-source") { format!("{path}/source") } else { path };
    let attempts = call.server.get(&path)?;
    let all = attempts.as_array().map(Vec::as_slice).unwrap_or_default();
    if call.formatter() == Formatter::Json {
        let value = json!({ "node": call.node(), "result": "ok", "attempts": all });
        return Ok(Output::Report { text: String::new(), value });
    }
    let row = |one: &Value| COLUMNS.map(|column| Cell::of(&one[column])).to_vec();
    Ok(Output::Rows(Rows {
        columns: COLUMNS.map(str::to_owned).to_vec(),
        rows: all.iter().map(row).collect(),
        is_drawn: false,
        is_line_if_empty: false,
    }))
}
