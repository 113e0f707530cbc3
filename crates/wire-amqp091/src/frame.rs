//! Frames: how methods, content headers and bodies share one connection.
//!
//! ```text
//!   0        1         3                 7                    7 + size
//!   +--------+---------+-----------------+--------------------+-----+
//!   | type   | channel | size            | payload            | 206 |
//!   +--------+---------+-----------------+--------------------+-----+
//!     octet    short      long              size octets         octet
//!
//!   a message on its way:   method frame, header frame, body frames until the header's body length is reached
//!   an empty message:       method frame, header frame
//! ```

use crate::limits::{FRAME_HEAD_BYTES, FRAME_OVERHEAD_BYTES};
use crate::malformed::{Malformed, Snippet};
use crate::method::{self, Encode};
use crate::writer::{long_len, with_length};

/// The octet that ends every frame.
pub const END: u8 = 206;

/// A heartbeat: always the same eight bytes.
pub const HEARTBEAT: [u8; 8] = [Kind::Heartbeat as u8, 0, 0, 0, 0, 0, 0, END];

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A method, see [`crate::Method::decode`].
    Method = 1,
    /// A content header, see [`crate::ContentHeader::decode`].
    Header = 2,
    /// A part of a body.
    Body = 3,
    /// A sign of life; belongs on channel 0, which the receiver has to check.
    Heartbeat = 8,
}

/// One frame, borrowed from the bytes it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: Kind,
    /// The channel it belongs to; 0 for the connection itself.
    pub channel: u16,
    /// What stands between head and end octet.
    pub payload: &'a [u8],
}

/// How a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the payload is, which nobody has checked: see [`Kind`].
    pub kind: u8,
    /// The channel it belongs to.
    pub channel: u16,
    /// How long the payload is, in bytes, as is claimed.
    pub payload_len: u32,
}

/// The head of the first frame of `bytes`, and what follows it: as much of the payload as is there, or more. `None` while the
/// head is incomplete.
#[inline]
pub fn split_head(bytes: &[u8]) -> Option<(Head, &[u8])> {
    let (&[kind, c0, c1, s0, s1, s2, s3], rest) = bytes.split_first_chunk()?;
    let channel = u16::from_be_bytes([c0, c1]);
    Some((Head { kind, channel, payload_len: u32::from_be_bytes([s0, s1, s2, s3]) }, rest))
}

/// Takes the first frame off `bytes`: the frame and how many bytes it took, or `None` while it is incomplete.
///
/// `payload_max` is the largest payload accepted, in bytes; [`crate::limits::payload_max`] reckons it from the
/// negotiated `frame_max`.
///
/// # Errors
/// [`Malformed::FrameTooLarge`] as soon as the head is there; [`Malformed::FrameEnd`] and
/// [`Malformed::UnknownFrame`] (also for a heartbeat with a payload) once the whole frame is, as in RabbitMQ.
#[inline]
pub fn parse(bytes: &[u8], payload_max: usize) -> Result<Option<(Frame<'_>, usize)>, Malformed> {
    let Some((Head { kind, channel, payload_len }, rest)) = split_head(bytes) else {
        return Ok(None);
    };
    if payload_len as usize > payload_max {
        return Err(Malformed::FrameTooLarge { kind, payload_len, payload_max });
    }
    let Some((payload, &[end, ..])) = rest.split_at_checked(payload_len as usize) else {
        return Ok(None);
    };
    if end != END {
        return Err(bad_end(kind, end, payload));
    }
    let kind = match kind {
        1 => Kind::Method,
        2 => Kind::Header,
        3 => Kind::Body,
        8 if payload.is_empty() => Kind::Heartbeat,
        _ => return Err(unknown(kind, payload)),
    };
    Ok(Some((Frame { kind, channel, payload }, payload.len().saturating_add(FRAME_OVERHEAD_BYTES))))
}

#[cold]
fn bad_end(kind: u8, end: u8, payload: &[u8]) -> Malformed {
    Malformed::FrameEnd { kind, end, snippet: Snippet::of(payload) }
}

/// What RabbitMQ calls an `unknown_frame`: of no known type, or too short to say what it is.
#[cold]
pub(crate) fn unknown(kind: u8, payload: &[u8]) -> Malformed {
    Malformed::UnknownFrame { kind, snippet: Snippet::of(payload) }
}

/// The first seven bytes of a frame. For callers that write large bodies out of place: head, then the body's
/// bytes, then [`END`].
///
/// # Panics
/// When the payload is 4 GiB or more.
#[inline]
pub fn head(kind: Kind, channel: u16, payload_len: usize) -> [u8; FRAME_HEAD_BYTES] {
    let [c0, c1] = channel.to_be_bytes();
    let [s0, s1, s2, s3] = long_len(payload_len).to_be_bytes();
    [kind as u8, c0, c1, s0, s1, s2, s3]
}

/// Appends a frame whose payload `write` appends; the size is put in afterwards.
///
/// # Panics
/// When the payload is 4 GiB or more.
#[inline]
pub fn write_with(out: &mut Vec<u8>, kind: Kind, channel: u16, write: impl FnOnce(&mut Vec<u8>)) {
    let [c0, c1] = channel.to_be_bytes();
    out.extend_from_slice(&[kind as u8, c0, c1]);
    with_length(out, write);
    out.push(END);
}

/// Appends a method frame: a [`crate::Method`] or one of the structs it is made of.
///
/// # Panics
/// When a short string of the method has more than 255 bytes.
#[inline]
pub fn write_method(out: &mut Vec<u8>, channel: u16, method: &impl Encode) {
    write_with(out, Kind::Method, channel, |out| method.encode(out));
}

/// Appends a content header frame of class basic. `properties` are flags and fields, see
/// [`crate::Properties::encode`].
///
/// # Panics
/// When the properties are 4 GiB or more.
#[inline]
pub fn write_header(out: &mut Vec<u8>, channel: u16, body_len: u64, properties: &[u8]) {
    /// Class (2), weight (2), body length (8).
    const FIXED_BYTES: usize = 12;
    let payload_len = properties.len().saturating_add(FIXED_BYTES);
    let [h0, h1, h2, h3, h4, h5, h6] = head(Kind::Header, channel, payload_len);
    let [c0, c1] = method::basic::CLASS_ID.to_be_bytes();
    let [b0, b1, b2, b3, b4, b5, b6, b7] = body_len.to_be_bytes();
    out.extend_from_slice(&[
        h0, h1, h2, h3, h4, h5, h6, c0, c1, 0, 0, b0, b1, b2, b3, b4, b5, b6, b7,
    ]);
    out.extend_from_slice(properties);
    out.push(END);
}

/// The bytes of a body that fit into one frame of at most `frame_max` bytes; 0 means no limit.
///
/// # Panics
/// When `frame_max` leaves no room for a body.
#[inline]
pub fn body_len_max(frame_max: u32) -> usize {
    match (frame_max as usize).checked_sub(FRAME_OVERHEAD_BYTES) {
        _ if frame_max == 0 => (u32::MAX as usize).saturating_sub(FRAME_OVERHEAD_BYTES),
        Some(len) if len > 0 => len,
        _ => panic!("a frame of {frame_max} bytes has no room for a body"),
    }
}

/// Appends a body as frames of at most `frame_max` bytes (0: no limit); an empty body makes no frame.
///
/// # Panics
/// When `frame_max` leaves no room for a body.
#[inline]
pub fn write_body(out: &mut Vec<u8>, channel: u16, body: &[u8], frame_max: u32) {
    for part in body.chunks(body_len_max(frame_max)) {
        out.extend_from_slice(&head(Kind::Body, channel, part.len()));
        out.extend_from_slice(part);
        out.push(END);
    }
}

/// Appends a heartbeat.
#[inline]
pub fn write_heartbeat(out: &mut Vec<u8>) {
    out.extend_from_slice(&HEARTBEAT);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    const MAX: usize = limits::payload_max(131_072);

    fn frame(kind: u8, channel: u16, payload: &[u8], end: u8) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend(channel.to_be_bytes());
        bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes.push(end);
        bytes
    }

    #[test]
    fn a_frame_is_taken_when_it_is_complete_and_not_before() {
        let mut bytes = frame(3, 513, b"body", END);
        for len in 0..bytes.len() {
            assert_eq!(parse(&bytes[..len], MAX), Ok(None), "{len} bytes");
        }
        bytes.extend(b"next");
        let taken = Frame { kind: Kind::Body, channel: 513, payload: b"body" };
        assert_eq!(parse(&bytes, MAX), Ok(Some((taken, 12))));
    }

    #[test]
    fn a_frame_too_large_is_refused_before_its_payload_arrives() {
        let head = head(Kind::Method, 1, 131_073);
        assert_eq!(parse(&head[..6], MAX), Ok(None));
        let refused = parse(&head, MAX).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "type 1, all octets = <<>>: {frame_too_large,131073,131064}"
        );
    }

    #[test]
    fn clients_that_forget_the_overhead_are_tolerated() {
        assert_eq!(parse(&head(Kind::Body, 1, 131_072), MAX), Ok(None));
        assert_eq!(limits::payload_max(0), MAX);
    }

    #[test]
    fn a_wrong_end_is_refused_before_an_unknown_type() {
        let refused = parse(&frame(9, 1, b"xyz", 7), MAX).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "type 9, all octets = <<\"xyz\">>: {invalid_frame_end_marker,7}"
        );
    }

    #[test]
    fn an_unknown_type_is_refused_when_the_frame_is_complete() {
        let bytes = frame(5, 0, b"abc", END);
        assert_eq!(parse(&bytes[..10], MAX), Ok(None));
        let refused = parse(&bytes, MAX).unwrap_err();
        assert_eq!(refused.to_string(), "type 5, all octets = <<\"abc\">>: unknown_frame");
    }

    #[test]
    fn a_heartbeat_has_no_payload() {
        let heartbeat = Frame { kind: Kind::Heartbeat, channel: 0, payload: b"" };
        assert_eq!(parse(&HEARTBEAT, MAX), Ok(Some((heartbeat, 8))));
        assert!(matches!(
            parse(&frame(8, 0, b"x", END), MAX),
            Err(Malformed::UnknownFrame { kind: 8, .. })
        ));
    }

    #[test]
    fn a_body_is_split_into_frames_that_fit() {
        let mut out = Vec::new();
        write_body(&mut out, 1, &[7; 20], 16);
        let mut lens = Vec::new();
        let mut rest = out.as_slice();
        while let Some((frame, len)) = parse(rest, MAX).unwrap() {
            assert!(len <= 16 && frame.kind == Kind::Body && frame.channel == 1);
            lens.push(frame.payload.len());
            rest = &rest[len..];
        }
        assert_eq!((lens, rest.len()), (vec![8, 8, 4], 0));
    }

    #[test]
    fn an_empty_body_makes_no_frame_and_no_limit_makes_one() {
        let mut out = Vec::new();
        write_body(&mut out, 1, b"", 16);
        assert!(out.is_empty());
        write_body(&mut out, 1, &[0; 300_000], 0);
        assert_eq!(out.len(), 300_008);
    }
}
