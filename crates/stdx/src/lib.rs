//! What the standard library lacks: time as plain numbers, seeded randomness, and collections that never stall.
//!
//! This crate knows nothing of brokers, protocols or operating systems, and it reads no clock.

mod line;
pub mod random;
mod recent;
mod slots;
pub mod time;

pub use line::Line;
pub use random::Random;
pub use recent::Recent;
pub use slots::Slots;
pub use time::Time;
