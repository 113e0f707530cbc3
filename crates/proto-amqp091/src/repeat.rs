//! What a producer or a consumer's queue says again and again, kept so that it is made once.
//!
//! Message after message, most producers send the same method and properties, and most consumers get the same
//! exchange, key and properties. Comparing two dozen bytes costs a fraction of taking them apart and putting them
//! together.

use message::{Message, are_like_heads};
use wire_amqp091::limits::FRAME_HEAD_BYTES;
use wire_amqp091::method::basic;
use wire_amqp091::{Kind, content, frame};

use crate::outgoing::Outgoing;

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
    /// All that stood before the last body that was found, and how long that was.
    before_body: Vec<u8>,
    body_len: usize,
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
        &mut self,
        bytes: &'b [u8],
        body_len_max: usize,
    ) -> Option<(&'b [u8], usize)> {
        // Most bodies are as long as the one before, so that a single comparison does.
        let is_as_long = !self.before_body.is_empty()
            && self.body_len <= body_len_max
            && bytes.starts_with(&self.before_body);
        let (body_at, body_len) = if is_as_long {
            (self.before_body.len(), self.body_len)
        } else {
            self.before_body_of(bytes, body_len_max)?
        };
        if body_len == 0 {
            return Some((&[], body_at));
        }
        match bytes[body_at..].split_at_checked(body_len)? {
            (body, [frame::END, ..]) => Some((body, body_at + body_len + 1)),
            _ => None,
        }
    }

    /// Where the body of the message begins, and how long it is: part by part, because its length differs.
    #[inline(never)]
    fn before_body_of(&mut self, bytes: &[u8], body_len_max: usize) -> Option<(usize, usize)> {
        if self.front.is_empty() {
            return None;
        }
        let rest = bytes.strip_prefix(&*self.front)?;
        let (len, rest) = rest.split_first_chunk()?;
        let rest = rest.strip_prefix(&*self.back)?;
        let body_len = usize::try_from(u64::from_be_bytes(*len)).ok()?;
        let headers_len = bytes.len() - rest.len();
        if body_len == 0 {
            return Some((headers_len, 0));
        }
        let is_fit = body_len <= body_len_max
            && rest.starts_with(&frame::head(Kind::Body, self.number, body_len));
        let body_at = headers_len + FRAME_HEAD_BYTES;
        if !is_fit {
            return None;
        }
        self.before_body.clear();
        self.before_body.extend_from_slice(&bytes[..body_at]);
        self.body_len = body_len;
        Some((body_at, body_len))
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
        self.before_body.clear();
    }
}

/// The frames in front of a body, as they were last written for a consumer.
///
/// ```text
///   | deliver frame: … consumer tag │ delivery tag │ redelivered │ exchange, key │ header frame: … │ body length │ properties │ body frame: … │ length |
///                                     8 bytes        1 byte                                          8 bytes                                  4 bytes
/// ```
#[derive(Debug, Default)]
pub(crate) struct LastDeliver {
    head: Vec<u8>,
    frames: Vec<u8>,
    tag_at: usize,
    len_at: usize,
}

/// Whom deliveries are written for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addressee<'a> {
    pub(crate) channel: u16,
    pub(crate) consumer_tag: &'a str,
    /// How much of a body there is in one frame.
    pub(crate) body_len_max: usize,
}

impl LastDeliver {
    /// Appends the frames of a message that is shown with its own properties.
    #[inline]
    pub(crate) fn write(
        &mut self,
        out: &mut Vec<u8>,
        to: &Addressee<'_>,
        delivery_tag: u64,
        redelivered: bool,
        message: &Message,
    ) {
        let (head, body) = message.head_and_body();
        out.reserve(self.frames.len() + body.len() + 1);
        self.write_front(out, to, (delivery_tag, redelivered), message, (head, body.len()));
        if body.is_empty() || body.len() > to.body_len_max {
            out.truncate(out.len() - FRAME_HEAD_BYTES);
            return write_body(out, to, body);
        }
        out.extend_from_slice(body);
        out.push(frame::END);
    }

    /// The same of a message whose body is sent from where it lies.
    pub(crate) fn write_shared(
        &mut self,
        out: &mut Outgoing,
        to: &Addressee<'_>,
        delivery_tag: u64,
        redelivered: bool,
        message: &Message,
    ) {
        let mut body = message.body_shared();
        let measures = (message.head(), body.len());
        self.write_front(out.buffer(), to, (delivery_tag, redelivered), message, measures);
        if body.len() > to.body_len_max {
            let front_len = out.buffer().len() - FRAME_HEAD_BYTES;
            out.buffer().truncate(front_len);
            while body.len() > to.body_len_max {
                out.buffer().extend_from_slice(&frame::head(
                    Kind::Body,
                    to.channel,
                    to.body_len_max,
                ));
                out.push_body(body.split_to(to.body_len_max));
                out.buffer().push(frame::END);
            }
            out.buffer().extend_from_slice(&frame::head(Kind::Body, to.channel, body.len()));
        }
        out.push_body(body);
        out.buffer().push(frame::END);
    }

    /// Appends everything before the body, of which it is assumed that it goes into one frame.
    #[inline]
    fn write_front(
        &mut self,
        out: &mut Vec<u8>,
        to: &Addressee<'_>,
        (delivery_tag, redelivered): (u64, bool),
        message: &Message,
        (head, body_len): (&[u8], usize),
    ) {
        if !are_like_heads(head, &self.head) {
            self.make(to, message);
        }
        let (start, len) = (out.len(), self.frames.len());
        out.extend_from_slice(&self.frames);
        let frames = &mut out[start..];
        frames[self.tag_at..self.tag_at + 8].copy_from_slice(&delivery_tag.to_be_bytes());
        frames[self.tag_at + 8] = u8::from(redelivered);
        let body_len = body_len as u64;
        frames[self.len_at..self.len_at + 8].copy_from_slice(&body_len.to_be_bytes());
        frames[len - 4..].copy_from_slice(&(body_len as u32).to_be_bytes());
    }

    fn make(&mut self, to: &Addressee<'_>, message: &Message) {
        /// Frame head (7), class and method (4), length of the consumer tag (1).
        const BEFORE_CONSUMER_TAG: usize = 12;
        let parts = message.parts();
        let delivery = content::Delivery {
            consumer_tag: to.consumer_tag.as_bytes(),
            delivery_tag: 0,
            redelivered: false,
            exchange: parts.exchange,
            routing_key: parts.routing_key,
        };
        self.frames.clear();
        content::write_deliver_head(&mut self.frames, to.channel, &delivery, parts.properties, 0);
        self.tag_at = BEFORE_CONSUMER_TAG + to.consumer_tag.len();
        self.len_at = self.frames.len() - 1 - parts.properties.len() - BODY_LEN_BYTES;
        self.frames.extend_from_slice(&frame::head(Kind::Body, to.channel, 0));
        self.head.clear();
        if message.head().len() <= KEPT_BYTES {
            self.head.extend_from_slice(message.head());
        }
    }
}

/// A body that is empty, or too long for one frame.
#[cold]
fn write_body(out: &mut Vec<u8>, to: &Addressee<'_>, body: &[u8]) {
    for part in body.chunks(to.body_len_max) {
        out.extend_from_slice(&frame::head(Kind::Body, to.channel, part.len()));
        out.extend_from_slice(part);
        out.push(frame::END);
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
        let long = [7; 600];
        for (tag, (key, properties, body)) in [
            ("a", &b"\0\0"[..], &b"x"[..]),
            ("a", b"\0\0", b"yy"),
            ("b", b"\x10\0\x02", b""),
            ("b", &long, b"z"),
            ("b", b"\0\0", &[1; 10_000]),
        ]
        .into_iter()
        .cycle()
        .take(15)
        .enumerate()
        {
            let address = Address::new(b"logs", key.as_bytes(), 1_700_000_000_000 + tag as u64);
            let message = arena.message(&address, properties, body);
            let to = Addressee { channel: 3, consumer_tag: "ctag", body_len_max: 4088 };
            let (mut kept, mut shared, mut made) = (Vec::new(), Outgoing::default(), Vec::new());
            last.write(&mut kept, &to, tag as u64, tag % 2 == 1, &message);
            last.write_shared(&mut shared, &to, tag as u64, tag % 2 == 1, &message);
            let delivery = content::Delivery {
                consumer_tag: b"ctag",
                delivery_tag: tag as u64,
                redelivered: tag % 2 == 1,
                exchange: b"logs",
                routing_key: key.as_bytes(),
            };
            let content = Content { properties, body };
            content::write_deliver(&mut made, 3, &delivery, &content, 4096);
            assert_eq!(kept, made);
            // Empty bodies are not shared: they have no frame.
            if !body.is_empty() {
                assert_eq!(shared.pieces().collect::<Vec<_>>().concat(), made);
            }
        }
    }

    #[test]
    fn what_is_like_the_last_message_is_known_by_its_frames() {
        let mut arena = Arena::new();
        let publish = |key, body: &[u8]| {
            let publish =
                basic::Publish { exchange: b"logs", routing_key: key, ..Default::default() };
            let mut out = Vec::new();
            write_publish(
                &mut out,
                3,
                &publish,
                &Content { properties: b"\x10\0\x02", body },
                4096,
            );
            out
        };
        let first = publish(b"key", b"first");
        let (method, _) = frame::parse(&first, 4096).unwrap().unwrap();
        let address = Address::new(b"logs", b"key", 1_700_000_000_000);
        let message = arena.message(&address, b"\x10\0\x02", b"first");
        let mut last = LastPublish::default();
        assert_eq!(last.body_of(&first, 4088), None, "nothing is known yet");
        last.keep(3, &method.payload[4..], &message);
        for body in [&b"first"[..], b"", b"another", &[7; 4088]] {
            let mut bytes = publish(b"key", body);
            let len = bytes.len();
            bytes.extend_from_slice(&first);
            assert_eq!(last.body_of(&bytes, 4088), Some((body, len)));
            for cut in 0..len {
                assert_eq!(last.body_of(&bytes[..cut], 4088), None, "{cut} of {len} bytes");
            }
        }
        assert_eq!(last.body_of(&publish(b"yek", b"first"), 4088), None);
        assert_eq!(last.body_of(&publish(b"key", &[7; 100]), 99), None, "it is too long");
        let mut bad = publish(b"key", b"first");
        *bad.last_mut().unwrap() = 0;
        assert_eq!(last.body_of(&bad, 4088), None, "the frame has another end");
        last.forget();
        assert_eq!(last.body_of(&first, 4088), None);
    }
}
