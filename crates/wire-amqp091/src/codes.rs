//! Reply codes: the numbers and names that close a channel or a connection, or return a message.
//!
//! Which situation deserves which code is for the front-end to know; this file knows only what a code is called
//! and what it closes. Source: specification §1.2 and `rabbit_framing_amqp_0_9_1.erl` of RabbitMQ.

use crate::limits::SHORT_STRING_LEN_MAX;

macro_rules! codes {
    ($($(#[$doc:meta])* $Name:ident = $number:literal $text:literal $level:ident,)*) => {
        /// A reply code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Code {
            $($(#[$doc])* $Name = $number,)*
        }

        impl Code {
            /// Every code, by number.
            pub const ALL: &[Self] = &[$(Self::$Name,)*];

            /// The name that begins the reply text: `NOT_FOUND`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Name => $text,)* }
            }

            /// What the code closes.
            pub const fn level(self) -> Level {
                match self { $(Self::$Name => Level::$level,)* }
            }

            /// The code with this number on the wire, if there is one.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$Name),)* _ => None }
            }
        }
    };
}

/// What a reply code closes. On channel 0 every error closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing went wrong.
    Success,
    /// A soft error: closes the channel.
    Channel,
    /// A hard error: closes the connection.
    Connection,
}

codes! {
    /// A close that was asked for.
    ReplySuccess = 200 "REPLY_SUCCESS" Success,
    /// Content larger than the peer accepts at the time.
    ContentTooLarge = 311 "CONTENT_TOO_LARGE" Channel,
    /// A mandatory message reached no queue; used in basic.return.
    NoRoute = 312 "NO_ROUTE" Channel,
    /// An immediate message found no consumer.
    NoConsumers = 313 "NO_CONSUMERS" Channel,
    /// An operator, or a shutdown, closed the connection.
    ConnectionForced = 320 "CONNECTION_FORCED" Connection,
    /// An unknown virtual host.
    InvalidPath = 402 "INVALID_PATH" Connection,
    /// Permission denied.
    AccessRefused = 403 "ACCESS_REFUSED" Channel,
    /// No such queue, exchange, ….
    NotFound = 404 "NOT_FOUND" Channel,
    /// Another connection has it for itself.
    ResourceLocked = 405 "RESOURCE_LOCKED" Channel,
    /// The request contradicts the state of things.
    PreconditionFailed = 406 "PRECONDITION_FAILED" Channel,
    /// A frame that cannot be decoded.
    FrameError = 501 "FRAME_ERROR" Connection,
    /// A field with an illegal value.
    SyntaxError = 502 "SYNTAX_ERROR" Connection,
    /// A method that may not come, or is not known.
    CommandInvalid = 503 "COMMAND_INVALID" Connection,
    /// A channel that is not open, or open already.
    ChannelError = 504 "CHANNEL_ERROR" Connection,
    /// A frame out of order.
    UnexpectedFrame = 505 "UNEXPECTED_FRAME" Connection,
    /// Out of something that the request needs.
    ResourceError = 506 "RESOURCE_ERROR" Connection,
    /// Forbidden whoever asks.
    NotAllowed = 530 "NOT_ALLOWED" Connection,
    /// Specified, but not done here.
    NotImplemented = 540 "NOT_IMPLEMENTED" Connection,
    /// The broker is at fault.
    InternalError = 541 "INTERNAL_ERROR" Connection,
}

impl Code {
    /// The number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Whether the code closes the whole connection.
    pub const fn is_hard(self) -> bool {
        matches!(self.level(), Level::Connection)
    }

    /// The reply text `NAME - explanation`, cut so that it fits a short string as RabbitMQ cuts it: to 252 bytes
    /// and an ellipsis of three dots (at the next character boundary before).
    pub fn reply_text(self, explanation: &str) -> String {
        const DOTS: &str = "...";
        let mut text = format!("{} - {explanation}", self.name());
        if text.len() > SHORT_STRING_LEN_MAX {
            text.truncate(
                text.floor_char_boundary(SHORT_STRING_LEN_MAX.saturating_sub(DOTS.len())),
            );
            text.push_str(DOTS);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_its_code() {
        for &code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(code));
        }
        assert_eq!(Code::from_number(404).map(Code::name), Some("NOT_FOUND"));
        assert_eq!(Code::from_number(1), None);
    }

    #[test]
    fn soft_codes_close_the_channel_and_hard_codes_the_connection() {
        assert!(!Code::NotFound.is_hard() && !Code::ReplySuccess.is_hard());
        assert!(Code::FrameError.is_hard());
    }

    #[test]
    fn a_reply_text_always_fits_a_short_string() {
        assert_eq!(Code::NotFound.reply_text("no queue 'q'"), "NOT_FOUND - no queue 'q'");
        let text = Code::NotFound.reply_text(&"ä".repeat(300));
        assert!(text.len() <= SHORT_STRING_LEN_MAX && text.ends_with("ä..."));
        assert_eq!(Code::NotFound.reply_text(&"x".repeat(300)).len(), SHORT_STRING_LEN_MAX);
    }
}
