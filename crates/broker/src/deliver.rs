//! Delivering: from a queue to the clients of its consumers.

use message::{ClientId, Message, QueueId};
use metadata::{Part, part_of};
use queue::{Delivery, DeliveryLists};

use crate::broker::{Broker, LISTS_MAX};
use crate::event::Event;
use crate::hosted::count_waits;

/// How many messages expire, become due, make room or are sent on in one turn: a few milliseconds. What there is beyond
/// them waits for the next turn, so that sockets, heartbeats and other shards get theirs in between.
pub(crate) const RULE_BUDGET: usize = 8192;

/// Deliveries by client, while a queue is dispatched.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    runs: Vec<(ClientId, Vec<Delivery>)>,
    /// Empty lists, to be used again.
    lists: Vec<Vec<Delivery>>,
}

impl Runs {
    /// Takes back a list, to be used again.
    pub(crate) fn recycle(&mut self, mut deliveries: Vec<Delivery>) {
        if self.lists.len() < LISTS_MAX {
            deliveries.clear();
            self.lists.push(deliveries);
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Delivery> {
        self.runs.iter().flat_map(|(_, deliveries)| deliveries)
    }
}

impl DeliveryLists for Runs {
    #[inline]
    fn list_of(&mut self, client: ClientId) -> &mut Vec<Delivery> {
        let known = self.runs.iter().rposition(|(of, _)| *of == client);
        let at = known.unwrap_or_else(|| {
            self.runs.push((client, self.lists.pop().unwrap_or_default()));
            self.runs.len() - 1
        });
        &mut self.runs[at].1
    }
}

impl Broker {
    /// Hands at most `limit` of a queue's messages to its consumers, and asks the store for more if the queue's
    /// window runs low.
    pub(crate) fn dispatch_queue(&mut self, id: QueueId, limit: usize) {
        self.tell_decided();
        if self.end_if_unused(id) {
            return;
        }
        if self.rule_budget == 0 && self.wants_budget(id) {
            return self.put_off.push(id);
        }
        let Some(hosted) = self.queues.get_mut(id) else { return };
        hosted.queue.set_room(self.memory.room());
        // What is due at this very millisecond may still be taken by somebody who waits for it.
        let is_ruled = hosted.queue.is_ruled();
        let budget_before = self.rule_budget.min(limit);
        let mut budget = budget_before;
        if is_ruled {
            hosted.queue.expire(self.now_ms.saturating_sub(1), &mut budget);
        }
        let (definition, is_unnoted) = (&hosted.definition, hosted.ledger.is_empty());
        let (mut gone, mut redelivered_count) = (Vec::new(), 0);
        let (store, runs) = (&mut self.store, &mut self.runs);
        let (waits, now_ms) = (&mut self.traffic.waits, self.now_ms);
        let unsettled_before = hosted.queue.unsettled_count();
        let count = hosted.queue.dispatch(limit, now_ms, runs);
        runs.runs.iter().for_each(|(_, run)| count_waits(waits, run, now_ms));
        for delivery in runs.all() {
            redelivered_count += u64::from(delivery.is_redelivered);
            if delivery.leaves_store {
                let lane_id = definition.lane_id(delivery.lane);
                gone.push((delivery.seq, lane_id, delivery.message.len_bytes() as u32));
            }
        }
        // In their own order, whoever got them, they make the shortest record.
        gone.sort_unstable_by_key(|&(seq, ..)| seq);
        for &(seq, lane_id, length) in &gone {
            store.settle(lane_id, seq, length);
        }
        hosted.count_dispatch(count, unsettled_before, redelivered_count, now_ms);
        if hosted.is_traced {
            self.traces.record_deliveries(id, &self.runs, now_ms);
        }
        let has_more = is_ruled && !hosted.queue.can_dispatch() && {
            let has_expired = hosted.queue.expire(self.now_ms, &mut budget);
            hosted.queue.trim(&mut budget) || has_expired
        };
        self.rule_budget -= budget_before - budget;
        // Without anybody to take them, messages are best left on disk.
        let is_wanted = hosted.queue.consumer_count() > 0
            || self.fetches.contains_key(&id)
            || hosted.definition.relay_of.is_some()
            || (is_ruled && hosted.queue.wants_read());
        if is_wanted && let Some(request) = hosted.queue.poll_tail_request() {
            let lane_id = hosted.definition.lane_id(request.lane);
            store.read(lane_id, request.from_seq, request.bytes_max);
        }
        hosted.is_dirty = hosted.queue.can_dispatch() || has_more;
        if hosted.is_dirty {
            self.dirty.push_back(id);
        }
        if !is_unnoted {
            gone.into_iter().for_each(|(seq, ..)| self.strike_facts(id, seq));
        }
        self.attend(id);
        if !self.fetches.is_empty() {
            self.fetch_again(id);
        }
        self.count_resident(id);
        self.tell_runs(id);
    }

    /// Sends what was handed out on its way.
    #[inline]
    fn tell_runs(&mut self, id: QueueId) {
        let mut runs = std::mem::take(&mut self.runs.runs);
        for (client, deliveries) in runs.drain(..) {
            // The list of one who in the end took nothing.
            if deliveries.is_empty() {
                self.recycle(deliveries);
            } else {
                self.tell(client, Event::Deliver { queue: id, deliveries });
            }
        }
        self.runs.runs = runs;
    }

    /// Whether a queue may have something to do by rule, of which a turn does only so much.
    fn wants_budget(&self, id: QueueId) -> bool {
        self.queues.get(id).is_some_and(|hosted| {
            hosted.queue.is_ruled()
                || hosted.is_delaying()
                || hosted.queue.may_be_overdue(self.now_ms)
        })
    }

    /// A turn begins, in which so much may be done by rule again. What was left over comes first.
    pub(crate) fn renew_budget(&mut self) {
        self.rule_budget = RULE_BUDGET;
        self.dirty.extend(self.put_off.drain(..));
    }

    /// Does for a queue what it needs besides dispatching.
    fn attend(&mut self, id: QueueId) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        if hosted.is_delaying() {
            let count = hosted.queue.ready_count();
            self.release(id);
            let left = self.queues.get(id).map_or(0, |hosted| hosted.queue.ready_count());
            let released = usize::try_from(count.saturating_sub(left)).unwrap_or(usize::MAX);
            self.rule_budget = self.rule_budget.saturating_sub(released.max(1));
        } else if hosted.queue.is_ruled() {
            self.bury(id);
            // What was sent on has made room for what is on disk.
            self.read_by_rule(id);
        }
        self.end_overdue(id);
        self.set_deadline(id);
    }

    /// Asks the store for what a queue has to look at even if nobody takes it.
    fn read_by_rule(&mut self, id: QueueId) {
        if let Some(hosted) = self.queues.get_mut(id)
            && hosted.queue.wants_read()
            && let Some(request) = hosted.queue.poll_tail_request()
        {
            let lane_id = hosted.definition.lane_id(request.lane);
            self.store.read(lane_id, request.from_seq, request.bytes_max);
        }
    }

    /// Gives queues what was read for them.
    pub(crate) fn take_loaded(&mut self) {
        while let Some(loaded) = self.store.poll_loaded() {
            if loaded.tag != 0 {
                self.peeked(loaded);
                continue;
            }
            let (id, Part::Lane(lane)) = part_of(loaded.queue) else { continue };
            let Some(hosted) = self.queues.get_mut(id) else { continue };
            // What is not a message was damaged before its checksum was made; the store cannot have such.
            let read_count = loaded.messages.len() as u64;
            hosted.tally.disk_reads += read_count;
            self.traffic.disk.disk_reads += read_count;
            let messages = loaded.messages.into_iter().map(|(seq, bytes)| {
                let message = Message::from_bytes(bytes);
                (seq, message.expect("the store gives back what it was given"))
            });
            hosted.queue.loaded(lane, messages, loaded.next_seq);
            for request in self.fetches.remove(&id).unwrap_or_default() {
                self.serve(id, request);
            }
            self.mark_dirty(id);
        }
    }
}
