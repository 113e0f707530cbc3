//! Body frames that come in pieces: each piece goes to its message as it comes.
//!
//! ```text
//!   whole frames ──a body frame whose rest is not there──→ in pieces ──last octet and end octet──→ whole frames
//! ```
//!
//! A read ends where the socket's bytes end, in a large message most likely in the middle of a body. To keep what is there until the frame is whole, and
//! only then to take it, would copy each byte twice, some three times. The last octet of the body waits for the octet that ends the frame: a message whose
//! last frame is malformed is not published.

use wire_amqp091::limits::FRAME_HEAD_BYTES;
use wire_amqp091::{Frame, Kind, Malformed, Snippet, frame};

use crate::connection::{Connection, Stage};
use crate::context::Context;
use crate::errors::Exception;
use crate::publishing::Assembly;

/// Less than this is kept until the frame is whole: it costs less than to come back to it.
const PIECE_BYTES_MIN: usize = 4 * 1024;

/// A body frame of which some octets have been taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Torn {
    channel: u16,
    /// How much of the payload has not been taken: at least the last octet.
    left_bytes: usize,
    /// How the payload begins, for an error's text.
    snippet: Snippet,
}

impl Torn {
    /// How many octets it takes to end the frame.
    pub(crate) const fn missing_bytes(&self) -> usize {
        self.left_bytes + 1
    }
}

impl Connection {
    /// Takes what is there of a body frame, if `bytes` begins with one that belongs to a message under way. Returns how
    /// many bytes it has used: those of the head too.
    pub(crate) fn tear(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        let Some((head, payload)) = frame::split_head(bytes) else { return 0 };
        let (channel, payload_len) = (head.channel, head.payload_len as usize);
        let is_body = head.kind == Kind::Body as u8 && self.stage == Stage::Running;
        if !is_body || payload.len() < PIECE_BYTES_MIN || !self.has_room(channel, payload_len) {
            return 0;
        }
        let snippet = Snippet::of(payload);
        self.torn = Some(Torn { channel, left_bytes: payload_len, snippet });
        FRAME_HEAD_BYTES + self.take_piece(cx, payload)
    }

    /// Whether the message under way on a channel lacks as much as a frame claims to bring. One that brings too much is
    /// refused when it is whole, as any other.
    fn has_room(&self, number: u16, payload_len: usize) -> bool {
        self.channels.get(number).is_some_and(|channel| match &channel.assembly {
            Assembly::Body { left_bytes, .. } => {
                !channel.is_closing && *left_bytes >= payload_len as u64
            }
            Assembly::Idle | Assembly::Header { .. } => false,
        })
    }

    /// Takes more of the frame that is torn, or its rest. Returns how many bytes it has used, which may be none.
    pub(crate) fn take_piece(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> usize {
        let Some(torn) = &mut self.torn else { return 0 };
        let channel = torn.channel;
        if let Some((payload, &[end, ..])) = bytes.split_at_checked(torn.left_bytes) {
            let snippet = torn.snippet;
            self.torn = None;
            if end == frame::END {
                self.handle_frame(cx, &Frame { kind: Kind::Body, channel, payload }, &[]);
            } else {
                let malformed = Malformed::FrameEnd { kind: Kind::Body as u8, end, snippet };
                self.fail_deaf(cx, &Exception::malformed(&malformed, &[]));
            }
            return payload.len() + 1;
        }
        let payload = &bytes[..bytes.len().min(torn.left_bytes - 1)];
        torn.left_bytes -= payload.len();
        self.handle_frame(cx, &Frame { kind: Kind::Body, channel, payload }, &[]);
        payload.len()
    }
}
