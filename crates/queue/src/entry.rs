//! One message as a queue holds it.

use message::Message;

/// What it costs to hold a message in memory, beside its bytes.
pub(crate) const HELD_BYTES: usize = 64;
/// What it costs to remember a message that came back and is not in memory.
pub(crate) const REMEMBERED_BYTES: usize = 32;

/// A message in memory, and its place in the queue.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place: lower goes first. Given at enqueue, never changed, never used again.
    pub(crate) seq: u64,
    pub(crate) message: Message,
    /// Whether it is kept in the store, and must be settled there when it is gone.
    pub(crate) is_stored: bool,
    /// Whether a consumer has had it before.
    pub(crate) is_redelivered: bool,
    /// Whether it was read from the store: it shares its memory with whatever was read along.
    pub(crate) was_read: bool,
}

impl Entry {
    /// A message that the store gave back.
    pub(crate) const fn read(seq: u64, message: Message) -> Self {
        Self { seq, message, is_stored: true, is_redelivered: false, was_read: true }
    }

    /// How long the message is.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.message.len_bytes() as u64
    }

    /// What it takes to hold it.
    pub(crate) fn weight(&self) -> usize {
        self.message.len_bytes() + HELD_BYTES
    }

    /// The same, if only memory holds it.
    pub(crate) fn unstored_weight(&self) -> usize {
        if self.is_stored { 0 } else { self.weight() }
    }
}

/// A message that a queue is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its place.
    pub seq: u64,
    /// Its length in bytes.
    pub length: u32,
    /// Whether it was kept in the store, which must hear that it is gone.
    pub is_stored: bool,
}
