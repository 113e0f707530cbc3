//! Everything that is declared, as one document.

use std::path::Path;

use serde_json::Value;

use super::parameters::document;
use crate::call::Call;
use crate::command::{Command, Section, command, switch, text};
use crate::failure::{Failure, code};
use crate::output::Output;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Definitions,
        "export_definitions",
        "<file_path | \"-\"> [--format <json | erlang>] [--timeout <timeout>]",
        "Exports definitions to a JSON file, or to stdout",
        export,
    )
    .takes(1, 1)
    .with(&[text("format", "json, which is the only one")])
    .checks(|call| {
        check_format(call)?;
        match Path::new(call.argument(0)).parent() {
            Some(dir) if !dir.as_os_str().is_empty() && !dir.is_dir() => {
                Err(Failure::argument(format!("Directory {} does not exist", dir.display())))
            }
            _ => Ok(()),
        }
    })
    .says(|call| match call.argument(0) {
        "-" => String::new(),
        path => format!("Exporting definitions in JSON to a file at \"{path}\" ..."),
    }),
    command(
        Section::Definitions,
        "import_definitions",
        "<file_path> [--format <json | erlang>] [--skip-if-unchanged] [--timeout <timeout>]",
        "Imports definitions from a JSON file, or from stdin",
        import,
    )
    .takes(0, 1)
    .with(&[
        text("format", "json, which is the only one"),
        switch("skip-if-unchanged", "accepted; what is unchanged costs nothing"),
    ])
    .checks(|call| {
        check_format(call)?;
        match call.arguments().first() {
            Some(path) if path != "-" && !Path::new(path).is_file() => {
                Err(Failure::argument(format!("File {path} does not exist")))
            }
            _ => Ok(()),
        }
    })
    .says(|call| match call.argument(0) {
        "" | "-" => "Importing definitions in JSON from standard input ...".to_owned(),
        path => format!("Importing definitions in JSON from a file at \"{path}\" ..."),
    }),
];

fn check_format(call: &Call<'_>) -> Result<(), Failure> {
    match call.option("format").map(str::to_ascii_lowercase).as_deref() {
        None | Some("json") => Ok(()),
        Some("erlang") => Err(Failure::argument(
            "Erlang's binary format is not read or written here; use json, which RabbitMQ reads too",
        )),
        Some(_) => Err(Failure::argument("Format should be either json or erlang")),
    }
}

fn export(call: &Call<'_>) -> Result<Output, Failure> {
    let definitions = call.server.get("/definitions")?;
    let path = call.argument(0);
    if path == "-" {
        return Ok(Output::Report { text: definitions.to_string(), value: definitions });
    }
    std::fs::write(path, definitions.to_string())
        .map_err(|fault| Failure::stated(code::IO, format!("cannot write {path}: {fault}")))?;
    Ok(Output::Nothing)
}

fn import(call: &Call<'_>) -> Result<Output, Failure> {
    let path = call.argument(0);
    let text = match path {
        "" | "-" => call.stdin()?,
        path => std::fs::read_to_string(path)
            .map_err(|fault| Failure::stated(code::DATA, format!("cannot read {path}: {fault}")))?,
    };
    if text.trim().is_empty() {
        return Err(Failure::unavailable(
            "no definitions were given, neither in a file nor on stdin",
        ));
    }
    // The document may have password hashes, so that an error does not repeat it.
    let definitions: Value = document(&text).map_err(|_| {
        Failure::unavailable("Could not parse JSON document: the definitions are not JSON")
    })?;
    call.server.post("/definitions", &definitions)?;
    Ok(Output::Remark("Successfully started definition import. This process is asynchronous and can take some time.".to_owned()))
}
