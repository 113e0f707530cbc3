//! Methods with content, written in one go: method frame, header frame, body frames.
//!
//! This is what a broker writes for every message it delivers and a load tool for every message it publishes, so the
//! method is laid out here by hand, its size known beforehand; the tests hold it against the method table.

use crate::frame::{self, END, Kind, head};
use crate::method::basic;
use crate::writer::short_len;

/// What travels with a method that carries content.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// Property flags and fields, verbatim. They go into one frame whatever their size, as the protocol has no
    /// way to split them.
    pub properties: &'a [u8],
    /// The whole body.
    pub body: &'a [u8],
}

/// The payload of basic.deliver without its strings: identifiers (4), delivery tag (8), flag (1), the lengths of
/// three short strings.
const DELIVER_FIXED_BYTES: usize = 16;

/// The fields of basic.deliver, as slices of bytes that nobody has to look into.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The consumer's tag; at most 255 bytes.
    pub consumer_tag: &'a [u8],
    /// The delivery's number on its channel.
    pub delivery_tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange it was published to; at most 255 bytes.
    pub exchange: &'a [u8],
    /// The routing key it was published with; at most 255 bytes.
    pub routing_key: &'a [u8],
}

/// Appends basic.deliver with its content, the body in frames of at most `frame_max` bytes (0: no limit).
///
/// # Panics
/// When a short string has more than 255 bytes, or `frame_max` leaves no room for a body.
#[inline]
pub fn write_deliver(
    out: &mut Vec<u8>,
    channel: u16,
    delivery: &Delivery<'_>,
    content: &Content<'_>,
    frame_max: u32,
) {
    write_deliver_head(out, channel, delivery, content.properties, content.body.len() as u64);
    frame::write_body(out, channel, content.body, frame_max);
}

/// Appends basic.deliver and the content header, and leaves the body frames to the caller.
///
/// # Panics
/// When a short string has more than 255 bytes.
#[inline]
pub fn write_deliver_head(
    out: &mut Vec<u8>,
    channel: u16,
    delivery: &Delivery<'_>,
    properties: &[u8],
    body_len: u64,
) {
    let Delivery { consumer_tag, delivery_tag, redelivered, exchange, routing_key } = *delivery;
    let fixed = DELIVER_FIXED_BYTES.saturating_add(consumer_tag.len());
    let payload_len = fixed.saturating_add(exchange.len()).saturating_add(routing_key.len());
    let [h0, h1, h2, h3, h4, h5, h6] = head(Kind::Method, channel, payload_len);
    let [i0, i1, i2, i3] = basic::Deliver::ID.to_be_bytes();
    let tag_len = short_len(consumer_tag);
    out.extend_from_slice(&[h0, h1, h2, h3, h4, h5, h6, i0, i1, i2, i3, tag_len]);
    out.extend_from_slice(consumer_tag);
    let [t0, t1, t2, t3, t4, t5, t6, t7] = delivery_tag.to_be_bytes();
    let flag = u8::from(redelivered);
    out.extend_from_slice(&[t0, t1, t2, t3, t4, t5, t6, t7, flag, short_len(exchange)]);
    out.extend_from_slice(exchange);
    out.push(short_len(routing_key));
    out.extend_from_slice(routing_key);
    out.push(END);
    frame::write_header(out, channel, body_len, properties);
}

/// Appends basic.get-ok with its content, the body in frames of at most `frame_max` bytes (0: no limit).
///
/// # Panics
/// When a short string has more than 255 bytes, or `frame_max` leaves no room for a body.
#[inline]
pub fn write_get_ok(
    out: &mut Vec<u8>,
    channel: u16,
    get_ok: &basic::GetOk<'_>,
    content: &Content<'_>,
    frame_max: u32,
) {
    frame::write_method(out, channel, get_ok);
    write_content(out, channel, content, frame_max);
}

/// Appends basic.return with its content, the body in frames of at most `frame_max` bytes (0: no limit).
///
/// # Panics
/// When a short string has more than 255 bytes, or `frame_max` leaves no room for a body.
#[inline]
pub fn write_return(
    out: &mut Vec<u8>,
    channel: u16,
    returned: &basic::Return<'_>,
    content: &Content<'_>,
    frame_max: u32,
) {
    frame::write_method(out, channel, returned);
    write_content(out, channel, content, frame_max);
}

/// Appends basic.publish with its content, the body in frames of at most `frame_max` bytes (0: no limit).
///
/// # Panics
/// When a short string has more than 255 bytes, or `frame_max` leaves no room for a body.
#[inline]
pub fn write_publish(
    out: &mut Vec<u8>,
    channel: u16,
    publish: &basic::Publish<'_>,
    content: &Content<'_>,
    frame_max: u32,
) {
    frame::write_method(out, channel, publish);
    write_content(out, channel, content, frame_max);
}

/// Appends a content header and the body frames.
///
/// # Panics
/// When `frame_max` leaves no room for a body.
#[inline]
pub fn write_content(out: &mut Vec<u8>, channel: u16, content: &Content<'_>, frame_max: u32) {
    frame::write_header(out, channel, content.body.len() as u64, content.properties);
    frame::write_body(out, channel, content.body, frame_max);
}

/// Appends basic.ack: a consumer's acknowledgement or a broker's confirm.
#[inline]
pub fn write_ack(out: &mut Vec<u8>, channel: u16, delivery_tag: u64, multiple: bool) {
    /// Identifiers (4), delivery tag (8), flag (1).
    const PAYLOAD_BYTES: usize = 13;
    let [h0, h1, h2, h3, h4, h5, h6] = head(Kind::Method, channel, PAYLOAD_BYTES);
    let [i0, i1, i2, i3] = basic::Ack::ID.to_be_bytes();
    let [t0, t1, t2, t3, t4, t5, t6, t7] = delivery_tag.to_be_bytes();
    let flag = u8::from(multiple);
    out.extend_from_slice(&[
        h0, h1, h2, h3, h4, h5, h6, i0, i1, i2, i3, t0, t1, t2, t3, t4, t5, t6, t7, flag, END,
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Method, frame::Frame};

    const PROPERTIES: &[u8] = &[0x10, 0, 2];
    const CONTENT: Content<'_> = Content { properties: PROPERTIES, body: b"a body" };

    fn frames(mut bytes: &[u8]) -> Vec<Frame<'_>> {
        let mut frames = Vec::new();
        while let Some((frame, len)) = frame::parse(bytes, usize::MAX).unwrap() {
            frames.push(frame);
            bytes = &bytes[len..];
        }
        assert!(bytes.is_empty(), "only whole frames are written");
        frames
    }

    #[test]
    fn a_delivery_laid_out_by_hand_is_the_one_of_the_method_table() {
        let delivery = Delivery {
            consumer_tag: b"tag",
            delivery_tag: 0x0102_0304_0506_0708,
            redelivered: true,
            exchange: b"exchange",
            routing_key: b"key",
        };
        let mut by_hand = Vec::new();
        write_deliver(&mut by_hand, 9, &delivery, &CONTENT, 131_072);
        let method = basic::Deliver {
            consumer_tag: "tag",
            delivery_tag: 0x0102_0304_0506_0708,
            redelivered: true,
            exchange: b"exchange",
            routing_key: b"key",
        };
        let mut by_table = Vec::new();
        frame::write_method(&mut by_table, 9, &method);
        write_content(&mut by_table, 9, &CONTENT, 131_072);
        assert_eq!(by_hand, by_table);
    }

    #[test]
    fn a_delivery_without_its_body_ends_behind_the_header() {
        let delivery = Delivery {
            consumer_tag: b"",
            delivery_tag: 1,
            redelivered: false,
            exchange: b"",
            routing_key: b"q",
        };
        let mut out = Vec::new();
        write_deliver_head(&mut out, 1, &delivery, PROPERTIES, 1 << 40);
        let kinds: Vec<_> = frames(&out).iter().map(|frame| frame.kind).collect();
        assert_eq!(kinds, [Kind::Method, Kind::Header]);
        let header = crate::ContentHeader::decode(frames(&out)[1].payload).unwrap();
        assert_eq!((header.body_len, header.properties), (1 << 40, PROPERTIES));
        assert!(header.is_basic());
    }

    #[test]
    fn an_acknowledgement_laid_out_by_hand_is_the_one_of_the_method_table() {
        let (mut by_hand, mut by_table) = (Vec::new(), Vec::new());
        write_ack(&mut by_hand, 513, u64::MAX - 1, true);
        let ack = basic::Ack { delivery_tag: u64::MAX - 1, multiple: true };
        frame::write_method(&mut by_table, 513, &ack);
        assert_eq!(by_hand, by_table);
    }

    #[test]
    fn every_method_with_content_is_followed_by_header_and_body() {
        let mut out = Vec::new();
        let publish = basic::Publish { routing_key: b"q", mandatory: true, ..Default::default() };
        write_publish(&mut out, 1, &publish, &CONTENT, 131_072);
        write_return(&mut out, 1, &basic::Return::default(), &CONTENT, 131_072);
        write_get_ok(&mut out, 1, &basic::GetOk::default(), &CONTENT, 131_072);
        for message in frames(&out).chunks(3) {
            assert!(Method::decode(message[0].payload).unwrap().carries_content());
            assert_eq!(message[1].kind, Kind::Header);
            assert_eq!(message[2].payload, b"a body");
        }
    }

    #[test]
    fn an_empty_message_has_no_body_frame() {
        let mut out = Vec::new();
        let content = Content { properties: crate::properties::NONE, body: b"" };
        write_publish(&mut out, 1, &basic::Publish::default(), &content, 131_072);
        assert_eq!(frames(&out).len(), 2);
    }
}
