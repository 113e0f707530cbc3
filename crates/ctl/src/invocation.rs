//! Arguments become an invocation: which command, with which arguments and options.
//!
//! Options may stand anywhere, as `--name value` or `--name=value`, as RabbitMQ's tools take them.

use std::collections::BTreeMap;
use std::fmt;

use crate::command::{Command, Flag, Takes, Tool, switch, text};
use crate::commands;
use crate::failure::{Failure, code};
use crate::format::Formatter;
use crate::help;

/// Options of every command.
pub(crate) const FLAGS: &[Flag] = &[
    text("node", "name of the node, for messages: there is one node").or('n'),
    text("vhost", "virtual host, for commands that are about one").or('p'),
    text("timeout", "seconds to wait for an answer").or('t'),
    text("formatter", "table, pretty_table, json, csv or erlang"),
    switch("quiet", "no messages, only results").or('q'),
    switch("silent", "no messages and no header row").or('s'),
    switch("no-table-headers", "no header row"),
    switch("help", "how the command is used").or('?'),
    text("data-dir", "data directory of the node, in which its local socket lies"),
    text("uri", "HTTP API instead of the local socket, as http://user:password@host:15672"),
    text(
        "tls-ca-cert-file",
        "authorities that an https server's certificate is checked against; those of the system if none are named",
    ),
    text("tls-cert-file", "certificate that an https server is shown"),
    text("tls-key-file", "key of that certificate"),
    switch("longnames", "accepted, and means nothing here").or('l'),
    text("erlang-cookie", "accepted, and means nothing here"),
    text("script-name", "accepted, and means nothing here"),
    switch("print-stacktrace", "accepted, and means nothing here"),
];

/// A command as it was asked for.
pub(crate) struct Invocation {
    pub(crate) tool: Tool,
    pub(crate) command: &'static Command,
    /// What is neither an option nor the command's name.
    pub(crate) arguments: Vec<String>,
    options: BTreeMap<&'static str, String>,
    pub(crate) formatter: Formatter,
    /// Seconds to wait, if it is said.
    pub(crate) timeout_s: Option<u64>,
    given: Vec<String>,
}

/// Without what was typed: there may be passwords in it.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation").field("tool", &self.tool).finish_non_exhaustive()
    }
}

/// What arguments ask for.
#[derive(Debug)]
pub(crate) enum Parsed {
    Command(Invocation),
    /// A text about commands.
    Text(String),
}

impl Invocation {
    /// The value of an option.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    /// Whether messages are wanted: nothing may stand before what a program reads.
    pub(crate) fn is_chatty(&self) -> bool {
        !self.has("quiet")
            && !self.has("silent")
            && !matches!(self.formatter, Formatter::Json | Formatter::Csv)
    }

    pub(crate) fn has_headers(&self) -> bool {
        !self.has("silent") && !self.has("no-table-headers")
    }

    /// The arguments as they are repeated in an error, without passwords.
    pub(crate) fn shown(&self) -> String {
        if self.command.has_secrets {
            return format!("{} ...", self.command.name);
        }
        let mut shown = Vec::new();
        let mut is_secret = false;
        for argument in &self.given {
            let hides = ["--uri", "--erlang-cookie"];
            if is_secret {
                shown.push("...".to_owned());
            } else if let Some((name, _)) = argument.split_once('=')
                && hides.contains(&name)
            {
                shown.push(format!("{name}=..."));
            } else {
                shown.push(argument.clone());
            }
            is_secret = hides.contains(&argument.as_str());
        }
        shown.join(" ")
    }
}

/// Options and others, with what was no option that is known.
#[derive(Default)]
struct Split {
    options: BTreeMap<&'static str, String>,
    others: Vec<String>,
    /// Options that the command does not have, with the values that they had.
    unknown: Vec<(String, String)>,
}

/// Makes an invocation of what was typed.
///
/// # Errors
/// There is no such command, or it does not take these arguments.
pub(crate) fn parse(tool: Tool, arguments: &[String]) -> Result<Parsed, Failure> {
    // Which options there are depends on the command, whose name may stand behind options of every command.
    let first = split(arguments, &[]);
    let Some(name) = first.others.first() else {
        if first.options.contains_key("help") {
            return Ok(Parsed::Text(help::overview(tool)));
        }
        if arguments.iter().any(|argument| argument == "--version") {
            return Ok(Parsed::Text(format!("{}\n", env!("CARGO_PKG_VERSION"))));
        }
        return Err(Failure::bare(code::USAGE, help::overview(tool).trim_end()));
    };
    let Some(command) = commands::find(tool, name) else { return Err(unknown(tool, name)) };
    let mut split = split(arguments, command.flags);
    split.others.remove(0);
    if split.options.contains_key("help") {
        return Ok(Parsed::Text(help::of(tool, command)));
    }
    build(tool, command, split, arguments)
}

fn build(
    tool: Tool,
    command: &'static Command,
    split: Split,
    given: &[String],
) -> Result<Parsed, Failure> {
    let mut invocation = Invocation {
        tool,
        command,
        arguments: split.others,
        formatter: Formatter::Table,
        timeout_s: None,
        options: split.options,
        given: given.to_vec(),
    };
    match check(&mut invocation, &split.unknown) {
        Ok(()) => Ok(Parsed::Command(invocation)),
        Err(failure) => {
            Err(Failure::bare(failure.code(), failure.render(tool, Some(&invocation)).trim_end()))
        }
    }
}

fn check(invocation: &mut Invocation, unknown: &[(String, String)]) -> Result<(), Failure> {
    let mut wrong = if invocation.command.is_refused { Vec::new() } else { unknown.to_vec() };
    if let Some(seconds) = invocation.option("timeout").map(str::to_owned) {
        match seconds.parse::<f64>() {
            // Whole seconds are fine enough; "infinity" is what RabbitMQ calls no limit.
            Ok(seconds) if seconds >= 0.0 => invocation.timeout_s = Some(seconds.ceil() as u64),
            Ok(_) => {}
            Err(_) => wrong.push(("-t".to_owned(), seconds)),
        }
    }
    for flag in invocation.command.flags.iter().filter(|flag| flag.takes == Takes::Number) {
        if let Some(value) = invocation.option(flag.name)
            && value.parse::<u64>().is_err()
        {
            wrong.push((format!("--{}", flag.name), value.to_owned()));
        }
    }
    if !wrong.is_empty() {
        let lines: Vec<String> =
            wrong.iter().map(|(name, value)| format!("{name} : {value}")).collect();
        return Err(Failure::usage(format!(
            "Invalid options for this command:\n{}",
            lines.join("\n")
        )));
    }
    if let Some(name) = invocation.option("formatter") {
        invocation.formatter = Formatter::of(name).ok_or_else(|| {
            Failure::usage(format!(
                "formatter '{name}' is not supported. Please use one of: table, pretty_table, json, csv, erlang"
            ))
        })?;
    }
    let (fewest, most) = invocation.command.arity;
    match invocation.arguments.len() {
        count if count < fewest => Err(Failure::usage("not enough arguments.")),
        count if count > most => Err(Failure::usage("too many arguments.")),
        _ => Ok(()),
    }
}

fn split(arguments: &[String], flags: &'static [Flag]) -> Split {
    let mut split = Split::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            split.others.extend(rest.cloned());
            break;
        }
        let Some(name) = option_name(argument) else {
            split.others.push(argument.clone());
            continue;
        };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let known = flags.iter().chain(FLAGS).find(|flag| is_called(flag, name));
        match known {
            None => split.unknown.push((
                argument.split('=').next().unwrap_or_default().to_owned(),
                value.unwrap_or_default(),
            )),
            Some(flag) if flag.takes == Takes::Nothing => {
                split.options.insert(flag.name, value.unwrap_or_default());
            }
            Some(flag) => match value.or_else(|| rest.next().cloned()) {
                Some(value) => {
                    split.options.insert(flag.name, value);
                }
                None => split.unknown.push((argument.clone(), String::new())),
            },
        }
    }
    split
}

/// What follows the dashes, if it is an option at all.
fn option_name(argument: &str) -> Option<&str> {
    let name = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))?;
    // A negative number is a value, and a lone dash is a file.
    (!name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit())).then_some(name)
}

fn is_called(flag: &Flag, name: &str) -> bool {
    let mut letters = name.chars();
    flag.name == name
        || flag.name.replace('-', "_") == name
        || (flag.short == letters.next() && letters.next().is_none())
}

fn unknown(tool: Tool, name: &str) -> Failure {
    let near = commands::all()
        .filter(|command| tool.has(command))
        .map(|command| (distance(command.name, name), command.name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let text = match near {
        Some((_, near)) => format!("\nCommand '{name}' not found. \nDid you mean '{near}'? \n"),
        None => format!("\nCommand '{name}' not found. \n{}", help::overview(tool)),
    };
    Failure::bare(code::USAGE, text)
}

/// How many letters are to be added, taken or changed to get from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, wanted) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *wanted);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(arguments: &[&str]) -> Invocation {
        match parsed(arguments) {
            Ok(Parsed::Command(invocation)) => invocation,
            other => panic!("{other:?}"),
        }
    }

    fn parsed(arguments: &[&str]) -> Result<Parsed, Failure> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.into()).collect();
        parse(Tool::Ctl, &arguments)
    }

    fn refused(arguments: &[&str]) -> (u8, String) {
        match parsed(arguments) {
            Err(failure) => (failure.code(), failure.render(Tool::Ctl, None)),
            Ok(parsed) => panic!("{parsed:?}"),
        }
    }

    #[test]
    fn options_stand_anywhere() {
        let invocation =
            invocation(&["-q", "list_queues", "-p", "v", "name", "--formatter=json", "-t", "5"]);
        assert_eq!(invocation.command.name, "list_queues");
        assert_eq!(invocation.arguments, ["name"]);
        assert_eq!(invocation.option("vhost"), Some("v"));
        assert_eq!((invocation.formatter, invocation.timeout_s), (Formatter::Json, Some(5)));
        assert!(!invocation.is_chatty());
    }

    #[test]
    fn an_option_that_is_not_there_is_named() {
        let (code, text) = refused(&["list_queues", "--bogus"]);
        assert_eq!(code, code::USAGE);
        assert!(text.starts_with(
            "Error (argument validation): Invalid options for this command:\n--bogus : \n\
             Arguments given:\n\tlist_queues --bogus\n\nUsage\n\nrabbitmqctl [--node <node>]"
        ));
    }

    #[test]
    fn arguments_are_counted() {
        let (code, text) = refused(&["delete_user"]);
        assert_eq!(code, code::USAGE);
        assert!(text.contains("not enough arguments."), "{text}");
        assert!(refused(&["delete_user", "a", "b"]).1.contains("too many arguments."));
    }

    #[test]
    fn a_password_is_not_repeated() {
        assert!(!refused(&["add_user", "me", "sesame", "more"]).1.contains("sesame"));
        let (_, text) = refused(&["list_users", "x", "--uri", "http://u:sesame@host"]);
        assert!(!text.contains("sesame"), "{text}");
    }

    #[test]
    fn a_misspelt_command_has_a_neighbour() {
        let (code, text) = refused(&["list_quues"]);
        assert_eq!(code, code::USAGE);
        assert_eq!(text, "\nCommand 'list_quues' not found. \nDid you mean 'list_queues'? \n\n");
    }

    #[test]
    fn numbers_below_zero_are_no_options() {
        assert_eq!(invocation(&["delete_user", "-1"]).arguments, ["-1"]);
    }
}
