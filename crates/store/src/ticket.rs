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

/// Proof that the journal of one shard is synced up to a ticket.
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
            disk.sync(path).syncing(path)?;
        }
        Ok(Self(through))
    }
}
