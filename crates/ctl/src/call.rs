//! What a command has at hand while it runs.

use std::cell::OnceCell;
use std::io::{IsTerminal, Read, Write};

use serde_json::Value;

use crate::failure::{Failure, code};
use crate::format::{Formatter, Rows};
use crate::invocation::Invocation;
use crate::server::{Server, escaped};
use crate::terms::Cell;

/// The longest text that is read from stdin.
const STDIN_BYTES_MAX: u64 = 1 << 30;

/// One run of a command.
pub(crate) struct Call<'a> {
    invocation: &'a Invocation,
    pub(crate) server: &'a Server,
    node: OnceCell<String>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(invocation: &'a Invocation, server: &'a Server) -> Self {
        Self { invocation, server, node: OnceCell::new() }
    }

    pub(crate) fn arguments(&self) -> &[String] {
        &self.invocation.arguments
    }

    /// The argument at a place; the empty text if there is none.
    pub(crate) fn argument(&self, index: usize) -> &str {
        self.invocation.arguments.get(index).map_or("", String::as_str)
    }

    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.invocation.option(name)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.option(name).and_then(|value| value.parse().ok())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.invocation.has(name)
    }

    pub(crate) fn formatter(&self) -> Formatter {
        self.invocation.formatter
    }

    pub(crate) fn timeout_s(&self) -> Option<u64> {
        self.invocation.timeout_s
    }

    pub(crate) fn tool(&self) -> crate::command::Tool {
        self.invocation.tool
    }

    /// The virtual host that the command is about.
    pub(crate) fn vhost(&self) -> &str {
        self.option("vhost").unwrap_or("/")
    }

    /// A path of the API: words as they are, names escaped.
    pub(crate) fn path(&self, words: &str, names: &[&str]) -> String {
        let mut path = words.to_owned();
        for name in names {
            path.push('/');
            path.push_str(&escaped(name));
        }
        path
    }

    /// The node's name: the one that was given, or what the server says, or what RabbitMQ's would be called here.
    pub(crate) fn node(&self) -> &str {
        self.node.get_or_init(|| match self.option("node") {
            Some(node) => node.to_owned(),
            None => self
                .server
                .get("/overview")
                .ok()
                .and_then(|overview| overview["node"].as_str().map(str::to_owned))
                .unwrap_or_else(fallback),
        })
    }

    /// Refuses what is not there, with RabbitMQ's sentence.
    pub(crate) fn vhost_or_fail(&self, vhost: &str) -> Result<Value, Failure> {
        self.server.look(&self.path("/vhosts", &[vhost]))?.ok_or_else(|| no_vhost(vhost))
    }

    /// The user, as the API tells it.
    pub(crate) fn user_or_fail(&self, user: &str) -> Result<Value, Failure> {
        self.server.look(&self.path("/users", &[user]))?.ok_or_else(|| no_user(user))
    }

    /// What is typed, or piped, if it is not among the arguments.
    pub(crate) fn ask(&self, prompt: &str) -> Result<String, Failure> {
        print!("{prompt}: ");
        let _ = std::io::stdout().flush();
        let text = if std::io::stdin().is_terminal() {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line).unwrap_or_default()
        } else {
            let text = self.stdin()?;
            println!();
            text
        };
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// All of stdin.
    pub(crate) fn stdin(&self) -> Result<String, Failure> {
        let mut text = String::new();
        std::io::stdin()
            .take(STDIN_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|fault| Failure::stated(code::IO, format!("cannot read stdin: {fault}")))?;
        Ok(text)
    }

    /// The columns that are wanted: those that are named, or the usual ones.
    pub(crate) fn columns(&self) -> Result<Vec<String>, Failure> {
        let Some(columns) = self.invocation.command.columns else { return Ok(Vec::new()) };
        let mut wanted: Vec<String> = Vec::new();
        for name in self.arguments().iter().flat_map(|argument| argument.split([',', ' '])) {
            // Twice the same column is once.
            if !name.is_empty() && !wanted.iter().any(|column| column == name) {
                wanted.push(name.to_owned());
            }
        }
        if wanted.is_empty() {
            return Ok(columns.usual.iter().map(|&name| name.to_owned()).collect());
        }
        let unknown: Vec<&str> =
            wanted.iter().map(String::as_str).filter(|name| !columns.all.contains(name)).collect();
        if unknown.is_empty() {
            Ok(wanted)
        } else {
            Err(Failure::usage(format!("Info key(s) {} are not supported", unknown.join(","))))
        }
    }

    /// Rows of the wanted columns.
    pub(crate) fn rows(
        &self,
        items: &[Value],
        cell: impl Fn(&Value, &str) -> Cell,
    ) -> Result<Rows, Failure> {
        let columns = self.columns()?;
        let rows = items
            .iter()
            .map(|item| columns.iter().map(|column| cell(item, column)).collect())
            .collect();
        Ok(Rows { columns, rows, is_drawn: false, is_line_if_empty: false })
    }
}

/// Checks the columns before anything is said.
pub(crate) fn columns(call: &Call<'_>) -> Result<(), Failure> {
    call.columns().map(|_| ())
}

pub(crate) fn no_vhost(vhost: &str) -> Failure {
    Failure::bare(code::DATA, format!("Virtual host '{vhost}' does not exist"))
}

pub(crate) fn no_user(user: &str) -> Failure {
    Failure::stated(code::NO_USER, format!("User \"{user}\" does not exist"))
}

fn fallback() -> String {
    if let Ok(name) = std::env::var("RABBITMQ_NODENAME")
        && !name.is_empty()
    {
        return name;
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().split('.').next().filter(|host| !host.is_empty());
    format!("rabbit@{}", host.unwrap_or("localhost"))
}
