//! Policies and operator policies.

use serde_json::{Value, json};

use super::parameters::{clear_at, document};
use crate::call::Call;
use crate::command::{
    CTL_AND_DIAGNOSTICS, Command, DIAGNOSTICS, Flag, Section, command, number, text,
};
use crate::failure::Failure;
use crate::format::Rows;
use crate::output::Output;
use crate::terms::Cell;

const FLAGS: &[Flag] = &[
    number("priority", "which of several policies that match rules: the highest"),
    text("apply-to", "queues, classic_queues, quorum_queues, streams, exchanges or all"),
];

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Policies,
        "set_policy",
        "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>",
        "Sets or updates a policy",
        |call| set(call, "/policies"),
    )
    .takes(3, 3)
    .with(FLAGS)
    .says(|call| says(call, "policy")),
    command(
        Section::Policies,
        "clear_policy",
        "[--vhost <vhost>] <name>",
        "Clears a policy",
        |call| clear(call, "/policies"),
    )
    .takes(1, 1)
    .says(|call| format!("Clearing policy \"{}\" on vhost \"{}\" ...", call.argument(0), call.vhost())),
    command(
        Section::Policies,
        "list_policies",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        "Lists the policies of a virtual host",
        |call| list(call, "/policies"),
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Listing policies for vhost \"{}\" ...", call.vhost())),
    command(
        Section::Policies,
        "set_operator_policy",
        "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>",
        "Sets a policy of the operator, which limits what other policies may say",
        |call| set(call, "/operator-policies"),
    )
    .takes(3, 3)
    .with(FLAGS)
    .says(|call| says(call, "operator policy override")),
    command(
        Section::Policies,
        "clear_operator_policy",
        "[--vhost <vhost>] <name>",
        "Clears an operator policy",
        |call| clear(call, "/operator-policies"),
    )
    .takes(1, 1)
    .says(|call| {
        format!("Clearing operator policy \"{}\" on vhost \"{}\" ...", call.argument(0), call.vhost())
    }),
    command(
        Section::Policies,
        "list_operator_policies",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        "Lists the operator policies of a virtual host",
        |call| list(call, "/operator-policies"),
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|call| format!("Listing operator policy overrides for vhost \"{}\" ...", call.vhost())),
    command(
        Section::Policies,
        "list_policies_that_match",
        "[--object-type <type>] <name>",
        "Lists the policy that rules a queue or exchange",
        matching,
    )
    .takes(1, 1)
    .with(&[text("object-type", "queue or exchange")])
    .of(DIAGNOSTICS)
    .says(|call| {
        format!(
            "Listing policies that match {} '{}' in vhost '{}' ...",
            call.option("object-type").unwrap_or("queue"),
            call.argument(0),
            call.vhost()
        )
    }),
];

fn says(call: &Call<'_>, what: &str) -> String {
    format!(
        "Setting {what} \"{}\" for pattern \"{}\" to \"{}\" with priority \"{}\" for vhost \"{}\" ...",
        call.argument(0),
        call.argument(1),
        call.argument(2),
        call.option("priority").unwrap_or("0"),
        call.vhost()
    )
}

fn set(call: &Call<'_>, words: &str) -> Result<Output, Failure> {
    let definition = document(call.argument(2))?;
    if !definition.is_object() {
        return Err(Failure::unavailable(
            "Validation failed\n\nthe definition has to be a JSON object\n",
        ));
    }
    call.vhost_or_fail(call.vhost())?;
    let body = json!({
        "pattern": call.argument(1),
        "definition": definition,
        "priority": call.number("priority").unwrap_or(0),
        "apply-to": call.option("apply-to").unwrap_or("all"),
    });
    call.server.put(&call.path(words, &[call.vhost(), call.argument(0)]), &body)?;
    Ok(Output::Nothing)
}

fn clear(call: &Call<'_>, words: &str) -> Result<Output, Failure> {
    clear_at(call, &call.path(words, &[call.vhost(), call.argument(0)]))
}

fn list(call: &Call<'_>, words: &str) -> Result<Output, Failure> {
    call.vhost_or_fail(call.vhost())?;
    let policies = call.server.list(&call.path(words, &[call.vhost()]), "")?;
    Ok(Output::Rows(rows(&policies)))
}

fn rows(policies: &[Value]) -> Rows {
    let columns = ["vhost", "name", "pattern", "apply-to", "definition", "priority"];
    let rows = policies
        .iter()
        .map(|policy| {
            columns
                .iter()
                .map(|&column| match column {
                    "definition" => Cell::Document(policy[column].clone()),
                    _ => Cell::of(&policy[column]),
                })
                .collect()
        })
        .collect();
    let columns = columns.map(str::to_owned).to_vec();
    Rows { columns, rows, is_drawn: false, is_line_if_empty: true }
}

fn matching(call: &Call<'_>) -> Result<Output, Failure> {
    let words = match call.option("object-type").unwrap_or("queue") {
        "exchange" => "/exchanges",
        _ => "/queues",
    };
    let vhost = call.vhost();
    let object = call.server.get(&call.path(words, &[vhost, call.argument(0)]))?;
    let policies = match object["policy"].as_str() {
        Some(name) if !name.is_empty() => {
            vec![call.server.get(&call.path("/policies", &[vhost, name]))?]
        }
        _ => Vec::new(),
    };
    Ok(Output::Rows(rows(&policies)))
}
