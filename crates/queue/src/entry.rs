//! One message as a queue holds it.

use message::Message;

use crate::tag::Tag;

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
    tag: Tag,
}

impl Entry {
    /// A message that has just come.
    #[inline]
    pub(crate) fn new(lane: u8, seq: u64, message: Message, is_stored: bool) -> Self {
        let tag = Tag::new(head_len(&message), lane, is_stored);
        Self { seq, message, tag }
    }

    /// The same in the first lane, of a message whose head has this length.
    #[inline]
    pub(crate) fn with_head(seq: u64, message: Message, head_len: usize, is_stored: bool) -> Self {
        let tag = Tag::new(head_len.min(u16::MAX as usize) as u16, 0, is_stored);
        Self { seq, message, tag }
    }

    /// A message that the store gave back.
    pub(crate) fn read(lane: u8, seq: u64, message: Message) -> Self {
        let mut entry = Self::new(lane, seq, message, true);
        entry.tag = entry.tag.read();
        entry
    }

    /// The same, and a consumer has had it before if `is_redelivered`.
    pub(crate) fn redelivered(mut self, is_redelivered: bool) -> Self {
        self.tag = self.tag.redelivered(is_redelivered);
        self
    }

    #[inline]
    pub(crate) const fn lane(&self) -> u8 {
        self.tag.lane()
    }

    /// Whether it is kept in the store, and must be settled there when it is gone.
    #[inline]
    pub(crate) const fn is_stored(&self) -> bool {
        self.tag.is_stored()
    }

    /// Whether a consumer has had it before.
    #[inline]
    pub(crate) const fn is_redelivered(&self) -> bool {
        self.tag.is_redelivered()
    }

    /// What else there is to say of it.
    #[inline]
    pub(crate) const fn tag(&self) -> Tag {
        self.tag
    }

    /// How long the message is.
    pub(crate) fn size(&self) -> Size {
        Size { length: self.message.len_bytes() as u32, head: self.tag.head() }
    }

    /// How long its body is.
    #[inline]
    pub(crate) fn body_len(&self) -> u64 {
        self.message.len_bytes() as u64 - u64::from(self.tag.head())
    }

    /// What it takes to hold it.
    #[inline]
    pub(crate) fn weight(&self) -> usize {
        self.message.len_bytes() + HELD_BYTES
    }

    /// The same, if only memory holds it.
    #[inline]
    pub(crate) fn unstored_weight(&self) -> usize {
        if self.is_stored() { 0 } else { self.weight() }
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
