//! Deleting a queue.
//!
//! ```text
//!   queue's shard                        shard 0                          queue's shard
//!   check, cancel consumers,   ──→   remove from the topology,   ──→   forget it, tell
//!   take nothing more                note it, wait for the sync         who asked
//! ```

use message::QueueId;
use metadata::QueueKind;

use crate::broker::Broker;
use crate::event::{Answer, CancelReason, Event};
use crate::mail::Mail;
use crate::refusal::{Condition, Object, Refusal};
use crate::registry::{After, Errand};
use crate::request::Origin;
use crate::trace::Step;

impl Broker {
    pub(crate) fn delete_queue(
        &mut self,
        id: QueueId,
        origin: Origin,
        if_unused: bool,
        if_empty: bool,
    ) {
        let Some(hosted) = self.hosted(id) else { return };
        let (name, vhost) = (hosted.definition.name.clone(), hosted.definition.vhost.clone());
        let count = hosted.queue.ready_count();
        let condition = match (if_unused, if_empty) {
            (true, _) => Some(Condition::Unused),
            (false, true) => Some(Condition::Empty),
            (false, false) => None,
        };
        if hosted.kind() == QueueKind::Quorum
            && let Some(condition) = condition
        {
            let refusal = Refusal::ConditionalDelete { name, vhost, condition };
            self.answer(origin, Err(refusal));
        } else if if_unused && hosted.queue.consumer_count() > 0 {
            let refusal = Refusal::InUse { object: Object::Queue, name, vhost };
            self.answer(origin, Err(refusal));
        } else if if_empty && count > 0 {
            self.answer(origin, Err(Refusal::NotEmpty { name, vhost }));
        } else {
            self.drop_queue(id, After::Answer(origin, Answer::Removed { count }));
        }
    }

    /// Ends a queue here and has shard 0 end it everywhere. Its consumers hear of it.
    pub(crate) fn drop_queue(&mut self, id: QueueId, after: After) {
        let Some(hosted) = self.hosted(id) else { return };
        hosted.is_deleted = true;
        let owner = hosted.definition.owner;
        let consumers: Vec<_> = hosted.queue.consumers().collect();
        let is_traced = hosted.is_traced;
        hosted.tally = hosted.counters();
        let remains = std::mem::take(&mut hosted.queue).into_remains();
        self.discard(remains);
        if is_traced {
            self.traces.record_step(id, Step::Deleted, None, self.now_ms);
        }
        for consumer in consumers {
            let reason = CancelReason::QueueDeleted;
            self.tell(consumer.client, Event::Cancelled { consumer: consumer.number, reason });
        }
        if let Some(queues) = owner.and_then(|owner| self.owned.get_mut(&owner)) {
            queues.retain(|&owned| owned != id);
        }
        for request in self.fetches.remove(&id).unwrap_or_default() {
            self.serve(id, request);
        }
        self.count_resident(id);
        self.end_queue(id, after);
    }

    /// Has shard 0 end a queue everywhere.
    pub(crate) fn end_queue(&mut self, id: QueueId, after: After) {
        let errand = Errand::RemoveQueue { id, after };
        if self.shard == 0 {
            self.run(errand);
        } else {
            self.post(0, Mail::Errand(Box::new(errand)));
        }
    }
}
