//! All commands, a file for each kind of object.

mod about;
mod attempts;
mod checks;
mod clients;
mod cluster;
mod definitions;
mod features;
mod leveret;
mod limits;
mod lists;
mod memory;
mod node;
mod parameters;
mod passwords;
mod permissions;
mod plugins;
mod policies;
mod queues;
mod refused;
mod status;
mod users;
mod vhosts;
mod wait;
mod watching;

use crate::command::{Command, Tool};

const GROUPS: &[&[Command]] = &[
    about::COMMANDS,
    wait::COMMANDS,
    watching::COMMANDS,
    node::COMMANDS,
    status::COMMANDS,
    users::COMMANDS,
    passwords::COMMANDS,
    permissions::COMMANDS,
    lists::COMMANDS,
    checks::COMMANDS,
    attempts::COMMANDS,
    memory::COMMANDS,
    parameters::COMMANDS,
    limits::COMMANDS,
    policies::COMMANDS,
    vhosts::COMMANDS,
    queues::COMMANDS,
    definitions::COMMANDS,
    clients::COMMANDS,
    features::COMMANDS,
    plugins::COMMANDS,
    cluster::COMMANDS,
    refused::COMMANDS,
];

/// Every command of every tool.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    GROUPS.iter().flat_map(|group| group.iter())
}

/// A tool's command of that name.
pub(crate) fn find(tool: Tool, name: &str) -> Option<&'static Command> {
    all().find(|command| command.name == name && tool.has(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_a_name_once() {
        for tool in Tool::ALL.into_iter().filter(|tool| *tool != Tool::Leveret) {
            let mut names: Vec<&str> =
                all().filter(|command| tool.has(command)).map(|command| command.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{tool:?}");
        }
    }

    #[test]
    fn what_is_usual_is_a_column() {
        for command in all() {
            let Some(columns) = command.columns else { continue };
            for column in columns.usual {
                assert!(columns.all.contains(column), "{}: {column}", command.name);
            }
        }
    }

    #[test]
    fn passwords_in_a_usage_are_secrets() {
        for command in all().filter(|command| command.usage.contains("password")) {
            assert!(command.has_secrets, "{}", command.name);
        }
    }
}
