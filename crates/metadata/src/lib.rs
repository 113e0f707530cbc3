//! What is declared: virtual hosts, exchanges, queues and bindings.
//!
//! Every change is a value, a [`Change`], applied the same way when a client asks for it, when a node starts, and
//! one day when a log of several nodes says so. This crate knows no live state (messages, consumers,
//! connections) and no file: it gives and takes bytes.

mod change;
mod definitions;
mod object;
mod rules;

pub use change::{Change, Unreadable};
pub use definitions::{DEFAULT_VHOST, Definitions, Vhost};
pub use object::{Binding, BindingEnd, Exchange, Queue};
pub use rules::{
    DEDUPLICATION_CACHE_SIZE, DEDUPLICATION_HEADER, DeadLetterStrategy, Deduplication,
    ExchangeRules, Overflow, QueueKind, QueueRules, Retry, RetryKind,
};
