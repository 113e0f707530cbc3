//! Commands about commands.

use crate::call::Call;
use crate::command::{CTL, Command, EVERYWHERE, Section, Tool, command, switch};
use crate::completion;
use crate::failure::{Failure, code};
use crate::help;
use crate::output::Output;

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Help,
        "help",
        "(<command> | [--list-commands])",
        "Displays usage information for a command",
        explain,
    )
    .takes(0, 1)
    .with(&[switch("list-commands", "names of all commands, one a line")])
    .of(EVERYWHERE),
    command(
        Section::Help,
        "autocomplete",
        "[prefix] [--timeout <timeout>]",
        "Provides the names of commands that begin so",
        complete,
    )
    .takes(0, 1)
    .of(EVERYWHERE),
    command(
        Section::Help,
        "completion",
        "<bash | zsh | fish>",
        "Prints a completion script for a shell",
        script,
    )
    .takes(1, 1)
    .of(CTL),
    command(Section::Help, "version", "", "Displays the version of this tool", version)
        .of(EVERYWHERE),
];

fn explain(call: &Call<'_>) -> Result<Output, Failure> {
    let tool = call.tool();
    if call.has("list-commands") {
        return Ok(Output::text(names(tool, "")));
    }
    if call.arguments().is_empty() {
        return Ok(Output::text(help::overview(tool).trim_end()));
    }
    let name = call.argument(0);
    match super::find(tool, name) {
        Some(command) => Ok(Output::text(help::of(tool, command).trim_end())),
        None => Err(Failure::stated(code::USAGE, format!("\nCommand '{name}' not found."))),
    }
}

fn names(tool: Tool, prefix: &str) -> String {
    let names: Vec<&str> = help::of_tool(tool)
        .map(|command| command.name)
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.join("\n")
}

fn complete(call: &Call<'_>) -> Result<Output, Failure> {
    match names(call.tool(), call.argument(0)) {
        names if names.is_empty() => Ok(Output::Nothing),
        names => Ok(Output::text(names)),
    }
}

fn script(call: &Call<'_>) -> Result<Output, Failure> {
    completion::script(call.argument(0)).map(|script| Output::text(script.trim_end())).ok_or_else(
        || {
            Failure::argument(format!(
                "no completion for the shell '{}'; use bash, zsh or fish",
                call.argument(0)
            ))
        },
    )
}

fn version(_: &Call<'_>) -> Result<Output, Failure> {
    Ok(Output::text(env!("CARGO_PKG_VERSION")))
}
