//! What it costs to let messages wait for their time, and to let them expire on disk.

use std::collections::BTreeMap;

use message::{Address, Arena, ClientId, Message, Reason};
use queue::{Facts, Queue, RecoveredLane, Room, Rules, TailRequest};
use stdx::Random;

const CLIENT: ClientId = ClientId::new(1, 0);
const START_MS: u64 = 1_700_000_000_000;
const COUNT: u64 = 20_000;

/// A queue, what is stored of it, and how often that was read.
struct Stored {
    queue: Queue,
    store: BTreeMap<u64, Message>,
    arena: Arena,
    reads: usize,
}

impl Stored {
    fn new(queue: Queue) -> Self {
        Self { queue, store: BTreeMap::new(), arena: Arena::new(), reads: 0 }
    }

    fn enqueue(&mut self, deliver_at_ms: Option<u64>) {
        let address = Address { deliver_at_ms, ..Address::new(b"", b"q", START_MS) };
        let message = self.arena.message(&address, b"", &[7; 50]);
        self.store.insert(self.queue.next_seq(), message.clone());
        self.queue.enqueue(message, true, START_MS);
    }

    fn load(&mut self) {
        while self.read() {}
    }

    /// Serves one read, if the queue wants one.
    fn read(&mut self) -> bool {
        let Some(request) = self.queue.poll_tail_request() else { return false };
        let TailRequest { lane, from_seq, bytes_max } = request;
        self.reads += 1;
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (&seq, message) in self.store.range(from_seq..) {
            if bytes >= bytes_max {
                break;
            }
            bytes += message.len_bytes();
            found.push((seq, message.clone()));
        }
        let next_seq = found.last().map_or(from_seq, |(seq, _)| seq + 1);
        self.queue.loaded(lane, found.into_iter(), next_seq);
        true
    }

    /// Lets the clock run for `ms`, and takes everything out that is ready. What was due was in memory.
    fn run(&mut self, ms: u64, mut taken: impl FnMut(u64, &Message)) {
        for now_ms in START_MS..=START_MS + ms {
            while self.queue.expire(now_ms, &mut 1_000) {}
            while let Some(delivery) = self.queue.fetch(CLIENT, false, now_ms) {
                self.store.remove(&delivery.seq);
                taken(now_ms, &delivery.message);
            }
            assert_eq!(self.queue.ready_count(), 0, "something due had not been read");
            if self.queue.wants_read() {
                self.load();
            }
        }
    }
}

#[test]
fn messages_that_wait_on_disk_take_little_memory_and_are_there_in_time() {
    let room = Room { scheduled_bytes: 500_000, ..Room::AMPLE };
    let mut stored = Stored::new(Queue::new());
    stored.queue.set_room(room);
    let mut random = Random::new(1);
    for _ in 0..COUNT {
        stored.enqueue(Some(START_MS + 1 + random.below(10_000)));
    }
    assert_eq!((stored.queue.scheduled_count() as u64, stored.queue.ready_count()), (COUNT, 0));
    let bound = room.scheduled_bytes + COUNT as usize * 100;
    assert!(stored.queue.resident_bytes() <= bound, "{}", stored.queue.resident_bytes());
    let mut count = 0;
    stored.run(10_001, |now_ms, message| {
        assert_eq!(message.deliver_at_ms(), Some(now_ms), "to the millisecond");
        count += 1;
    });
    assert_eq!((count, stored.queue.resident_bytes()), (COUNT, 0));
    // One pass over the disk each time that half of the room is free.
    assert!(stored.reads <= 100, "{} reads", stored.reads);
}

/// What a start has found: messages that are due within a second, in no order.
fn recovered() -> Stored {
    let mut before = Stored::new(Queue::new());
    let mut random = Random::new(2);
    for _ in 0..COUNT {
        before.enqueue(Some(START_MS + 5 + random.below(1_000)));
    }
    let bytes = before.store.values().map(|message| message.len_bytes() as u64).sum();
    let lane = RecoveredLane { first_seq: 0, next_seq: COUNT, count: COUNT, bytes };
    let mut stored = Stored::new(Queue::recovered(&[lane]));
    for (&seq, message) in &before.store {
        stored.queue.restore(Facts::of(message, 0, seq).expect("it has a time of its own"));
    }
    stored.store = before.store;
    stored
}

#[test]
fn what_is_due_before_it_was_read_costs_no_more_than_one_pass_over_the_disk() {
    let mut stored = recovered();
    // A read asks for 64 KiB, and is there 10 ms later.
    stored.queue.set_room(Room { window_bytes: 256 << 10, ..Room::AMPLE });
    let bytes: usize = stored.store.values().map(Message::len_bytes).sum();
    let mut count = 0;
    for now_ms in START_MS + 300..START_MS + 2_000 {
        while stored.queue.expire(now_ms, &mut 1_000) {}
        while let Some(delivery) = stored.queue.fetch(CLIENT, false, now_ms) {
            stored.store.remove(&delivery.seq);
            count += 1;
        }
        if now_ms % 10 == 0 {
            stored.read();
        }
    }
    assert_eq!((count, stored.queue.resident_bytes()), (COUNT, 0));
    let pass = bytes.div_ceil(64 << 10);
    assert!(stored.reads <= pass + 2, "{} reads, where one pass takes {pass}", stored.reads);
}

#[test]
fn messages_that_waited_before_a_restart_are_there_in_time() {
    let mut stored = recovered();
    assert_eq!((stored.queue.ready_count(), stored.queue.ready_bytes()), (0, 0));
    let mut count = 0;
    stored.run(1_010, |now_ms, message| {
        assert_eq!(message.deliver_at_ms(), Some(now_ms));
        count += 1;
    });
    assert_eq!((count, stored.queue.resident_bytes()), (COUNT, 0));
    assert!(stored.reads <= 40, "{} reads", stored.reads);
}

#[test]
fn a_backlog_that_expires_takes_no_memory_and_one_read_per_window() {
    let room = Room { window_bytes: 100_000, ..Room::AMPLE };
    let mut stored = Stored::new(Queue::new());
    stored.queue.set_room(room);
    stored.queue.set_rules(&Rules { ttl_ms: Some(50), ..Rules::default() });
    for _ in 0..COUNT {
        stored.enqueue(None);
    }
    assert!(stored.queue.resident_bytes() <= room.window_bytes + 200);
    assert_eq!(stored.queue.next_deadline_ms(), Some(START_MS + 50));
    let mut count = 0;
    while stored.queue.ready_count() > 0 {
        while stored.queue.expire(START_MS + 50, &mut 1_000) {}
        while let Some(dead) = stored.queue.poll_dead() {
            assert_eq!((dead.seq, dead.reason), (count, Reason::Expired));
            stored.store.remove(&dead.seq);
            stored.queue.buried(dead.lane, dead.seq);
            count += 1;
        }
        if stored.queue.wants_read() {
            stored.load();
        }
    }
    assert_eq!((count, stored.queue.resident_bytes()), (COUNT, 0));
    assert!(stored.reads <= 40, "{} reads", stored.reads);
}
