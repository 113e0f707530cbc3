//! Settling: a consumer is done with a delivery, or gives it back.

use message::{ClientId, QueueId, Settlement};
use queue::{ConsumerId, Delivery, DeliveryId, Settled};
use store::{Bug, Store, is_seeded};

use crate::broker::Broker;
use crate::burials::Strategy;
use crate::event::{Answer, Event};
use crate::hosted::Hosted;
use crate::mail::Mail;

/// Deliveries that one piece of mail ends at most, about: a list is used again, and should not grow without end.
const RUN_MAX: usize = 512;

/// What a client has and has not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The queue that it came from.
    pub queue: QueueId,
    /// Which delivery.
    pub delivery: DeliveryId,
}

impl Broker {
    /// Ends a delivery, wherever its queue lives.
    pub fn settle(&mut self, due: Due, settlement: Settlement) {
        self.settle_run(due.queue, std::iter::once(due.delivery), settlement);
    }

    /// Ends deliveries of one queue, wherever it lives, one after the other.
    pub fn settle_run(
        &mut self,
        queue: QueueId,
        run: impl Iterator<Item = DeliveryId>,
        settlement: Settlement,
    ) {
        let shard = self.shard_of(queue);
        if shard == self.shard {
            return self.settle_here(queue, run, settlement);
        }
        let mail = &mut self.outbox[usize::from(shard)];
        if let Some(Mail::Settle { queue: same, deliveries, settlement: alike }) = mail.last_mut()
            && *same == queue
            && *alike == settlement
            && deliveries.len() < RUN_MAX
        {
            return deliveries.extend(run);
        }
        let mut deliveries = self.settle_lists.pop().unwrap_or_default();
        deliveries.extend(run);
        mail.push(Mail::Settle { queue, deliveries, settlement });
    }

    /// Tells that a consumer's socket has taken `bytes` of what was delivered to it.
    pub fn credit(&mut self, queue: QueueId, consumer: ConsumerId, bytes: i64) {
        let shard = self.shard_of(queue);
        if shard == self.shard {
            self.credit_here(queue, consumer, bytes);
        } else {
            self.post(shard, Mail::Credit { queue, consumer, bytes });
        }
    }

    /// Has a consumer get nothing until [`Broker::resume_consumer`], because its client has enough from others. What is
    /// on its way to it comes nevertheless.
    pub fn pause_consumer(&mut self, queue: QueueId, consumer: ConsumerId) {
        self.set_paused(queue, consumer, true);
    }

    /// Has a consumer get messages again.
    pub fn resume_consumer(&mut self, queue: QueueId, consumer: ConsumerId) {
        self.set_paused(queue, consumer, false);
    }

    fn set_paused(&mut self, queue: QueueId, consumer: ConsumerId, is_paused: bool) {
        let shard = self.shard_of(queue);
        if shard == self.shard {
            self.pause_here(queue, consumer, is_paused);
        } else {
            self.post(shard, Mail::Pause { queue, consumer, is_paused });
        }
    }

    /// Removes a consumer whose client does not wait to hear of it. What it has not settled stays settleable.
    pub fn drop_consumer(&mut self, queue: QueueId, consumer: ConsumerId) {
        let shard = self.shard_of(queue);
        if shard == self.shard {
            self.cancel(queue, consumer);
        } else {
            self.post(shard, Mail::DropConsumer { queue, consumer });
        }
    }

    /// Takes back what was on its way to a client that is gone.
    pub fn take_back(&mut self, client: ClientId, event: Event) {
        match event {
            Event::Deliver { queue, deliveries } => {
                deliveries.iter().for_each(|delivery| self.give_back(queue, delivery));
                self.recycle(deliveries);
            }
            Event::Answered { reply, .. } => match *reply {
                Ok(Answer::Fetched { queue, delivery: Some(delivery), .. }) => {
                    self.give_back(queue, &delivery);
                }
                Ok(Answer::Consuming { queue, number }) => {
                    self.drop_consumer(queue, ConsumerId { client, number });
                }
                _ => {}
            },
            Event::Confirmed { .. }
            | Event::Rejected { .. }
            | Event::Reply { .. }
            | Event::Evicted { .. }
            | Event::Cancelled { .. } => {}
        }
    }

    pub(crate) fn give_back(&mut self, queue: QueueId, delivery: &Delivery) {
        if let Some(id) = delivery.id.filter(|_| !is_seeded(Bug::UndeliveredForgotten)) {
            self.settle(Due { queue, delivery: id }, Settlement::Undelivered);
        }
    }

    pub(crate) fn settle_here(
        &mut self,
        id: QueueId,
        mut run: impl Iterator<Item = DeliveryId>,
        settlement: Settlement,
    ) {
        // A queue that is deleted takes its unsettled deliveries with it.
        let Some(hosted) = self.queues.get_mut(id).filter(|hosted| !hosted.is_deleted) else {
            return;
        };
        let is_plain = !hosted.is_traced && hosted.ledger.is_empty();
        if settlement == Settlement::Accept && is_plain {
            hosted.tally.ack += accept(hosted, &mut self.store, &mut run, self.now_ms);
        }
        run.for_each(|delivery| self.settle_one(id, delivery, settlement));
        self.mark_dirty(id);
    }

    /// Ends one delivery of a queue that lives here, whatever has to be noted of it.
    fn settle_one(&mut self, id: QueueId, delivery: DeliveryId, settlement: Settlement) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        let held = if hosted.is_traced { hosted.queue.peek_delivery(delivery) } else { None };
        let settled = hosted.queue.settle(delivery, settlement, self.now_ms);
        if let Some(held) = &held {
            self.traces.record_settled(id, held, settlement, &settled, self.now_ms);
        }
        if let Settled::Returned(Some(facts)) = &settled {
            return self.note_facts(id, facts);
        }
        let gone = match settled {
            Settled::Gone(gone) => {
                // Only what is gone was accepted, or nobody wants it any more.
                hosted.tally.ack += u64::from(settlement == Settlement::Accept);
                Some(gone)
            }
            Settled::Dropped(gone, reason) => {
                self.traffic.burials.count(hosted.kind(), Strategy::Disabled, reason);
                Some(gone)
            }
            Settled::Returned(_) | Settled::Dying | Settled::Unknown => None,
        };
        if let Some(gone) = gone.filter(|gone| gone.is_stored) {
            let lane_id = hosted.definition.lane_id(gone.lane);
            self.store.settle(lane_id, gone.seq, gone.length);
            if !hosted.ledger.is_empty() {
                self.strike_facts(id, gone.seq);
            }
        }
    }

    pub(crate) fn credit_here(&mut self, id: QueueId, consumer: ConsumerId, bytes: i64) {
        if let Some(hosted) = self.queues.get_mut(id) {
            hosted.queue.credit(consumer, bytes);
            self.mark_dirty(id);
        }
    }

    pub(crate) fn pause_here(&mut self, id: QueueId, consumer: ConsumerId, is_paused: bool) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        if is_paused {
            hosted.queue.pause(consumer);
        } else {
            hosted.queue.resume(consumer);
            self.mark_dirty(id);
        }
    }
}

/// Ends deliveries of a queue that nobody watches and of whose messages nothing is noted. Returns how many messages are gone.
fn accept(
    hosted: &mut Hosted,
    store: &mut Store,
    run: impl Iterator<Item = DeliveryId>,
    now_ms: u64,
) -> u64 {
    let Hosted { queue, definition, .. } = hosted;
    let mut count = 0;
    for delivery in run {
        // What is accepted is gone, or was settled before.
        if let Settled::Gone(gone) = queue.settle(delivery, Settlement::Accept, now_ms) {
            count += 1;
            if gone.is_stored {
                store.settle(definition.lane_id(gone.lane), gone.seq, gone.length);
            }
        }
    }
    count
}
