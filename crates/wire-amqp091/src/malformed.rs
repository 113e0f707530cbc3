//! Bytes that are not what they should be, with what RabbitMQ would say about them.
//!
//! The [`Display`](fmt::Display) text of a [`Malformed`] is RabbitMQ's explanation, to be put behind the name of
//! [`Malformed::code`]. The texts in the comments below were read off a RabbitMQ 4.3.6, from connections that were
//! open. Before connection.open is done, RabbitMQ answers malformed bytes with three seconds of silence and closes.

use std::fmt;

use crate::codes::Code;
use crate::limits::FRAME_SIZE_FUDGE;

/// Bytes of a peer that are not AMQP 0-9-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A frame says that its payload is larger than allowed; noticed before the payload arrives. RabbitMQ:
    /// `FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,131073,131064}`; the last number is
    /// `frame_max` - 8, although 8 bytes more are tolerated.
    FrameTooLarge {
        /// The frame's type octet.
        kind: u8,
        /// The size that the frame claims for its payload.
        payload_len: u32,
        /// The limit that was given to [`crate::frame::parse`].
        payload_max: usize,
    },
    /// The octet behind the payload is not 206. RabbitMQ:
    /// `FRAME_ERROR - type 1, all octets = <<0,50,0,10,0,0,97,98,99>>: {invalid_frame_end_marker,0}`.
    FrameEnd {
        /// The frame's type octet.
        kind: u8,
        /// What stood in the place of 206.
        end: u8,
        /// How the payload begins.
        snippet: Snippet,
    },
    /// A frame of a type that does not exist, a heartbeat with a payload, or a method or content header frame
    /// that is too short to say what it is. RabbitMQ, once the whole frame is there:
    /// `FRAME_ERROR - type 5, first 16 octets = <<"abcdefghijklmnop">>: unknown_frame`.
    UnknownFrame {
        /// The frame's type octet.
        kind: u8,
        /// How the payload begins.
        snippet: Snippet,
    },
    /// A method that does not exist. RabbitMQ drops the TCP connection without a word.
    UnknownMethod {
        /// The class that it claims.
        class_id: u16,
        /// The method that it claims.
        method_id: u16,
    },
    /// A method's fields run past its end, or something stands behind them. RabbitMQ:
    /// `FRAME_ERROR - cannot decode <<0,0,5,97,98,99>>` with class and method (and on channel 0
    /// `INTERNAL_ERROR` without). [`Malformed::explanation`] adds the octets.
    Fields {
        /// The class of the method.
        class_id: u16,
        /// The method in its class.
        method_id: u16,
    },
    /// A short string of a method is not UTF-8. RabbitMQ: `FRAME_ERROR - Malformed UTF-8 in shortstr`, for every
    /// method but basic.publish.
    Utf8,
    /// A field table that is none. RabbitMQ drops the TCP connection without a word.
    Table(TableFlaw),
    /// The properties of a content header run past its end, leave something over, or use flags that do not
    /// exist. RabbitMQ: `INTERNAL_ERROR`.
    Properties,
}

/// What is wrong with a field table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableFlaw {
    /// A value runs past the end of its table or array.
    Short,
    /// No type has this tag.
    UnknownType(u8),
    /// Tables and arrays nest deeper than [`crate::limits::TABLE_DEPTH_MAX`].
    TooDeep,
    /// A floating-point value is infinite or no number; RabbitMQ cannot hold such either.
    NotFinite,
}

impl Malformed {
    /// The reply code that goes with it. Where RabbitMQ says `INTERNAL_ERROR`, or nothing at all, this is the
    /// code that the specification has for it, because the peer is at fault and should know.
    pub const fn code(&self) -> Code {
        match self {
            Self::FrameTooLarge { .. }
            | Self::FrameEnd { .. }
            | Self::UnknownFrame { .. }
            | Self::Fields { .. }
            | Self::Utf8 => Code::FrameError,
            Self::UnknownMethod { .. } => Code::CommandInvalid,
            Self::Table(_) | Self::Properties => Code::SyntaxError,
        }
    }

    /// The class and method to name in the close: known once a method's fields are looked at, otherwise (0, 0).
    pub const fn class_and_method(&self) -> (u16, u16) {
        match *self {
            Self::UnknownMethod { class_id, method_id } | Self::Fields { class_id, method_id } => {
                (class_id, method_id)
            }
            _ => (0, 0),
        }
    }

    /// RabbitMQ's explanation where that quotes the fields of the method: `payload` is the method frame's
    /// payload. For all other cases this is the same as the display text.
    pub fn explanation(&self, payload: &[u8]) -> String {
        /// More octets than this never fit into a reply text.
        const QUOTED_OCTETS_MAX: usize = 128;
        match (self, payload.get(4..)) {
            (Self::Fields { .. }, Some(fields)) => {
                let quoted = fields.get(..QUOTED_OCTETS_MAX).unwrap_or(fields);
                format!("cannot decode {}", Octets(quoted))
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameTooLarge { kind, payload_len, payload_max } => {
                let told = payload_max.saturating_sub(FRAME_SIZE_FUDGE);
                write!(
                    f,
                    "type {kind}, all octets = <<>>: {{frame_too_large,{payload_len},{told}}}"
                )
            }
            Self::FrameEnd { kind, end, snippet } => {
                write!(f, "type {kind}, {snippet}: {{invalid_frame_end_marker,{end}}}")
            }
            Self::UnknownFrame { kind, snippet } => {
                write!(f, "type {kind}, {snippet}: unknown_frame")
            }
            Self::UnknownMethod { class_id, method_id } => {
                write!(f, "unknown method {method_id} of class {class_id}")
            }
            Self::Fields { .. } => f.write_str("cannot decode"),
            Self::Utf8 => f.write_str("Malformed UTF-8 in shortstr"),
            Self::Table(TableFlaw::Short) => f.write_str("a field table ends within a value"),
            Self::Table(TableFlaw::UnknownType(tag)) => {
                write!(f, "a field table has a value of unknown type {tag}")
            }
            Self::Table(TableFlaw::TooDeep) => f.write_str("field tables nest too deep"),
            Self::Table(TableFlaw::NotFinite) => {
                f.write_str("a field table has an infinite number")
            }
            Self::Properties => f.write_str("malformed content properties"),
        }
    }
}

impl std::error::Error for Malformed {}

/// How a payload begins, for an error's text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snippet {
    octets: [u8; Self::LEN_MAX],
    len: u8,
    is_cut: bool,
}

impl Snippet {
    const LEN_MAX: usize = 16;

    /// The first 16 octets of `payload`, or all.
    pub fn of(payload: &[u8]) -> Self {
        let mut octets = [0; Self::LEN_MAX];
        let mut len = 0u8;
        for (to, from) in octets.iter_mut().zip(payload) {
            *to = *from;
            len = len.saturating_add(1);
        }
        Self { octets, len, is_cut: payload.len() > Self::LEN_MAX }
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let which = if self.is_cut { "first 16" } else { "all" };
        let octets = self.octets();
        if !octets.is_empty() && octets.iter().copied().all(is_printed) {
            write!(f, "{which} octets = <<\"")?;
            for &octet in octets {
                match octet {
                    b'\'' => f.write_str("'")?,
                    _ => write!(f, "{}", octet.escape_ascii())?,
                }
            }
            f.write_str("\">>")
        } else {
            write!(f, "{which} octets = {}", Octets(octets))
        }
    }
}

impl fmt::Debug for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Octets as Erlang's `~w` writes a binary: `<<1,2,3>>`.
struct Octets<'a>(&'a [u8]);

impl fmt::Display for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<<")?;
        for (index, octet) in self.0.iter().enumerate() {
            write!(f, "{}{octet}", if index == 0 { "" } else { "," })?;
        }
        f.write_str(">>")
    }
}

/// Whether Erlang's `~tp` writes the octet as a character or as the escape that Rust also uses. It does so for most
/// letters beyond ASCII too; here those make the whole snippet appear as numbers.
const fn is_printed(octet: u8) -> bool {
    matches!(octet, b' '..=b'~' | b'\n' | b'\r' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u8, payload: &[u8]) -> String {
        Malformed::UnknownFrame { kind, snippet: Snippet::of(payload) }.to_string()
    }

    #[test]
    fn unknown_frames_are_told_as_by_rabbitmq() {
        assert_eq!(text(5, b"abc"), "type 5, all octets = <<\"abc\">>: unknown_frame");
        assert_eq!(text(1, b"\x00\x32"), "type 1, all octets = <<0,50>>: unknown_frame");
        assert_eq!(text(5, b""), "type 5, all octets = <<>>: unknown_frame");
        assert_eq!(text(5, b"\0\x01\x02\xff"), "type 5, all octets = <<0,1,2,255>>: unknown_frame");
        assert_eq!(
            text(5, b"abcdefghijklmnopqrstuvwxyz"),
            "type 5, first 16 octets = <<\"abcdefghijklmnop\">>: unknown_frame"
        );
        assert_eq!(text(5, b"a\"b\\c"), r#"type 5, all octets = <<"a\"b\\c">>: unknown_frame"#);
        assert_eq!(text(5, b"a\nb\tc'"), r#"type 5, all octets = <<"a\nb\tc'">>: unknown_frame"#);
        assert_eq!(text(5, b"a\x7fb"), "type 5, all octets = <<97,127,98>>: unknown_frame");
    }

    #[test]
    fn fields_that_cannot_be_decoded_are_quoted() {
        let malformed = Malformed::Fields { class_id: 50, method_id: 10 };
        let payload = [0, 50, 0, 10, 0, 0, 5, b'a', b'b', b'c'];
        assert_eq!(malformed.explanation(&payload), "cannot decode <<0,0,5,97,98,99>>");
        assert_eq!(malformed.class_and_method(), (50, 10));
        assert_eq!(malformed.code(), Code::FrameError);
        let quoted = malformed.explanation(&[1; 1000]);
        assert!(quoted.len() < 300, "{} bytes of text", quoted.len());
    }

    #[test]
    fn only_fields_are_quoted() {
        assert_eq!(Malformed::Utf8.explanation(&[0; 9]), "Malformed UTF-8 in shortstr");
        assert_eq!(Malformed::Utf8.class_and_method(), (0, 0));
    }
}
