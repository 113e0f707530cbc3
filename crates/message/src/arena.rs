//! Where messages are laid out as they come in.
//!
//! Small messages are copied, once, next to each other into chunks; a chunk's memory is used again as soon as
//! the last message in it is gone. What is in flight so stays within a few chunks, and within the cache.
//! Large messages get memory of their own, which grows as bytes arrive: a length that a client merely
//! announces makes it at most three times as large as what has come.

use bytes::{Bytes, BytesMut};

use crate::blob::{self, Address, Message};

/// Each message that begins or ends counts in the head of its chunk. Small chunks are left behind before another core is done
/// with their messages, so that two cores seldom count in the same one.
const CHUNK_BYTES: usize = 32 * 1024;
/// Chunks that are kept for use again. Beyond this, memory goes back to the allocator.
const CHUNKS_MAX: usize = 32;
/// Messages above this have memory of their own, so that one of them cannot pin a chunk of small ones.
const SHARED_BYTES_MAX: usize = 8 * 1024;

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
            draft.push(body, 0);
            return draft.finish();
        }
        let mut head = std::mem::take(&mut self.head);
        head.clear();
        blob::write_head(&mut head, address, properties);
        self.make_room(head.len() + body.len());
        self.chunk.extend_from_slice(&head);
        self.chunk.extend_from_slice(body);
        self.head = head;
        Message::sealed(self.chunk.split().freeze())
    }

    /// A message with the head of another one, except for when it was received: see [`Message::head`].
    ///
    /// # Panics
    /// When the head is that of a message of the first version.
    #[inline]
    pub fn repeat(&mut self, head: &[u8], received_at_ms: u64, body: &[u8]) -> Message {
        assert!(blob::tells_time(head), "a message that is repeated tells when it was received");
        if head.len() + body.len() > SHARED_BYTES_MAX {
            let mut blob = Vec::with_capacity(head.len() + body.len());
            blob.extend_from_slice(head);
            blob.extend_from_slice(body);
            blob::patch_received_at(&mut blob, received_at_ms);
            return Message::sealed(Bytes::from(blob));
        }
        self.make_room(head.len() + body.len());
        self.chunk.extend_from_slice(head);
        self.chunk.extend_from_slice(body);
        blob::patch_received_at(&mut self.chunk, received_at_ms);
        Message::sealed(self.chunk.split().freeze())
    }

    #[inline]
    fn make_room(&mut self, len: usize) {
        if self.chunk.capacity() < len {
            self.turn_over();
        }
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

    /// Adds a piece of the body, behind which `left_bytes` more are announced: memory for them is taken ahead, but at most twice
    /// what has come. How long the whole may become is for the front-end to watch.
    pub fn push(&mut self, piece: &[u8], left_bytes: u64) {
        let len = self.blob.len() + piece.len();
        if self.blob.capacity() < len {
            let ahead = usize::try_from(left_bytes).unwrap_or(usize::MAX).min(2 * len);
            self.blob.reserve_exact(piece.len() + ahead);
        }
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
    use crate::blob::{HEADER_BYTES, Readdress, are_like_heads};
    use crate::death::{Death, Deaths, Reason};
    use crate::name::Name;

    fn address<'a>(exchange: &'a str, key: &'a str) -> Address<'a> {
        let address = Address::new(exchange.as_bytes(), key.as_bytes(), 1_700_000_000_000);
        Address { is_persistent: true, priority: Some(3), ..address }
    }

    fn full_address<'a>() -> Address<'a> {
        Address {
            expires_at_ms: Some(1_700_000_000_005),
            deliver_at_ms: Some(1_700_000_000_003),
            cc: &[b"c", b""],
            bcc: &[b"hidden"],
            ..address("e", "key")
        }
    }

    #[test]
    fn a_message_gives_back_what_it_was_made_from() {
        let mut arena = Arena::new();
        let small = arena.message(&address("e", "key"), b"props", b"body");
        let again = arena.repeat(small.head(), 1_700_000_000_000, b"body");
        let mut draft = Draft::new(&address("e", "key"), b"props");
        draft.push(b"bo", 2);
        draft.push(b"dy", 0);
        for message in [small, again, draft.finish()] {
            assert_eq!(message.exchange(), b"e");
            assert_eq!(message.routing_key(), b"key");
            assert_eq!(message.properties(), b"props");
            assert_eq!(message.body(), b"body");
            assert!(message.is_persistent());
            assert_eq!((message.priority(), message.own_priority()), (3, Some(3)));
            assert_eq!(message.received_at_ms(), 1_700_000_000_000);
            assert!(!message.has_fields() && !message.has_died());
            let again = Message::from_bytes(Bytes::copy_from_slice(message.as_bytes()));
            assert_eq!(again, Ok(message));
        }
    }

    #[test]
    fn fields_come_back_as_they_were() {
        let message = Arena::new().message(&full_address(), b"props", b"body");
        assert_eq!(message.expires_at_ms(), Some(1_700_000_000_005));
        assert_eq!(message.deliver_at_ms(), Some(1_700_000_000_003));
        assert_eq!(message.cc().collect::<Vec<_>>(), [&b"c"[..], b""]);
        assert_eq!(message.bcc().collect::<Vec<_>>(), [b"hidden"]);
        assert_eq!((message.properties(), message.body()), (&b"props"[..], &b"body"[..]));
        assert!(message.has_fields());
        let again = Message::from_bytes(Bytes::copy_from_slice(message.as_bytes()));
        assert_eq!(again, Ok(message));
    }

    #[test]
    fn a_readdressed_message_keeps_what_its_producer_said() {
        let message = Arena::new().message(&full_address(), b"props", b"body");
        let death = Death {
            queue: Name::fixed("q"),
            reason: Reason::Expired,
            count: 1,
            time_s: 1_700_000_000,
            exchange: b"e".to_vec(),
            routing_keys: vec![b"key".to_vec()],
            original_ttl_ms: Some(5),
        };
        let deaths = Deaths::after(message.deaths(), death);
        let again = message.readdressed(&Readdress {
            exchange: b"dead",
            routing_key: b"letters",
            received_at_ms: 1_700_000_000_006,
            expires_at_ms: None,
            deliver_at_ms: None,
            delayed_ms: Some(9),
            held_ttl_ms: Some(11),
            cc: &[],
            bcc: &[],
            deaths: Some(&deaths),
        });
        assert_eq!((again.exchange(), again.routing_key()), (&b"dead"[..], &b"letters"[..]));
        assert_eq!((again.properties(), again.body()), (&b"props"[..], &b"body"[..]));
        assert_eq!((again.is_persistent(), again.own_priority()), (true, Some(3)));
        assert_eq!((again.received_at_ms(), again.expires_at_ms()), (1_700_000_000_006, None));
        assert_eq!((again.delayed_ms(), again.held_ttl_ms()), (Some(9), Some(11)));
        assert_eq!(again.cc().count(), 0);
        assert!(again.has_died());
        assert_eq!(again.deaths(), Some(deaths));
    }

    #[test]
    fn heads_differ_in_nothing_but_the_time_that_they_tell() {
        let mut arena = Arena::new();
        let one = arena.message(&address("e", "key"), b"props", b"body");
        let later = arena.repeat(one.head(), 1_700_000_000_001, b"other");
        assert_eq!(later.received_at_ms(), 1_700_000_000_001);
        assert!(are_like_heads(later.head(), one.head()));
        let other = arena.message(&address("f", "key"), b"props", b"body");
        assert!(!are_like_heads(other.head(), one.head()) && !are_like_heads(other.head(), b""));
        assert!(!are_like_heads(b"", b""));
    }

    #[test]
    fn a_message_of_the_first_version_is_understood() {
        let blob = [&[1, 1, 1, 0, 1, 1, 0, 0, 16, 0, 0, 0][..], b"ekpp", b"body"].concat();
        let old = Message::from_bytes(Bytes::from(blob)).unwrap();
        assert_eq!((old.exchange(), old.routing_key()), (&b"e"[..], &b"k"[..]));
        assert_eq!((old.properties(), old.body()), (&b"pp"[..], &b"body"[..]));
        assert_eq!((old.received_at_ms(), old.expires_at_ms()), (0, None));
        assert!(!old.has_fields());
        assert_eq!(old.own_priority(), None);
        assert!(are_like_heads(old.head(), old.head()) && !are_like_heads(old.head(), b"x"));
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
        for address in [address("ex", "key"), full_address()] {
            let whole = Arena::new().message(&address, b"properties", b"");
            for len in 0..whole.len_bytes() {
                let cut = Bytes::copy_from_slice(&whole.as_bytes()[..len]);
                assert!(Message::from_bytes(cut).is_err(), "{len} bytes");
            }
        }
        assert!(Message::from_bytes(Bytes::from_static(&[9; 64])).is_err());
        let whole = Arena::new().message(&full_address(), b"", b"");
        let mut bytes = whole.as_bytes().to_vec();
        bytes[HEADER_BYTES + 9] += 1;
        assert!(Message::from_bytes(Bytes::from(bytes)).is_err());
    }
}
