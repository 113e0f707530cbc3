//! Messages that have left a queue without having been accepted.

use std::collections::{BTreeMap, VecDeque};

use message::{Message, Reason};

use crate::entry::HELD_BYTES;
use crate::room::READ_BYTES_MIN;
use crate::spot::Spot;

/// What it costs to remember a dead one that is on disk only.
const COLD_BYTES: usize = 32;

/// A message that has died. If it is stored, whoever takes it tells the store that it is gone, at once or later, and then
/// says so: see [`Queue::buried`](crate::Queue::buried).
#[derive(Clone, Debug)]
pub struct Dead {
    /// The lane that it was in.
    pub lane: u8,
    /// Its place.
    pub seq: u64,
    /// Its length in bytes.
    pub length: u32,
    /// Whether it was kept in the store, which must hear that it is gone.
    pub is_stored: bool,
    /// The message. `None` only if dead letters are not wanted, or if it was on disk and cannot be read.
    pub message: Option<Message>,
    /// Why it died.
    pub reason: Reason,
    /// How often it had failed.
    pub delivery_count: u32,
}

/// What is remembered of a dead one that is on disk only.
#[derive(Clone, Copy, Debug)]
struct Cold {
    length: u32,
    delivery_count: u32,
    reason: Reason,
}

impl Cold {
    const fn dead(self, spot: Spot, message: Option<Message>) -> Dead {
        let Self { length, delivery_count, reason } = self;
        let (lane, seq) = (spot.lane(), spot.seq());
        Dead { lane, seq, length, is_stored: true, message, reason, delivery_count }
    }
}

/// The dead ones of one queue that nobody has asked for yet. Only the first ones of those that are stored are in memory.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    told: VecDeque<Dead>,
    /// Those of them that the store has: what is read meanwhile must not bring them back.
    stored: BTreeMap<Spot, u32>,
    /// Those that have to be read before they are told of.
    cold: BTreeMap<Spot, Cold>,
    /// Those of the cold ones that the read under way has brought while there was no room.
    passed: Vec<Spot>,
    /// What the messages of the first ones take.
    weight: usize,
    /// How much that may be before stored ones stay on disk.
    room_bytes: usize,
}

impl DeadLetters {
    /// Memory that is used.
    pub(crate) fn resident_bytes(&self) -> usize {
        let told = self.told.len() + self.stored.len();
        self.weight + told * HELD_BYTES + self.cold.len() * COLD_BYTES
    }

    /// Says how many bytes of messages may be in memory before those that are stored stay on disk.
    pub(crate) const fn set_room(&mut self, bytes: usize) {
        self.room_bytes = bytes;
    }

    /// What is in memory, and what it takes to hold it.
    fn told_weight(&self) -> usize {
        self.weight + self.told.len() * HELD_BYTES
    }

    fn is_full(&self) -> bool {
        self.told_weight() >= self.room_bytes.max(READ_BYTES_MIN)
    }

    /// Takes one in. One whose message is wanted has to be read first if it is on disk only, or is left there while there are
    /// many already, or others that died before are there.
    pub(crate) fn push(&mut self, dead: Dead, keeps_dead: bool) {
        let has_to_wait = dead.is_stored && (self.is_full() || !self.cold.is_empty());
        if keeps_dead && (dead.message.is_none() || has_to_wait) {
            let Dead { lane, seq, length, delivery_count, reason, .. } = dead;
            self.cold.insert(Spot::new(lane, seq), Cold { length, delivery_count, reason });
        } else {
            self.tell(dead);
        }
    }

    fn tell(&mut self, dead: Dead) {
        if dead.is_stored {
            self.stored.insert(Spot::new(dead.lane, dead.seq), dead.length);
        }
        self.weight += dead.message.as_ref().map_or(0, Message::len_bytes);
        self.told.push_back(dead);
    }

    /// Whether somebody has to be told of one.
    pub(crate) fn has_told(&self) -> bool {
        !self.told.is_empty()
    }

    /// Whether the store has one in this place.
    pub(crate) fn contains(&self, spot: Spot) -> bool {
        self.stored.contains_key(&spot) || self.cold.contains_key(&spot)
    }

    /// The store has heard that one is gone.
    pub(crate) fn forget(&mut self, spot: Spot) {
        self.stored.remove(&spot);
    }

    pub(crate) fn poll(&mut self) -> Option<Dead> {
        let dead = self.told.pop_front()?;
        self.weight -= dead.message.as_ref().map_or(0, Message::len_bytes);
        Some(dead)
    }

    /// A read has brought a message. Returns whether it is one of the dead.
    pub(crate) fn claim(&mut self, spot: Spot, message: &Message) -> bool {
        if self.is_full() && self.cold.contains_key(&spot) {
            self.passed.push(spot);
            return true;
        }
        if let Some(cold) = self.cold.remove(&spot) {
            self.tell(cold.dead(spot, Some(message.detached())));
            return true;
        }
        self.stored.contains_key(&spot)
    }

    /// The store has none in these places that it has not given. Nobody will ever have what it has lost, but whoever keeps
    /// something beside it has to hear of its end.
    pub(crate) fn skip(&mut self, from: Spot, end: Spot) {
        let passed = std::mem::take(&mut self.passed);
        let is_lost = |spot: &Spot| passed.binary_search(spot).is_err();
        let found = self.cold.range(from..end.max(from)).map(|(&spot, _)| spot);
        let lost: Vec<Spot> = found.filter(is_lost).collect();
        for spot in lost {
            if let Some(cold) = self.cold.remove(&spot) {
                self.tell(cold.dead(spot, None));
            }
        }
    }

    /// Whether something has to be read: not while there is enough in memory.
    pub(crate) fn wants_read(&self) -> bool {
        !self.cold.is_empty() && self.told_weight() < self.room_bytes.max(READ_BYTES_MIN) / 2
    }

    /// The next one to read, in a lane of which `may_read` says that it can be, and how many bytes.
    pub(crate) fn wanted_read(
        &self,
        bytes_max: usize,
        may_read: impl Fn(u8) -> bool,
    ) -> Option<(Spot, usize)> {
        if !self.wants_read() {
            return None;
        }
        let mut from = Spot::new(0, 0);
        loop {
            let (&spot, _) = self.cold.range(from..).next()?;
            if may_read(spot.lane()) {
                let mut bytes = 0;
                for (place, (other, cold)) in (spot.seq()..).zip(self.cold.range(spot..)) {
                    if *other != Spot::new(spot.lane(), place) || bytes >= bytes_max {
                        break;
                    }
                    bytes += cold.length as usize;
                }
                return Some((spot, bytes.min(bytes_max)));
            }
            from = spot.next_lane()?;
        }
    }

    /// Drops about `count` of them, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, mut count: usize) -> usize {
        while count > 0 && (self.poll().is_some() | self.cold.pop_last().is_some()) {
            count -= 1;
        }
        count
    }

    /// The places and lengths of those that the store must keep until they are told of.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (Spot, u32)> {
        let cold = self.cold.iter().map(|(&spot, cold)| (spot, cold.length));
        self.stored.iter().map(|(&spot, &length)| (spot, length)).chain(cold)
    }
}
