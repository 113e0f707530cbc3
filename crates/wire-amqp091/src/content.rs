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

/// The bytes of class and method identifier.
const ID_BYTES: usize = 4;
/// The bytes of a delivery tag and a flag behind it.
const TAG_AND_FLAG_BYTES: usize = 9;

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
    let payload_len = ID_BYTES
        .saturating_add(TAG_AND_FLAG_BYTES)
        .saturating_add(short_bytes(consumer_tag))
        .saturating_add(short_bytes(exchange))
        .saturating_add(short_bytes(routing_key));
    method_head(out, channel, payload_len, basic::Deliver::ID);
    put_short(out, consumer_tag);
    put_tag_and_flag(out, delivery_tag, redelivered);
    put_short(out, exchange);
    put_short(out, routing_key);
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
    write_tag_and_flag(out, channel, basic::Ack::ID, delivery_tag, multiple);
}

fn write_tag_and_flag(out: &mut Vec<u8>, channel: u16, id: u32, delivery_tag: u64, flag: bool) {
    method_head(out, channel, ID_BYTES.saturating_add(TAG_AND_FLAG_BYTES), id);
    put_tag_and_flag(out, delivery_tag, flag);
    out.push(END);
}

#[inline]
fn method_head(out: &mut Vec<u8>, channel: u16, payload_len: usize, id: u32) {
    let [h0, h1, h2, h3, h4, h5, h6] = head(Kind::Method, channel, payload_len);
    let [i0, i1, i2, i3] = id.to_be_bytes();
    out.extend_from_slice(&[h0, h1, h2, h3, h4, h5, h6, i0, i1, i2, i3]);
}

#[inline]
fn put_tag_and_flag(out: &mut Vec<u8>, tag: u64, flag: bool) {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = tag.to_be_bytes();
    out.extend_from_slice(&[t0, t1, t2, t3, t4, t5, t6, t7, u8::from(flag)]);
}

#[inline]
fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(short_len(bytes));
    out.extend_from_slice(bytes);
}

/// The bytes that a short string takes on the wire.
#[inline]
const fn short_bytes(bytes: &[u8]) -> usize {
    bytes.len().saturating_add(1)
}
