//! The simple queue, and the pair of it and a real one.

use std::fmt::Write;

use message::{ClientId, Message, Settlement};
use queue::{
    Consumer, ConsumerId, Delivery, DeliveryId, Purged, Queue, RecoveredLane, Room, Settled,
    TailRequest, cost_bytes,
};
use stdx::Random;

use crate::messages::Messages;
use crate::simple::Model;

/// More consumers than this add nothing.
const CONSUMERS_MAX: usize = 5;
const NOW_MS: u64 = 1_700_000_000_000;

/// A read that the store was asked for. It may look what there is at once, or only when it answers.
struct Read {
    request: TailRequest,
    seen: Option<(Vec<(u64, Message)>, u64)>,
}

/// A real queue and a simple one, and the store that both believe in.
pub(crate) struct Pair {
    queue: Queue,
    model: Model,
    messages: Messages,
    reads: Vec<Read>,
    /// Deliveries that are out: what the real queue calls them, and their places.
    out: Vec<(DeliveryId, u64)>,
    last_consumer: u32,
    operations: String,
}

impl Pair {
    /// Two queues that are empty, or recovered from the same store.
    pub(crate) fn new(mut messages: Messages, random: &mut Random) -> Self {
        let mut model = Model::default();
        let mut queue = Queue::new();
        let mut operations = String::new();
        if random.chance(1, 3) {
            let places = random.below(40) + 1;
            for place in 0..places {
                if random.chance(2, 3) {
                    let message = messages.any(random);
                    model.recover(place, message);
                }
            }
            let first = model.ready_places().next().unwrap_or(0);
            let count = model.ready_count();
            let (next_seq, bytes) = (places, model.ready_bytes());
            queue = Queue::recovered(&[RecoveredLane { first_seq: first, next_seq, count, bytes }]);
            model.next_place = places;
            let _ = writeln!(operations, "recovered {count} messages in {first}..{places}");
        }
        let (reads, out) = (Vec::new(), Vec::new());
        let mut pair = Self { queue, model, messages, reads, out, last_consumer: 0, operations };
        pair.set_room(Room::AMPLE);
        pair
    }

    /// What has been done, one operation a line.
    pub(crate) fn history(&self) -> &str {
        &self.operations
    }

    /// Does something, and compares.
    pub(crate) fn step(&mut self, random: &mut Random) {
        match random.below(21) {
            0..=5 => self.enqueue(random),
            6..=9 => self.dispatch(random),
            10..=12 => self.settle(random),
            20 => self.change_room(random),
            13 => {
                let settles = random.chance(1, 2);
                self.fetch(random, settles);
            }
            14 => self.consume(random),
            15 => self.cancel(random),
            16 => self.credit(random),
            17..=18 => self.load(random),
            _ if random.chance(1, 4) => self.purge(),
            _ => self.settle_unknown(),
        }
        self.compare();
    }

    /// Gives everything back and takes everything out: nothing is missing, and it is in order.
    pub(crate) fn drain(&mut self, random: &mut Random) {
        self.note("drain");
        for consumer in self.model.consumer_ids() {
            self.queue.cancel(consumer);
            self.model.cancel(consumer);
        }
        for (id, place) in std::mem::take(&mut self.out) {
            assert!(matches!(
                self.queue.settle(id, Settlement::Requeue, NOW_MS),
                Settled::Returned(_)
            ));
            self.model.settle(place, Settlement::Requeue);
        }
        while self.model.ready_count() > 0 {
            self.fetch(random, false);
            self.load(random);
            self.compare();
        }
        assert_eq!(self.queue.ready_count(), 0);
        assert_eq!(self.queue.resident_bytes(), 0);
        assert_eq!(self.queue.waiting_bytes(), 0);
    }

    fn note(&mut self, operation: &str) {
        self.operations.push_str(operation);
        self.operations.push('\n');
    }

    fn compare(&mut self) {
        assert_eq!(self.queue.ready_count(), self.model.ready_count(), "ready");
        assert_eq!(self.queue.unsettled_count(), self.model.unsettled_count(), "unsettled");
        assert_eq!(self.queue.ready_bytes(), self.model.ready_bytes(), "ready bytes");
        assert_eq!(self.queue.unsettled_bytes(), self.model.unsettled_bytes(), "unsettled bytes");
        assert_eq!(self.queue.consumer_count(), self.model.consumer_ids().len(), "consumers");
        assert_eq!(self.queue.next_seq(), self.model.next_place, "next place");
    }

    fn enqueue(&mut self, random: &mut Random) {
        let is_stored = random.chance(2, 3);
        let message = self.messages.any(random);
        if !is_stored && !message.has_fields() && message.priority() == 0 && random.chance(1, 3) {
            return self.enqueue_alike(&message, random.below(5) as usize);
        }
        self.note(&format!("enqueue stored={is_stored} {} bytes", message.len_bytes()));
        self.queue.enqueue(message.clone(), is_stored, NOW_MS);
        self.model.enqueue(message, is_stored);
    }

    fn enqueue_alike(&mut self, message: &Message, count: usize) {
        self.note(&format!("enqueue {count} of {} bytes", message.len_bytes()));
        let mut messages = vec![message.clone(); count];
        let mut rest = messages.drain(..);
        let was_open = !self.queue.wants_store();
        let taken = self.queue.enqueue_alike(&mut rest, message.head().len(), NOW_MS);
        assert_eq!(rest.len(), count - taken);
        assert_eq!(taken > 0, was_open && count > 0, "as long as the queue does not want a store");
        assert!(taken == count || self.queue.wants_store(), "{taken} of {count}");
        (0..taken).for_each(|_| self.model.enqueue(message.clone(), false));
    }

    fn dispatch(&mut self, random: &mut Random) {
        let limit = 1 + random.below(8) as usize;
        self.note(&format!("dispatch {limit}"));
        let mut deliveries = Vec::new();
        self.queue.dispatch(limit, NOW_MS, &mut deliveries);
        let count = deliveries.len();
        for delivery in deliveries {
            let consumer = self.model.next_consumer().expect("a consumer may take a message");
            assert_eq!(delivery.consumer, consumer, "whose turn it is");
            self.model.charge(consumer, cost_bytes(delivery.message.len_bytes()));
            self.take(&delivery, Some(consumer));
        }
        self.poll_read(random);
        let is_more = self.model.ready_count() > 0 && self.model.next_consumer().is_some();
        if count < limit && is_more {
            assert!(!self.reads.is_empty(), "what stops a dispatch is a read, if anything does");
        }
    }

    fn fetch(&mut self, random: &mut Random, settles: bool) {
        self.note(&format!("fetch settles={settles}"));
        let client = ClientId::new(9, 0);
        let delivery = self.queue.fetch(client, settles, NOW_MS);
        self.poll_read(random);
        match delivery {
            Some(delivery) => {
                assert_eq!(delivery.consumer, ConsumerId { client, number: 0 });
                assert_eq!(delivery.id.is_some(), settles);
                self.take(&delivery, None);
            }
            None if self.model.ready_count() > 0 => {
                assert!(!self.reads.is_empty(), "what is not there is being read");
            }
            None => {}
        }
    }

    /// Checks that a delivery is the first message that is ready.
    fn take(&mut self, delivery: &Delivery, consumer: Option<ConsumerId>) {
        let settles = delivery.id.is_some();
        let expected = self.model.take(consumer, settles);
        assert_eq!(delivery.seq, expected.place, "the first message that is ready");
        let (bytes, expected_bytes) = (delivery.message.as_bytes(), expected.message.as_bytes());
        let is_same = std::ptr::eq(bytes, expected_bytes) || bytes == expected_bytes;
        assert!(is_same, "the message that was put there");
        assert_eq!(delivery.is_redelivered, expected.is_redelivered);
        assert_eq!(delivery.leaves_store, expected.is_stored && !settles);
        self.out.extend(delivery.id.map(|id| (id, delivery.seq)));
    }

    fn settle(&mut self, random: &mut Random) {
        if self.out.is_empty() {
            return;
        }
        let (id, place) = self.out.swap_remove(random.below(self.out.len() as u64) as usize);
        let settlement = match random.below(3) {
            0 => Settlement::Accept,
            1 => Settlement::Discard,
            _ => Settlement::Requeue,
        };
        self.note(&format!("settle {place} {settlement:?}"));
        let expected = self.model.settle(place, settlement);
        match self.queue.settle(id, settlement, NOW_MS) {
            Settled::Gone(gone) | Settled::Dropped(gone, _) => {
                assert_ne!(settlement, Settlement::Requeue);
                assert_eq!((gone.seq, gone.is_stored), (place, expected.is_stored));
                assert_eq!(gone.length as usize, expected.message.len_bytes());
            }
            Settled::Returned(_) => assert_eq!(settlement, Settlement::Requeue),
            Settled::Dying | Settled::Unknown => panic!("a delivery that is out is known"),
        }
        assert!(matches!(self.queue.settle(id, settlement, NOW_MS), Settled::Unknown), "only once");
    }

    fn settle_unknown(&mut self) {
        self.note("settle what another queue has delivered");
        let mut other = Queue::new();
        for _ in 0..=self.model.next_place {
            other.enqueue(Messages::small(), false, NOW_MS);
        }
        let client = ClientId::new(9, 0);
        let last = std::iter::from_fn(|| other.fetch(client, true, NOW_MS)).last();
        let id = last.and_then(|delivery| delivery.id).expect("it has a message");
        assert!(matches!(self.queue.settle(id, Settlement::Accept, NOW_MS), Settled::Unknown));
    }

    fn consume(&mut self, random: &mut Random) {
        if self.model.consumer_ids().len() >= CONSUMERS_MAX {
            return;
        }
        self.last_consumer += 1;
        let consumer = Consumer {
            id: ConsumerId {
                client: ClientId::new(random.below(3), 0),
                number: self.last_consumer,
            },
            credit_max: random.chance(1, 2).then(|| 1 + random.below(4) as u32),
            settles: random.chance(3, 4),
            is_exclusive: random.chance(1, 8),
            priority: 0,
            timeout_ms: None,
        };
        self.note(&format!("{consumer:?}"));
        let is_accepted = self.queue.consume(consumer.clone()).is_ok();
        assert_eq!(is_accepted, self.model.consume(consumer), "who may consume");
    }

    fn cancel(&mut self, random: &mut Random) {
        let ids = self.model.consumer_ids();
        if ids.is_empty() || random.chance(1, 2) {
            return;
        }
        let id = ids[random.below(ids.len() as u64) as usize];
        self.note(&format!("cancel {id:?}"));
        self.model.cancel(id);
        let cancelled = self.queue.cancel(id).expect("it consumed");
        assert_eq!(cancelled.was_last, self.model.consumer_ids().is_empty());
        assert_eq!(self.queue.cancel(id), None, "only once");
    }

    fn credit(&mut self, random: &mut Random) {
        for id in self.model.consumer_ids() {
            if random.chance(1, 2) {
                let bytes = self.model.owed_bytes(id);
                self.note(&format!("credit {id:?} {bytes}"));
                self.queue.credit(id, bytes);
                self.model.credit(id, bytes);
            }
        }
    }

    fn change_room(&mut self, random: &mut Random) {
        let sizes = [0, 100, 4_000, 1_000_000, 4_000_000];
        let mut size = || sizes[random.below(sizes.len() as u64) as usize];
        let (window_bytes, unsettled_bytes) = (size(), size());
        let (unsettled_count, unstored_bytes) = (size() + 1, size());
        self.set_room(Room {
            window_bytes,
            unsettled_bytes,
            unsettled_count,
            unstored_bytes,
            ..Room::AMPLE
        });
    }

    fn set_room(&mut self, room: Room) {
        self.note(&format!("{room:?}"));
        self.queue.set_room(room);
        self.model.unsettled_count_max = room.unsettled_count;
    }

    fn purge(&mut self) {
        self.note("purge");
        let Purged { count, kept, mut remains } = self.queue.purge();
        assert_eq!(count, self.model.ready_count());
        let kept: Vec<u64> = kept[0].iter().map(|(seq, _)| *seq).collect();
        assert_eq!(kept, self.model.purge(), "what consumers have stays in the store");
        while remains.drop_some(3) {}
    }

    fn poll_read(&mut self, random: &mut Random) {
        if let Some(request) = self.queue.poll_tail_request() {
            self.note(&format!("{request:?}"));
            let TailRequest { from_seq, bytes_max, .. } = request;
            let seen = random.chance(1, 2).then(|| self.model.read(from_seq, bytes_max));
            self.reads.push(Read { request, seen });
        }
    }

    /// The store answers the oldest read with what it has. What is settled by then, it leaves out.
    fn load(&mut self, random: &mut Random) {
        self.poll_read(random);
        if self.reads.is_empty() {
            return;
        }
        let Read { request, seen } = self.reads.remove(0);
        let (mut messages, next) =
            seen.unwrap_or_else(|| self.model.read(request.from_seq, request.bytes_max));
        messages.retain(|(place, _)| self.model.is_in_store(*place));
        self.note(&format!("loaded {} messages up to {next}", messages.len()));
        self.queue.loaded(0, messages.into_iter(), next);
    }
}
