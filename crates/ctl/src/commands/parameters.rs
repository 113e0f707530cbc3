//! Runtime parameters, of virtual hosts and of the node.

use serde_json::{Value, json};

use crate::call::Call;
use crate::command::{Command, Section, command};
use crate::failure::Failure;
use crate::format::Rows;
use crate::output::Output;
use crate::terms::Cell;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Parameters,
        "set_parameter",
        "[--vhost <vhost>] <component_name> <name> <value>",
        "Sets a runtime parameter of a virtual host",
        set,
    )
    .takes(3, 3)
    .says(|call| {
        format!(
            "Setting runtime parameter \"{}\" for component \"{}\" to \"{}\" in vhost \"{}\" ...",
            call.argument(1),
            call.argument(0),
            without_login(call.argument(2)),
            call.vhost()
        )
    }),
    command(
        Section::Parameters,
        "clear_parameter",
        "[--vhost <vhost>] <component_name> <name>",
        "Clears a runtime parameter",
        clear,
    )
    .takes(2, 2)
    .says(|call| {
        format!(
            "Clearing runtime parameter \"{}\" for component \"{}\" on vhost \"{}\" ...",
            call.argument(1),
            call.argument(0),
            call.vhost()
        )
    }),
    command(
        Section::Parameters,
        "list_parameters",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        "Lists the runtime parameters of a virtual host",
        list,
    )
    .says(|call| format!("Listing runtime parameters for vhost \"{}\" ...", call.vhost())),
    command(
        Section::Parameters,
        "set_global_parameter",
        "<name> <value>",
        "Sets a global runtime parameter",
        set_global,
    )
    .takes(2, 2)
    .says(|call| {
        format!(
            "Setting global runtime parameter \"{}\" to \"{}\" ...",
            call.argument(0),
            without_login(call.argument(1))
        )
    }),
    command(
        Section::Parameters,
        "clear_global_parameter",
        "<name>",
        "Clears a global runtime parameter",
        clear_global,
    )
    .takes(1, 1)
    .says(|call| format!("Clearing global runtime parameter \"{}\" ...", call.argument(0))),
    command(
        Section::Parameters,
        "list_global_parameters",
        "[--no-table-headers] [--timeout <timeout>]",
        "Lists global runtime parameters",
        list_global,
    )
    .says(|_| "Listing global runtime parameters ...".to_owned()),
];

/// A value is shown without the login that a URI in it may have: `amqp://me:secret@host` is `amqp://host`.
fn without_login(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("://") {
        let (head, tail) = rest.split_at(start + 3);
        shown.push_str(head);
        let end = tail.find(['/', '"', ' ', ',']).unwrap_or(tail.len());
        rest = match tail[..end].rfind('@') {
            Some(at) => &tail[at + 1..],
            None => tail,
        };
    }
    shown + rest
}

/// A value that is JSON.
pub(super) fn document(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|_| {
        Failure::unavailable(format!(
            "Could not parse JSON document: {{error,{{failed_to_decode_json,<<\"{}\">>}}}}",
            without_login(text)
        ))
    })
}

/// Clears what has to be there.
pub(super) fn clear_at(call: &Call<'_>, path: &str) -> Result<Output, Failure> {
    match call.server.remove(path, "")? {
        true => Ok(Output::Nothing),
        false => Err(Failure::unavailable("Parameter does not exist")),
    }
}

fn set(call: &Call<'_>) -> Result<Output, Failure> {
    let (component, name, vhost) = (call.argument(0), call.argument(1), call.vhost());
    let value = document(call.argument(2))?;
    call.vhost_or_fail(vhost)?;
    let body = json!({ "component": component, "vhost": vhost, "name": name, "value": value });
    call.server.put(&call.path("/parameters", &[component, vhost, name]), &body)?;
    Ok(Output::Nothing)
}

fn clear(call: &Call<'_>) -> Result<Output, Failure> {
    clear_at(call, &call.path("/parameters", &[call.argument(0), call.vhost(), call.argument(1)]))
}

fn list(call: &Call<'_>) -> Result<Output, Failure> {
    call.vhost_or_fail(call.vhost())?;
    let parameters = call.server.list("/parameters", "")?;
    let rows = parameters
        .iter()
        .filter(|parameter| parameter["vhost"] == json!(call.vhost()))
        .map(|parameter| {
            vec![
                Cell::of(&parameter["component"]),
                Cell::of(&parameter["name"]),
                Cell::Document(parameter["value"].clone()),
            ]
        })
        .collect();
    let columns = ["component", "name", "value"].map(str::to_owned).to_vec();
    Ok(Output::Rows(Rows { columns, rows, is_drawn: false, is_line_if_empty: true }))
}

fn set_global(call: &Call<'_>) -> Result<Output, Failure> {
    let name = call.argument(0);
    let value = document(call.argument(1))?;
    call.server
        .put(&call.path("/global-parameters", &[name]), &json!({ "name": name, "value": value }))?;
    Ok(Output::Nothing)
}

fn clear_global(call: &Call<'_>) -> Result<Output, Failure> {
    clear_at(call, &call.path("/global-parameters", &[call.argument(0)]))
}

fn list_global(call: &Call<'_>) -> Result<Output, Failure> {
    let parameters = call.server.list("/global-parameters", "")?;
    let rows = parameters
        .iter()
        .map(|parameter| {
            vec![Cell::of(&parameter["name"]), Cell::Document(parameter["value"].clone())]
        })
        .collect();
    let columns = ["name", "value"].map(str::to_owned).to_vec();
    Ok(Output::Rows(Rows { columns, rows, is_drawn: false, is_line_if_empty: true }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_not_shown() {
        let text = r#"{"uri":"amqp://me:se@same@host/v","other":"amqps://host"}"#;
        assert_eq!(without_login(text), r#"{"uri":"amqp://host/v","other":"amqps://host"}"#);
    }
}
