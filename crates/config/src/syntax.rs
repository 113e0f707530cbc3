//! The syntax of rabbitmq.conf.
//!
//! ```text
//!  key.part = value up to the end of the line   # or up to a comment
//!  key.part = 'value with # in it'              no way to write ' in it; may span lines
//!  key.part = '''value with ' in it'''          may span lines
//!  key.with\.dot = value
//!  key.part = text $(NAME) text                 another key's value, or an environment variable's
//!  include other.conf                           or conf.d/*.conf: their settings, as if they stood here
//! ```
//!
//! As in RabbitMQ: a `#` outside quotes begins a comment wherever it stands, and a value that begins with a quote
//! but has no second one is taken as it is.

use std::fmt;

use crate::Source;
use crate::problem::{Place, Problem, What};

/// A key and its value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The key, split at its dots.
    pub(crate) key: Vec<String>,
    pub(crate) value: String,
    /// The value as it was written, before what `$(NAME)` stands for came into its place: that may be a secret.
    pub(crate) written: String,
    pub(crate) place: Place,
}

/// The value is left out: it may be a password.
impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value: _, written: _, place } = self;
        f.debug_struct("Setting").field("key", key).field("place", place).finish_non_exhaustive()
    }
}

/// What a source consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Setting(Setting),
    /// Settings of other files.
    Include {
        pattern: String,
        place: Place,
    },
}

/// The items of a source, in order; lines that are none become problems.
pub(crate) fn items(source: &Source<'_>, problems: &mut Vec<Problem>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
    let mut line = 1;
    while !rest.is_empty() {
        let place = Place::Line { source: source.name.to_owned(), line };
        let before = rest;
        let first_line = cut_line(&mut rest);
        match parse_line(first_line, before) {
            Ok(Line::Empty) => {}
            Ok(Line::Setting { key, value, len }) => {
                rest = &before[len.max(before.len() - rest.len())..];
                items.push(Item::Setting(Setting { key, written: value.clone(), value, place }));
            }
            Ok(Line::Include(pattern)) => items.push(Item::Include { pattern, place }),
            Err(what) => problems.push(Problem { place, what }),
        }
        line += before[..before.len() - rest.len()].matches('\n').count();
    }
    items
}

/// A setting of the command line. Its value is taken as it is.
pub(crate) fn set(key: &str, value: &str) -> Result<Setting, Problem> {
    match parse_key(key.trim()) {
        Some(key) => {
            let value = value.trim().to_owned();
            Ok(Setting { key, written: value.clone(), value, place: Place::Set })
        }
        None => Err(Problem { place: Place::Set, what: What::Syntax { hint: None } }),
    }
}

enum Line {
    Empty,
    Include(String),
    /// `len` counts the bytes from the beginning of the line to its last one, without what ends it.
    Setting {
        key: Vec<String>,
        value: String,
        len: usize,
    },
}

/// `text` is the line; `all` is the same and everything behind it, for quotes that span lines.
fn parse_line(text: &str, all: &str) -> Result<Line, What> {
    let start = text.trim_start();
    if start.is_empty() || start.starts_with('#') {
        return Ok(Line::Empty);
    }
    let Some((key, _)) = text.split_once('=') else {
        return include(start).map(Line::Include).ok_or_else(|| wrong(start));
    };
    let parsed_key = parse_key(key.trim()).ok_or_else(|| wrong(start))?;
    let value_start = key.len() + 1;
    let on_line = text[value_start..].trim_start();
    let from = value_start + (text.len() - value_start - on_line.len());
    let (value, len) = match quoted(&all[from..]) {
        Some((value, value_len)) => {
            let after = all[from + value_len..].lines().next().unwrap_or("");
            if !matches!(after.trim_start().bytes().next(), None | Some(b'#')) {
                return Err(What::Syntax { hint: Some("nothing may stand behind a quoted value") });
            }
            (value, from + value_len + after.len())
        }
        None => {
            let value = on_line.split('#').next().unwrap_or("").trim_end();
            if value.is_empty() {
                return Err(What::Syntax { hint: Some(NO_VALUE) });
            }
            (value, text.len())
        }
    };
    Ok(Line::Setting { key: parsed_key, value: value.to_owned(), len })
}

const NO_VALUE: &str =
    "there is no value: take the line out to leave the option at its default, or write ''";

/// A line that is no setting, and what is probably meant. The line is not repeated: it may hold a password.
fn wrong(line: &str) -> What {
    let hint = match line.chars().next() {
        Some('%' | ';' | '/') => Some("comments begin with #"),
        Some('{') => Some("a file of definitions is named in load_definitions"),
        Some('[') if line.contains('{') => Some(
            "Erlang terms, as in advanced.config, are not read: write the options as `key = value`",
        ),
        Some('[') => {
            Some("there are no sections: write whole keys, like `management.tcp.port = 15672`")
        }
        _ if line.starts_with("include") => {
            Some("a path of letters, digits and -_.*/ follows `include`, without quotes")
        }
        _ if line.starts_with("export ") => {
            Some("variables belong into the environment, or into RABBITMQ_CONF_ENV_FILE")
        }
        _ if line.contains("$(") && !line.contains('=') => Some("$(NAME) may stand in values only"),
        _ if line.contains(':') && !line.contains('=') => {
            Some("a `=` stands between key and value")
        }
        _ => None,
    };
    What::Syntax { hint }
}

/// The path behind the word `include`; as in RabbitMQ, of letters, digits and `-_.*/`.
fn include(line: &str) -> Option<String> {
    let path = line.strip_prefix("include")?;
    let path = path.split('#').next()?;
    let is_apart = path.starts_with([' ', '\t']);
    let path = path.trim();
    let is_fine =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*' | b'/');
    (is_apart && !path.is_empty() && path.bytes().all(is_fine)).then(|| path.to_owned())
}

/// A quoted value at the beginning of a text, and how many bytes it takes with its quotes.
fn quoted(text: &str) -> Option<(&str, usize)> {
    ["'''", "'"].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?;
        let end = inner.find(quote)?;
        Some((&inner[..end], end + 2 * quote.len()))
    })
}

/// Parts of letters, digits, `-` and `_`, with dots between them; a dot inside a part is written `\.`.
fn parse_key(text: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let part = parts.last_mut()?;
        match letter {
            '.' => parts.push(String::new()),
            '\\' if letters.next() == Some('.') => part.push('.'),
            '-' | '_' => part.push(letter),
            _ if letter.is_ascii_alphanumeric() => part.push(letter),
            _ => return None,
        }
    }
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

/// A key as [`parse_key`] reads it.
pub(crate) fn written_key(parts: &[&str]) -> String {
    parts.iter().map(|part| part.replace('.', "\\.")).collect::<Vec<_>>().join(".")
}

/// A value as it is read back; `None` if nothing is read so.
pub(crate) fn written_value(value: &str) -> Option<String> {
    let is_plain = !value.is_empty()
        && value.trim() == value
        && !value.starts_with('\'')
        && !value.contains(['#', '\n', '\r']);
    if is_plain {
        Some(value.to_owned())
    } else if !value.contains('\'') {
        Some(format!("'{value}'"))
    } else if !value.contains("'''") && !value.ends_with('\'') {
        Some(format!("'''{value}'''"))
    } else {
        None
    }
}

/// Takes the first line off, without what ends it.
fn cut_line<'a>(rest: &mut &'a str) -> &'a str {
    let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
    *rest = after;
    line.strip_suffix('\r').unwrap_or(line)
}
