//! Why a binding cannot be.

use std::fmt;

use message::Value;

/// What is wrong with the key or arguments of a binding. Front-ends find their protocol's words for it; AMQP
/// 0-9-1 answers with 406.
#[derive(Clone, Debug, PartialEq)]
pub enum Invalid {
    /// The argument `x-match` of a headers binding is text, but none of the four that are known.
    MatchValue(Vec<u8>),
    /// The argument `x-match` of a headers binding is not text.
    MatchType(Value),
    /// The key of a topic binding has more words `#` than [`Invalid::HASH_WORDS_MAX`].
    HashWords {
        /// The key.
        key: Vec<u8>,
        /// How many words `#` it has.
        count: usize,
    },
}

impl Invalid {
    /// How many words `#` the key of a topic binding may have, as in RabbitMQ since 4.3.5.
    pub const HASH_WORDS_MAX: usize = 2;
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const EXPECTED: &str = "must be all, any, all-with-x or any-with-x";
        match self {
            Self::MatchValue(text) => {
                write!(f, "x-match {EXPECTED}, not '{}'", text.escape_ascii())
            }
            Self::MatchType(value) => write!(f, "x-match {EXPECTED}, not {value:?}"),
            Self::HashWords { key, count } => write!(
                f,
                "the binding key '{}' has {count} words '#', at most {} are allowed",
                key.escape_ascii(),
                Self::HASH_WORDS_MAX
            ),
        }
    }
}

impl std::error::Error for Invalid {}
