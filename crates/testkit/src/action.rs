//! The steps of a conversation.

use crate::fields::{has_field, method};
use crate::value::Value;
use crate::venue::Circumstance;

/// One step, and the line that it stands on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) line: usize,
    /// The step as it is written.
    pub(crate) text: String,
    pub(crate) action: Action,
}

/// A client, and one of its channels if the step says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) client: String,
    pub(crate) channel: Option<u16>,
}

/// Fields with their values, and a body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Args {
    pub(crate) pairs: Vec<(String, Value)>,
    pub(crate) body: Option<Value>,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Connect { client: String, args: Args },
    Send { side: Side, what: Sent, times: usize, is_joined: bool },
    Expect { side: Side, what: Expected, times: usize },
    Happen(Circumstance),
}

impl Action {
    /// Whether it is something that comes from the server.
    pub(crate) const fn is_answer(&self) -> bool {
        !matches!(self, Self::Expect { what: Expected::Nothing, .. })
            && matches!(self, Self::Expect { .. })
    }
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sent {
    Greeting,
    Raw(Vec<u8>),
    Frame(Args),
    ContentHeader(Args),
    ContentBody(Args),
    Heartbeat,
    Close,
    Method(String, Args),
}

/// What the server is to send.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    Nothing,
    Closed,
    Heartbeat,
    Raw(Vec<u8>),
    Method(String, Args),
}

/// Fields of a message that methods with content have beside their own.
pub(crate) const PROPERTIES: [&str; 14] = [
    "content_type",
    "content_encoding",
    "headers",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
];

/// The field of a close that stands for its class and method.
pub(crate) const METHOD: &str = "method";
/// The field of content that says in how many frames the body came.
pub(crate) const FRAMES: &str = "frames";

impl Args {
    /// The value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.pairs.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The number in a field, if it is there.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, String> {
        self.value(name).map(|value| value.number().map_err(|e| format!("{name}: {e}"))).transpose()
    }

    /// Whether a field is there and true.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value.is_true() == Ok(true))
    }

    /// Refuses fields that a method called `name` does not have.
    pub(crate) fn check_fields(&self, name: &str) -> Result<(), String> {
        let Some(method) = method(name) else { return Err(format!("there is no method `{name}`")) };
        for (field, _) in &self.pairs {
            let is_extra = match field.as_str() {
                METHOD => has_field(&method, "class_id"),
                FRAMES => method.carries_content(),
                field => method.carries_content() && PROPERTIES.contains(&field),
            };
            if !is_extra && !has_field(&method, field) {
                return Err(format!("{name} has no field `{field}`"));
            }
        }
        if self.body.is_some() && !method.carries_content() {
            return Err(format!("{name} carries no content"));
        }
        Ok(())
    }

    /// Refuses fields that are not among `known`.
    pub(crate) fn check_known(&self, known: &[&str]) -> Result<(), String> {
        let strange = self.pairs.iter().find(|(field, _)| !known.contains(&field.as_str()));
        strange.map_or(Ok(()), |(field, _)| Err(format!("`{field}` means nothing here")))
    }
}
