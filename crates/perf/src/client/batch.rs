//! Messages encoded once and sent again and again.
//!
//! ```text
//!   |<------------ message -------------->|<------------ message -------------->|   … `capacity` of them
//!   | basic.publish | header | 3, 1, len | stamp: u64 | sequence: u64 | filler | 206 |
//!                                         ^ body, patched before each write (both numbers little-endian)
//! ```
//!
//! A body below 16 bytes has no sequence, one below 8 bytes no stamp. What is patched is in the first body frame
//! however small the frames are.

use wire_amqp091::content::{self, Content};
use wire_amqp091::limits::{FRAME_HEAD_BYTES, FRAME_MAX_DEFAULT};
use wire_amqp091::method::basic;
use wire_amqp091::{Properties, frame, properties};

use super::CHANNEL;
use super::publisher::{Numbers, Publication};

/// The bytes of a stamp, and of a sequence.
pub(crate) const STAMP_BYTES: usize = 8;
/// The batch that is worth a system call: large enough that the call is cheap per byte, small enough to stay in a
/// second-level cache on its way through the kernel. One message that is larger is a batch of its own.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// Where the routing key is when the exchange has no name: behind the frame's head, the identifiers, the ticket, and the
/// lengths of both.
const KEY_AT: usize = FRAME_HEAD_BYTES + 4 + 2 + 1 + 1;

/// The encoded messages of one publisher, and how many of their bytes are underway.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    message_len: usize,
    body_at: usize,
    body_len: usize,
    /// The number in the routing key, by its place in the message.
    numbers: Option<Numbers>,
    sent_len: usize,
    end: usize,
}

impl Batch {
    /// Encodes as many copies as make a batch, at most `messages_max`.
    ///
    /// # Panics
    /// When `frame_max` leaves no room for a body.
    pub(crate) fn new(publication: &Publication, frame_max: u32, messages_max: u64) -> Self {
        let properties = if publication.is_persistent {
            let delivery_mode = Some(properties::PERSISTENT);
            Properties { delivery_mode, ..Properties::default() }.to_bytes()
        } else {
            properties::NONE.to_vec()
        };
        let publish = basic::Publish {
            ticket: 0,
            exchange: publication.exchange.as_bytes(),
            routing_key: publication.routing_key.as_bytes(),
            mandatory: false,
            immediate: false,
        };
        let body = vec![b'.'; publication.body_len];
        let mut bytes = Vec::new();
        frame::write_method(&mut bytes, CHANNEL, &publish);
        frame::write_header(&mut bytes, CHANNEL, body.len() as u64, &properties);
        let body_at = bytes.len() + FRAME_HEAD_BYTES;
        bytes.clear();
        let content = Content { properties: &properties, body: &body };
        content::write_publish(&mut bytes, CHANNEL, &publish, &content, frame_max);
        let message_len = bytes.len();
        let copies = (BATCH_BYTES_MAX / message_len).max(1);
        let copies = copies.min(usize::try_from(messages_max).unwrap_or(usize::MAX)).max(1);
        Self {
            bytes: bytes.repeat(copies),
            message_len,
            body_at,
            body_len: body.len(),
            numbers: publication.numbers.map(|numbers| Numbers {
                at: KEY_AT + publication.exchange.len() + numbers.at,
                ..numbers
            }),
            sent_len: 0,
            end: 0,
        }
    }

    /// The most messages that one batch holds.
    pub(crate) fn capacity(&self) -> u64 {
        (self.bytes.len() / self.message_len) as u64
    }

    /// Bytes to be sent.
    pub(crate) fn output(&self) -> &[u8] {
        &self.bytes[self.sent_len..self.end]
    }

    /// The first `len` bytes of the output are on their way.
    pub(crate) fn sent(&mut self, len: usize) {
        self.sent_len += len;
        assert!(self.sent_len <= self.end, "no more is sent than there was");
    }

    /// Makes a batch of `messages`, once the last one is gone: the first has the number `sequence`, and each the
    /// stamp that `stamp_ns` gives its number.
    #[inline]
    pub(crate) fn fill(&mut self, messages: u64, sequence: u64, stamp_ns: impl Fn(u64) -> u64) {
        assert!(self.sent_len == self.end, "a batch that is underway is left alone");
        assert!(messages <= self.capacity(), "a batch has its size");
        self.sent_len = 0;
        self.end = usize::try_from(messages).expect("at most the capacity") * self.message_len;
        if let Some(numbers) = self.numbers {
            self.number_keys(numbers, sequence);
        }
        if self.body_len < STAMP_BYTES {
            return;
        }
        let has_sequence = self.body_len >= 2 * STAMP_BYTES;
        let written = &mut self.bytes[..self.end];
        for (message, number) in written.chunks_exact_mut(self.message_len).zip(sequence..) {
            let body = &mut message[self.body_at..];
            body[..STAMP_BYTES].copy_from_slice(&stamp_ns(number).to_le_bytes());
            if has_sequence {
                body[STAMP_BYTES..2 * STAMP_BYTES].copy_from_slice(&number.to_le_bytes());
            }
        }
    }
}

impl Batch {
    fn number_keys(&mut self, numbers: Numbers, sequence: u64) {
        let written = &mut self.bytes[..self.end];
        for (message, number) in written.chunks_exact_mut(self.message_len).zip(sequence..) {
            let mut rest = number % u64::from(numbers.keys);
            for digit in message[numbers.at..numbers.at + numbers.len].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
    }
}

/// The bytes of a message with a body of `body_len` on its way to a broker that was told nothing special.
pub(crate) fn message_len(body_len: usize) -> usize {
    let publication = Publication {
        exchange: String::new(),
        routing_key: "perf".to_owned(),
        numbers: None,
        body_len,
        is_persistent: false,
    };
    Batch::new(&publication, FRAME_MAX_DEFAULT, 1).message_len
}

#[cfg(test)]
mod tests {
    use wire_amqp091::{ContentHeader, Kind, Method};

    use super::*;

    fn publication(body_len: usize) -> Publication {
        let (exchange, routing_key) = ("x".to_owned(), "key".to_owned());
        Publication { exchange, routing_key, numbers: None, body_len, is_persistent: true }
    }

    /// The bodies of a batch, whose frames are checked on the way.
    fn bodies(batch: &Batch) -> Vec<Vec<u8>> {
        let mut rest = batch.output();
        let mut bodies: Vec<Vec<u8>> = Vec::new();
        while let Some((frame, len)) = frame::parse(rest, 200_000).expect("our own frames") {
            rest = &rest[len..];
            match frame.kind {
                Kind::Method => {
                    let method = Method::decode(frame.payload).expect("our own method");
                    let Method::BasicPublish(publish) = method else { panic!("{method:?}") };
                    assert_eq!((publish.exchange, publish.routing_key), (&b"x"[..], &b"key"[..]));
                }
                Kind::Header => {
                    let header = ContentHeader::decode(frame.payload).expect("our own header");
                    assert_eq!(header.body_len, batch.body_len as u64);
                    bodies.push(Vec::new());
                }
                Kind::Body => bodies.last_mut().expect("a header").extend_from_slice(frame.payload),
                Kind::Heartbeat => panic!("a heartbeat"),
            }
        }
        assert!(rest.is_empty());
        bodies
    }

    #[test]
    fn each_message_has_its_stamp_and_its_number() {
        let mut batch = Batch::new(&publication(20), 4096, 1_000);
        batch.fill(3, 7, |number| number * 100);
        for (body, number) in bodies(&batch).iter().zip(7_u64..) {
            assert_eq!(body[..8], (number * 100).to_le_bytes());
            assert_eq!(body[8..16], number.to_le_bytes());
            assert_eq!(&body[16..], b"....");
        }
    }

    #[test]
    fn what_does_not_fit_into_the_body_is_left_out() {
        for (body_len, expected) in [(0, &b""[..]), (7, b"......."), (8, &[9, 0, 0, 0, 0, 0, 0, 0])]
        {
            let mut batch = Batch::new(&publication(body_len), 4096, 1_000);
            batch.fill(1, 0, |_| 9);
            assert_eq!(bodies(&batch), [expected]);
        }
    }

    #[test]
    fn keys_are_numbered_in_turn() {
        let numbers = Some(Numbers { at: 2, len: 2, keys: 11 });
        let publication =
            Publication { routing_key: "a.00.b".to_owned(), numbers, ..publication(16) };
        let mut batch = Batch::new(&publication, 4096, 1_000);
        batch.fill(4, 9, |_| 0);
        let mut rest = batch.output();
        let mut keys = Vec::new();
        while let Some((frame, len)) = frame::parse(rest, 4096).expect("our own frames") {
            rest = &rest[len..];
            if frame.kind == Kind::Method
                && let Ok(Method::BasicPublish(publish)) = Method::decode(frame.payload)
            {
                keys.push(String::from_utf8_lossy(publish.routing_key).into_owned());
            }
        }
        assert_eq!(keys, ["a.09.b", "a.10.b", "a.00.b", "a.01.b"]);
    }

    #[test]
    fn a_large_body_is_a_batch_of_several_frames() {
        let mut batch = Batch::new(&publication(300_000), 4096, 1_000);
        assert_eq!(batch.capacity(), 1);
        batch.fill(1, 5, |_| 9);
        let bodies = bodies(&batch);
        assert_eq!((bodies.len(), bodies[0].len()), (1, 300_000));
        assert_eq!(bodies[0][8..16], 5_u64.to_le_bytes());
    }

    #[test]
    fn a_batch_holds_no_more_than_may_be_sent_at_once() {
        assert_eq!(Batch::new(&publication(16), 4096, 10).capacity(), 10);
        let unlimited = Batch::new(&publication(16), 4096, u64::MAX);
        assert!(unlimited.capacity() > 500 && unlimited.bytes.len() <= BATCH_BYTES_MAX);
    }
}
