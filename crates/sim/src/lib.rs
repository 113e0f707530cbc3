//! The simulated world: everything outside the broker, faked, seeded and repeatable.
//!
//! ```text
//!   seed ─▶ Plan ─▶ World: users ⇄ bytes ⇄ Machine: shards of a real node, SimDisk, mail, time
//!                     │ facts
//!                     ▼
//!                   Judge: Model and one checker for each promise
//! ```
//!
//! A world runs the same `node` as the server. Its users speak real AMQP; its network cuts, delays and breaks; its
//! disk loses, tears and reorders what was not synced when the power goes; and all of it follows from one number, so
//! that whatever goes wrong goes wrong again.

mod agenda;
mod checkers;
mod client;
pub mod crashes;
pub mod damage;
pub mod disk;
mod fact;
mod machine;
mod model;
mod plan;
mod run;
mod trace;
mod user;
mod workload;
mod world;

pub use disk::SimDisk;
pub use run::{Failure, Summary, repeat_with, run, run_seed};
