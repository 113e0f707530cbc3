//! Purging: all ready messages go, what consumers have stays with them.

use message::QueueId;

use crate::broker::Broker;
use crate::event::Answer;
use crate::request::Origin;

impl Broker {
    pub(crate) fn purge_queue(&mut self, id: QueueId, origin: Origin) {
        let Some(hosted) = self.hosted(id) else { return };
        let is_durable = hosted.definition.is_durable;
        let through_seq = hosted.queue.next_seq();
        let (count, kept) = hosted.queue.purge();
        if is_durable && let Some(last_seq) = through_seq.checked_sub(1) {
            self.store.settle_through(id, last_seq, &kept);
        }
        self.count_resident(id);
        self.answer(origin, Ok(Answer::Removed { count }));
        // A request that waited for one of these messages finds none.
        for request in self.fetches.remove(&id).unwrap_or_default() {
            self.serve(id, request);
        }
    }
}
