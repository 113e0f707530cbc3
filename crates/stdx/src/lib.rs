//! What the standard library lacks: time as plain numbers and seeded randomness.
//!
//! This crate knows nothing of brokers, protocols or operating systems, and it reads no clock.

pub mod random;
mod recent;
pub mod time;

pub use random::Random;
pub use recent::Recent;
pub use time::Time;
