//! Messages that have left a queue without having been accepted.

use message::{Message, Reason};

/// A message that has died. Whoever takes it tells the store that it is gone, if it is stored.
#[derive(Clone, Debug)]
pub struct Dead {
    /// The lane that it was in.
    pub lane: u8,
    /// Its place.
    pub seq: u64,
    /// Its length in bytes.
    pub length: u32,
    /// Whether it was kept in the store, which must hear that it is gone.
    pub is_stored: bool,
    /// The message. `None` only if dead letters are not wanted.
    pub message: Option<Message>,
    /// Why it died.
    pub reason: Reason,
    /// How often it had failed.
    pub delivery_count: u32,
}
