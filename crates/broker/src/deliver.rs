//! Delivering: from a queue to the clients of its consumers.

use message::{Message, QueueId};

use crate::broker::Broker;
use crate::event::Event;

impl Broker {
    /// Hands at most `limit` of a queue's messages to its consumers, and asks the store for more if the queue's
    /// window runs low.
    pub(crate) fn dispatch_queue(&mut self, id: QueueId, limit: usize) {
        self.tell_decided();
        let Some(hosted) = self.queues.get_mut(id) else { return };
        hosted.queue.set_room(self.memory.room());
        let (store, runs, lists) = (&mut self.store, &mut self.runs, &mut self.delivery_lists);
        hosted.queue.dispatch(limit, self.now_ms, |delivery| {
            if delivery.leaves_store {
                store.settle(id, delivery.seq, delivery.message.len_bytes() as u32);
            }
            let client = delivery.consumer.client;
            match runs.iter_mut().rev().find(|(of, _)| *of == client) {
                Some((_, deliveries)) => deliveries.push(delivery),
                None => {
                    let mut deliveries = lists.pop().unwrap_or_default();
                    deliveries.push(delivery);
                    runs.push((client, deliveries));
                }
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
        let mut runs = std::mem::take(&mut self.runs);
        for (client, deliveries) in runs.drain(..) {
            self.tell(client, Event::Deliver { queue: id, deliveries });
        }
        self.runs = runs;
    }

    /// Gives queues what was read for them.
    pub(crate) fn take_loaded(&mut self) {
        while let Some(loaded) = self.store.poll_loaded() {
            let id = loaded.queue;
            let Some(hosted) = self.queues.get_mut(id) else { continue };
            // What is not a message was damaged before its checksum was made; the store cannot have such.
            let messages = loaded.messages.into_iter().map(|(seq, bytes)| {
                let message = Message::from_bytes(bytes);
                (seq, message.expect("the store gives back what it was given"))
            });
            hosted.queue.loaded(0, messages, loaded.next_seq);
            for request in self.fetches.remove(&id).unwrap_or_default() {
                self.serve(id, request);
            }
            self.mark_dirty(id);
        }
    }
}
