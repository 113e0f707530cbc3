//! Publishing: route, enqueue, remember the confirm.

use message::{Headers, Message, QueueId};

use crate::broker::{Awaited, Broker};
use crate::publisher::{Confirm, Publisher};
use crate::refusal::Refusal;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It went to at least one queue.
    Routed,
    /// It went nowhere. A producer that asked for it (`mandatory`) gets it back, before its confirm.
    Unroutable,
}

impl Broker {
    /// Takes a message from a producer. `headers` is asked only if an exchange needs them.
    ///
    /// # Errors
    /// [`Refusal`] when the exchange does not exist or takes no messages from clients. The message is dropped and
    /// has no confirm number.
    pub fn publish(
        &mut self,
        publisher: &mut Publisher,
        message: Message,
        headers: &dyn Headers,
    ) -> Result<Published, Refusal> {
        let (exchange, key) = (message.exchange(), message.routing_key());
        let queues = publisher.route(&self.topology, exchange, key, headers)?;
        let confirm = publisher.begin(queues.len());
        let Some((&last, others)) = queues.split_last() else {
            return Ok(Published::Unroutable);
        };
        for &queue in others {
            self.send(queue, message.clone(), confirm);
        }
        self.send(last, message, confirm);
        Ok(Published::Routed)
    }

    /// Puts a message into a queue of this shard. It is safe when it needs no disk, or when the journal is synced
    /// behind it; a queue that was deleted meanwhile has nothing to keep.
    pub(crate) fn enqueue(&mut self, id: QueueId, message: Message, confirm: Option<Confirm>) {
        let Some(hosted) = self.hosted(id) else {
            return self.confirm(confirm);
        };
        let is_stored = hosted.definition.is_durable && message.is_persistent();
        let seq = hosted.queue.next_seq();
        if is_stored {
            let ticket = self.store.enqueue(id, seq, message.as_bytes(), confirm.is_some());
            if let Some(confirm) = confirm {
                self.awaiting.push_back((ticket, Awaited::Confirm(confirm)));
            }
        } else {
            self.confirm(confirm);
        }
        if let Some(hosted) = self.queues.get_mut(&id) {
            hosted.queue.enqueue(message, is_stored);
            if !hosted.is_dirty {
                hosted.is_dirty = true;
                self.dirty.push_back(id);
            }
        }
    }
}
