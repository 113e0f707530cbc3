//! Who is this? HTTP's Basic authentication (RFC 7617).

use std::net::SocketAddr;
use std::sync::Arc;

use auth::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderMap};

use crate::caller::Caller;
use crate::desk::Desk;
use crate::failure::Failure;

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// From this address.
    Tcp(SocketAddr),
    /// By the local socket, which only its owner may open.
    Local,
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
    let credentials = basic(header.as_bytes()).ok_or(Failure::BadCredentials)?;
    let user = desk.users.verify(&credentials, auth::is_loopback(peer.ip())).map_err(|denied| {
        tracing::warn!(%peer, "HTTP API: login refused: {denied}");
        Failure::BadCredentials
    })?;
    // The one account of this version is the administrator.
    Ok(Some(Caller { name: Some(user.name), tags: Arc::new(["administrator".to_owned()]) }))
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
