//! `leveret config`: what options there are, what they mean, and whether a file is right.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it answers somebody at a terminal")]

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use config::Config;

use crate::configuration::{self, Loaded, Unread};
use crate::definitions;

/// Something is wrong in a configuration, or a key is not known.
const WRONG: u8 = 1;
/// It cannot be told.
const UNREAD: u8 = 2;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// What a key means, what values it takes, and whether it has an effect
    Explain {
        /// As in rabbitmq.conf, for example listeners.tcp.default
        key: String,
    },
    /// The names of all options
    List {
        /// Only those that have an effect
        #[arg(long)]
        effective: bool,
    },
    /// Whether files are right, with the environment as it is; exits with 0, with 1 if something is wrong, with 2 if a
    /// file cannot be read
    Check {
        /// Files in the syntax of rabbitmq.conf, or directories of them
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

pub(crate) fn run(command: Command) -> ExitCode {
    match command {
        Command::Explain { key } => match config::explain(&key) {
            Ok(text) => print(&text),
            Err(text) => {
                eprintln!("{text}");
                ExitCode::from(WRONG)
            }
        },
        Command::List { effective } => list(effective),
        Command::Check { files } => check(files),
    }
}

fn list(is_effective_only: bool) -> ExitCode {
    let options = config::options();
    let shown = options.filter(|option| !is_effective_only || option.without_effect.is_none());
    let lines = shown.map(|option| match option.without_effect {
        Some(reason) => format!("{}  # no effect: {reason}\n", option.name),
        None => format!("{}\n", option.name),
    });
    print(&lines.collect::<String>())
}

fn check(files: Vec<PathBuf>) -> ExitCode {
    match configuration::Sources::of_files(files).load() {
        Ok(Loaded { config, notices, .. }) => {
            let missing = missing_files(&config);
            if !missing.is_empty() {
                missing.iter().for_each(|line| eprintln!("{line}"));
                return ExitCode::from(WRONG);
            }
            for notice in &notices {
                println!("{notice}");
            }
            match notices.len() {
                1 => println!("right; 1 notice"),
                count => println!("right; {count} notices"),
            }
            ExitCode::SUCCESS
        }
        Err(unread) => {
            unread.lines().iter().for_each(|line| eprintln!("{line}"));
            ExitCode::from(match unread {
                Unread::Problems(_) => WRONG,
                Unread::Fault(_) => UNREAD,
            })
        }
    }
}

/// Files that the broker would look for when it starts, and not find: the options that name them, and why.
fn missing_files(config: &Config) -> Vec<String> {
    let mut named: Vec<(String, &str)> = Vec::new();
    let (http, metrics) = (&config.management, &config.prometheus);
    for (prefix, listeners, tls) in [
        ("ssl_options", &config.tls_listeners, &config.tls),
        ("management.ssl", &http.tls_listeners, &http.tls),
        ("prometheus.ssl", &metrics.tls_listeners, &metrics.tls),
    ] {
        if listeners.is_empty() {
            continue;
        }
        for (name, path) in [
            ("certfile", &tls.certfile),
            ("keyfile", &tls.keyfile),
            ("cacertfile", &tls.cacertfile),
        ] {
            named.push((format!("{prefix}.{name}"), path));
        }
    }
    if let Some(path) = definitions::configured(config) {
        named.push(("load_definitions".to_owned(), path));
    }
    let missing =
        named.into_iter().filter(|(_, path)| !path.is_empty()).filter_map(|(key, path)| {
            let error = fs::metadata(path).err()?;
            Some(format!("`{key}`: {path} cannot be read: {error}"))
        });
    missing.collect()
}

/// Who reads may stop reading.
fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(UNREAD),
        _ => ExitCode::SUCCESS,
    }
}
