//! What a queue that is more than an ordinary one says of a message before it takes it.

use message::{Message, QueueId};

use crate::broker::Broker;
use crate::dedup::Verdict;
use crate::publisher::Confirm;
use crate::trace::Obstacle;

/// A message that may go in, and what is then to be remembered of it.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) message: Message,
    pub(crate) key: Option<Box<[u8]>>,
}

impl Broker {
    /// Looks at a message that is about to be enqueued. `None` when it does not go in: its producer has been answered.
    pub(crate) fn examine(
        &mut self,
        id: QueueId,
        message: Message,
        confirm: Option<Confirm>,
    ) -> Option<Admitted> {
        let hosted = self.queues.get_mut(id)?;
        if hosted.history.is_some() {
            self.remember(id, message, confirm);
            return None;
        }
        let key = match self.look_for_duplicate(id, &message) {
            Verdict::Duplicate(ticket) => {
                self.trace_refusal(id, &message, confirm, Obstacle::Duplicate);
                self.confirm_duplicate(ticket, confirm);
                return None;
            }
            Verdict::Fresh(key) => key,
        };
        let hosted = self.queues.get_mut(id)?;
        if hosted.rejects && !hosted.queue.admits(message.body_len()) {
            self.trace_refusal(id, &message, confirm, Obstacle::Full);
            let hosted = self.queues.get_mut(id)?;
            if hosted.has_dead_overflow && hosted.dead_letters.is_some() {
                hosted.queue.refuse(message);
                self.mark_dirty(id);
            }
            self.reject(confirm);
            return None;
        }
        Some(Admitted { message, key })
    }
}
