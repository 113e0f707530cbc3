//! Who gets the next message: random consumers with priorities, credit, windows and pauses, that come and go, on a queue
//! that all of them may take from or only one at a time, compared with a board on which everything is written down.
//!
//! What a queue does with its messages is the business of the other model; here they lie in memory, and all that matters
//! is who gets which.

mod board;

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use board::Board;
use message::{Address, Arena, ClientId, Message, Settlement};
use queue::{Consumer, ConsumerId, DeliveryId, Queue, Sharing, cost_bytes};
use stdx::Random;

const SEEDS: u64 = 2_000;
const NOW_MS: u64 = 1_700_000_000_000;
const OPERATIONS: usize = 250;
/// More consumers than this add nothing.
const CONSUMERS_MAX: usize = 8;

/// A queue and a board that should agree.
struct Table {
    queue: Queue,
    board: Board,
    /// One of each size: what they say does not matter here.
    messages: Vec<Message>,
    out: Vec<Out>,
    enqueued_count: u64,
    last_consumer: u32,
    operations: String,
}

/// A delivery that is out.
struct Out {
    id: DeliveryId,
    place: u64,
    consumer: ConsumerId,
    cost_bytes: i64,
}

#[test]
fn the_next_message_goes_to_whom_the_board_says() {
    let address = Address::new(b"", b"q", 0);
    let message = |bytes: usize| Arena::new().message(&address, b"", &vec![b'x'; bytes]);
    let messages = [0, 1, 100, 150_000].map(message);
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let mut table = Table::new(&messages, &mut random);
        let ran = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..OPERATIONS {
                table.step(&mut random);
            }
            table.settle_all();
        }));
        if ran.is_err() {
            println!("{}", table.operations);
            panic!("seed {seed} fails; its operations are above");
        }
    }
}

impl Table {
    fn new(messages: &[Message], random: &mut Random) -> Self {
        let sharing = [Sharing::All, Sharing::One, Sharing::Foremost][random.below(3) as usize];
        let mut queue = Queue::new();
        queue.set_sharing(sharing);
        Self {
            queue,
            board: Board::new(sharing),
            messages: messages.to_vec(),
            out: Vec::new(),
            enqueued_count: 0,
            last_consumer: 0,
            operations: format!("{sharing:?}\n"),
        }
    }

    fn note(&mut self, operation: &str) {
        let _ = writeln!(self.operations, "{operation}");
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(16) {
            0..=4 => self.enqueue(random),
            5..=8 => self.settle(random),
            9 => self.consume(random),
            10 if random.chance(1, 2) => self.cancel(random),
            11 | 12 => self.credit(random),
            13 => self.pause(random, true),
            14 => self.pause(random, false),
            _ => {}
        }
        if random.chance(2, 3) {
            self.dispatch(random);
        }
        assert_eq!(self.queue.active_consumer(), self.board.active(), "who is active");
        assert_eq!(self.queue.consumer_count(), self.board.len());
        assert_eq!(self.queue.has_blocked_consumer(), self.board.has_blocked());
    }

    fn enqueue(&mut self, random: &mut Random) {
        for _ in 0..=random.below(4) {
            let message = self.messages[random.below(self.messages.len() as u64) as usize].clone();
            self.note(&format!("enqueue {}", self.enqueued_count));
            self.queue.enqueue(message, false, NOW_MS);
            self.board.ready.insert(self.enqueued_count);
            self.enqueued_count += 1;
        }
    }

    fn dispatch(&mut self, random: &mut Random) {
        let limit = 1 + random.below(6) as usize;
        let mut deliveries = Vec::new();
        self.queue.dispatch(limit, NOW_MS, &mut deliveries);
        for delivery in &deliveries {
            self.note(&format!("{} to {:?}", delivery.seq, delivery.consumer));
            let expected = self.board.next().expect("somebody may take a message");
            assert_eq!(delivery.consumer, expected, "whose turn it is");
            let place = self.board.ready.pop_first();
            assert_eq!(Some(delivery.seq), place, "the first message that is ready");
            let cost_bytes = cost_bytes(delivery.message.len_bytes());
            self.board.hand_over(expected, cost_bytes);
            assert_eq!(delivery.id.is_some(), self.board.settles(expected));
            let (place, consumer) = (delivery.seq, expected);
            self.out.extend(delivery.id.map(|id| Out { id, place, consumer, cost_bytes }));
        }
        if deliveries.len() < limit {
            let is_over = self.board.ready.is_empty() || self.board.next().is_none();
            assert!(is_over, "nobody waits who could be served");
            assert!(!self.queue.can_dispatch());
        }
    }

    fn settle(&mut self, random: &mut Random) {
        if self.out.is_empty() {
            return;
        }
        let delivery = self.out.swap_remove(random.below(self.out.len() as u64) as usize);
        let settlement = match random.below(6) {
            0 => Settlement::Requeue,
            1 if self.board.owes(delivery.consumer, delivery.cost_bytes) => Settlement::Undelivered,
            _ => Settlement::Accept,
        };
        self.end(delivery, settlement);
    }

    fn end(&mut self, delivery: Out, settlement: Settlement) {
        let Out { id, place, consumer, cost_bytes } = delivery;
        self.note(&format!("{consumer:?} settles {place} {settlement:?}"));
        self.queue.settle(id, settlement, NOW_MS);
        let refund_bytes = if settlement == Settlement::Undelivered { cost_bytes } else { 0 };
        self.board.settle(consumer, refund_bytes);
        if settlement != Settlement::Accept {
            self.board.ready.insert(place);
        }
    }

    fn consume(&mut self, random: &mut Random) {
        if self.board.len() >= CONSUMERS_MAX {
            return;
        }
        self.last_consumer += 1;
        let id =
            ConsumerId { client: ClientId::new(random.below(3), 0), number: self.last_consumer };
        let priorities = [0, 0, 0, 1, 10, -1, i32::MAX, i32::MIN];
        let consumer = Consumer {
            id,
            credit_max: random.chance(2, 3).then(|| 1 + random.below(4) as u32),
            settles: random.chance(4, 5),
            is_exclusive: random.chance(1, 10),
            priority: priorities[random.below(priorities.len() as u64) as usize],
            timeout_ms: None,
        };
        self.note(&format!("{consumer:?}"));
        let is_accepted = self.queue.consume(consumer.clone()).is_ok();
        assert_eq!(is_accepted, self.board.consume(consumer), "who may consume");
    }

    fn cancel(&mut self, random: &mut Random) {
        let Some(id) = self.board.any(random) else { return };
        self.note(&format!("cancel {id:?}"));
        self.board.cancel(id);
        let cancelled = self.queue.cancel(id).expect("it consumed");
        assert_eq!(cancelled.was_last, self.board.len() == 0);
    }

    fn credit(&mut self, random: &mut Random) {
        let Some(id) = self.board.any(random) else { return };
        let owed = self.board.owed_bytes(id);
        let bytes = if random.chance(1, 2) { owed } else { owed / 2 };
        self.note(&format!("credit {id:?} {bytes}"));
        self.queue.credit(id, bytes);
        self.board.credit(id, bytes);
    }

    fn pause(&mut self, random: &mut Random, is_paused: bool) {
        let Some(id) = self.board.any(random) else { return };
        self.note(&format!("{id:?} is paused: {is_paused}"));
        if is_paused {
            self.queue.pause(id);
        } else {
            self.queue.resume(id);
        }
        self.board.pause(id, is_paused);
    }

    /// When all is settled, credited and resumed, nothing is left waiting if there is anybody to take it.
    fn settle_all(&mut self) {
        for id in self.board.ids() {
            self.queue.resume(id);
            self.board.pause(id, false);
        }
        for _ in 0..10_000 {
            for id in self.board.ids() {
                let bytes = self.board.owed_bytes(id);
                self.queue.credit(id, bytes);
                self.board.credit(id, bytes);
            }
            while let Some(delivery) = self.out.pop() {
                self.end(delivery, Settlement::Accept);
            }
            if !self.queue.can_dispatch() {
                break;
            }
            self.dispatch(&mut Random::new(1));
        }
        let is_served = self.queue.ready_count() == 0 || self.board.len() == 0;
        assert!(is_served, "nobody is forgotten");
    }
}
