//! Who is this?
//!
//! ```text
//!  bytes of a login ── mechanism ──> Credentials ── Users::verify ──> User, or Denied
//! ```
//!
//! This crate knows nothing of frames and reply codes, nothing of what a user may do to which object, and has no
//! randomness of its own: whoever makes a password hash hands in the salt.

mod credentials;
mod loopback;
mod mechanism;
mod password;
mod secret;
mod users;

pub use credentials::Credentials;
pub use loopback::is_loopback;
pub use mechanism::{Malformed, Mechanism, plain};
pub use password::PasswordHash;
pub use secret::Secret;
pub use users::{Denied, User, Users};
