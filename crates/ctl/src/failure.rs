//! What went wrong: an exit code, and how it is told.

use crate::command::Tool;
use crate::help;
use crate::invocation::Invocation;

/// The exit codes of `sysexits.h` that RabbitMQ's tools use.
pub(crate) mod code {
    /// The command was used wrongly.
    pub(crate) const USAGE: u8 = 64;
    /// What was given is wrong, or is not there.
    pub(crate) const DATA: u8 = 65;
    /// The user does not exist.
    pub(crate) const NO_USER: u8 = 67;
    /// The server cannot be reached, or refuses.
    pub(crate) const UNAVAILABLE: u8 = 69;
    /// It went wrong inside.
    pub(crate) const SOFTWARE: u8 = 70;
    /// A file cannot be written.
    pub(crate) const IO: u8 = 74;
    /// It may go well at another time.
    pub(crate) const LATER: u8 = 75;
    /// Whoever asks may not.
    pub(crate) const NO_PERMISSION: u8 = 77;
}

/// Why a command did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The arguments are wrong; the usage is shown.
    Arguments { code: u8, text: String },
    /// The server, or something on the way to it, refuses.
    Stated { code: u8, text: String },
    /// As [`Self::Stated`], for a few sentences that RabbitMQ prints alone.
    Bare { code: u8, text: String },
}

impl Failure {
    /// Wrong usage, which ends with 64.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Arguments { code: code::USAGE, text: text.into() }
    }

    /// An argument that cannot be, which ends with 65.
    pub(crate) fn argument(text: impl AsRef<str>) -> Self {
        let text = match text.as_ref() {
            "" => "Bad argument.".to_owned(),
            text => format!("Bad argument: {text}"),
        };
        Self::Arguments { code: code::DATA, text }
    }

    pub(crate) fn stated(code: u8, text: impl Into<String>) -> Self {
        Self::Stated { code, text: text.into() }
    }

    pub(crate) fn unavailable(text: impl Into<String>) -> Self {
        Self::stated(code::UNAVAILABLE, text)
    }

    pub(crate) fn bare(code: u8, text: impl Into<String>) -> Self {
        Self::Bare { code, text: text.into() }
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Arguments { code, .. } | Self::Stated { code, .. } | Self::Bare { code, .. } => {
                *code
            }
        }
    }

    /// What goes to stderr.
    pub(crate) fn render(&self, tool: Tool, invocation: Option<&Invocation>) -> String {
        match (self, invocation) {
            (Self::Arguments { text, .. }, Some(invocation)) => format!(
                "Error (argument validation): {text}\nArguments given:\n\t{}\n\n{}",
                invocation.shown(),
                help::usage(tool, invocation.command)
            ),
            (Self::Stated { text, .. }, _) => format!("Error:\n{text}\n"),
            (Self::Arguments { text, .. } | Self::Bare { text, .. }, _) => format!("{text}\n"),
        }
    }
}
