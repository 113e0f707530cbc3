//! Tickets and the proof that they are synced.
//!
//! ```text
//!   enqueue, note ──► Ticket(n)            "batch n carries it"
//!   fdatasync Ok  ──► Synced(m)            "batches ..= m survive a power loss"
//!   Synced(m).covers(Ticket(n))  ⇔  n ≤ m
//! ```
//!
//! The only way to a [`Synced`] leads through [`Synced::after_syncing`], which calls the disk itself.

use crate::disk::Disk;
use crate::fault::{Blame, Fault};
use crate::seeded::{Bug, is_seeded};

/// A position in the journal of one shard: whoever holds it waits until [`Synced::covers`] it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Ticket {
    pub(crate) const fn of_batch(number: u64) -> Self {
        Self(number)
    }

    pub(crate) const fn batch(self) -> u64 {
        self.0
    }
}

/// Proof that the journal of one shard is synced up to a ticket. Whoever has one can ask it:
///
/// ```
/// fn may_confirm(synced: store::Synced, ticket: store::Ticket) -> bool {
///     synced.covers(ticket)
/// }
/// ```
///
/// Nobody but the store can make one:
///
/// ```compile_fail
/// fn pretend(ticket: store::Ticket) -> store::Synced {
///     store::Synced(ticket)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Synced(Ticket);

impl Synced {
    /// Whether what the ticket stands for survives a power loss.
    pub const fn covers(self, ticket: Ticket) -> bool {
        ticket.0 <= self.0.0
    }

    pub(crate) const fn through(self) -> Ticket {
        self.0
    }

    /// Syncs `paths`, the files that hold everything up to `through` that no earlier sync covers.
    pub(crate) fn after_syncing(
        disk: &mut dyn Disk,
        paths: &[String],
        through: Ticket,
    ) -> Result<Self, Fault> {
        for path in paths {
            let mut result = disk.sync(path);
            if is_seeded(Bug::SyncRetried) && result.is_err() {
                result = disk.sync(path);
            }
            result.syncing(path)?;
        }
        let last = if is_seeded(Bug::SyncedTooFar) { through.0 + 1 } else { through.0 };
        Ok(Self(Ticket(last)))
    }
}
