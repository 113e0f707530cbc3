//! Who is this?
//!
//! ```text
//!  bytes of a login ── mechanism ──> Claim ── Logins::ask ──> a user's name, or Denied
//! ```
//!
//! This crate knows nothing of frames and reply codes, nothing of what a user may do to which object, and has no
//! randomness of its own: whoever makes a password hash hands in the salt.

mod backoff;
mod credentials;
mod hash;
mod logins;
mod loopback;
mod mechanism;
mod memory;
mod secret;

pub use credentials::Credentials;
pub use hash::{SALT_BYTES, hash, is_quick, verify};
pub use logins::{Claim, Denied, Inquiry, Logins, Rules, Said, Whence};
pub use loopback::is_loopback;
pub use mechanism::{Malformed, Mechanism, plain};
pub use secret::Secret;
