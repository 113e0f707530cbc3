//! Purging: all ready messages go, what consumers have stays with them.

use message::QueueId;
use queue::Purged;

use crate::broker::Broker;
use crate::event::Answer;
use crate::request::Origin;

impl Broker {
    pub(crate) fn purge_queue(&mut self, id: QueueId, origin: Origin) {
        let Some(hosted) = self.hosted(id) else { return };
        let Purged { count, kept, remains } = hosted.queue.purge();
        self.discard(remains);
        // The store may have some of any queue's messages: what is short of memory pages out.
        self.store.purge(id, &kept[0]);
        self.count_resident(id);
        self.answer(origin, Ok(Answer::Removed { count }));
        // A request that waited for one of these messages finds none.
        for request in self.fetches.remove(&id).unwrap_or_default() {
            self.serve(id, request);
        }
    }
}
