//! The accounts.

use std::collections::BTreeMap;
use std::fmt;

use message::Name;

use crate::credentials::Credentials;
use crate::password::PasswordHash;

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's name.
    pub name: Name,
}

/// Why somebody may not log in. The difference is for the log: a client is told the same in both cases, so that
/// it cannot learn which passwords are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such user, or the password is another.
    BadCredentials,
    /// The user and the password are right, but this user may log in from this machine only.
    LoopbackOnly,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadCredentials => "no such user, or another password",
            Self::LoopbackOnly => "this user may log in from this machine only (`loopback_users`)",
        })
    }
}

impl std::error::Error for Denied {}

/// The accounts, by name.
#[derive(Clone, Debug)]
pub struct Users {
    accounts: BTreeMap<Name, Account>,
    /// Hashed against when there is no account, so that a name that exists takes no longer than one that does not.
    nobody: PasswordHash,
}

#[derive(Clone, Debug)]
struct Account {
    password: PasswordHash,
    is_loopback_only: bool,
}

impl Users {
    /// The account of a fresh broker: user `guest` with password `guest`, as in RabbitMQ. Everybody knows this
    /// password, so that `is_loopback_only` should be false only when an operator says so.
    pub fn with_guest(salt: [u8; 4], is_loopback_only: bool) -> Self {
        let password = PasswordHash::new(b"guest", salt);
        let nobody = PasswordHash::new(b"", salt);
        let account = Account { password, is_loopback_only };
        Self { accounts: BTreeMap::from([(Name::fixed("guest"), account)]), nobody }
    }

    /// Looks whether somebody is who they say. `is_loopback_peer`: see [`crate::is_loopback`].
    ///
    /// # Errors
    /// [`Denied`]. An empty password is never right.
    pub fn verify(
        &self,
        credentials: &Credentials,
        is_loopback_peer: bool,
    ) -> Result<User, Denied> {
        let name = std::str::from_utf8(&credentials.user).ok();
        let entry = name.and_then(|name| self.accounts.get_key_value(name));
        let hash = entry.map_or(&self.nobody, |(_, account)| &account.password);
        let is_right = hash.verify(&credentials.password) && !credentials.password.is_empty();
        match entry {
            Some((_, account)) if is_right && account.is_loopback_only && !is_loopback_peer => {
                Err(Denied::LoopbackOnly)
            }
            Some((name, _)) if is_right => Ok(User { name: name.clone() }),
            _ => Err(Denied::BadCredentials),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(users: &Users, user: &[u8], password: &[u8], local: bool) -> Result<User, Denied> {
        let credentials = Credentials { user: user.to_vec(), password: password.to_vec() };
        users.verify(&credentials, local)
    }

    #[test]
    fn guest_may_log_in_from_this_machine_only() {
        let users = Users::with_guest([1, 2, 3, 4], true);
        let guest = User { name: Name::fixed("guest") };
        assert_eq!(login(&users, b"guest", b"guest", true), Ok(guest.clone()));
        assert_eq!(login(&users, b"guest", b"guest", false), Err(Denied::LoopbackOnly));
        let open = Users::with_guest([1, 2, 3, 4], false);
        assert_eq!(login(&open, b"guest", b"guest", false), Ok(guest));
    }

    #[test]
    fn everything_else_is_denied_without_a_hint() {
        let users = Users::with_guest([1, 2, 3, 4], true);
        for (user, password) in [
            (&b"guest"[..], &b"Guest"[..]),
            (b"guest", b""),
            (b"nobody", b""),
            (b"nobody", b"guest"),
            (b"", b"guest"),
            (b"\xff", b"guest"),
        ] {
            for local in [true, false] {
                assert_eq!(login(&users, user, password, local), Err(Denied::BadCredentials));
            }
        }
    }
}
