//! Consumers that take too long: they lose what is overdue, and end.

use std::iter;

use message::{QueueId, Settlement};
use queue::Overdue;

use crate::broker::Broker;
use crate::event::{CancelReason, Event};

impl Broker {
    /// Puts back what was not settled in time, and ends the consumers that had it. Their clients hear of it.
    pub(crate) fn end_overdue(&mut self, id: QueueId) {
        let now_ms = self.now_ms;
        let Some(hosted) = self.queues.get_mut(id) else { return };
        if hosted.is_deleted || !hosted.queue.may_be_overdue(now_ms) {
            return;
        }
        if self.rule_budget > 0 {
            let found = hosted.queue.overdue(now_ms, self.rule_budget);
            self.rule_budget -= found.len();
            self.take_from(id, found);
        }
        // What there is beyond waits for the next turn.
        self.mark_dirty(id);
    }

    fn take_from(&mut self, id: QueueId, found: Vec<Overdue>) {
        for overdue in found {
            let Overdue { id: delivery, consumer, timeout_ms } = overdue;
            if let Some(consumer) = consumer
                && self.cancel(id, consumer)
            {
                let reason = CancelReason::TimedOut { timeout_ms };
                let event = Event::Cancelled { consumer: consumer.number, reason };
                self.tell(consumer.client, event);
            }
            self.settle_here(id, iter::once(delivery), Settlement::Requeue);
        }
    }
}
