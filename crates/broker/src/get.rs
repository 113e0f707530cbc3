//! Getting: one message, outside of any consumer.

use message::{Name, QueueId};
use metadata::QueueKind;

use crate::broker::Broker;
use crate::event::Answer;
use crate::refusal::Refusal;
use crate::request::{Origin, Request, Verb};

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
        let delivery = hosted.queue.fetch(origin.client, settles, now_ms);
        let ready_count = hosted.queue.ready_count();
        if delivery.is_none() && ready_count > 0 {
            let request = Request { origin, verb: Verb::Fetch { vhost, name, settles } };
            self.fetches.entry(id).or_default().push(request);
        } else {
            if let Some(delivery) = &delivery
                && delivery.leaves_store
            {
                self.store.settle(id, delivery.seq, delivery.message.len_bytes() as u32);
            }
            self.answer(origin, Ok(Answer::Fetched { queue: id, delivery, ready_count }));
        }
        self.mark_dirty(id);
    }
}
