//! Messages that have left a queue without having been accepted.

use std::collections::{BTreeMap, VecDeque};

use message::{Message, Reason};

use crate::entry::HELD_BYTES;
use crate::spot::Spot;

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
    /// The message. `None` only if dead letters are not wanted.
    pub message: Option<Message>,
    /// Why it died.
    pub reason: Reason,
    /// How often it had failed.
    pub delivery_count: u32,
}

/// The dead ones of one queue that nobody has asked for yet.
#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    told: VecDeque<Dead>,
    /// Those of them that the store has: what is read meanwhile must not bring them back.
    stored: BTreeMap<Spot, u32>,
    /// Those that have to be read before they are told of.
    cold: BTreeMap<Spot, Dead>,
    /// What the messages of the first ones take.
    weight: usize,
}

impl DeadLetters {
    /// Memory that is used.
    pub(crate) fn resident_bytes(&self) -> usize {
        let (told, cold) = (self.told.len() + self.stored.len(), 2 * self.cold.len());
        self.weight + (told + cold) * HELD_BYTES
    }

    /// Takes one in. One whose message is wanted and is on disk only has to be read first.
    pub(crate) fn push(&mut self, dead: Dead, keeps_dead: bool) {
        if keeps_dead && dead.message.is_none() {
            self.cold.insert(Spot::new(dead.lane, dead.seq), dead);
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
        if let Some(dead) = self.cold.remove(&spot) {
            self.tell(Dead { message: Some(message.detached()), ..dead });
            return true;
        }
        self.stored.contains_key(&spot)
    }

    /// The store has none in these places that it has not given.
    pub(crate) fn skip(&mut self, from: Spot, end: Spot) {
        while let Some((&spot, _)) = self.cold.range(from..end.max(from)).next() {
            self.cold.remove(&spot);
        }
    }

    /// Whether something has to be read.
    pub(crate) fn wants_read(&self) -> bool {
        !self.cold.is_empty()
    }

    /// The next one to read, in a lane of which `may_read` says that it can be, and how many bytes.
    pub(crate) fn wanted_read(
        &self,
        bytes_max: usize,
        may_read: impl Fn(u8) -> bool,
    ) -> Option<(Spot, usize)> {
        let mut from = Spot::new(0, 0);
        loop {
            let (&spot, _) = self.cold.range(from..).next()?;
            if may_read(spot.lane()) {
                let mut bytes = 0;
                for (place, (other, dead)) in (spot.seq()..).zip(self.cold.range(spot..)) {
                    if *other != Spot::new(spot.lane(), place) || bytes >= bytes_max {
                        break;
                    }
                    bytes += dead.length as usize;
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
        let cold = self.cold.iter().map(|(&spot, dead)| (spot, dead.length));
        self.stored.iter().map(|(&spot, &length)| (spot, length)).chain(cold)
    }
}
