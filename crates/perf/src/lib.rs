//! The load tool: publishers and consumers that put any AMQP 0-9-1 broker under load, and what it took.
//!
//! ```text
//!   Command ─▶ Options ─▶ run ─┬─ Topology on this thread: declares the queues before, deletes them after
//!                              ├─ worker threads of publishers ─┐
//!                              ├─ worker threads of consumers ──┴─ each: Drive (epoll, sockets) around sans-I/O clients
//!                              └─ watches the workers' tallies, the broker's process and the clock ─▶ Report
//! ```
//!
//! Tasks that have names of their own, such as `fdatasync`, are each a file beside `run.rs`.
//!
//! The tool must never be the bottleneck. A publisher patches a time stamp into messages that were encoded once and
//! writes hundreds of them with one system call; a consumer walks the frames of a large read and looks at three
//! fields of each message; nothing is allocated per message, and threads share nothing but a few counters.
//!
//! This crate knows nothing of any broker, Leveret's included: it speaks AMQP 0-9-1 over TCP, and about the process of
//! the broker it reads what the operating system tells about any process.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is a shell: it owns sockets, clocks and threads"
)]

mod churn;
mod client;
mod clock;
mod command;
mod course;
mod failure;
mod fdatasync;
mod idle;
mod latency;
mod ledger;
mod null_broker;
mod options;
mod process;
mod progress;
mod reactor;
mod relay;
mod report;
mod run;
mod schedule;
mod suite;
mod uri;
mod window;
mod worker;

pub use command::{Command, run};
