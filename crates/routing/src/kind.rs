//! The types of exchange.

use crate::exchange::{headers, topic};
use crate::invalid::Invalid;
use message::Arguments;

/// A type of exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To bindings whose key equals the routing key.
    Direct,
    /// To all bindings.
    Fanout,
    /// To bindings whose pattern of words matches the routing key.
    Topic,
    /// To bindings whose arguments match the message's headers.
    Headers,
}

impl Kind {
    /// All types, in the order in which they are listed to people.
    pub const ALL: [Self; 4] = [Self::Direct, Self::Fanout, Self::Headers, Self::Topic];

    /// The type with this name, as in `exchange.declare`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The name, as in `exchange.declare`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
        }
    }

    /// Whether an exchange of this type takes a binding with this key and these arguments.
    ///
    /// # Errors
    /// [`Invalid`] says what is wrong with them.
    pub fn check(self, key: &[u8], arguments: &Arguments) -> Result<(), Invalid> {
        match self {
            Self::Direct | Self::Fanout => Ok(()),
            Self::Topic => topic::check(key),
            Self::Headers => headers::Match::of(arguments).map(|_| ()),
        }
    }
}
