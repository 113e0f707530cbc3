//! The login mechanisms, and the bytes of those that are not made of protocol values.
//!
//! ```text
//!  PLAIN (RFC 4616)   authorisation id · NUL · user · NUL · password
//!  AMQPLAIN           a table with LOGIN and PASSWORD; the front-end decodes it
//!  EXTERNAL           empty: the name is in the certificate
//!  ANONYMOUS          anything: the name is the operator's choice
//! ```

use std::fmt;

use crate::credentials::Credentials;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// User and password, separated by NUL bytes.
    Plain,
    /// User and password in an AMQP 0-9-1 table.
    Amqplain,
    /// The name in the client's certificate.
    External,
    /// Nothing: the client is whom the operator has made of those that do not say.
    Anonymous,
}

impl Mechanism {
    /// All mechanisms, in the order in which a server offers them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Amqplain, Self::External, Self::Anonymous];

    /// The mechanism with this name. Case matters, as in RabbitMQ.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.as_str() == name)
    }

    /// The name, as clients send it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Amqplain => "AMQPLAIN",
            Self::External => "EXTERNAL",
            Self::Anonymous => "ANONYMOUS",
        }
    }
}

/// The response of a client does not have the shape that its mechanism asks for. What it holds is not repeated,
/// because it may be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the login response does not have the shape of its mechanism")
    }
}

impl std::error::Error for Malformed {}

/// Reads the response of the mechanism PLAIN.
///
/// # Errors
/// [`Malformed`] unless there are exactly two NUL bytes, the first of them in front: nobody can act for somebody
/// else here, so that an authorisation id has no meaning. RabbitMQ draws the same lines.
pub fn plain(response: &[u8]) -> Result<Credentials, Malformed> {
    let mut fields = response.split(|byte| *byte == 0);
    match [fields.next(), fields.next(), fields.next(), fields.next()] {
        [Some([]), Some(user), Some(password), None] => {
            Ok(Credentials { user: user.to_vec(), password: password.to_vec() })
        }
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_two_fields_behind_a_nul_each() {
        let credentials = plain(b"\0guest\0secret").unwrap();
        assert_eq!(
            (&credentials.user[..], &credentials.password[..]),
            (&b"guest"[..], &b"secret"[..])
        );
        assert!(plain(b"\0guest\0").is_ok(), "an empty password has the right shape");
        for bad in
            [&b""[..], b"\0", b"\0guest", b"guest\0guest\0secret", b"\0guest\0secret\0", b"guest"]
        {
            assert_eq!(plain(bad), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn mechanisms_are_found_by_their_exact_name() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::parse(mechanism.as_str()), Some(mechanism));
        }
        assert_eq!(Mechanism::parse("plain"), None);
    }

    #[test]
    fn nothing_prints_a_password() {
        let credentials = plain(b"\0guest\0secret").unwrap();
        assert!(!format!("{credentials:?}").contains("secret"));
    }
}
