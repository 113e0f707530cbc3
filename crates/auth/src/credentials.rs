//! What a client says of itself.

use std::fmt;

/// A user name and a password, as bytes from outside: neither is known to be valid, or text.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name of the user.
    pub user: Vec<u8>,
    /// The password.
    pub password: Vec<u8>,
}

/// The password is left out, so that it cannot get into a log.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials {{ user: \"{}\", .. }}", self.user.escape_ascii())
    }
}
