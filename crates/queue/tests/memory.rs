//! How much a queue keeps in memory, and that nobody sees it.

use std::collections::BTreeMap;

use bytes::Bytes;
use message::{ClientId, HEADER_BYTES, Message, Settlement};
use queue::{
    Consumer, ConsumerId, Dead, Delivery, DeliveryId, Queue, Room, Rules, Settled, TailRequest,
};

const CLIENT: ClientId = ClientId::new(1, 0);
const NOW_MS: u64 = 1_700_000_000_000;

/// A body of `len` bytes behind a head without names or properties, as it lies on disk.
fn message(len: usize) -> Message {
    let mut bytes = vec![1, 1, 1, 0, 0, 0, 0, 0, HEADER_BYTES as u8, 0, 0, 0];
    bytes.resize(HEADER_BYTES + len, 7);
    Message::from_bytes(Bytes::from(bytes)).expect("a head and a body are a message")
}

/// A queue and what is stored of it.
struct Stored {
    queue: Queue,
    store: BTreeMap<u64, Message>,
}

impl Stored {
    fn new(room: Room) -> Self {
        let mut queue = Queue::new();
        queue.set_room(room);
        Self { queue, store: BTreeMap::new() }
    }

    fn enqueue(&mut self, message: Message) {
        self.store.insert(self.queue.next_seq(), message.clone());
        self.queue.enqueue(message, true, NOW_MS);
    }

    fn read(&self, request: TailRequest) -> (Vec<(u64, Message)>, u64) {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        for (&seq, message) in self.store.range(request.from_seq..) {
            bytes += message.len_bytes();
            if !messages.is_empty() && bytes > request.bytes_max {
                break;
            }
            messages.push((seq, message.clone()));
        }
        let next_seq = messages.last().map_or(request.from_seq, |(seq, _)| seq + 1);
        (messages, next_seq)
    }

    /// Reads what the queue wants until it wants nothing. Returns how often it was read.
    fn load(&mut self) -> usize {
        let mut reads = 0;
        while let Some(request) = self.queue.poll_tail_request() {
            reads += 1;
            let (messages, next_seq) = self.read(request);
            self.queue.loaded(0, messages.into_iter(), next_seq);
        }
        reads
    }

    fn fetch(&mut self) -> Delivery {
        self.load();
        self.queue.fetch(CLIENT, true, NOW_MS).expect("a message is ready")
    }

    /// Takes everything out; what nobody settles stays.
    fn take_all(&mut self) -> Vec<(u64, DeliveryId, bool)> {
        let count = self.queue.ready_count();
        let deliveries = (0..count).map(|_| self.fetch());
        let named =
            deliveries.map(|d| (d.seq, d.id.expect("it is to be settled"), d.is_redelivered));
        named.collect()
    }
}

fn consumer(number: u32) -> Consumer {
    let id = ConsumerId { client: CLIENT, number };
    Consumer {
        id,
        credit_max: Some(1),
        settles: true,
        is_exclusive: false,
        priority: 0,
        timeout_ms: None,
    }
}

#[test]
fn a_backlog_and_what_consumers_have_of_it_take_bounded_memory() {
    let mut stored = Stored::new(Room::AMPLE);
    for _ in 0..10_000 {
        stored.enqueue(message(10_000));
    }
    assert!(stored.queue.resident_bytes() <= Room::AMPLE.window_bytes + 10_100);
    let out = stored.take_all();
    assert_eq!((out.len(), stored.queue.unsettled_count()), (10_000, 10_000));
    assert!(stored.queue.resident_bytes() <= Room::AMPLE.unsettled_bytes + 10_000 * 64);
    assert_eq!(stored.queue.unsettled_bytes(), 10_000 * 10_000);
    for &(_, id, _) in &out {
        stored.queue.settle(id, Settlement::Requeue, NOW_MS);
    }
    let bound = Room::AMPLE.window_bytes + 10_100 + 10_000 * 32;
    assert!(stored.queue.resident_bytes() <= bound);
    assert_eq!(stored.queue.ready_bytes(), 10_000 * 10_000);
}

#[test]
fn deliveries_that_were_paged_out_come_back_at_their_places_and_are_redelivered() {
    let room = Room { unsettled_bytes: 300, ..Room::AMPLE };
    let mut stored = Stored::new(room);
    for _ in 0..10 {
        stored.enqueue(message(100));
    }
    let out = stored.take_all();
    for at in [7, 2, 9, 0, 3, 8, 1] {
        assert!(matches!(
            stored.queue.settle(out[at].1, Settlement::Requeue, NOW_MS),
            Settled::Returned(_)
        ));
    }
    let places: Vec<_> = stored.take_all().iter().map(|&(seq, _, is)| (seq, is)).collect();
    assert_eq!(places, [0, 1, 2, 3, 7, 8, 9].map(|seq| (seq, true)));
    assert_eq!((stored.queue.ready_count(), stored.queue.unsettled_count()), (0, 10));
}

#[test]
fn nothing_is_dispatched_before_what_comes_first_has_been_read() {
    let mut stored = Stored::new(Room { unsettled_bytes: 0, ..Room::AMPLE });
    stored.enqueue(message(100));
    stored.enqueue(message(100));
    let first = stored.fetch();
    stored.queue.consume(consumer(1)).expect("it is alone");
    stored.queue.settle(first.id.expect("it is to be settled"), Settlement::Requeue, NOW_MS);
    assert!(!stored.queue.can_dispatch());
    let mut deliveries = Vec::new();
    stored.queue.dispatch(10, NOW_MS, &mut deliveries);
    assert!(deliveries.is_empty(), "the first message is on disk");
    assert_eq!(stored.load(), 1);
    assert!(stored.queue.can_dispatch());
    stored.queue.dispatch(10, NOW_MS, &mut deliveries);
    assert_eq!(deliveries.iter().map(|delivery| delivery.seq).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_delivery_that_cannot_be_read_again_is_not_counted() {
    let mut stored = Stored::new(Room { unsettled_bytes: 0, ..Room::AMPLE });
    for _ in 0..4 {
        stored.enqueue(message(100));
    }
    let out = stored.take_all();
    stored.store.remove(&1);
    for &(_, id, _) in &out {
        stored.queue.settle(id, Settlement::Requeue, NOW_MS);
    }
    assert_eq!(stored.queue.ready_count(), 4);
    stored.load();
    assert_eq!((stored.queue.ready_count(), stored.queue.ready_bytes()), (3, 3 * 100));
    let seqs: Vec<u64> = stored.take_all().iter().map(|&(seq, ..)| seq).collect();
    assert_eq!(seqs, [0, 2, 3]);
}

#[test]
fn what_the_store_has_lost_at_the_end_is_not_waited_for() {
    let mut stored = Stored::new(Room { window_bytes: 100, unsettled_bytes: 0, ..Room::AMPLE });
    for _ in 0..4 {
        stored.enqueue(message(100));
    }
    let first = stored.fetch();
    stored.store.clear();
    stored.queue.settle(first.id.expect("it is to be settled"), Settlement::Requeue, NOW_MS);
    let request = stored.queue.poll_tail_request().expect("nothing is in memory");
    stored.enqueue(message(100));
    stored.store.clear();
    let (messages, next_seq) = stored.read(request);
    stored.queue.loaded(0, messages.into_iter(), next_seq);
    assert!(stored.queue.ready_count() >= 1, "what came later is for the next read");
    stored.load();
    assert_eq!((stored.queue.ready_count(), stored.queue.ready_bytes()), (0, 0));
}

#[test]
fn a_mixed_backlog_is_not_read_once_per_message() {
    let mut stored = Stored::new(Room { window_bytes: 1_000, ..Room::AMPLE });
    for _ in 0..500 {
        stored.enqueue(message(10));
        stored.queue.enqueue(message(10), false, NOW_MS);
    }
    let before = stored.queue.ready_count();
    let mut reads = 0;
    for seq in 0..before {
        reads += stored.load();
        let delivery = stored.queue.fetch(CLIENT, false, NOW_MS).expect("it is ready");
        assert_eq!(delivery.seq, seq);
        stored.store.remove(&seq);
    }
    assert!(reads <= 2, "{reads} reads");
}

#[test]
fn what_only_memory_holds_is_counted_until_it_is_gone() {
    let mut queue = Queue::new();
    queue.set_room(Room { unstored_bytes: 300, ..Room::AMPLE });
    queue.enqueue(message(100), false, NOW_MS);
    assert!(!queue.wants_store());
    queue.enqueue(message(100), false, NOW_MS);
    assert!(queue.wants_store());
    queue.enqueue(message(100), true, NOW_MS);
    let first = queue.fetch(CLIENT, true, NOW_MS).expect("it is ready");
    assert!(queue.wants_store(), "a consumer has it");
    queue.settle(first.id.expect("it is to be settled"), Settlement::Requeue, NOW_MS);
    assert!(queue.wants_store(), "it is back");
    queue.fetch(CLIENT, false, NOW_MS).expect("it is ready");
    assert!(!queue.wants_store());
    queue.fetch(CLIENT, true, NOW_MS).expect("it is ready");
    queue.purge();
    assert!(!queue.wants_store());
    assert_eq!(queue.ready_bytes() + queue.unsettled_bytes(), 100);
}

#[test]
fn a_consumer_does_not_pay_for_what_the_one_before_it_had() {
    let mut queue = Queue::new();
    (0..2).for_each(|_| queue.enqueue(message(1), false, NOW_MS));
    let mut deliveries = Vec::new();
    for number in [1, 2] {
        queue.consume(consumer(number)).expect("nobody is exclusive");
        queue.dispatch(1, NOW_MS, &mut deliveries);
        if number == 1 {
            queue.cancel(deliveries[0].consumer);
        }
    }
    // The second consumer has the slot of the first one, and one delivery of its own.
    let ids: Vec<_> = deliveries.iter().filter_map(|delivery| delivery.id).collect();
    queue.settle(ids[0], Settlement::Accept, NOW_MS);
    queue.enqueue(message(1), false, NOW_MS);
    assert!(!queue.can_dispatch(), "its credit is used up");
    queue.settle(ids[1], Settlement::Accept, NOW_MS);
    assert!(queue.can_dispatch());
}

#[test]
fn consumers_wait_when_too_much_is_unsettled() {
    let mut queue = Queue::new();
    queue.set_room(Room { unsettled_count: 2, ..Room::AMPLE });
    (0..3).for_each(|_| queue.enqueue(message(1), false, NOW_MS));
    queue.consume(Consumer { credit_max: None, ..consumer(1) }).expect("it is alone");
    let mut deliveries = Vec::new();
    queue.dispatch(10, NOW_MS, &mut deliveries);
    let ids: Vec<DeliveryId> = deliveries.iter().filter_map(|delivery| delivery.id).collect();
    assert_eq!((ids.len(), queue.can_dispatch()), (2, false));
    queue.settle(ids[0], Settlement::Accept, NOW_MS);
    assert!(queue.can_dispatch());
}

#[test]
fn millions_are_dropped_in_steps() {
    const COUNT: usize = 100_000;
    let mut queue = Queue::new();
    (0..COUNT * 2).for_each(|_| queue.enqueue(message(1), false, NOW_MS));
    let out: Vec<_> = (0..COUNT).filter_map(|_| queue.fetch(CLIENT, true, NOW_MS)).collect();
    for delivery in &out[..COUNT / 2] {
        queue.settle(delivery.id.expect("it is to be settled"), Settlement::Requeue, NOW_MS);
    }
    let mut remains = queue.into_remains();
    let mut steps = 1;
    while remains.drop_some(10_000) {
        steps += 1;
    }
    assert!((COUNT * 2 / 12_000..=COUNT * 2 / 10_000 + 3).contains(&steps), "{steps} steps");
}

const MANY: u64 = 5_000;

/// A queue whose messages have all died on their way, and that nobody has asked for its dead.
fn graveyard() -> Stored {
    let mut stored = Stored::new(Room { window_bytes: 64 * 1024, ..Room::AMPLE });
    let rules = Rules { ttl_ms: Some(0), keeps_dead: true, ..Rules::default() };
    stored.queue.set_rules(&rules);
    (0..MANY).for_each(|_| stored.enqueue(message(1_000)));
    while stored.queue.ready_count() > 0 {
        while stored.queue.expire(NOW_MS, &mut 100) {}
        stored.load();
        assert!(stored.queue.resident_bytes() < 1024 * 1024, "what has died stays on disk");
    }
    stored
}

impl Stored {
    /// All that have died, and how much memory they took at most on the way.
    fn bury_all(&mut self) -> (Vec<Dead>, usize) {
        let (mut dead, mut bytes_max) = (Vec::new(), 0);
        while let Some(one) = self.queue.poll_dead() {
            self.store.remove(&one.seq);
            self.queue.buried(one.lane, one.seq);
            dead.push(Dead { message: one.message.map(|message| message.detached()), ..one });
            self.load();
            bytes_max = bytes_max.max(self.queue.resident_bytes());
        }
        (dead, bytes_max)
    }
}

#[test]
fn dead_letters_that_nobody_asks_for_stay_on_disk() {
    let mut stored = graveyard();
    let (dead, bytes_max) = stored.bury_all();
    assert_eq!(dead.len() as u64, MANY);
    assert!(dead.iter().map(|dead| dead.seq).eq(0..MANY), "in their order");
    assert!(dead.iter().all(|dead| dead.message.as_ref() == Some(&message(1_000))));
    assert!(bytes_max < 1024 * 1024, "{bytes_max} bytes");
    assert_eq!(stored.queue.resident_bytes(), 0);
}

#[test]
fn a_dead_letter_that_the_store_has_lost_is_told_of_nevertheless() {
    let mut stored = graveyard();
    stored.store.remove(&(MANY - 10));
    stored.store.remove(&(MANY - 1));
    let (dead, _) = stored.bury_all();
    assert_eq!(dead.len() as u64, MANY);
    let mut lost: Vec<u64> =
        dead.iter().filter(|dead| dead.message.is_none()).map(|dead| dead.seq).collect();
    lost.sort_unstable();
    assert_eq!(lost, [MANY - 10, MANY - 1]);
    assert_eq!(stored.queue.resident_bytes(), 0);
}
