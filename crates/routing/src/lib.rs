//! Which queues does this message go to?
//!
//! A [`Router`] holds the exchanges and bindings of a virtual host, and follows a message through them:
//!
//! ```text
//!  route(exchange, envelope: keys, headers, a random number)
//!      └─ exchange ── direct   bindings whose key equals the routing key
//!                  ── fanout   all bindings
//!                  ── topic    bindings whose pattern matches: a trie over words
//!                  ── headers  bindings whose arguments match the headers
//!                  ── hash     one binding, which a hash of the key, a header or a property chooses: a ring
//!                  ── random   one binding by chance
//!             each binding ends at a queue  ──────> Targets
//!                          or at an exchange ──┐
//!             or is the alternate of one ──────┤  that no binding of matches
//!             ^────────────────────────────────┘  each exchange once, so that cycles end
//! ```
//!
//! Everything is persistent: cloning a router is a few reference counts and a change costs O(log n), so that the
//! broker can give all its threads an immutable snapshot and replace it at every change, also with a million
//! bindings. The default exchange is not here, because the broker looks a queue up by its name without help.
//!
//! This crate knows nothing of what a queue holds, of durability, auto-delete, permissions, names or protocols:
//! exchanges and queues are numbers to it.

mod binding;
mod compare;
mod envelope;
mod exchange;
mod explain;
mod invalid;
mod key;
mod kind;
mod router;
mod targets;
#[cfg(test)]
mod tests;

pub use binding::{Binding, Destination, ExchangeId};
pub use envelope::Envelope;
pub use explain::{Step, Way};
pub use invalid::Invalid;
pub use key::Key;
pub use kind::Kind;
pub use router::{Removed, Router};
pub use targets::Targets;
