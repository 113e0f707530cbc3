//! What there is to say about options, for people: the page of documentation and `leveret config explain`.

use std::fmt::Write;

use crate::option::{ConfigOption, matches};
use crate::{environment, options, suggest};

/// What stands before the tables.
const PAGE_HEAD: &str = "\
# Configuration

Written by `cargo xtask docs` from the definitions in [crates/config](../crates/config/src/options.rs).

Options are RabbitMQ's, in the syntax of its `rabbitmq.conf`: `key = value`, `# comments`, `'quoted values'`, a dot in a
part of a key as `\\.`, `include other.conf`, and `$(NAME)` for another key or an environment variable. Files, environment
and command line are read in this order, and what comes later wins:

```
leveret serve --config rabbitmq.conf --config conf.d --set heartbeat=30
```

A directory stands for its files that end in `.conf`, in the order of their names. `leveret config check` reads the same
without starting anything: it exits with 0 when everything is right, 1 when something is wrong, 2 when a file cannot be
read. `leveret config explain KEY` says what stands here about a key, and why a key of RabbitMQ has no effect;
`leveret config list` names them all.

An unknown key is an error that names the nearest one. A key of RabbitMQ that has no effect here is accepted, and said in
the log. Values that begin with `encrypted:` are refused.

";

/// The page of documentation about options, in Markdown.
pub fn page() -> String {
    let mut page = PAGE_HEAD.to_owned();
    for (title, area) in options::areas() {
        let _ = write!(page, "## {title}\n\n| key | default | what it does |\n|---|---|---|\n");
        for option in area.iter().flat_map(options::Definition::options) {
            let _ = writeln!(page, "{}", row(&option));
        }
        page.push('\n');
    }
    page.push_str(
        "## Environment\n\nVariables of RabbitMQ and of its container image. They win over files, and the command line \
         over them.\n\n| variable | what it does |\n|---|---|\n",
    );
    for (name, doc) in environment::documented() {
        let _ = writeln!(page, "| `{name}` | {doc} |");
    }
    page.push_str(
        "\n## Without effect\n\nKeys of RabbitMQ 4.3 that are accepted with a notice, and why: `leveret config list` has \
         them all.\n\n| why | how many |\n|---|---|\n",
    );
    for (reason, count) in reasons() {
        let _ = writeln!(page, "| {reason} | {count} |");
    }
    page
}

/// What there is to say about a key, with its `$` or filled in.
///
/// # Errors
/// That there is no such key, and which one is near.
pub fn explain(key: &str) -> Result<String, String> {
    let parts: Vec<&str> = key.split('.').collect();
    let mut found: Vec<ConfigOption> = options()
        .filter(|option| option.name == key || matches(option.name, &parts).is_some())
        .collect();
    // A name that fits letter by letter says more than one with a `$`.
    found.sort_by_key(|option| (option.name != key, option.name.matches('$').count()));
    match found.into_iter().next() {
        Some(option) => Ok(text(&option)),
        None => Err(match suggest::nearest(&parts) {
            Some(nearest) => format!("unknown key `{key}`; did you mean `{nearest}`?"),
            None => format!("unknown key `{key}`; `leveret config list` names all"),
        }),
    }
}

fn text(option: &ConfigOption) -> String {
    let mut text = format!("{}\n", option.name);
    if !option.doc.is_empty() {
        let _ = writeln!(text, "  {}", option.doc);
    }
    let lines = [
        ("value", Some(option.expected.as_str()).filter(|expected| !expected.is_empty())),
        ("default", option.default),
        ("example", option.example),
        ("no effect", option.without_effect),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name}: {value}");
        }
    }
    text
}

fn row(option: &ConfigOption) -> String {
    let default = match (option.default, option.example) {
        (Some(default), _) => format!("`{default}`"),
        (None, Some(example)) => format!("for example `{example}`"),
        (None, None) => String::new(),
    };
    let note = match option.without_effect {
        Some(reason) => format!(" **No effect:** {reason}."),
        None => String::new(),
    };
    let text = format!("{} Takes {}.{note}", option.doc, option.expected);
    let cell = |text: &str| text.replace('|', "\\|");
    format!("| `{}` | {} | {} |", option.name, cell(&default), cell(&text))
}

/// Why keys have no effect, and how many for each reason, in the order of the lists.
fn reasons() -> Vec<(&'static str, usize)> {
    let mut reasons: Vec<(&'static str, usize)> = Vec::new();
    for reason in options().filter_map(|option| option.without_effect) {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    reasons
}
