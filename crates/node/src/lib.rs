//! Pure assembly: a node is shards, and a shard is connections around one part of the broker.
//!
//! The shells (`server` in the real world, `sim` in a made one) own sockets, disks, threads and the clock. They put bytes,
//! mail and completions into a [`Shard`], and carry away bytes, mail and submissions. Everything between is
//! deterministic: the same inputs give the same outputs. This crate knows no operating system.

mod alone;
mod boot;
mod budget;
mod chronicle;
mod clients;
mod errand;
mod free_space;
mod handling;
mod moving;
mod notice;
pub mod observation;
mod operator;
mod pace;
mod shard;
mod shortage;
mod timers;
mod warm;
mod watching;

pub use alone::operate_alone;
pub use boot::{Boot, BootError, boot};
pub use chronicle::{EVENTS_MAX, Event, EventKind, EventPage, Resource};
pub use errand::Errand;
pub use free_space::FreeSpace;
pub use handling::{AckMode, FetchReply, Fetched, Outcome, PublishReply};
pub use moving::Mover;
pub use notice::Notice;
pub use operator::Reply;
pub use proto_amqp091::{Happening, Identity, NewConsumer, What, pid};
pub use proto_amqp091::{MessageProperties, MessageView, Publication, Unpublished, reason_word};
pub use shard::Shard;
