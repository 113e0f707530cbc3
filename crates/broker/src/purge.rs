//! Purging: all ready messages go, what consumers have stays with them.

use std::sync::Arc;

use message::QueueId;
use queue::Purged;

use crate::broker::Broker;
use crate::event::Answer;
use crate::request::Origin;
use crate::trace::Step;

impl Broker {
    pub(crate) fn purge_queue(&mut self, id: QueueId, origin: Origin) {
        let Some(hosted) = self.hosted(id) else { return };
        let (definition, has_notes) = (Arc::clone(&hosted.definition), !hosted.ledger.is_empty());
        let Purged { count, kept, remains } = hosted.queue.purge();
        if hosted.is_traced {
            self.traces.record_step(id, Step::Purged { count }, None, self.now_ms);
        }
        self.discard(remains);
        // The store may have some of any queue's messages: what is short of memory pages out.
        for (lane, kept) in (0..=u8::MAX).zip(&kept) {
            self.store.purge(definition.lane_id(lane), kept);
        }
        if has_notes {
            self.strike_all_but(id, kept.iter().flatten().map(|&(seq, _)| seq));
        }
        self.count_resident(id);
        self.answer(origin, Ok(Answer::Removed { count }));
        // A request that waited for one of these messages finds none.
        for request in self.fetches.remove(&id).unwrap_or_default() {
            self.serve(id, request);
        }
    }
}
