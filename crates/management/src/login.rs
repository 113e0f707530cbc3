//! Who is this? HTTP's Basic authentication (RFC 7617).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use auth::{Claim, Credentials, Denied, Said, Whence};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap};
use message::Name;
use metadata::Hashing;
use tokio::task::spawn_blocking;

use crate::caller::Caller;
use crate::desk::Desk;
use crate::failure::Failure;

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// From this address.
    Tcp(SocketAddr),
    /// By the local socket, which only its owner may open.
    Local,
}

/// How many have tried to log in since the start.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Attempts {
    fn count(&self, has_succeeded: bool) {
        let counter = if has_succeeded { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were let in, and how many were not.
    pub(crate) fn read(&self) -> node::observation::Attempts {
        node::observation::Attempts {
            succeeded: self.succeeded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// Finds out who asks; `Ok(None)` when nobody says who it is.
///
/// # Errors
/// [`Failure::BadCredentials`], whatever is wrong.
pub(crate) async fn caller(
    desk: &Desk,
    origin: Origin,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Failure> {
    let peer = match origin {
        Origin::Local => return Ok(Some(Caller::local())),
        Origin::Tcp(peer) => peer,
    };
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let Some(credentials) = basic(header.as_bytes()) else {
        desk.attempts.count(false);
        return Err(Failure::BadCredentials);
    };
    let whence =
        Whence { address: peer.ip().to_string(), is_loopback: auth::is_loopback(peer.ip()) };
    let claim = Claim::Password(credentials);
    let user = claim.user();
    let verified = verify(desk, whence, claim).await?;
    desk.attempts.count(verified.is_ok());
    let name = match verified {
        Ok(name) => name,
        Err(denied) => {
            tracing::warn!(%peer, "HTTP API: login of {user:?} refused: {denied}");
            return Err(Failure::BadCredentials);
        }
    };
    let topology = desk.topology();
    let user = topology.definitions().user(name.as_str()).ok_or(Failure::BadCredentials)?;
    Ok(Some(Caller { name: Some(name), tags: Arc::from(user.tags.clone()) }))
}

/// Finds out whether these are right; what takes long is done on another thread.
///
/// # Errors
/// When the node stops. That they are wrong is an answer.
pub(crate) async fn verify(
    desk: &Desk,
    whence: Whence,
    claim: Claim,
) -> Result<Result<Name, Denied>, Failure> {
    let topology = desk.topology();
    let said = match desk.logins.ask(claim, whence, topology.definitions(), desk.now()) {
        Said::Asked(inquiry) => {
            let verified = spawn_blocking(move || (inquiry.verify(), inquiry)).await;
            let (is_right, inquiry) =
                verified.map_err(|_| Failure::Unavailable("the node stops".to_owned()))?;
            desk.logins.answer(&inquiry, is_right, desk.now())
        }
        said => said,
    };
    match said {
        Said::Admitted(name) => Ok(Ok(name)),
        Said::Denied(denied) => Ok(Err(denied)),
        Said::Asked(_) => unreachable!("an answer is an answer"),
    }
}

/// The hash of a password, to be kept: made as the node is configured, on another thread if that takes long.
pub(crate) async fn hash(desk: &Desk, password: &str) -> Result<(String, Hashing), Failure> {
    let hashing = desk.facts.password_hashing;
    let mut salt = [0; auth::SALT_BYTES];
    desk.machine.fill_random(&mut salt);
    let password = password.as_bytes().to_vec();
    let hashed = spawn_blocking(move || auth::hash(&password, hashing, salt)).await;
    let hash = hashed.map_err(|_| Failure::Unavailable("the node stops".to_owned()))?;
    Ok((hash, hashing))
}

/// Reads `Basic <base64 of user:password>`.
fn basic(header: &[u8]) -> Option<Credentials> {
    let (scheme, encoded) = header.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, password) = decoded.split_at(colon);
    Some(Credentials { user: user.to_vec(), password: password[1..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_have_colons_and_a_user_may_not() {
        let header = format!("basic {}", STANDARD.encode("guest:a:b"));
        let credentials = basic(header.as_bytes()).unwrap();
        assert_eq!(
            (&credentials.user[..], &credentials.password[..]),
            (&b"guest"[..], &b"a:b"[..])
        );
        for bad in ["", "Basic", "Basic %%%", "Bearer abc", "Basic Z3Vlc3Q="] {
            assert!(basic(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
