//! The queue machine: verbs in, deliveries out.
//!
//! A [`Queue`] keeps messages in order, hands them to consumers that have credit, remembers what is not settled
//! and puts back what is returned, at its old place. It is a plain value: it knows no protocol, no file, no
//! clock, and of a consumer only its [`ConsumerId`]. What must be kept on disk is said by its caller, entry by
//! entry; what lies on disk only (the *tail*, and what came back from consumers) is asked for ahead of demand and comes
//! back through [`Queue::loaded`]. How much may be in memory is said by its caller too, as a [`Room`].

mod consume;
mod consumer;
mod dead;
mod delivery;
mod dispatch;
mod entry;
mod expiring;
mod facts;
mod known;
mod lane;
mod observe;
mod overdue;
mod peek;
mod queue;
mod ready;
mod remains;
mod returned;
mod room;
mod rotation;
mod ruled;
mod rules;
mod ruling;
mod schedule;
mod settle;
mod spot;
mod succession;
mod tag;
mod tail;
mod takers;
mod unsettled;

pub use consume::{Busy, Cancelled};
pub use consumer::{Consumer, ConsumerId, WINDOW_BYTES};
pub use dead::Dead;
pub use delivery::{Delivery, DeliveryId, cost_bytes};
pub use dispatch::DeliveryLists;
pub use entry::Gone;
pub use facts::Facts;
pub use observe::TakerState;
pub use overdue::Overdue;
pub use peek::{Cursor, Glimpse, Peeked, Section, Unread, Whereabout};
pub use queue::{Purged, Queue, RecoveredLane};
pub use ready::TailRequest;
pub use remains::Remains;
pub use room::Room;
pub use rules::{Overflow, Retry, RetryKind, Rules};
pub use settle::Settled;
pub use succession::Sharing;
