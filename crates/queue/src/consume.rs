//! Consuming: the verbs that concern a queue's consumers.

use crate::consumer::{Consumer, ConsumerId};
use crate::queue::Queue;
use crate::succession::Sharing;

/// A consumer was refused: it or another one wants the queue for itself, or it would share a queue of which only one
/// takes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// A consumer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// Whether it was the last one, which is when an auto-delete queue goes.
    pub was_last: bool,
}

impl Queue {
    /// Says which of its consumers may take messages. Before there are any.
    pub fn set_sharing(&mut self, sharing: Sharing) {
        self.takers.set_sharing(sharing);
    }

    /// Adds a consumer.
    ///
    /// # Errors
    /// [`Busy`] when it wants the queue for itself and is not alone, or another one does. A queue of which only one takes
    /// at a time has none that wants it for itself (RabbitMQ refuses that for classic queues).
    pub fn consume(&mut self, consumer: Consumer) -> Result<(), Busy> {
        let would_share = self.takers.len() > 0 || self.takers.sharing() != Sharing::All;
        if self.takers.exclusive().is_some() || (consumer.is_exclusive && would_share) {
            return Err(Busy);
        }
        self.watch.note(consumer.timeout_ms);
        self.takers.add(consumer);
        Ok(())
    }

    /// Removes a consumer; what it has and has not settled stays with it. `None` when there is no such consumer.
    pub fn cancel(&mut self, id: ConsumerId) -> Option<Cancelled> {
        self.takers.remove(id)?;
        Some(Cancelled { was_last: self.takers.len() == 0 })
    }

    /// Tells that a consumer's socket has taken `bytes` of what was on the way to it.
    pub fn credit(&mut self, id: ConsumerId, bytes: i64) {
        self.takers.credit(id, bytes);
    }

    /// Has a consumer get nothing until [`Queue::resume`], whatever its credit.
    pub fn pause(&mut self, id: ConsumerId) {
        self.takers.set_paused(id, true);
    }

    /// Has a consumer get messages again. It stands behind those that waited.
    pub fn resume(&mut self, id: ConsumerId) {
        self.takers.set_paused(id, false);
    }

    /// All consumers, for a queue that is deleted.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerId> + '_ {
        self.takers.ids()
    }

    /// How many consumers there are, whether they have credit or not.
    pub fn consumer_count(&self) -> usize {
        self.takers.len()
    }

    /// The one that takes, of a queue of which only one does.
    pub fn active_consumer(&self) -> Option<ConsumerId> {
        self.takers.active()
    }

    /// Whether a consumer would take more, if only its socket did.
    pub const fn has_blocked_consumer(&self) -> bool {
        self.takers.blocked_count() > 0
    }
}
