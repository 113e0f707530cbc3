//! Why an exchange or a binding cannot be.

use std::fmt;

use message::Value;

use crate::key::KEY_BYTES_MAX;

/// What is wrong with the arguments of an exchange, or with the key or arguments of a binding. Front-ends find their
/// protocol's words for it; AMQP 0-9-1 answers with 406.
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
    /// The key of a consistent-hash binding, which is its weight, is no whole number.
    WeightNotWhole(Vec<u8>),
    /// The weight of a consistent-hash binding is less than 1.
    WeightNotPositive,
    /// The weight of a consistent-hash binding is more than [`Invalid::WEIGHT_MAX`].
    WeightTooLarge,
    /// The key has so many bytes, more than AMQP 0-9-1 has room for.
    KeyTooLong(usize),
    /// The key of a local-random binding is not empty.
    KeyNotEmpty(Vec<u8>),
    /// A local-random binding leads to an exchange.
    NotAQueue,
    /// A local-random binding leads to a queue of this type, which is not made for one node.
    QueueKind(String),
    /// A consistent-hash exchange is to look at a header and at a property.
    HashTwice,
    /// A consistent-hash exchange cannot look at this property.
    HashProperty(String),
    /// An argument of a consistent-hash exchange is not text.
    HashArgument {
        /// Which argument.
        argument: &'static str,
        /// What it is.
        value: Value,
    },
    /// The argument `x-recent-history-length` is no whole number above 0.
    HistoryLength(Value),
    /// The argument `x-delayed-type` of an exchange that delays is missing, or not text.
    NoDelayedKind,
    /// The argument `x-delayed-type` names the type that delays.
    DelayedTwice,
    /// There is no type of exchange of this name.
    UnknownKind(String),
}

impl Invalid {
    /// How many words `#` the key of a topic binding may have, as in RabbitMQ since 4.3.5.
    pub const HASH_WORDS_MAX: usize = 2;
    /// The largest weight of a consistent-hash binding, as in RabbitMQ 4.3.6.
    pub const WEIGHT_MAX: u64 = 10_000;
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
            Self::WeightNotWhole(key) => write!(
                f,
                "the binding key is a weight, and '{}' is no whole number",
                key.escape_ascii()
            ),
            Self::WeightNotPositive => f.write_str("the weight must be at least 1"),
            Self::WeightTooLarge => {
                write!(f, "the weight must be at most {}", Self::WEIGHT_MAX)
            }
            Self::KeyTooLong(count) => {
                write!(f, "the binding key has {count} bytes and may have {KEY_BYTES_MAX}")
            }
            Self::KeyNotEmpty(key) => {
                write!(f, "the binding key must be empty, not '{}'", key.escape_ascii())
            }
            Self::NotAQueue => f.write_str("only queues can be bound to this type of exchange"),
            Self::QueueKind(kind) => {
                write!(f, "queues of type {kind} cannot be bound to this type of exchange")
            }
            Self::HashTwice => f.write_str("hash-header and hash-property exclude each other"),
            Self::HashProperty(name) => write!(f, "the property '{name}' cannot be hashed"),
            Self::HashArgument { argument, value } => {
                write!(f, "{argument} must be text, not {value:?}")
            }
            Self::HistoryLength(value) => {
                write!(f, "x-recent-history-length must be a whole number above 0, not {value:?}")
            }
            Self::NoDelayedKind => f.write_str("x-delayed-type must name a type of exchange"),
            Self::DelayedTwice => {
                f.write_str("x-delayed-type must name another type than x-delayed-message")
            }
            Self::UnknownKind(name) => write!(f, "there is no exchange type '{name}'"),
        }
    }
}

impl std::error::Error for Invalid {}
