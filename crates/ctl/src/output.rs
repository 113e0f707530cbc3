//! What a command has to show.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::format::{Formatter, Rows};
use crate::invocation::Invocation;

/// The result of a command that went well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    Nothing,
    /// Sentences that are left out when only results are wanted.
    Remark(String),
    /// A text, and the same as a value for programs.
    Report {
        text: String,
        value: Value,
    },
    Rows(Rows),
}

impl Output {
    /// A text that stands for itself.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        let value = json!({ "result": "ok", "value": text });
        Self::Report { text, value }
    }

    /// A check that has passed, in a sentence.
    pub(crate) fn passed(text: impl Into<String>) -> Self {
        Self::Report { text: text.into(), value: json!({ "result": "ok" }) }
    }

    /// What goes to stdout.
    pub(crate) fn render(&self, invocation: &Invocation) -> Result<String, Failure> {
        let is_json = invocation.formatter == Formatter::Json;
        Ok(match self {
            Self::Nothing => String::new(),
            Self::Remark(text) if invocation.is_chatty() => format!("{text}\n"),
            Self::Remark(_) => String::new(),
            Self::Report { value, .. } if is_json => format!("{value}\n"),
            Self::Report { text, .. } => format!("{text}\n"),
            Self::Rows(rows) => rows.render(invocation.formatter, invocation.has_headers()),
        })
    }
}
