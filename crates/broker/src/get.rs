//! Getting: one message, outside of any consumer.

use message::{Name, QueueId};
use metadata::QueueKind;

use crate::broker::Broker;
use crate::event::Answer;
use crate::refusal::Refusal;
use crate::request::{Origin, Request, Verb};

/// Expired messages that are taken out in one go before one is fetched. If there are more, the request waits.
const EXPIRE_STEP: usize = 1024;

impl Broker {
    /// Takes one message. If the queue's messages lie on disk only, the request waits until they are read; if more have expired
    /// than are taken out in one go, until that is done.
    pub(crate) fn fetch(
        &mut self,
        id: QueueId,
        origin: Origin,
        vhost: Name,
        name: Name,
        settles: bool,
    ) {
        let now_ms = self.now_ms;
        let Some(hosted) = self.hosted(id) else { return };
        if hosted.kind() == QueueKind::Quorum && hosted.is_single_active() {
            return self.answer(origin, Err(Refusal::OneConsumerOnly { name, vhost }));
        }
        hosted.renew(now_ms);
        let has_to_wait = self.expire_some(id) || self.fetches.contains_key(&id);
        let Some(hosted) = self.hosted(id) else { return };
        let delivery =
            if has_to_wait { None } else { hosted.queue.fetch(origin.client, settles, now_ms) };
        let ready_count = hosted.queue.ready_count();
        if has_to_wait || (delivery.is_none() && ready_count > 0) {
            let request = Request { origin, verb: Verb::Fetch { vhost, name, settles } };
            self.fetches.entry(id).or_default().push(request);
        } else {
            hosted.count_fetch(delivery.as_ref(), settles, now_ms);
            if hosted.is_traced
                && let Some(delivery) = &delivery
            {
                self.traces.record_delivery(id, delivery, true, now_ms);
            }
            if let Some(delivery) = &delivery
                && delivery.leaves_store
            {
                let (lane, length) = (delivery.lane, delivery.message.len_bytes() as u32);
                self.remove_stored(id, lane, delivery.seq, length, true);
            }
            self.answer(origin, Ok(Answer::Fetched { queue: id, delivery, ready_count }));
        }
        self.mark_dirty(id);
    }

    /// Takes out some of what has expired. Returns whether there is more.
    fn expire_some(&mut self, id: QueueId) -> bool {
        let Some(hosted) = self.queues.get_mut(id) else { return false };
        if !hosted.queue.is_ruled() {
            return false;
        }
        let before = self.rule_budget.min(EXPIRE_STEP);
        let mut budget = before;
        let has_more = hosted.queue.expire(self.now_ms, &mut budget);
        self.rule_budget -= before - budget;
        has_more
    }

    /// Asks again for those that wait for a message, unless it has to be read.
    pub(crate) fn fetch_again(&mut self, id: QueueId) {
        if self.queues.get(id).is_some_and(|hosted| !hosted.queue.is_cold()) {
            for request in self.fetches.remove(&id).unwrap_or_default() {
                self.serve(id, request);
            }
        }
    }
}
