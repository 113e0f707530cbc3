//! One message as a queue holds it.

use message::Message;

/// What it costs to hold a message in memory, beside its bytes.
pub(crate) const HELD_BYTES: usize = 64;
/// What it costs to remember a message that came back and is not in memory.
pub(crate) const REMEMBERED_BYTES: usize = 32;

/// How long a message is, and how much of it is not its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) length: u32,
    /// What is longer counts as this long, everywhere alike.
    head: u16,
}

impl Size {
    /// A size of which somebody else has kept the parts.
    pub(crate) const fn new(length: u32, head: u16) -> Self {
        Self { length, head }
    }

    /// The size of a message and its body.
    pub(crate) fn with_body(length: u32, body_len: u32) -> Self {
        Self { length, head: u16::try_from(length.saturating_sub(body_len)).unwrap_or(u16::MAX) }
    }

    /// How long the body is.
    pub(crate) const fn body_len(self) -> u64 {
        self.length as u64 - self.head as u64
    }

    pub(crate) const fn head(self) -> u16 {
        self.head
    }
}

/// How much of a message is not its body, up to the largest number that there is room for.
#[inline]
fn head_len(message: &Message) -> u16 {
    message.head().len().min(u16::MAX as usize) as u16
}

/// A message in memory, and its place in the queue.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its place: lower goes first. Given at enqueue, never changed, never used again.
    pub(crate) seq: u64,
    pub(crate) message: Message,
    /// How much of it is not its body: see [`Size`].
    pub(crate) head: u16,
    pub(crate) lane: u8,
    /// Whether it is kept in the store, and must be settled there when it is gone.
    pub(crate) is_stored: bool,
    /// Whether a consumer has had it before.
    pub(crate) is_redelivered: bool,
    /// Whether it was read from the store: it shares its memory with whatever was read along.
    pub(crate) was_read: bool,
}

impl Entry {
    /// A message that has just come.
    #[inline]
    pub(crate) fn new(lane: u8, seq: u64, message: Message, is_stored: bool) -> Self {
        let head = head_len(&message);
        Self { seq, message, head, lane, is_stored, is_redelivered: false, was_read: false }
    }

    /// A message that the store gave back.
    pub(crate) fn read(lane: u8, seq: u64, message: Message) -> Self {
        Self { was_read: true, ..Self::new(lane, seq, message, true) }
    }

    /// How long the message is.
    pub(crate) fn size(&self) -> Size {
        Size { length: self.message.len_bytes() as u32, head: self.head }
    }

    /// How long its body is.
    #[inline]
    pub(crate) fn body_len(&self) -> u64 {
        self.message.len_bytes() as u64 - u64::from(self.head)
    }

    /// What it takes to hold it.
    #[inline]
    pub(crate) fn weight(&self) -> usize {
        self.message.len_bytes() + HELD_BYTES
    }

    /// The same, if only memory holds it.
    #[inline]
    pub(crate) fn unstored_weight(&self) -> usize {
        if self.is_stored { 0 } else { self.weight() }
    }
}

/// A message that a queue is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The lane that it was in.
    pub lane: u8,
    /// Its place.
    pub seq: u64,
    /// Its length in bytes.
    pub length: u32,
    /// Whether it was kept in the store, which must hear that it is gone.
    pub is_stored: bool,
}
