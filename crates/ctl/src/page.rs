//! The page of the documentation that is made from the commands.

use std::fmt::Write;

use crate::command::{Command, Section, Takes, Tool};
use crate::commands;
use crate::invocation::FLAGS;

const OPENING: &str = "\
# Command line

`leveret ctl COMMAND` operates a node. Linked or copied to the name `rabbitmqctl`, `rabbitmq-diagnostics`,
`rabbitmq-queues`, `rabbitmq-plugins`, `rabbitmq-upgrade` or `rabbitmq-streams`, the same binary takes that tool's
commands, with the arguments, columns, formats and exit codes of RabbitMQ 4.3. `leveret ctl` has the commands of all.

It speaks the HTTP API, over the socket `management.sock` in the node's data directory, which only the node's user and
root may open, or over TCP with `--uri http://user:password@host:15672` (or `LEVERET_URI` in the environment, which
keeps the password out of the process list). With `https://` it speaks TLS, and `--tls-ca-cert-file` names the
authority that the server's certificate is checked against.

Exit codes: 0 done, 64 used wrongly, 65 given or named something that is not there, 67 no such user, 69 unreachable or
refused, 70 failed inside, 75 took too long, 77 not allowed.

`leveret ctl completion bash` (`zsh`, `fish`) prints a completion script.

This page is made from the commands by `cargo run -p ctl --example page > docs/command-line.md`; a test compares them.

";

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut page = OPENING.to_owned();
    page.push_str("## Options of every command\n\n| option | |\n|---|---|\n");
    for flag in FLAGS {
        let short = flag.short.map(|short| format!("`-{short}`, ")).unwrap_or_default();
        let _ = writeln!(page, "| {short}`--{}` | {} |", flag.name, flag.doc);
    }
    for section in Section::ALL {
        let mut of_section: Vec<&Command> =
            commands::all().filter(|command| command.section == section).collect();
        of_section.sort_by_key(|command| command.name);
        if of_section.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {}\n", section.title());
        for command in of_section {
            entry(&mut page, command);
        }
    }
    page
}

fn entry(page: &mut String, command: &Command) {
    let tools: Vec<&str> = match command.tools {
        [] => vec![Tool::Leveret.name()],
        // What every tool has needs no list.
        tools if tools.len() > 3 => Vec::new(),
        tools => tools.iter().map(|tool| tool.name()).collect(),
    };
    let tools = if tools.is_empty() { String::new() } else { format!(" ({})", tools.join(", ")) };
    let usage = format!("{} {}", command.name, command.usage);
    let _ = write!(page, "\n`{}`{tools}\n: {}.\n", usage.trim_end(), command.summary);
    for flag in command.flags {
        let value = if flag.takes == Takes::Nothing { "" } else { " <value>" };
        let short = flag.short.map(|short| format!(", `-{short}`")).unwrap_or_default();
        let _ = writeln!(page, "  - `--{}{value}`{short}: {}", flag.name, flag.doc);
    }
    if let Some(columns) = command.columns {
        let _ = writeln!(
            page,
            "  - columns: {}; shown if none are named: {}",
            columns.all.join(", "),
            columns.usual.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/command-line.md");
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            found == super::page(),
            "make it again: cargo run -p ctl --example page > docs/command-line.md"
        );
    }
}
