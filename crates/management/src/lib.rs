//! The HTTP API.
//!
//! ```text
//!   socket ── serving ──> Call { caller, route, parameters, body } ── one resource ──> Reply, or Failure
//!                 │                                                       │
//!              login, access (one place each)                          Desk ── errands ──> shards
//! ```
//!
//! One thread with a runtime of its own serves all requests; messages never pass it. What is declared it reads from the
//! topology in force, for which no shard is asked. What is alive it asks the shards for by errands, and what is to be
//! changed goes the way of every other change: to shard 0, as a verb.
//!
//! Each resource is one file, with a function per route, and [`dispatch`] names them all. This crate opens no socket:
//! listeners are handed in.
#![allow(
    clippy::disallowed_types,
    reason = "this is a shell: it takes over listening sockets that others have opened"
)]

// What tests within and without share speaks of this crate by its name.
#[cfg(test)]
extern crate self as management;

mod access;
mod aliveness;
mod api_options;
mod attempts;
mod bindings;
mod body;
mod breakdown;
mod call;
mod caller;
mod certificates;
mod change;
mod channel_pages;
mod channels;
mod connections;
mod consumers;
mod definitions;
mod desk;
mod disk_use;
mod dispatch;
mod erlang;
mod events;
mod exchanges;
mod explain;
mod extensions;
mod facts;
mod failure;
mod features;
mod fields;
mod filter;
mod global_parameters;
mod health;
mod import;
mod json;
mod limits;
mod lists;
mod login;
mod machine;
mod messages;
mod metrics;
mod multipart;
mod nodes;
mod overview;
mod parameters;
mod patience;
mod peek;
mod permissions;
mod policies;
mod query;
mod queues;
mod rates;
mod redrive;
mod refusals;
mod replicas;
mod reply;
mod sampler;
mod sealing;
mod seats;
mod serving;
mod showing;
mod stats;
mod steward;
mod stewardship;
mod stream;
#[cfg(test)]
mod tests;
mod time;
mod trace;
mod users;
mod version;
mod vhosts;
mod view;
mod whoami;

pub use api_options::ApiOptions;
pub use certificates::Certificate;
pub use desk::{Desk, Shards};
pub use disk_use::{DiskUse, Operations};
pub use facts::{Facts, Listening};
pub use login::Origin;
pub use machine::{Machine, Readings};
pub use metrics::MetricsOptions;
pub use reply::Content;
pub use sealing::{Entrance, Sealing, why_no_tls};
pub use serving::{CONNECTIONS_MAX, LOCAL_MAX, Sockets, Stop, Stopped, respond, serve, stop_pair};
pub use steward::{Steward, Threshold};
