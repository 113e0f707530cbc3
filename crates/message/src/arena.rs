//! Where messages are laid out as they come in.
//!
//! Small messages are copied, once, next to each other into chunks; a chunk's memory is used again as soon as
//! the last message in it is gone. What is in flight so stays within a few chunks, and within the cache.
//! Large messages get memory of their own, which grows as bytes arrive: a length that a client merely
//! announces sizes nothing.

use bytes::{Bytes, BytesMut};

use crate::blob::{self, Address, Message};

const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks that are kept for use again. Beyond this, memory goes back to the allocator.
const CHUNKS_MAX: usize = 8;
/// Messages above this have memory of their own, so that one of them cannot pin a chunk of small ones.
const SHARED_BYTES_MAX: usize = 16 * 1024;

/// A source of messages. Each shard has one.
#[derive(Debug, Default)]
pub struct Arena {
    chunk: BytesMut,
    head: Vec<u8>,
    used: Vec<BytesMut>,
}

impl Arena {
    /// An arena that holds no memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A message whose body is all there.
    pub fn message(&mut self, address: &Address<'_>, properties: &[u8], body: &[u8]) -> Message {
        let len = blob::head_len(address, properties) + body.len();
        if len > SHARED_BYTES_MAX {
            let mut draft = Draft::with_capacity(len, address, properties);
            draft.push(body);
            return draft.finish();
        }
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        blob::write_head(&mut head, address, properties);
        let message = self.copy(&[&head, body]);
        self.head = head;
        message
    }

    /// A message with the head of another one: see [`Message::head`].
    #[inline]
    pub fn repeat(&mut self, head: &[u8], body: &[u8]) -> Message {
        if head.len() + body.len() > SHARED_BYTES_MAX {
            let mut blob = Vec::with_capacity(head.len() + body.len());
            blob.extend_from_slice(head);
            blob.extend_from_slice(body);
            return Message::sealed(Bytes::from(blob));
        }
        self.copy(&[head, body])
    }

    #[inline]
    fn copy(&mut self, pieces: &[&[u8]]) -> Message {
        let len = pieces.iter().map(|piece| piece.len()).sum();
        if self.chunk.capacity() < len {
            self.turn_over();
        }
        for piece in pieces {
            self.chunk.extend_from_slice(piece);
        }
        Message::sealed(self.chunk.split().freeze())
    }

    /// Puts the full chunk aside and takes one that is free again, or a fresh one. The one that was used last is the
    /// one that is most likely still in the cache.
    fn turn_over(&mut self) {
        if self.used.len() == CHUNKS_MAX {
            self.used.remove(0);
        }
        self.used.push(std::mem::take(&mut self.chunk));
        let free = self.used.iter_mut().rposition(|chunk| chunk.try_reclaim(CHUNK_BYTES));
        self.chunk = match free {
            Some(at) => self.used.remove(at),
            None => BytesMut::with_capacity(CHUNK_BYTES),
        };
    }
}

/// A message whose body comes in pieces.
#[derive(Debug)]
pub struct Draft {
    blob: Vec<u8>,
}

impl Draft {
    /// Begins a message. Memory for the body is taken as it arrives, not before.
    pub fn new(address: &Address<'_>, properties: &[u8]) -> Self {
        Self::with_capacity(blob::head_len(address, properties), address, properties)
    }

    /// Adds a piece of the body. How long the whole may become is for the front-end to watch.
    pub fn push(&mut self, piece: &[u8]) {
        self.blob.extend_from_slice(piece);
    }

    /// How much memory it takes.
    pub const fn held_bytes(&self) -> usize {
        self.blob.capacity()
    }

    /// The whole message.
    pub fn finish(self) -> Message {
        Message::sealed(Bytes::from(self.blob))
    }

    fn with_capacity(capacity: usize, address: &Address<'_>, properties: &[u8]) -> Self {
        let mut blob = Vec::with_capacity(capacity);
        blob::write_head(&mut blob, address, properties);
        Self { blob }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Format;

    fn address<'a>(exchange: &'a str, key: &'a str) -> Address<'a> {
        Address {
            exchange: exchange.as_bytes(),
            routing_key: key.as_bytes(),
            is_persistent: true,
            priority: 3,
            format: Format::Amqp091,
        }
    }

    #[test]
    fn a_message_gives_back_what_it_was_made_from() {
        let mut arena = Arena::new();
        let small = arena.message(&address("e", "key"), b"props", b"body");
        let mut draft = Draft::new(&address("e", "key"), b"props");
        draft.push(b"bo");
        draft.push(b"dy");
        for message in [small, draft.finish()] {
            assert_eq!(message.exchange(), b"e");
            assert_eq!(message.routing_key(), b"key");
            assert_eq!(message.properties(), b"props");
            assert_eq!(message.body(), b"body");
            assert!(message.is_persistent());
            assert_eq!(message.priority(), 3);
            let again = Message::from_bytes(Bytes::copy_from_slice(message.as_bytes()));
            assert_eq!(again, Ok(message));
        }
    }

    #[test]
    fn a_chunk_is_used_again_once_its_messages_are_gone() {
        let mut arena = Arena::new();
        let body = [7u8; 1000];
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..10_000 {
            let message = arena.message(&address("", "q"), b"", &body);
            places.insert(message.body().as_ptr() as usize / CHUNK_BYTES);
        }
        assert!(places.len() <= 2 * CHUNKS_MAX, "{} places", places.len());
    }

    #[test]
    fn cut_or_foreign_bytes_are_not_a_message() {
        let whole = Arena::new().message(&address("ex", "key"), b"properties", b"");
        for len in 0..whole.len_bytes() {
            let cut = Bytes::copy_from_slice(&whole.as_bytes()[..len]);
            assert!(Message::from_bytes(cut).is_err(), "{len} bytes");
        }
        assert!(Message::from_bytes(Bytes::from_static(&[9; 64])).is_err());
    }
}
