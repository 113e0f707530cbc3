//! The thing that travels.
//!
//! A [`Message`] is one run of bytes: a small header, where it was published to, the producer's property bytes
//! exactly as they came, and the body. The same bytes lie in memory, in the journal and in a queue's segments.
//!
//! This crate knows no protocol: what the property bytes mean is known by the front-end named in [`Format`].
//! It knows nothing of queues, files or sockets either.

mod arena;
mod blob;
mod death;
mod fields;
mod identity;
mod name;
mod settlement;
mod value;

pub use arena::{Arena, Draft};
pub use blob::{
    Address, Damaged, Format, HEADER_BYTES, KEYS_BYTES_MAX, Message, Parts, Readdress, Times,
    are_like_heads,
};
pub use death::{Death, DeathPlace, Deaths, Reason};
pub use fields::Keys;
pub use identity::{ClientId, QueueId, ShardId};
pub use name::{Name, NameTooLong};
pub use settlement::Settlement;
pub use value::{Arguments, Headers, NoHeaders, Value, held_bytes, shorter};
