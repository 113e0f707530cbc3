//! Bytes on their way to the client.

use std::collections::VecDeque;
use std::iter;

use bytes::{Buf, Bytes};
use wire_amqp091::frame;
use wire_amqp091::method::Encode;

/// Memory above this is given back when everything has been sent, so that an idle connection holds next to nothing.
const KEPT_BYTES: usize = 4 * 1024;

/// A client that leaves so much lying is not listened to: what it asks for would only be added.
const FULL_BYTES: usize = 1024 * 1024;

/// A client that has taken all but this may be sent more.
const LOW_BYTES: usize = 64 * 1024;

/// A body of at least this length is sent from where it lies: copying it would cost more than telling the system of one
/// more piece.
pub(crate) const SHARED_BYTES_MIN: usize = 8 * 1024;

/// What waits to be sent.
///
/// ```text
///   bytes    │ sent │ frames ……………………… │ frames ……………… │ frames …
///   bodies                               ▲ body           ▲ body          each stands before a place in `bytes`
/// ```
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    /// Long bodies, and where in `bytes` they belong, in order.
    bodies: VecDeque<(usize, Bytes)>,
    /// How long they are together.
    bodies_len: usize,
    /// How much of what waits is deliveries, at most.
    delivery_bytes: usize,
    /// The largest frame that the client takes; 0 before that is known.
    pub(crate) frame_max: u32,
}

impl Outgoing {
    /// The pieces of what is not sent, none of them empty.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = self.sent;
        let bodies = self.bodies.iter().flat_map(move |(at, body)| {
            let frames = &self.bytes[from..*at];
            from = *at;
            [frames, body]
        });
        let last = self.bodies.back().map_or(self.sent, |&(at, _)| at);
        bodies.chain(iter::once(&self.bytes[last..])).filter(|piece| !piece.is_empty())
    }

    /// How much is not sent.
    pub(crate) const fn pending_len(&self) -> usize {
        self.bytes.len() - self.sent + self.bodies_len
    }

    /// Whether the client has to take something before it may ask for more. Deliveries do not count: they have bounds of
    /// their own, and a client that is slow to take them must still be heard when it acknowledges.
    pub(crate) const fn is_full(&self) -> bool {
        self.pending_len().saturating_sub(self.delivery_bytes) >= FULL_BYTES
    }

    /// `bytes` of what was appended are deliveries.
    pub(crate) const fn count_deliveries(&mut self, bytes: usize) {
        self.delivery_bytes += bytes;
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.pending_len() == 0
    }

    /// How much memory it takes.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.bodies_len
    }

    /// Appends a body that is sent from where it lies.
    pub(crate) fn push_body(&mut self, body: Bytes) {
        self.bodies_len += body.len();
        self.bodies.push_back((self.bytes.len(), body));
    }

    /// `count` more bytes are sent.
    pub(crate) fn advance(&mut self, count: usize) {
        assert!(count <= self.pending_len(), "no more is sent than there was");
        self.delivery_bytes = self.delivery_bytes.saturating_sub(count);
        let mut left = count;
        while let Some((at, body)) = self.bodies.front_mut() {
            let of_frames = left.min(*at - self.sent);
            let of_body = (left - of_frames).min(body.len());
            self.sent += of_frames;
            body.advance(of_body);
            self.bodies_len -= of_body;
            left -= of_frames + of_body;
            if !body.is_empty() {
                break;
            }
            self.bodies.pop_front();
        }
        self.sent += left;
        if !self.is_empty() {
            // A client that always leaves something lying must not make us keep all that it took.
            if self.sent >= FULL_BYTES {
                self.bytes.drain(..self.sent);
                self.bodies.iter_mut().for_each(|(at, _)| *at -= self.sent);
                self.sent = 0;
            }
        } else if self.bytes.capacity() > KEPT_BYTES && self.bytes.len() <= KEPT_BYTES {
            self.drop_all();
        } else {
            self.bytes.clear();
            self.sent = 0;
        }
    }

    /// Whether so little waits that more may come.
    pub(crate) const fn is_low(&self) -> bool {
        self.pending_len() <= LOW_BYTES
    }

    /// Nobody will take what waits.
    pub(crate) fn drop_all(&mut self) {
        self.bytes = Vec::new();
        self.bodies = VecDeque::new();
        (self.sent, self.bodies_len, self.delivery_bytes) = (0, 0, 0);
    }

    /// Where frames are appended.
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn method(&mut self, channel: u16, method: &impl Encode) {
        frame::write_method(&mut self.bytes, channel, method);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames and bodies as they are to be sent, and the same in one piece.
    fn filled() -> (Outgoing, Vec<u8>) {
        let (mut out, mut whole) = (Outgoing::default(), Vec::new());
        for (number, body_len) in [(1, 0), (2, 10), (3, 3), (4, 0), (5, 7)] {
            let frames = [number; 4];
            out.buffer().extend_from_slice(&frames);
            whole.extend_from_slice(&frames);
            if body_len > 0 {
                let body = vec![number + 100; body_len];
                whole.extend_from_slice(&body);
                out.push_body(Bytes::from(body));
            }
        }
        (out, whole)
    }

    #[test]
    fn what_is_sent_is_what_was_appended_however_much_is_taken_at_a_time() {
        for step in 1..=41 {
            let (mut out, whole) = filled();
            let mut sent = Vec::new();
            while !out.is_empty() {
                let pieces: Vec<&[u8]> = out.pieces().collect();
                assert!(pieces.iter().all(|piece| !piece.is_empty()));
                let left = pieces.concat();
                assert_eq!(left.len(), out.pending_len());
                let count = step.min(left.len());
                sent.extend_from_slice(&left[..count]);
                out.advance(count);
            }
            assert_eq!(sent, whole, "{step} at a time");
            assert_eq!(out.pieces().count(), 0);
        }
    }

    #[test]
    fn what_lies_long_is_not_kept_beside_what_was_taken() {
        let mut out = Outgoing::default();
        out.buffer().resize(FULL_BYTES, 1);
        out.push_body(Bytes::from_static(b"body"));
        out.buffer().extend_from_slice(b"end");
        out.advance(FULL_BYTES + 1);
        assert_eq!(out.pieces().collect::<Vec<_>>(), [&b"ody"[..], b"end"]);
        assert!(out.held_bytes() < 2 * FULL_BYTES + 4 && out.bytes.len() == 3);
    }

    #[test]
    fn bodies_are_dropped_with_the_rest() {
        let (mut out, _) = filled();
        out.drop_all();
        assert!(out.is_empty() && out.pieces().next().is_none());
    }
}
