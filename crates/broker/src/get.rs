//! Getting: one message, outside of any consumer.

use message::{Name, QueueId};
use metadata::QueueKind;

use crate::broker::Broker;
use crate::event::Answer;
use crate::refusal::Refusal;
use crate::request::{Origin, Request, Verb};

/// Expired messages that are taken out in one go before one is fetched.
const EXPIRE_STEP: usize = 1024;

impl Broker {
    /// Takes one message. If the queue's messages lie on disk only, the request waits until they are read.
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
        while hosted.queue.is_ruled() && hosted.queue.expire(now_ms, EXPIRE_STEP) {}
        let delivery = hosted.queue.fetch(origin.client, settles, now_ms);
        let ready_count = hosted.queue.ready_count();
        if delivery.is_none() && ready_count > 0 {
            let request = Request { origin, verb: Verb::Fetch { vhost, name, settles } };
            self.fetches.entry(id).or_default().push(request);
        } else {
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
}
