//! A real queue, the store that it believes in, and the board that it is compared to.

use std::collections::BTreeMap;
use std::fmt::Write;

use message::{Address, Arena, ClientId, Message, Reason, Settlement};
use queue::{
    Dead, Delivery, DeliveryId, Facts, Overflow, Queue, RecoveredLane, Retry, RetryKind, Room,
    Rules, Settled, TailRequest,
};
use stdx::Random;

use crate::board::{Board, Outcome, Place};

const CLIENT: ClientId = ClientId::new(1, 0);
const START_MS: u64 = 1_700_000_000_000;

type Found = Vec<(u64, Message)>;

/// A read that the store was asked for. It may look what there is at once, or only when it answers.
struct Read {
    request: TailRequest,
    seen: Option<(Found, u64)>,
}

pub(crate) struct World {
    queue: Queue,
    board: Board,
    arena: Arena,
    lanes: u16,
    /// Whether there is a rule sometimes by which messages expire.
    may_expire: bool,
    /// Whether there are messages that wait for their time. They leave the order in which deadlines by rule lie: if there is
    /// such a rule too, what came back and is on disk only may be found late to have expired.
    may_wait: bool,
    store: BTreeMap<(u8, u64), Message>,
    ledger: BTreeMap<u64, Facts>,
    reads: Vec<Read>,
    out: Vec<(DeliveryId, u64)>,
    /// The dead that the store has not heard of.
    unburied: Vec<(u8, u64)>,
    now_ms: u64,
    expired_at_ms: u64,
    /// What is in places behind may be delivered once.
    subject_end_seq: u64,
    /// After a restart, bodies that lie on disk count with their heads.
    are_bytes_exact: bool,
    history: String,
}

impl World {
    pub(crate) fn new(random: &mut Random) -> Self {
        let lanes = [1, 1, 3, 32][random.below(4) as usize];
        let kind = random.below(3);
        let mut world = Self {
            queue: Queue::with_lanes(lanes),
            board: Board::default(),
            arena: Arena::new(),
            lanes,
            may_expire: kind != 0,
            may_wait: kind != 1,
            store: BTreeMap::new(),
            ledger: BTreeMap::new(),
            reads: Vec::new(),
            out: Vec::new(),
            unburied: Vec::new(),
            now_ms: START_MS,
            expired_at_ms: 0,
            subject_end_seq: 0,
            are_bytes_exact: true,
            history: format!("{lanes} lanes\n"),
        };
        world.change_rules(random);
        world.change_room(random);
        world
    }

    pub(crate) fn history(&self) -> &str {
        &self.history
    }

    pub(crate) fn step(&mut self, random: &mut Random) {
        match random.below(24) {
            0..=7 => self.enqueue(random),
            8..=12 => self.fetch(random),
            13..=16 => self.settle(random),
            17..=18 => self.wait(random),
            19..=20 => self.load(random),
            21 if random.chance(1, 2) => self.bury(),
            21 => self.change_room(random),
            22 if random.chance(1, 3) => self.change_rules(random),
            22 if random.chance(1, 3) => self.purge(),
            23 if random.chance(1, 3) => {
                self.settle_down(random);
                self.restart();
            }
            _ => self.settle_down(random),
        }
        assert!(self.queue.next_seq() >= self.board.cards.len() as u64);
    }

    /// Settles everything and takes everything out.
    pub(crate) fn drain(&mut self, random: &mut Random) {
        self.note("drain");
        self.settle_down(random);
        for (id, seq) in std::mem::take(&mut self.out) {
            self.settle_one(id, seq, Settlement::Undelivered);
        }
        self.now_ms += 100_000;
        self.settle_down(random);
        while !self.board.ready().is_empty() {
            self.fetch_one(random, false);
            self.load(random);
        }
        self.settle_down(random);
        self.bury();
        assert!(self.board.cards.is_empty() && self.store.is_empty(), "{:?}", self.board);
        assert_eq!(self.queue.resident_bytes(), 0);
        assert_eq!(self.queue.next_deadline_ms(), None);
        assert!(self.ledger.is_empty());
    }

    fn note(&mut self, what: &str) {
        let _ = writeln!(self.history, "{}: {what}", self.now_ms - START_MS);
    }

    fn change_rules(&mut self, random: &mut Random) {
        let mut maybe = |numbers: [u64; 4]| {
            let is_some = random.chance(1, 3);
            is_some.then(|| numbers[random.below(4) as usize])
        };
        let ttl_ms = maybe([0, 10, 40, 200]).filter(|_| self.may_expire);
        let may_be_late = self.may_expire && self.may_wait;
        let length_max = maybe([0, 1, 4, 10]).filter(|_| !may_be_late);
        let bytes_max = maybe([0, 20, 500, 5_000]).filter(|_| self.are_bytes_exact && !may_be_late);
        let delivery_limit = maybe([0, 1, 2, 1_000]).map(|limit| limit as u32);
        let retry = maybe([1, 5, 10, 30]).map(|min_ms| Retry {
            kind: [RetryKind::All, RetryKind::Failed, RetryKind::Returned][min_ms as usize % 3],
            min_ms,
            max_ms: 40,
        });
        let overflow = if random.chance(1, 3) { Overflow::Reject } else { Overflow::DropHead };
        let keeps_dead = random.chance(1, 2);
        let default_lane = if self.lanes > 4 { 4 } else { 0 };
        let rules = Rules {
            ttl_ms,
            length_max,
            bytes_max,
            overflow,
            delivery_limit,
            retry,
            keeps_dead,
            default_lane,
            ..Rules::default()
        };
        self.note(&format!("{rules:?}"));
        // What died under other rules is told of under these.
        self.finish(&mut Random::new(1));
        self.queue.set_rules(&rules);
        self.board.rules = rules;
    }

    fn change_room(&mut self, random: &mut Random) {
        let sizes = [0, 200, 2_000, 4_000_000];
        let mut size = || sizes[random.below(sizes.len() as u64) as usize];
        let (window_bytes, unsettled_bytes, scheduled_bytes) = (size(), size(), size());
        let room = Room { window_bytes, unsettled_bytes, scheduled_bytes, ..Room::AMPLE };
        self.note(&format!("{room:?}"));
        self.queue.set_room(room);
    }

    fn message(&mut self, random: &mut Random) -> Message {
        let number = self.queue.next_seq().to_le_bytes();
        let mut body = vec![7; [0, 0, 30, 1_000][random.below(4) as usize]];
        body.extend(number);
        let now_ms = self.now_ms;
        let mut later = || now_ms + random.below(60);
        let (expires_at_ms, deliver_at_ms) = (later(), later());
        let address = Address {
            is_persistent: true,
            priority: random.chance(1, 2).then(|| random.below(6) as u8),
            expires_at_ms: random.chance(1, 4).then_some(expires_at_ms),
            deliver_at_ms: (self.may_wait && random.chance(1, 4)).then_some(deliver_at_ms),
            ..Address::new(b"", b"q", now_ms)
        };
        self.arena.message(&address, b"", &body)
    }

    fn enqueue(&mut self, random: &mut Random) {
        let message = self.message(random);
        let is_stored = random.chance(2, 3);
        if self.are_bytes_exact {
            let admits = self.queue.admits(message.body_len());
            if !self.is_anything_late() {
                assert_eq!(admits, self.board.admits(message.body_len()), "who is let in");
            }
            if !admits {
                return;
            }
        }
        let (seq, lane) = (self.queue.next_seq(), self.queue.lane_of(&message));
        let wanted = message.own_priority().unwrap_or(self.board.rules.default_lane);
        assert_eq!(lane, wanted.min(self.lanes as u8 - 1));
        self.note(&format!(
            "enqueue {seq} lane {lane} stored={is_stored} {} bytes, expires {:?}, due {:?}",
            message.body_len(),
            message.expires_at_ms().map(|ms| ms - START_MS),
            message.deliver_at_ms().map(|ms| ms - START_MS),
        ));
        if is_stored {
            self.store.insert((lane, seq), message.clone());
            self.ledger.extend(Facts::of(&message, lane, seq).map(|facts| (seq, facts)));
        }
        self.queue.enqueue(message.clone(), is_stored, self.now_ms);
        self.board.enqueue(seq, lane, message, is_stored, self.now_ms);
    }

    /// Whether something may have expired or be due, or be too much, that was not taken out yet.
    fn is_anything_late(&self) -> bool {
        let now_ms = self.now_ms;
        self.board.cards.values().any(|card| match card.place {
            Place::Schedule { due_ms } => due_ms <= now_ms || self.board.has_expired(card, now_ms),
            Place::Front | Place::Line => self.board.has_expired(card, now_ms),
            Place::Out { .. } => false,
            Place::Dying { .. } => true,
        })
    }

    fn wait(&mut self, random: &mut Random) {
        self.now_ms += random.below(30);
        let mut limit = 1 + random.below(4) as usize;
        self.note(&format!("expire {limit}"));
        let is_more = self.queue.expire(self.now_ms, &mut limit);
        self.expired_at_ms = self.now_ms;
        self.subject_end_seq = self.queue.next_seq();
        if random.chance(1, 2) && is_more {
            self.settle_down(random);
        }
    }

    fn fetch(&mut self, random: &mut Random) {
        let settles = random.chance(3, 4);
        // Partly expired is a state that only the real queue knows.
        if random.chance(1, 2) {
            self.settle_down(random);
        }
        self.fetch_one(random, settles);
    }

    fn fetch_one(&mut self, random: &mut Random, settles: bool) {
        let delivery = self.queue.fetch(CLIENT, settles, self.now_ms);
        self.note(&format!("fetch settles={settles}: {:?}", delivery.as_ref().map(|d| d.seq)));
        if let Some(delivery) = delivery {
            self.take(delivery, settles);
        }
        self.poll_reads(random);
    }

    fn take(&mut self, delivery: Delivery, settles: bool) {
        let Delivery { lane, seq, .. } = delivery;
        let card = &self.board.cards[&seq];
        let deadline_ms = self.board.deadline_ms(card);
        assert!(
            deadline_ms.is_none_or(|at_ms| at_ms >= self.now_ms || seq >= self.subject_end_seq),
            "{seq} has expired"
        );
        // Due ones may have come in that the board still has in its schedule.
        self.board.let_in(seq, self.expired_at_ms);
        for before in self.board.ready() {
            if before == seq {
                break;
            }
            let card = &self.board.cards[&before];
            let is_late_front = card.place == Place::Front && card.noted_due_ms != 0;
            if self.board.has_expired(card, self.now_ms) {
                self.board.kill(before, Reason::Expired);
            } else {
                assert!(is_late_front, "{before} comes before {seq}");
            }
        }
        let card = self.board.cards.get_mut(&seq).expect("it is there");
        assert!(matches!(card.place, Place::Front | Place::Line), "{seq} is {:?}", card.place);
        assert_eq!((lane, &delivery.message), (card.lane, &card.message));
        assert_eq!(delivery.is_redelivered, card.is_redelivered, "{seq}");
        let counts = (card.delivery_count, card.acquired_count);
        assert_eq!((delivery.delivery_count, delivery.acquired_count), counts, "{seq}");
        assert_eq!(delivery.leaves_store, card.is_stored && !settles);
        if let Some(id) = delivery.id {
            card.place = Place::Out { is_redelivered: card.is_redelivered };
            self.out.push((id, seq));
        } else {
            self.board.cards.remove(&seq);
            self.forget(lane, seq);
        }
    }

    fn forget(&mut self, lane: u8, seq: u64) {
        self.store.remove(&(lane, seq));
        self.ledger.remove(&seq);
    }

    fn settle(&mut self, random: &mut Random) {
        if self.out.is_empty() {
            return;
        }
        let (id, seq) = self.out.swap_remove(random.below(self.out.len() as u64) as usize);
        let settlement = [
            Settlement::Accept,
            Settlement::Requeue,
            Settlement::Failed,
            Settlement::Undelivered,
            Settlement::Discard,
        ][random.below(5) as usize];
        self.settle_one(id, seq, settlement);
    }

    fn settle_one(&mut self, id: DeliveryId, seq: u64, settlement: Settlement) {
        self.note(&format!("settle {seq} {settlement:?}"));
        let lane = self.board.cards[&seq].lane;
        let is_stored = self.board.cards[&seq].is_stored;
        let before = self.board.cards[&seq].clone();
        let settled = self.queue.settle(id, settlement, self.now_ms);
        let expected = self.board.settle(seq, settlement, self.now_ms);
        match settled {
            Settled::Unknown => panic!("a delivery that is out is known"),
            Settled::Returned(facts) => {
                if expected != (Outcome::Returned { is_counted: facts.is_some() }) {
                    // Of one that is on disk only it is seen later that its time is over by rule.
                    assert!(self.board.would_expire(&before, self.now_ms), "{expected:?}");
                    self.board.return_expired(seq, before, settlement, facts);
                }
                if let Some(facts) = facts {
                    let card = &self.board.cards[&seq];
                    assert_eq!((facts.seq, facts.lane), (seq, lane));
                    assert_eq!(facts.delivery_count, card.delivery_count);
                    assert_eq!(facts.acquired_count, card.acquired_count);
                    assert_eq!(facts.length as usize, card.message.len_bytes());
                    assert_eq!(facts.body_len as usize, card.message.body_len());
                    if let Place::Schedule { due_ms } = card.place {
                        assert_eq!(facts.deliver_at_ms, due_ms);
                    }
                    self.ledger.insert(seq, facts);
                    self.board.cards.get_mut(&seq).expect("it is there").noted_due_ms =
                        facts.deliver_at_ms;
                }
            }
            Settled::Gone(gone) | Settled::Dropped(gone, _) => {
                assert_eq!(expected, Outcome::Gone);
                assert_eq!((gone.lane, gone.seq, gone.is_stored), (lane, seq, is_stored));
                self.forget(lane, seq);
            }
            Settled::Dying => assert_eq!(expected, Outcome::Dying),
        }
        assert!(matches!(self.queue.settle(id, settlement, self.now_ms), Settled::Unknown));
    }

    fn purge(&mut self) {
        self.note("purge");
        self.finish(&mut Random::new(2));
        let purged = self.queue.purge();
        let is_waiting =
            |place| matches!(place, Place::Schedule { .. } | Place::Front | Place::Line);
        assert_eq!(purged.count, self.board.count(is_waiting) as u64);
        self.board.cards.retain(|_, card| !is_waiting(card.place));
        let mut kept = BTreeMap::new();
        for (lane, places) in (0..).zip(&purged.kept) {
            assert!(places.is_sorted());
            kept.extend(places.iter().map(|&(seq, length)| ((lane, seq), length)));
        }
        self.store.retain(|place, message| {
            let length = kept.get(place);
            assert!(length.is_none_or(|&length| length as usize == message.len_bytes()));
            length.is_some()
        });
        let cards = &self.board.cards;
        assert!(
            cards
                .iter()
                .filter(|(_, card)| card.is_stored)
                .all(|(&seq, card)| { self.store.contains_key(&(card.lane, seq)) })
        );
        self.ledger.retain(|seq, _| cards.contains_key(seq));
        let mut remains = purged.remains;
        while remains.drop_some(3) {}
    }

    fn restart(&mut self) {
        self.bury();
        self.note("restart");
        let mut lanes = Vec::new();
        for lane in 0..self.lanes {
            let lane = lane as u8;
            let live: Vec<_> = self.store.range((lane, 0)..=(lane, u64::MAX)).collect();
            lanes.push(RecoveredLane {
                first_seq: live.first().map_or(0, |((_, seq), _)| *seq),
                next_seq: self.queue.next_seq(),
                count: live.len() as u64,
                bytes: live.iter().map(|(_, message)| message.len_bytes() as u64).sum(),
            });
        }
        self.queue = Queue::recovered(&lanes);
        self.queue.set_rules(&self.board.rules);
        self.are_bytes_exact = false;
        self.board.rules.bytes_max = None;
        self.queue.set_rules(&self.board.rules);
        self.ledger.values().for_each(|&facts| self.queue.restore(facts));
        self.board.restart();
        self.subject_end_seq = self.queue.next_seq();
        self.expired_at_ms = 0;
        self.reads.clear();
        self.out.clear();
    }

    /// Does all that there is to do at this time, and compares.
    fn settle_down(&mut self, random: &mut Random) {
        self.note("settle down");
        self.finish(random);
        let ready = self.board.ready();
        assert_eq!(self.queue.ready_count(), ready.len() as u64, "ready");
        let scheduled = self.board.count(|place| matches!(place, Place::Schedule { .. }));
        assert_eq!(self.queue.scheduled_count(), scheduled, "scheduled");
        assert_eq!(self.queue.unsettled_count(), self.out.len(), "unsettled");
        if self.are_bytes_exact {
            assert_eq!(self.queue.ready_bytes(), self.board.body_bytes(&ready), "bytes");
        }
        let next_ms = self.queue.next_deadline_ms();
        assert!(next_ms.is_none_or(|next_ms| next_ms > self.now_ms), "{next_ms:?}");
        // It is known when the next one is due or expires by its own time, wherever it is.
        let own = self.board.cards.values().filter_map(|card| match card.place {
            Place::Schedule { due_ms } => Some(due_ms),
            Place::Front | Place::Line => card.message.expires_at_ms(),
            Place::Out { .. } | Place::Dying { .. } => None,
        });
        if let Some(own_ms) = own.min() {
            assert!(next_ms.is_some_and(|next_ms| next_ms <= own_ms), "{next_ms:?} {own_ms}");
        }
    }

    /// Does all that there is to do at this time.
    fn finish(&mut self, random: &mut Random) {
        self.board.expire(self.now_ms);
        let mut has_trimmed = false;
        for round in 0.. {
            assert!(round < 1_000, "there is always more to do");
            while self.queue.expire(self.now_ms, &mut (1 + random.below(5) as usize)) {}
            self.expired_at_ms = self.now_ms;
            self.subject_end_seq = self.queue.next_seq();
            self.tell_dead();
            let wanted = self.queue.wants_read();
            if wanted || !self.reads.is_empty() {
                self.poll_reads(random);
                // What there is too little room for is not wanted any more.
                let can_ask = !self.reads.is_empty() || !self.queue.wants_read();
                assert!(can_ask, "what is wanted can be asked for");
                self.load(random);
                continue;
            }
            if !has_trimmed {
                has_trimmed = true;
                self.board.trim();
            }
            if !self.queue.trim(&mut (1 + random.below(5) as usize)) && !self.queue.wants_read() {
                break;
            }
        }
        self.tell_dead();
        if self.may_expire && self.may_wait {
            self.board.forgive_late();
        }
        assert_eq!(
            self.board.count(|place| matches!(place, Place::Dying { .. })),
            0,
            "all dead are told of"
        );
    }

    fn tell_dead(&mut self) {
        while let Some(dead) = self.queue.poll_dead() {
            let Dead { lane, seq, length, is_stored, message, reason, delivery_count } = dead;
            self.note(&format!("dead {seq} {reason:?}"));
            let card = self.board.cards.remove(&seq).expect("it has not been told of");
            assert_eq!(card.place, Place::Dying { reason }, "{seq}");
            assert_eq!((lane, is_stored), (card.lane, card.is_stored));
            assert_eq!(length as usize, card.message.len_bytes());
            assert_eq!(delivery_count, card.delivery_count);
            if self.board.rules.keeps_dead {
                assert_eq!(message.as_ref(), Some(&card.message));
            }
            if is_stored {
                self.unburied.push((lane, seq));
            }
        }
    }

    fn bury(&mut self) {
        for (lane, seq) in std::mem::take(&mut self.unburied) {
            self.note(&format!("buried {seq}"));
            self.forget(lane, seq);
            self.queue.buried(lane, seq);
        }
    }

    fn poll_reads(&mut self, random: &mut Random) {
        while let Some(request) = self.queue.poll_tail_request() {
            let seen = random.chance(1, 2).then(|| self.read(request));
            self.note(&format!("{request:?}"));
            self.reads.push(Read { request, seen });
        }
    }

    fn read(&self, request: TailRequest) -> (Found, u64) {
        let TailRequest { lane, from_seq, bytes_max } = request;
        let (mut found, mut bytes, mut next) = (Vec::new(), 0, from_seq);
        // Less than is asked for, so that small queues are read in pieces as well.
        let bytes_max = bytes_max.min(2_000);
        for (&(_, seq), message) in self.store.range((lane, from_seq)..=(lane, u64::MAX)) {
            if bytes >= bytes_max {
                break;
            }
            bytes += message.len_bytes();
            next = seq + 1;
            found.push((seq, message.clone()));
        }
        (found, next)
    }

    /// The store answers one read with what it has. What is settled by then, it leaves out.
    fn load(&mut self, random: &mut Random) {
        if self.reads.is_empty() {
            return;
        }
        let Read { request, seen } =
            self.reads.remove(random.below(self.reads.len() as u64) as usize);
        let lane = request.lane;
        let (mut found, next_seq) = seen.unwrap_or_else(|| self.read(request));
        found.retain(|(seq, _)| self.store.contains_key(&(lane, *seq)));
        let seqs: Vec<u64> = found.iter().map(|(seq, _)| *seq).collect();
        self.note(&format!("loaded lane {lane} {seqs:?} up to {next_seq}"));
        self.queue.loaded(lane, found.into_iter(), next_seq);
    }
}
