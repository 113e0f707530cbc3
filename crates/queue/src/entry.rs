//! One message as a queue holds it.

use message::Message;

/// A message and its place in the queue.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place: lower goes first. Given at enqueue, never changed, never used again.
    pub seq: u64,
    /// The message.
    pub message: Message,
    /// Whether it is kept in the store, and must be settled there when it is gone.
    pub is_stored: bool,
    /// Whether a consumer has had it before.
    pub is_redelivered: bool,
}
