//! Clients and a node in memory, and conversations between them as text.
//!
//! ```text
//!   transcript (text) ──parse──▶ steps ──run──▶ Client ⇄ bytes ⇄ World: shards around a MemoryDisk
//! ```
//!
//! A [`World`] is a node without threads, sockets and clock: bytes go in and out, mail goes from shard to shard, the
//! disk works when it is told, and time passes when it is told; it is the [`Venue`] of conversations here, and the sockets
//! of a real server are another one, in a crate of their own. A [`Client`] speaks AMQP 0-9-1 with it. A
//! [`Transcript`] is a conversation written down, see [`transcript`] for the language; it runs under several
//! [`Layout`]s, because what a client sees must not depend on how many shards there are.
//!
//! Nothing here loses data on purpose: disks that tear and forget belong to the simulated world.

mod action;
mod administering;
mod client;
mod fields;
mod layout;
mod line;
mod matching;
mod memory_disk;
mod received;
mod run;
pub mod transcript;
mod value;
mod venue;
mod world;

pub use client::Client;
pub use layout::Layout;
pub use memory_disk::MemoryDisk;
pub use proto_amqp091::Limits;
pub use received::{Content, Received};
pub use run::{Failure, run, run_at};
pub use transcript::{Transcript, Verdict};
pub use venue::{Circumstance, SocketId, Venue};
pub use world::World;
