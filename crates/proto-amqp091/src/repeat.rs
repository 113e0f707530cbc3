//! What a producer or a consumer's queue says again and again, kept so that it is made once.
//!
//! Message after message, most producers send the same method and properties, and most consumers get the same
//! exchange, key and properties. Comparing two dozen bytes costs a fraction of taking them apart and putting them
//! together.

use message::Message;
use wire_amqp091::content;

/// Heads longer than this are not kept: comparing them would cost as much as making them.
const KEPT_BYTES: usize = 512;

/// The last message that a channel published, without its body.
#[derive(Debug, Default)]
pub(crate) struct LastPublish {
    fields: Vec<u8>,
    properties: Vec<u8>,
    head: Vec<u8>,
    is_mandatory: bool,
}

impl LastPublish {
    /// The head of the message that has these method fields and properties, if it is the last one's, and whether it is
    /// mandatory.
    #[inline]
    pub(crate) fn find(&self, fields: &[u8], properties: &[u8]) -> Option<(&[u8], bool)> {
        (self.fields == fields && self.properties == properties && !self.head.is_empty())
            .then_some((&self.head, self.is_mandatory))
    }

    /// Remembers a message that has nothing of its own but its body and the time that it came.
    pub(crate) fn keep(&mut self, fields: &[u8], message: &Message, is_mandatory: bool) {
        let head = message.head();
        for (kept, bytes) in [
            (&mut self.fields, fields),
            (&mut self.properties, message.properties()),
            (&mut self.head, head),
        ] {
            kept.clear();
            if head.len() <= KEPT_BYTES {
                kept.extend_from_slice(bytes);
            }
        }
        self.is_mandatory = is_mandatory;
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
    use wire_amqp091::frame;

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
