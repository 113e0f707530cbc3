//! The first eight bytes of a connection: which protocol the peer speaks, and what to answer.
//!
//! ```text
//!   'A' 'M' 'Q' 'P'  0 0 9 1     AMQP 0-9-1                           go on
//!   'A' 'M' 'Q' 'P'  1 1 0 9     AMQP 0-9                             go on
//!   'A' 'M' 'Q' 'P'  3 1 0 0     AMQP 1.0 over SASL                   for another front-end
//!   'A' 'M' 'Q' 'P'  0 0 m _     m ≥ 9: a later kind of AMQP 0        answer AMQP 0 0 9 1, close
//!   everything else              AMQP 1.0 without SASL, HTTP, TLS, …  answer AMQP 3 1 0 0, close
//! ```
//!
//! This is what RabbitMQ 4.3.6 answers. It waits for all eight bytes whatever the first are, and so do we: until they
//! are there the handshake's time limit runs.

/// How long a protocol header is.
pub const LEN: usize = 8;

/// AMQP 0-9-1: what clients send, and what a server answers to a peer of another AMQP 0.
pub const AMQP_0_9_1: [u8; LEN] = *b"AMQP\x00\x00\x09\x01";

/// AMQP 0-9, spoken by a few old clients; the handshake is that of 0-9-1.
pub const AMQP_0_9: [u8; LEN] = *b"AMQP\x01\x01\x00\x09";

/// AMQP 1.0 over SASL; RabbitMQ 4 answers it to every peer that it cannot serve.
pub const AMQP_1_0_SASL: [u8; LEN] = *b"AMQP\x03\x01\x00\x00";

/// What the first bytes of a connection say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// AMQP 0-9-1, or 0-9, which goes on the same way.
    Amqp091,
    /// AMQP 1.0 over SASL.
    Amqp10Sasl,
    /// A protocol that is not served.
    Refused(Refused),
}

/// A protocol that is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// AMQP 0 in a version after 0-9-1.
    OtherAmqp0,
    /// AMQP 1.0 without SASL.
    Amqp10Plain,
    /// AMQP 1.0 that wants to negotiate TLS.
    Amqp10Tls,
    /// HTTP: a browser, or a client of the management API with the wrong port.
    Http,
    /// TLS on a port that has none.
    Tls,
    /// Anything else.
    Unknown,
}

/// What the first eight bytes of a connection mean; `None` while there are fewer.
pub fn classify(bytes: &[u8]) -> Option<Greeting> {
    Some(match *bytes.first_chunk::<LEN>()? {
        AMQP_0_9_1 | AMQP_0_9 => Greeting::Amqp091,
        AMQP_1_0_SASL => Greeting::Amqp10Sasl,
        [b'A', b'M', b'Q', b'P', 0, 0, 9..=255, _] => Greeting::Refused(Refused::OtherAmqp0),
        [b'A', b'M', b'Q', b'P', 0, 1, 0, 0] => Greeting::Refused(Refused::Amqp10Plain),
        [b'A', b'M', b'Q', b'P', 2, 1, 0, 0] => Greeting::Refused(Refused::Amqp10Tls),
        [b'G', b'E', b'T', b' ', ..] => Greeting::Refused(Refused::Http),
        [0x16, 0x03, ..] => Greeting::Refused(Refused::Tls),
        _ => Greeting::Refused(Refused::Unknown),
    })
}

impl Refused {
    /// The header to send before closing: the protocol that the peer should have spoken.
    pub const fn answer(self) -> [u8; LEN] {
        match self {
            Self::OtherAmqp0 => AMQP_0_9_1,
            _ => AMQP_1_0_SASL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_eight_bytes_say_nothing() {
        assert!((0..LEN).all(|len| classify(&AMQP_0_9_1[..len]).is_none()));
        assert_eq!(classify(&AMQP_0_9_1), Some(Greeting::Amqp091));
    }

    #[test]
    fn peers_are_answered_as_by_rabbitmq() {
        let answer = |bytes: &[u8; LEN]| match classify(bytes) {
            Some(Greeting::Refused(refused)) => (refused, refused.answer()),
            other => panic!("{other:?} is not refused"),
        };
        assert_eq!(answer(b"AMQP\x00\x00\x09\x02"), (Refused::OtherAmqp0, AMQP_0_9_1));
        assert_eq!(answer(b"AMQP\x00\x00\x0a\x00"), (Refused::OtherAmqp0, AMQP_0_9_1));
        assert_eq!(answer(b"AMQP\x00\x00\x08\x00"), (Refused::Unknown, AMQP_1_0_SASL));
        assert_eq!(answer(b"AMQP\x01\x01\x08\x00"), (Refused::Unknown, AMQP_1_0_SASL));
        assert_eq!(answer(b"AMQP\x00\x01\x00\x00"), (Refused::Amqp10Plain, AMQP_1_0_SASL));
        assert_eq!(answer(b"AMQP\x02\x01\x00\x00"), (Refused::Amqp10Tls, AMQP_1_0_SASL));
        assert_eq!(answer(b"GET / HT"), (Refused::Http, AMQP_1_0_SASL));
        assert_eq!(answer(b"\x16\x03\x01\x02\x00\x01\x00\x01"), (Refused::Tls, AMQP_1_0_SASL));
    }

    #[test]
    fn old_and_later_protocols_that_are_served_are_told_apart() {
        assert_eq!(classify(&AMQP_0_9), Some(Greeting::Amqp091));
        assert_eq!(classify(&AMQP_1_0_SASL), Some(Greeting::Amqp10Sasl));
    }
}
