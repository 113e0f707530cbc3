//! When which queue wants to be looked at: a message's time has come or run out, or the queue's own.

use std::collections::BTreeSet;

use message::QueueId;

use crate::broker::Broker;

/// The deadlines of a shard's queues, in milliseconds since 1970, each queue once.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(BTreeSet<(u64, QueueId)>);

impl Deadlines {
    /// Sets a queue's deadline, which was `before`.
    pub(crate) fn set(&mut self, queue: QueueId, before: Option<u64>, wanted: Option<u64>) {
        if before != wanted {
            before.map(|at_ms| self.0.remove(&(at_ms, queue)));
            wanted.map(|at_ms| self.0.insert((at_ms, queue)));
        }
    }

    /// Takes out a queue whose deadline has come.
    fn pop_due(&mut self, now_ms: u64) -> Option<QueueId> {
        let &(at_ms, queue) = self.0.first()?;
        (at_ms <= now_ms).then(|| {
            self.0.pop_first();
            queue
        })
    }

    /// The earliest deadline.
    fn next_ms(&self) -> Option<u64> {
        self.0.first().map(|&(at_ms, _)| at_ms)
    }
}

impl Broker {
    /// When the next turn is due although nothing else happens, in milliseconds since 1970.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        [self.deadlines.next_ms(), self.forwards.retry_at_ms()].into_iter().flatten().min()
    }

    /// Has all queues looked at whose time has come.
    pub(crate) fn meet_deadlines(&mut self) {
        while let Some(id) = self.deadlines.pop_due(self.now_ms) {
            if let Some(hosted) = self.queues.get_mut(id) {
                hosted.deadline_ms = None;
                self.mark_dirty(id);
            }
        }
        self.retry_forwards();
    }

    /// Brings a queue's deadline up to date.
    pub(crate) fn set_deadline(&mut self, id: QueueId) {
        if let Some(hosted) = self.queues.get_mut(id) {
            let wanted = hosted.next_deadline_ms();
            if wanted != hosted.deadline_ms {
                self.deadlines.set(id, hosted.deadline_ms, wanted);
                hosted.deadline_ms = wanted;
            }
        }
    }
}
