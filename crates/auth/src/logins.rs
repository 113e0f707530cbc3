//! Who gets in.
//!
//! ```text
//!   Claim ──ask──▶ Admitted, Denied
//!              └─▶ Asked(Inquiry) ──verify, tens of ms, on a thread of its own──▶ answer ──▶ Admitted, Denied
//! ```
//!
//! Whoever is denied learns nothing: where the node makes slow hashes, every refusal costs the time of one, whether
//! there is such a user or not. Passwords that were right are remembered as tokens that only this process can make,
//! so that the next login with them is quick. Failures are counted for the whole node: see [`crate::memory`].

use std::collections::BTreeSet;
use std::fmt;

use message::Name;
use metadata::{Definitions, Hashing, User};
use stdx::Time;

use crate::backoff::Pair;
use crate::credentials::Credentials;
use crate::hash;
use crate::memory::Memory;
use crate::secret::Secret;

/// What an operator says of logging in.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Users that may log in from this machine only.
    pub loopback_users: BTreeSet<String>,
    /// How the hashes of new passwords are made.
    pub hashing: Hashing,
    /// Who those are that do not say who they are; nobody may come in so if absent.
    pub anonymous: Option<Credentials>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            loopback_users: BTreeSet::from(["guest".to_owned()]),
            hashing: Hashing::Argon2id,
            anonymous: None,
        }
    }
}

/// What somebody says of themselves, by whatever mechanism.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A user's name and a password.
    Password(Credentials),
    /// The name in a certificate that was verified.
    Certificate(String),
}

impl Claim {
    /// The name of the user, for people.
    pub fn user(&self) -> String {
        match self {
            Self::Password(credentials) => credentials.user.escape_ascii().to_string(),
            Self::Certificate(user) => user.escape_debug().to_string(),
        }
    }
}

/// Where somebody comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whence {
    /// The address without the port.
    pub address: String,
    /// Whether that is this machine: see [`crate::is_loopback`].
    pub is_loopback: bool,
}

impl Whence {
    /// From an address with a port, as `10.0.0.1:5672` or `[::1]:5672`.
    pub fn of_peer(address: &str, is_loopback: bool) -> Self {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        Self { address: host.to_owned(), is_loopback }
    }
}

/// Why somebody may not log in. The difference is for the log: a client is told the same in all cases, so that
/// it cannot learn which passwords are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such user, or the password is another.
    BadCredentials,
    /// The same, once too often.
    Barred {
        /// How long nothing from there is looked at, in milliseconds.
        wait_ms: u64,
    },
    /// It is not looked at, because it was wrong too often.
    StillBarred {
        /// How much longer, in milliseconds.
        wait_ms: u64,
    },
    /// The user and the password are right, but this user may log in from this machine only.
    LoopbackOnly,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCredentials => f.write_str("no such user, or another password"),
            Self::Barred { wait_ms } => write!(
                f,
                "no such user, or another password, too often; logins of this user from there are refused for {wait_ms} ms"
            ),
            Self::StillBarred { wait_ms } => write!(
                f,
                "too many failed logins of this user from there; the next one is looked at in {wait_ms} ms"
            ),
            Self::LoopbackOnly => {
                f.write_str("this user may log in from this machine only (`loopback_users`)")
            }
        }
    }
}

impl std::error::Error for Denied {}

/// What is said to a claim.
#[derive(Debug)]
pub enum Said {
    /// The user is who they say.
    Admitted(Name),
    /// They are not, or may not come in from there.
    Denied(Denied),
    /// It takes longer to find out: see [`Inquiry::verify`].
    Asked(Inquiry),
}

/// A password that takes long to be looked at.
pub struct Inquiry {
    credentials: Credentials,
    /// Nobody, if it is known already that this is wrong.
    user: Option<User>,
    whence: Whence,
}

impl Inquiry {
    /// Looks whether the password is right, for tens of milliseconds.
    pub fn verify(&self) -> bool {
        let password = &self.credentials.password;
        match &self.user {
            Some(user) => hash::verify(&user.password_hash, user.hashing, password),
            None => {
                hash::pretend(password);
                false
            }
        }
    }

    /// The name of the user, for people.
    pub fn user(&self) -> String {
        self.credentials.user.escape_ascii().to_string()
    }
}

/// Neither the password nor whether there is such a user can get into a log.
impl fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry").field("whence", &self.whence).finish_non_exhaustive()
    }
}

/// Says who gets in, and remembers who did. Clones remember together.
#[derive(Clone, Debug)]
pub struct Logins {
    rules: Rules,
    secret: Secret,
    memory: Memory,
}

impl Logins {
    /// Remembers nothing yet. `secret` has to be this process's own.
    pub fn new(rules: Rules, secret: Secret) -> Self {
        Self { rules, secret, memory: Memory::default() }
    }

    /// Says what it can say at once.
    pub fn ask(&self, claim: Claim, whence: Whence, definitions: &Definitions, now: Time) -> Said {
        let credentials = match claim {
            Claim::Password(credentials) => credentials,
            Claim::Certificate(user) => {
                let found = definitions.user(&user);
                return match found {
                    Some(found) => self.admit(found.name.clone(), &whence),
                    None => Said::Denied(Denied::BadCredentials),
                };
            }
        };
        let pair = self.pair(&whence, &credentials);
        let wait_ms = self.memory.open().backoff.wait_ms(&pair, now);
        if wait_ms > 0 {
            return Said::Denied(Denied::StillBarred { wait_ms });
        }
        let name = std::str::from_utf8(&credentials.user).ok();
        let user = name.and_then(|name| definitions.user(name));
        // Nobody's password is empty, and where there is no hash, no password is right.
        let user = user.filter(|user| !user.password_hash.is_empty());
        let user = user.filter(|_| !credentials.password.is_empty());
        if let Some(user) = user {
            let is_right = if hash::is_quick(user.hashing) {
                hash::verify(&user.password_hash, user.hashing, &credentials.password)
            } else {
                self.memory.open().knows(&self.token(user, &credentials))
            };
            if is_right {
                self.memory.open().backoff.succeed(&pair);
                return self.admit(user.name.clone(), &whence);
            }
        }
        let user = user.filter(|user| !hash::is_quick(user.hashing));
        if user.is_none() && hash::is_quick(self.rules.hashing) {
            return self.fail(pair, now);
        }
        let user = user.map(|user| (**user).clone());
        Said::Asked(Inquiry { credentials, user, whence })
    }

    /// Says the rest, once [`Inquiry::verify`] has told.
    pub fn answer(&self, inquiry: &Inquiry, is_right: bool, now: Time) -> Said {
        let Inquiry { credentials, user, whence } = inquiry;
        let pair = self.pair(whence, credentials);
        let Some(user) = user.as_ref().filter(|_| is_right) else { return self.fail(pair, now) };
        let token = self.token(user, credentials);
        {
            let mut memory = self.memory.open();
            // Many guesses may have been asked before the first of them was answered: they count as if they had come one
            // after the other, and then this one is not looked at.
            let wait_ms = memory.backoff.wait_ms(&pair, now);
            if wait_ms > 0 {
                return Said::Denied(Denied::StillBarred { wait_ms });
            }
            memory.backoff.succeed(&pair);
            memory.remember(token);
        }
        self.admit(user.name.clone(), whence)
    }

    fn admit(&self, name: Name, whence: &Whence) -> Said {
        if self.rules.loopback_users.contains(name.as_str()) && !whence.is_loopback {
            return Said::Denied(Denied::LoopbackOnly);
        }
        Said::Admitted(name)
    }

    fn fail(&self, pair: Pair, now: Time) -> Said {
        Said::Denied(match self.memory.open().backoff.fail(pair, now) {
            0 => Denied::BadCredentials,
            wait_ms => Denied::Barred { wait_ms },
        })
    }

    fn pair(&self, whence: &Whence, credentials: &Credentials) -> Pair {
        self.secret.seal(&[b"pair", whence.address.as_bytes(), &credentials.user])
    }

    /// Stands for a password and for the hash that it was right for: with another hash, it is looked at again.
    fn token(&self, user: &User, credentials: &Credentials) -> [u8; 32] {
        let (name, hash) = (user.name.as_str().as_bytes(), user.password_hash.as_bytes());
        self.secret.seal(&[b"password", name, hash, &credentials.password])
    }
}

#[cfg(test)]
mod tests {
    use metadata::Change;

    use super::*;

    fn definitions(hashing: Hashing) -> Definitions {
        let mut definitions = Definitions::new();
        for (name, password) in [("guest", &b"guest"[..]), ("ann", b"right")] {
            definitions.apply(&Change::SetUser(User {
                name: Name::fixed(name),
                password_hash: hash(password, hashing, [7; hash::SALT_BYTES]),
                hashing,
                tags: Vec::new(),
            }));
        }
        let (password_hash, hashing) = (String::new(), Hashing::Sha256);
        let name = Name::fixed("certified");
        definitions.apply(&Change::SetUser(User { name, password_hash, hashing, tags: vec![] }));
        definitions
    }

    fn logins(hashing: Hashing) -> Logins {
        Logins::new(Rules { hashing, ..Rules::default() }, Secret::new([1; Secret::BYTES]))
    }

    fn claim(user: &[u8], password: &[u8]) -> Claim {
        Claim::Password(Credentials { user: user.to_vec(), password: password.to_vec() })
    }

    fn from(address: &str) -> Whence {
        Whence::of_peer(address, address.starts_with("127."))
    }

    /// Asks to the end; tells whether it took long.
    fn login(
        logins: &mut Logins,
        definitions: &Definitions,
        claim: Claim,
        address: &str,
        now: Time,
    ) -> (Result<String, Denied>, bool) {
        let said = logins.ask(claim, from(address), definitions, now);
        let (said, is_slow) = match said {
            Said::Asked(inquiry) => {
                let is_right = inquiry.verify();
                (logins.answer(&inquiry, is_right, now), true)
            }
            said => (said, false),
        };
        match said {
            Said::Admitted(name) => (Ok(name.to_string()), is_slow),
            Said::Denied(denied) => (Err(denied), is_slow),
            Said::Asked(_) => unreachable!("an answer is an answer"),
        }
    }

    #[test]
    fn a_user_with_the_right_password_gets_in_and_the_second_time_quickly() {
        for hashing in Hashing::ALL {
            let (definitions, mut logins) = (definitions(hashing), logins(Hashing::Argon2id));
            let mut ann = |password: &[u8]| {
                login(&mut logins, &definitions, claim(b"ann", password), "10.0.0.1:5", Time::ZERO)
            };
            let is_slow = !hash::is_quick(hashing);
            assert_eq!(ann(b"right"), (Ok("ann".to_owned()), is_slow));
            assert_eq!(ann(b"right"), (Ok("ann".to_owned()), false));
            assert_eq!(ann(b"wrong"), (Err(Denied::BadCredentials), true));
        }
    }

    #[test]
    fn everything_else_is_denied_without_a_hint() {
        for hashing in [Hashing::Argon2id, Hashing::Sha256] {
            let (definitions, mut logins) = (definitions(Hashing::Sha256), logins(hashing));
            for (user, password) in [
                (&b"guest"[..], &b"Guest"[..]),
                (b"guest", b""),
                (b"nobody", b""),
                (b"nobody", b"guest"),
                (b"certified", b""),
                (b"certified", b"x"),
                (b"", b"guest"),
                (b"\xff", b"guest"),
            ] {
                let claim = claim(user, password);
                let (said, is_slow) =
                    login(&mut logins, &definitions, claim, "127.0.0.1:5", Time::ZERO);
                assert_eq!(said, Err(Denied::BadCredentials), "{user:?}");
                assert_eq!(is_slow, hashing == Hashing::Argon2id, "{user:?}");
            }
        }
    }

    #[test]
    fn guest_may_log_in_from_this_machine_only() {
        let (definitions, mut logins) = (definitions(Hashing::Sha256), logins(Hashing::Sha256));
        let mut guest = |address| {
            login(&mut logins, &definitions, claim(b"guest", b"guest"), address, Time::ZERO).0
        };
        assert_eq!(guest("127.0.0.1:5"), Ok("guest".to_owned()));
        assert_eq!(guest("10.0.0.1:5"), Err(Denied::LoopbackOnly));
    }

    #[test]
    fn a_certificate_needs_no_password_but_a_user() {
        let (definitions, mut logins) = (definitions(Hashing::Sha256), logins(Hashing::Sha256));
        let mut certified = |name: &str, address| {
            let claim = Claim::Certificate(name.to_owned());
            login(&mut logins, &definitions, claim, address, Time::ZERO).0
        };
        assert_eq!(certified("certified", "10.0.0.1:5"), Ok("certified".to_owned()));
        assert_eq!(certified("guest", "10.0.0.1:5"), Err(Denied::LoopbackOnly));
        assert_eq!(certified("nobody", "10.0.0.1:5"), Err(Denied::BadCredentials));
    }

    #[test]
    fn who_guesses_is_barred_and_others_are_not() {
        let (definitions, mut logins) = (definitions(Hashing::Sha256), logins(Hashing::Sha256));
        let mut ann = |password: &[u8], address, now| {
            login(&mut logins, &definitions, claim(b"ann", password), address, now).0
        };
        for _ in 0..9 {
            assert_eq!(ann(b"wrong", "10.0.0.1:5", Time::ZERO), Err(Denied::BadCredentials));
        }
        let barred = ann(b"wrong", "10.0.0.1:6", Time::ZERO);
        assert_eq!(barred, Err(Denied::Barred { wait_ms: 1_000 }));
        let still = ann(b"right", "10.0.0.1:7", Time::ZERO);
        assert_eq!(still, Err(Denied::StillBarred { wait_ms: 1_000 }));
        assert_eq!(ann(b"right", "10.0.0.2:7", Time::ZERO), Ok("ann".to_owned()));
        let later = Time::ZERO.plus_millis(1_000);
        assert_eq!(ann(b"right", "10.0.0.1:7", later), Ok("ann".to_owned()));
    }

    #[test]
    fn guesses_count_for_the_whole_node_wherever_they_are_heard() {
        let (definitions, first) = (definitions(Hashing::Sha256), logins(Hashing::Sha256));
        let mut shards = [first.clone(), first.clone(), first];
        let mut ann = |shard: usize, password: &[u8]| {
            let claim = claim(b"ann", password);
            login(&mut shards[shard], &definitions, claim, "10.0.0.1:5", Time::ZERO).0
        };
        for number in 0..9 {
            assert_eq!(ann(number % 3, b"wrong"), Err(Denied::BadCredentials));
        }
        assert_eq!(ann(1, b"wrong"), Err(Denied::Barred { wait_ms: 1_000 }));
        for shard in 0..3 {
            assert_eq!(ann(shard, b"right"), Err(Denied::StillBarred { wait_ms: 1_000 }));
        }
    }

    #[test]
    fn a_password_that_was_right_somewhere_is_known_everywhere() {
        let (definitions, mut first) = (definitions(Hashing::Argon2id), logins(Hashing::Argon2id));
        let mut second = first.clone();
        for (logins, is_slow) in [(&mut first, true), (&mut second, false)] {
            let claim = claim(b"ann", b"right");
            let said = login(logins, &definitions, claim, "10.0.0.1:5", Time::ZERO);
            assert_eq!(said, (Ok("ann".to_owned()), is_slow));
        }
    }

    #[test]
    fn guesses_at_the_same_time_are_not_more_than_guesses_one_after_the_other() {
        let (definitions, logins) = (definitions(Hashing::Argon2id), logins(Hashing::Argon2id));
        let ask = |password: &[u8]| {
            let claim = claim(b"ann", password);
            match logins.ask(claim, from("10.0.0.1:5"), &definitions, Time::ZERO) {
                Said::Asked(inquiry) => inquiry,
                said => panic!("{said:?}"),
            }
        };
        let (wrong, right) = ((0..10).map(|_| ask(b"wrong")).collect::<Vec<_>>(), ask(b"right"));
        for inquiry in &wrong {
            assert!(matches!(logins.answer(inquiry, false, Time::ZERO), Said::Denied(_)));
        }
        let said = logins.answer(&right, true, Time::ZERO);
        assert!(matches!(said, Said::Denied(Denied::StillBarred { .. })), "{said:?}");
        let later = logins.answer(&right, true, Time::ZERO.plus_millis(1_000));
        assert!(matches!(later, Said::Admitted(_)), "{later:?}");
    }

    #[test]
    fn another_password_ends_what_was_known() {
        let (mut definitions, mut logins) =
            (definitions(Hashing::Argon2id), logins(Hashing::Argon2id));
        let ann = |logins: &mut Logins, definitions: &Definitions| {
            login(logins, definitions, claim(b"ann", b"right"), "10.0.0.1:5", Time::ZERO).0
        };
        assert!(ann(&mut logins, &definitions).is_ok());
        definitions.apply(&Change::SetUser(User {
            name: Name::fixed("ann"),
            password_hash: hash(b"other", Hashing::Argon2id, [9; hash::SALT_BYTES]),
            hashing: Hashing::Argon2id,
            tags: Vec::new(),
        }));
        assert_eq!(ann(&mut logins, &definitions), Err(Denied::BadCredentials));
    }

    #[test]
    fn nothing_prints_a_password() {
        let logins = logins(Hashing::Argon2id);
        let said = logins.ask(
            claim(b"nobody", b"topsecret"),
            from("10.0.0.1:5"),
            &Definitions::new(),
            Time::ZERO,
        );
        assert!(!format!("{said:?}{logins:?}").contains("topsecret"));
    }
}
