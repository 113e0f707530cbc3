//! What there is to tell about a configuration: what is wrong, and what should be known.

use std::fmt;

use crate::syntax::Setting;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a source.
    Line {
        /// The name of the source.
        source: String,
        /// The number of the line, from 1.
        line: usize,
    },
    /// In the environment.
    Variable {
        /// The name of the variable.
        name: String,
    },
    /// On the command line.
    Set,
}

/// A mistake. Displayed, it says where, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub place: Place,
    pub(crate) what: What,
}

/// What is wrong. A value that nobody may see is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A line that is no setting, and what is probably meant.
    Syntax {
        hint: Option<&'static str>,
    },
    /// An `include` that cannot be followed, and why.
    Include {
        text: String,
    },
    /// A value that is encrypted.
    Encrypted {
        key: String,
    },
    /// What `$(NAME)` stands for is nowhere, or itself.
    Substitution {
        key: String,
        name: String,
    },
    /// An environment variable, and what is wrong with it.
    Variable {
        text: String,
    },
    UnknownKey {
        key: String,
        nearest: Option<String>,
    },
    /// A key that only stands before others, and some of them.
    UnfinishedKey {
        key: String,
        longer: Vec<&'static str>,
    },
    /// A key whose value does not go with others, and why.
    Contradiction {
        key: String,
        text: String,
    },
    BadValue {
        key: String,
        value: Option<String>,
        expected: String,
    },
}

/// Something that is no mistake but may surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Where it is.
    pub place: Place,
    text: String,
}

impl Notice {
    pub(crate) fn new(place: Place, text: String) -> Self {
        Self { place, text }
    }

    pub(crate) fn variable(place: Place, reason: &str) -> Self {
        Self { place, text: format!("it has no effect: {reason}") }
    }

    pub(crate) fn later(place: Place, key: String, reason: &str) -> Self {
        Self { place, text: format!("`{key}` has no effect: {reason}") }
    }

    pub(crate) fn overridden(earlier: &Setting, setting: &Setting) -> Self {
        let text =
            format!("`{}` is set at {} too; this one counts", setting.key.join("."), earlier.place);
        Self { place: setting.place.clone(), text }
    }
}

/// How many letters of what somebody has written are repeated.
const PRINTED_MAX: usize = 200;

/// What somebody has written, as it can be shown on a terminal: no control characters, not too long, and no password of a
/// URI.
fn printed(text: &str) -> String {
    let mut shown = String::new();
    for (index, letter) in without_password(text).chars().enumerate() {
        if index == PRINTED_MAX {
            shown.push('…');
            break;
        }
        match letter {
            letter if letter.is_control() => shown.extend(letter.escape_default()),
            letter => shown.push(letter),
        }
    }
    shown
}

/// `amqp://user:password@host` is shown as `amqp://(hidden)@host`.
fn without_password(text: &str) -> String {
    match text.split_once("://").zip(text.rsplit_once('@')) {
        Some(((scheme, _), (_, host))) => format!("{scheme}://(hidden)@{host}"),
        None => text.to_owned(),
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { source, line } => write!(f, "{source}:{line}"),
            Self::Variable { name } => f.write_str(name),
            Self::Set => f.write_str("--set"),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { hint } => {
                f.write_str("expected `key = value`, a `# comment` or an empty line")?;
                hint.map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
            Self::Include { text } => write!(f, "`include`: {text}"),
            Self::Encrypted { key } => write!(
                f,
                "`{key}`: values that begin with `encrypted:` cannot be decrypted; write $(NAME) and put the value into \
                 the environment, or keep this file readable by the broker only"
            ),
            Self::Substitution { key, name } => write!(
                f,
                "`{key}`: $({name}) is neither another key nor an environment variable with a value"
            ),
            Self::Variable { text } => f.write_str(text),
            Self::UnknownKey { key, nearest: None } => write!(
                f,
                "unknown key `{}`; `leveret config list` names all that are known",
                printed(key)
            ),
            Self::UnknownKey { key, nearest: Some(nearest) } => {
                write!(f, "unknown key `{}`; did you mean `{}`?", printed(key), printed(nearest))
            }
            Self::UnfinishedKey { key, longer } => {
                write!(f, "`{key}` has no value of its own; set `{}`", longer.join("`, `"))
            }
            Self::Contradiction { key, text } => write!(f, "`{key}`: {text}"),
            Self::BadValue { key, value: Some(value), expected } if key.is_empty() => {
                write!(f, "`{}`: expected {expected}", printed(value))
            }
            Self::BadValue { key, value: Some(value), expected } => {
                write!(f, "`{} = {}`: expected {expected}", printed(key), printed(value))
            }
            Self::BadValue { key, value: None, expected } => {
                write!(f, "`{key}`: expected {expected}; its value is not repeated here")
            }
        }
    }
}
