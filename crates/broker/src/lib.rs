//! The core: what a broker does, one verb a file.
//!
//! A [`Broker`] is one shard of a node. It owns the queues that live there, and talks to the other shards by
//! [`Mail`]. Front-ends call its verbs ([`Broker::publish`], [`Broker::settle`], [`Broker::request`], …); what it
//! has to tell a client comes out of [`Broker::poll_event`].
//!
//! ```text
//!   front-end ──verbs──→ Broker ──events──→ front-end
//!                         │  ↑
//!                    mail ↓  │ mail
//!                      other shards' Brokers
//! ```
//!
//! This crate knows no protocol, no socket, no file, no thread and no clock.

mod abridge;
mod administer;
mod alarm;
mod alternates;
mod bind;
mod broker;
mod burials;
mod census;
mod client;
mod confirm;
mod consume;
mod consumer_arguments;
mod damage;
mod dead_letter;
mod deadlines;
mod declare;
mod declare_queue;
mod dedup;
mod delete;
mod deliver;
mod event;
mod examine;
mod firehose;
mod forward;
mod get;
mod hosted;
mod inflow;
mod ledger;
mod mail;
mod memory;
mod observe;
mod occurrence;
mod outrun;
mod overdue;
mod peek;
mod publish;
mod publisher;
mod purge;
mod queue_arguments;
mod recover;
mod refusal;
mod registry;
mod relay;
mod remains;
mod reply;
mod request;
mod residence;
mod route;
mod settle;
mod signal;
mod terms;
mod topology;
mod trace;
mod traffic;

pub use administer::{CONSUMER_TIMEOUT_MS, Ceilings};
pub use alarm::Alarm;
pub use broker::{Broker, Reader, Shared};
pub use burials::{Burials, Strategy};
pub use event::{Answer, CancelReason, Event, Gone};
pub use firehose::FIREHOSE;
pub use inflow::Source;
pub use mail::Mail;
pub use observe::{ExchangeTraffic, MessageCounters, QueueState, QueueSummary};
pub use occurrence::{Occurred, Occurrence, Parameter};
pub use peek::PeekPage;
pub use publish::{Destined, Published};
pub use publisher::{Confirmation, Publisher};
pub use queue_arguments::check_queue;
pub use recover::{Recovery, Start, StartError};
pub use refusal::{ArgumentFault, Condition, InvalidArgument, Limit, Object, Refusal};
pub use reply::{REPLY_PREFIX, ReplyAddress};
pub use request::{ExchangeDeclaration, Origin, QueueDeclaration, Request, Verb};
pub use routing::Invalid;
pub use settle::Due;
pub use signal::Fact;
pub use topology::Topology;
pub use trace::{Obstacle, PAYLOAD_BYTES_MAX, Step, TracePage, Traced};
pub use traffic::{Churn, Holdings, Meters, Sizes, VhostTraffic, Waits};
