//! Usage texts and `help`, made from the commands.

use crate::command::{Command, Section, Takes, Tool};
use crate::commands;
use crate::invocation::FLAGS;

/// The usage that follows an error.
pub(crate) fn usage(tool: Tool, command: &Command) -> String {
    format!("Usage\n\n{}\n", line(tool, command))
}

/// How a command is called, in one line.
pub(crate) fn line(tool: Tool, command: &Command) -> String {
    let line = format!(
        "{} [--node <node>] [--longnames] [--quiet] {} {}",
        tool.name(),
        command.name,
        command.usage
    );
    line.trim_end().to_owned()
}

/// All that is known of a command.
pub(crate) fn of(tool: Tool, command: &Command) -> String {
    let mut text = format!("\n{}\n{}.\n\n", usage(tool, command), command.summary);
    if command.columns.is_some() || !command.flags.is_empty() {
        text.push_str("\nArguments and Options\n\n");
    }
    if let Some(columns) = command.columns {
        text.push_str(&format!("<column>\n\tmust be one of {}\n\n", columns.all.join(", ")));
    }
    for flag in command.flags {
        let short = flag.short.map(|short| format!("|-{short}")).unwrap_or_default();
        let value = if flag.takes == Takes::Nothing { "" } else { " <value>" };
        text.push_str(&format!("--{}{short}{value}\n\t{}\n\n", flag.name, flag.doc));
    }
    text.push_str("\nGeneral Options\n\n");
    for flag in FLAGS {
        let short = flag.short.map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
        text.push_str(&format!("  {short}--{:<18} {}\n", flag.name, flag.doc));
    }
    text
}

/// All commands of a tool, under their headings.
pub(crate) fn overview(tool: Tool) -> String {
    let mut text = format!(
        "\nUsage\n\n{} [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command options>]\n\nAvailable commands:\n",
        tool.name()
    );
    let width = of_tool(tool).map(|command| command.name.len()).max().unwrap_or_default();
    for section in Section::ALL {
        let mut found = false;
        for command in of_tool(tool).filter(|command| command.section == section) {
            if !found {
                text.push_str(&format!("\n{}:\n\n", section.title()));
                found = true;
            }
            text.push_str(&format!("   {:<width$}  {}\n", command.name, command.summary));
        }
    }
    text.push_str(&format!(
        "\nUse '{} help <command>' to learn more about a specific command\n",
        tool.name()
    ));
    text
}

/// A tool's commands, by name. A name that stands for several in `leveret ctl` is there once.
pub(crate) fn of_tool(tool: Tool) -> impl Iterator<Item = &'static Command> {
    let mut commands: Vec<&Command> = commands::all().filter(|command| tool.has(command)).collect();
    commands.sort_by_key(|command| command.name);
    commands.dedup_by_key(|command| command.name);
    commands.into_iter()
}
