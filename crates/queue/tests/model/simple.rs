//! A queue as one would draw it on a board: messages by their places, and who waits since when.

use std::collections::BTreeMap;

use message::{Message, Settlement};
use queue::{Consumer, ConsumerId, WINDOW_BYTES};

/// A message in the simple queue.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) place: u64,
    pub(crate) message: Message,
    pub(crate) is_stored: bool,
    pub(crate) is_redelivered: bool,
}

struct Waiting {
    consumer: Consumer,
    unsettled_count: u32,
    window_bytes: i64,
    /// Since when it waits for a message; `None` while it may take none.
    since: Option<u64>,
}

impl Waiting {
    fn may_take(&self) -> bool {
        let has_credit =
            self.consumer.credit_max.is_none_or(|credit_max| self.unsettled_count < credit_max);
        has_credit && self.window_bytes > 0
    }
}

/// The simple queue, and its store.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) next_place: u64,
    pub(crate) unsettled_count_max: usize,
    ready: BTreeMap<u64, Placed>,
    unsettled: BTreeMap<u64, (Placed, Option<ConsumerId>)>,
    consumers: Vec<Waiting>,
    store: BTreeMap<u64, Message>,
    moment: u64,
}

impl Model {
    pub(crate) fn recover(&mut self, place: u64, message: Message) {
        self.store.insert(place, message.clone());
        let placed = Placed { place, message, is_stored: true, is_redelivered: false };
        self.ready.insert(place, placed);
    }

    pub(crate) fn ready_places(&self) -> impl Iterator<Item = u64> {
        self.ready.keys().copied()
    }

    pub(crate) fn ready_count(&self) -> u64 {
        self.ready.len() as u64
    }

    pub(crate) fn unsettled_count(&self) -> usize {
        self.unsettled.len()
    }

    pub(crate) fn ready_bytes(&self) -> u64 {
        self.ready.values().map(|placed| placed.message.body_len() as u64).sum()
    }

    pub(crate) fn unsettled_bytes(&self) -> u64 {
        self.unsettled.values().map(|(placed, _)| placed.message.body_len() as u64).sum()
    }

    pub(crate) fn consumer_ids(&self) -> Vec<ConsumerId> {
        self.consumers.iter().map(|waiting| waiting.consumer.id).collect()
    }

    pub(crate) fn enqueue(&mut self, message: Message, is_stored: bool) {
        let place = self.next_place;
        self.next_place += 1;
        if is_stored {
            self.store.insert(place, message.clone());
        }
        self.ready.insert(place, Placed { place, message, is_stored, is_redelivered: false });
    }

    /// The consumer that has waited longest, unless too much is unsettled for any.
    pub(crate) fn next_consumer(&self) -> Option<ConsumerId> {
        if self.unsettled.len() >= self.unsettled_count_max {
            return None;
        }
        let waiting = self.consumers.iter().filter(|waiting| waiting.since.is_some());
        waiting.min_by_key(|waiting| waiting.since).map(|waiting| waiting.consumer.id)
    }

    /// A consumer is about to get a message: it goes to the end of those that wait, or waits no more.
    pub(crate) fn charge(&mut self, id: ConsumerId, bytes: i64) {
        self.moment += 1;
        let moment = self.moment;
        let waiting = self.consumer(id).expect("it consumes");
        waiting.window_bytes -= bytes;
        waiting.unsettled_count += u32::from(waiting.consumer.settles);
        waiting.since = waiting.may_take().then_some(moment);
        let credit_max = waiting.consumer.credit_max.filter(|_| waiting.consumer.settles);
        let unsettled_count = waiting.unsettled_count;
        assert!(credit_max.is_none_or(|max| unsettled_count <= max), "credit is never exceeded");
    }

    /// Takes the first message that is ready.
    pub(crate) fn take(&mut self, consumer: Option<ConsumerId>, settles: bool) -> Placed {
        let (place, placed) = self.ready.pop_first().expect("something is ready");
        if settles {
            self.unsettled.insert(place, (placed.clone(), consumer));
        } else {
            self.store.remove(&place);
        }
        placed
    }

    pub(crate) fn settle(&mut self, place: u64, settlement: Settlement) -> Placed {
        let (placed, consumer) = self.unsettled.remove(&place).expect("it is out");
        self.moment += 1;
        let moment = self.moment;
        if let Some(waiting) = consumer.and_then(|id| self.consumer(id)) {
            waiting.unsettled_count -= 1;
            if waiting.since.is_none() && waiting.may_take() {
                waiting.since = Some(moment);
            }
        }
        if settlement == Settlement::Requeue {
            self.ready.insert(place, Placed { is_redelivered: true, ..placed.clone() });
        } else {
            self.store.remove(&place);
        }
        placed
    }

    pub(crate) fn consume(&mut self, consumer: Consumer) -> bool {
        let is_taken = self.consumers.iter().any(|waiting| waiting.consumer.is_exclusive);
        if is_taken || (consumer.is_exclusive && !self.consumers.is_empty()) {
            return false;
        }
        self.moment += 1;
        let since = Some(self.moment);
        let window_bytes = WINDOW_BYTES;
        self.consumers.push(Waiting { consumer, unsettled_count: 0, window_bytes, since });
        true
    }

    pub(crate) fn cancel(&mut self, id: ConsumerId) {
        self.consumers.retain(|waiting| waiting.consumer.id != id);
    }

    /// What is on the way to a consumer.
    pub(crate) fn owed_bytes(&self, id: ConsumerId) -> i64 {
        let found = self.consumers.iter().find(|waiting| waiting.consumer.id == id);
        found.map_or(0, |waiting| WINDOW_BYTES - waiting.window_bytes)
    }

    pub(crate) fn credit(&mut self, id: ConsumerId, bytes: i64) {
        self.moment += 1;
        let moment = self.moment;
        let waiting = self.consumer(id).expect("it consumes");
        waiting.window_bytes += bytes;
        if waiting.since.is_none() && waiting.may_take() {
            waiting.since = Some(moment);
        }
    }

    /// Throws away what is ready; returns the places that the store keeps.
    pub(crate) fn purge(&mut self) -> Vec<u64> {
        self.ready.clear();
        let stored = self.unsettled.values().filter(|(placed, _)| placed.is_stored);
        let kept: Vec<u64> = stored.map(|(placed, _)| placed.place).collect();
        self.store.retain(|place, _| kept.contains(place));
        kept
    }

    /// What the store reads: messages from a place on, and the place behind the last of them.
    pub(crate) fn read(&self, from: u64, bytes_max: usize) -> (Vec<(u64, Message)>, u64) {
        let (mut read, mut bytes, mut next) = (Vec::new(), 0, from);
        for (&place, message) in self.store.range(from..) {
            if bytes >= bytes_max {
                break;
            }
            bytes += message.len_bytes();
            next = place + 1;
            read.push((place, message.clone()));
        }
        (read, next)
    }

    /// Whether the store still has a message.
    pub(crate) fn is_in_store(&self, place: u64) -> bool {
        self.store.contains_key(&place)
    }

    fn consumer(&mut self, id: ConsumerId) -> Option<&mut Waiting> {
        self.consumers.iter_mut().find(|waiting| waiting.consumer.id == id)
    }
}
