//! Delivering: from a queue to the clients of its consumers.

use message::{Message, QueueId};

use crate::broker::Broker;
use crate::event::Event;
use crate::mail::Mail;

impl Broker {
    /// Hands at most `limit` of a queue's messages to its consumers, and asks the store for more if the queue's
    /// window runs low.
    pub(crate) fn dispatch_queue(&mut self, id: QueueId, limit: usize) {
        self.tell_confirmed();
        let Some(hosted) = self.queues.get_mut(&id) else { return };
        let (store, events, outbox) = (&mut self.store, &mut self.events, &mut self.outbox);
        let shard = self.shard;
        hosted.queue.dispatch(limit, |delivery| {
            if delivery.leaves_store {
                store.settle(id, delivery.seq);
            }
            let client = delivery.consumer.client;
            let event = Event::Deliver { queue: id, delivery };
            if client.shard() == shard {
                events.push_back((client, event));
            } else {
                outbox[usize::from(client.shard())].push(Mail::Tell { client, event });
            }
        });
        // Without anybody to take them, messages are best left on disk.
        let is_wanted = hosted.queue.consumer_count() > 0 || self.fetches.contains_key(&id);
        if is_wanted && let Some(request) = hosted.queue.poll_tail_request() {
            store.read(id, request.from_seq, request.bytes_max);
        }
        hosted.is_dirty = hosted.queue.can_dispatch();
        if hosted.is_dirty {
            self.dirty.push_back(id);
        }
        self.count_resident(id);
    }

    /// Gives queues what was read for them.
    pub(crate) fn take_loaded(&mut self) {
        while let Some(loaded) = self.store.poll_loaded() {
            let id = loaded.queue;
            let Some(hosted) = self.queues.get_mut(&id) else { continue };
            // What is not a message was damaged before its checksum was made; the store cannot have such.
            let messages = loaded.messages.into_iter().map(|(seq, bytes)| {
                let message = Message::from_bytes(bytes);
                (seq, message.expect("the store gives back what it was given"))
            });
            hosted.queue.loaded(messages, loaded.next_seq);
            for request in self.fetches.remove(&id).unwrap_or_default() {
                self.serve(id, request);
            }
            self.mark_dirty(id);
        }
    }
}
