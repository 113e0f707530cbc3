//! The durable half of a shard: a journal for all queues, segments per queue, tickets that say when something is
//! synced, and recovery.
//!
//! ```text
//!            enqueue ──► Ticket                       Synced.covers(ticket) ──► confirm
//!               │                                        ▲
//!   Store ──────┴──► Submission ──► execute(Disk) ──► Completion ──► Store
//! ```
//!
//! The crate is pure: it owns no file, thread, clock or randomness. It hands out [`Submission`]s, plain sequential
//! code over a [`Disk`], and takes [`Completion`]s back. It knows nothing of what a message, a queue or a note
//! means: a queue is a number, a message is a number and bytes, a note is bytes.
//!
//! What lies where is drawn in `docs/internals/data-files.md`, each format at the head of its file here.

mod aside;
mod background;
mod batch;
mod bits;
mod check;
mod compact;
mod disk;
mod extent;
mod fault;
mod format;
mod header;
mod index;
mod journal;
mod journal_extent;
mod journal_file;
mod journal_write;
mod live;
mod options;
mod paths;
mod planning;
mod queue_id;
mod queue_index;
mod read_only;
mod reading;
mod reads;
mod record;
mod recovery;
mod repair;
mod replay;
mod reserve;
mod retire;
mod scan;
mod seeded;
mod segment;
mod segment_extent;
mod segment_write;
mod set_draft;
mod snapshot;
mod store;
mod submission;
mod table;
mod ticket;
mod whole;

pub use check::{Checked, check};
pub use disk::Disk;
pub use fault::{Damage, Fault, FaultKind};
pub use options::Options;
pub use queue_id::QueueId;
pub use reading::Loaded;
pub use recovery::{Recovered, RecoveredQueue, open, open_with};
pub use repair::{Repaired, repair};
#[cfg(feature = "seeded-bugs")]
pub use seeded::plant;
pub use seeded::{Bug, is_seeded};
pub use store::Store;
pub use submission::{Completion, Lane, Submission};
pub use ticket::{Synced, Ticket};
