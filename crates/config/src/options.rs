//! The options: each of them once, in the file of its area.
//!
//! A definition reads as a sentence of its parts:
//!
//! ```text
//! Definition::number("heartbeat", "What it does.", 0..=65_535, |draft, n| draft.config.heartbeat_s = narrow(n))
//!     .unit(Unit::Seconds)       what a bare number counts; `5m` is understood then, too
//!     .default("60")             the text that stands for it when it is not set
//! ```
//!
//! A name may have parts that are filled in (`listeners.tcp.$name`); `set` then gets what fills them. An option
//! whose part is not built yet has its definition here, so that its values are checked and arrive in the
//! configuration, and its name in `later/*.txt`, so that whoever sets it is told. The name leaves that list when the
//! option has its effect.

mod access;
mod limits;
mod listeners;
mod log;
mod management;
mod node;
mod prometheus;
mod protocol;
mod tls;
mod vhosts;

pub(crate) use access::AUTH_MECHANISMS;

use std::ops::RangeInclusive;

use crate::draft::Draft;
use crate::later;
use crate::option::{ConfigOption, matches};
use crate::unit::Unit;

/// The longest value that an option takes, in bytes.
const TEXT_BYTES_MAX: usize = 4096;

/// All of them, area by area, with the title of each.
const AREAS: [(&str, &[Definition]); 15] = [
    ("Node", node::TABLE),
    ("Listeners", listeners::TABLE),
    ("TLS", tls::TABLE),
    ("TLS of AMQP", tls::AMQP),
    ("Protocol", protocol::TABLE),
    ("Access", access::TABLE),
    ("Limits", limits::TABLE),
    ("New virtual hosts", vhosts::TABLE),
    ("HTTP API", management::TABLE),
    ("TLS of the HTTP API", tls::MANAGEMENT),
    ("Metrics", prometheus::TABLE),
    ("TLS of metrics", tls::PROMETHEUS),
    ("Logs", log::TABLE),
    ("Lines on the console", log::CONSOLE),
    ("Lines in log files", log::FILE),
];

/// An option.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    /// Other names for the same.
    aliases: &'static [&'static str],
    doc: &'static str,
    /// The text that stands for it when it is not set; absent for options of which there can be many.
    pub(crate) default: Option<&'static str>,
    /// A value as it may stand in a file.
    example: Option<&'static str>,
    /// Whether nobody may see its value.
    pub(crate) is_secret: bool,
    unit: Unit,
    shape: Shape,
}

/// What values an option takes, and where they go.
#[derive(Clone, Debug)]
enum Shape {
    Number { min: u64, max: u64, set: fn(&mut Draft, u64) },
    Switch { set: fn(&mut Draft, bool) },
    Text { expected: &'static str, set: fn(&mut Draft, &[&str], &str) -> bool },
}

impl Definition {
    const fn new(name: &'static str, doc: &'static str, shape: Shape) -> Self {
        let (aliases, default, example, is_secret): (&[_], _, _, _) = (&[], None, None, false);
        Self { name, aliases, doc, default, example, is_secret, unit: Unit::None, shape }
    }

    /// A whole number.
    const fn number(
        name: &'static str,
        doc: &'static str,
        range: RangeInclusive<u64>,
        set: fn(&mut Draft, u64),
    ) -> Self {
        Self::new(name, doc, Shape::Number { min: *range.start(), max: *range.end(), set })
    }

    /// `true` or `false`.
    const fn switch(name: &'static str, doc: &'static str, set: fn(&mut Draft, bool)) -> Self {
        Self::new(name, doc, Shape::Switch { set })
    }

    /// Anything else. `set` gets what fills the parts with a `$`, and the value; it gives false for a value that is
    /// not what is `expected`.
    const fn text(
        name: &'static str,
        doc: &'static str,
        expected: &'static str,
        set: fn(&mut Draft, &[&str], &str) -> bool,
    ) -> Self {
        Self::new(name, doc, Shape::Text { expected, set })
    }

    const fn alias(self, names: &'static [&'static str]) -> Self {
        Self { aliases: names, ..self }
    }

    const fn default(self, text: &'static str) -> Self {
        Self { default: Some(text), ..self }
    }

    const fn example(self, text: &'static str) -> Self {
        Self { example: Some(text), ..self }
    }

    const fn unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }

    /// Its value is repeated in no message.
    const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// Its names, with their `$`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name].into_iter().chain(self.aliases.iter().copied())
    }

    /// Whether this is one of its names, with its `$`.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// What there is to say about it, under each of its names.
    pub(crate) fn options(&'static self) -> impl Iterator<Item = ConfigOption> {
        self.names().map(|name| ConfigOption {
            name,
            doc: self.doc,
            default: self.default,
            example: self.example,
            expected: self.expected(),
            without_effect: later::reason_of(name),
            is_defined: true,
        })
    }

    /// What its values look like, in words.
    pub(crate) fn expected(&self) -> String {
        match self.shape {
            Shape::Number { min, max, .. } => {
                format!("a whole number from {min} to {max}{}", self.unit.words())
            }
            Shape::Switch { .. } => "true or false".to_owned(),
            Shape::Text { expected, .. } => expected.to_owned(),
        }
    }

    /// Reads a value, or says what was expected instead. `filled` are the parts of the key that stand for a `$`.
    pub(crate) fn apply(
        &self,
        draft: &mut Draft,
        filled: &[&str],
        value: &str,
    ) -> Result<(), String> {
        self.take(draft, filled, value).ok_or_else(|| self.expected())
    }

    fn take(&self, draft: &mut Draft, filled: &[&str], value: &str) -> Option<()> {
        match self.shape {
            Shape::Number { min, max, set } => {
                let number = self.unit.parse(value).filter(|n| (min..=max).contains(n))?;
                set(draft, number);
            }
            Shape::Switch { set } => set(draft, switch(value)?),
            Shape::Text { set, .. } => {
                let fits = value.len() <= TEXT_BYTES_MAX && set(draft, filled, value);
                fits.then_some(())?;
            }
        }
        Some(())
    }
}

/// All definitions.
pub(crate) fn definitions() -> impl Iterator<Item = &'static Definition> {
    AREAS.into_iter().flat_map(|(_, area)| area)
}

/// All definitions, area by area, with the title of each.
pub(crate) fn areas() -> impl Iterator<Item = (&'static str, &'static [Definition])> {
    AREAS.into_iter()
}

/// The option that a key belongs to, and what fills the parts with a `$`. A name that fits letter by letter goes
/// before one with a `$`.
pub(crate) fn find<'k>(key: &[&'k str]) -> Option<(&'static Definition, Vec<&'k str>)> {
    let found = definitions().filter_map(|definition| {
        definition.names().find_map(|name| matches(name, key)).map(|filled| (definition, filled))
    });
    found.min_by_key(|(_, filled)| filled.len())
}

/// What RabbitMQ takes for a switch.
fn switch(value: &str) -> Option<bool> {
    match value {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// What patterns look like, in words.
const PATTERN: &str = "a regular expression";
/// How large a pattern may become when it is compiled, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Takes a pattern over if it can be understood.
fn pattern(value: &str, into: &mut String) -> bool {
    value.clone_into(into);
    fancy_regex::RegexBuilder::new(value).delegate_size_limit(PATTERN_BYTES_MAX).build().is_ok()
}

const COUNT_OR_INFINITY: &str = "a whole number, or infinity";

/// Reads a limit; `infinity` is none.
fn count_or_infinity(value: &str, set: impl FnOnce(Option<u64>)) -> bool {
    let count = match value {
        "infinity" => Some(None),
        number => number.parse().ok().map(Some),
    };
    count.map(set).is_some()
}

/// A number as the type that its option's range fits.
fn narrow<T: TryFrom<u64>>(number: u64) -> T {
    T::try_from(number).ok().expect("the option's maximum fits")
}
