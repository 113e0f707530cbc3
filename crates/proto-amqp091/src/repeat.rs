//! What a producer or a consumer's queue says again and again, kept so that it is made once.
//!
//! Message after message, most producers send the same method and properties, and most consumers get the same
//! exchange, key and properties. Comparing two dozen bytes costs a fraction of taking them apart and putting them
//! together.

use message::Message;
use wire_amqp091::method::basic;
use wire_amqp091::{Kind, content, frame};

/// Heads longer than this are not kept: comparing them would cost as much as making them.
const KEPT_BYTES: usize = 512;
/// Where in a header frame the body's length stands: behind frame head (7), class and weight (4).
const HEADER_LEN_AT: usize = 11;
const BODY_LEN_BYTES: usize = 8;

/// The frames in front of the body of the last message that a channel published, and the message without its body.
///
/// ```text
///   | publish frame | header frame: class, weight │ body length │ properties, end | body frame
///   |<---------------- front -------------------->│   8 bytes   │<---- back ----->|
/// ```
#[derive(Debug, Default)]
pub(crate) struct LastPublish {
    front: Vec<u8>,
    back: Vec<u8>,
    head: Vec<u8>,
    number: u16,
}

impl LastPublish {
    /// Everything before the body of the message: see [`Message::head`]. Empty when none is kept.
    #[inline]
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The body of the message that `bytes` begin with, and how many bytes it takes with all its frames, if it lies there as
    /// a whole and is like the last one in everything else.
    #[inline]
    pub(crate) fn body_of<'b>(
        &self,
        bytes: &'b [u8],
        body_len_max: usize,
    ) -> Option<(&'b [u8], usize)> {
        if self.front.is_empty() {
            return None;
        }
        let rest = bytes.strip_prefix(&*self.front)?;
        let (len, rest) = rest.split_first_chunk()?;
        let rest = rest.strip_prefix(&*self.back)?;
        let body_len = usize::try_from(u64::from_be_bytes(*len)).ok()?;
        if body_len == 0 {
            return Some((&[], bytes.len() - rest.len()));
        }
        if body_len > body_len_max {
            return None;
        }
        let (head, rest) = rest.split_first_chunk()?;
        if *head != frame::head(Kind::Body, self.number, body_len) {
            return None;
        }
        match rest.split_at_checked(body_len)? {
            (body, [frame::END, rest @ ..]) => Some((body, bytes.len() - rest.len())),
            _ => None,
        }
    }

    /// Remembers a message of channel `number` that has nothing of its own but its body and the time that it came. `fields`
    /// are those of its `basic.publish`.
    pub(crate) fn keep(&mut self, number: u16, fields: &[u8], message: &Message) {
        self.forget();
        let head = message.head();
        if head.len() > KEPT_BYTES {
            return;
        }
        self.number = number;
        frame::write_with(&mut self.front, Kind::Method, number, |out| {
            out.extend_from_slice(&basic::Publish::ID.to_be_bytes());
            out.extend_from_slice(fields);
        });
        let header_at = self.front.len();
        frame::write_header(&mut self.front, number, 0, message.properties());
        let back = self.front.split_off(header_at + HEADER_LEN_AT + BODY_LEN_BYTES);
        self.front.truncate(header_at + HEADER_LEN_AT);
        self.back = back;
        self.head.extend_from_slice(head);
    }

    /// Nothing is remembered any more.
    pub(crate) fn forget(&mut self) {
        self.front.clear();
        self.back.clear();
        self.head.clear();
    }
}

/// The frames in front of a body, as they were last written for a consumer.
///
/// ```text
///   | deliver frame: … consumer tag │ delivery tag │ redelivered │ exchange, key │ header frame: … │ body length │ properties
///                                     8 bytes        1 byte                                          8 bytes
/// ```
#[derive(Debug, Default)]
pub(crate) struct LastDeliver {
    head: Vec<u8>,
    frames: Vec<u8>,
    tag_at: usize,
    len_at: usize,
}

impl LastDeliver {
    /// Appends the deliver and header frames of a message that is shown with its own properties.
    #[inline]
    pub(crate) fn write(
        &mut self,
        out: &mut Vec<u8>,
        channel: u16,
        consumer_tag: &str,
        delivery_tag: u64,
        redelivered: bool,
        message: &Message,
    ) {
        if self.head.is_empty() || !message.has_head(&self.head) {
            self.make(channel, consumer_tag, message);
        }
        let start = out.len();
        out.extend_from_slice(&self.frames);
        let tag_at = start + self.tag_at;
        let len_at = start + self.len_at;
        out[tag_at..tag_at + 8].copy_from_slice(&delivery_tag.to_be_bytes());
        out[tag_at + 8] = u8::from(redelivered);
        out[len_at..len_at + 8].copy_from_slice(&(message.body_len() as u64).to_be_bytes());
    }

    fn make(&mut self, channel: u16, consumer_tag: &str, message: &Message) {
        /// Frame head (7), class and method (4), length of the consumer tag (1).
        const BEFORE_CONSUMER_TAG: usize = 12;
        /// From the end of the properties back to the body length: the length itself (8).
        const LEN_BYTES: usize = 8;
        let parts = message.parts();
        let delivery = content::Delivery {
            consumer_tag: consumer_tag.as_bytes(),
            delivery_tag: 0,
            redelivered: false,
            exchange: parts.exchange,
            routing_key: parts.routing_key,
        };
        self.frames.clear();
        content::write_deliver_head(&mut self.frames, channel, &delivery, parts.properties, 0);
        self.tag_at = BEFORE_CONSUMER_TAG + consumer_tag.len();
        self.len_at = self.frames.len() - 1 - parts.properties.len() - LEN_BYTES;
        self.head.clear();
        if message.head().len() <= KEPT_BYTES {
            self.head.extend_from_slice(message.head());
        }
    }
}

#[cfg(test)]
mod tests {
    use message::{Address, Arena};
    use wire_amqp091::content::{Content, write_publish};

    use super::*;

    #[test]
    fn kept_frames_are_those_that_would_be_made() {
        let mut arena = Arena::new();
        let mut last = LastDeliver::default();
        let (mut kept, mut made) = (Vec::new(), Vec::new());
        let long = [7; 600];
        for (tag, (key, properties, body)) in [
            ("a", &b"\0\0"[..], &b"x"[..]),
            ("a", b"\0\0", b"yy"),
            ("b", b"\x10\0\x02", b""),
            ("b", &long, b"z"),
        ]
        .into_iter()
        .cycle()
        .take(12)
        .enumerate()
        {
            let address = Address::new(b"logs", key.as_bytes(), 1_700_000_000_000 + tag as u64);
            let message = arena.message(&address, properties, body);
            last.write(&mut kept, 3, "ctag", tag as u64, tag % 2 == 1, &message);
            frame::write_body(&mut kept, 3, message.body(), 4096);
            let delivery = content::Delivery {
                consumer_tag: b"ctag",
                delivery_tag: tag as u64,
                redelivered: tag % 2 == 1,
                exchange: b"logs",
                routing_key: key.as_bytes(),
            };
            let content = content::Content { properties, body };
            content::write_deliver(&mut made, 3, &delivery, &content, 4096);
        }
        assert_eq!(kept, made);
    }
}
