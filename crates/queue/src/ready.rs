//! Messages of all lanes that wait for a consumer.
//!
//! ```text
//!   lane 2   ▷ first                    what is ready is taken from the highest lane that has any; while the
//!   lane 1   ▷ then                     first of that one is on disk only, the others wait with it
//!   lane 0   ▷ last
//! ```
//!
//! A queue without priorities has one lane, and what holds for many costs it nothing.

use std::collections::VecDeque;

use message::{Message, Reason};

use crate::dead::Dead;
use crate::entry::Entry;
use crate::lane::{Lane, Reading};
use crate::room::Room;
use crate::rules::Rules;
use crate::unsettled::Released;

/// What a queue wants from the store: live messages of one of its lanes from a place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailRequest {
    /// Which lane.
    pub lane: u8,
    /// The first place wanted.
    pub from_seq: u64,
    /// How many bytes are wanted, about.
    pub bytes_max: usize,
}

/// Which lanes have messages: a bit each.
#[derive(Debug, Default)]
struct Occupied([u64; 4]);

impl Occupied {
    fn set(&mut self, lane: u8, is_occupied: bool) {
        let (word, bit) = (usize::from(lane / 64), 1 << (lane % 64));
        if is_occupied { self.0[word] |= bit } else { self.0[word] &= !bit }
    }

    fn highest(&self) -> Option<u8> {
        let word = self.0.iter().rposition(|&word| word != 0)?;
        Some(word as u8 * 64 + 63 - self.0[word].leading_zeros() as u8)
    }
}

/// What only queues have that something is asked of.
#[derive(Debug, Default)]
pub(crate) struct Ruled {
    pub(crate) rules: Rules,
    pub(crate) dead: VecDeque<Dead>,
}

/// The waiting messages of one queue.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    first: Lane,
    /// The lanes from 1 on. One that has never been used takes no memory.
    others: Box<[Option<Box<Lane>>]>,
    occupied: Occupied,
    /// What it takes to hold those messages that only memory holds.
    unstored_weight: usize,
    pub(crate) ruled: Option<Box<Ruled>>,
}

impl Ready {
    pub(crate) fn with_lanes(count: u16) -> Self {
        assert!((1..=256).contains(&count), "a queue has 1 to 256 lanes");
        let others = (1..count).map(|_| None).collect();
        Self { others, ..Self::default() }
    }

    pub(crate) fn lane_count(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether nothing is asked of it that an ordinary queue does not do.
    #[inline]
    fn is_plain(&self) -> bool {
        self.others.is_empty() && self.ruled.is_none()
    }

    fn lanes(&self) -> impl Iterator<Item = &Lane> {
        std::iter::once(&self.first).chain(self.others.iter().flatten().map(Box::as_ref))
    }

    fn lane(&self, lane: u8) -> Option<&Lane> {
        match lane {
            0 => Some(&self.first),
            lane => self.others.get(usize::from(lane) - 1)?.as_deref(),
        }
    }

    pub(crate) fn lane_mut(&mut self, lane: u8) -> &mut Lane {
        match lane {
            0 => &mut self.first,
            lane => self.others[usize::from(lane) - 1].get_or_insert_default(),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> u64 {
        if self.others.is_empty() { self.first.len() } else { self.lanes().map(Lane::len).sum() }
    }

    /// Bytes of all bodies, wherever they are.
    pub(crate) fn bytes(&self) -> u64 {
        self.lanes().map(Lane::bytes).sum()
    }

    /// The lane of the message that is next.
    fn next_lane(&self) -> Option<u8> {
        if self.others.is_empty() { Some(0) } else { self.occupied.highest() }
    }

    /// Whether something can be dispatched without a read.
    #[inline]
    pub(crate) fn has_next(&self) -> bool {
        self.next_lane().and_then(|lane| self.lane(lane)).is_some_and(Lane::has_next)
    }

    /// Memory that is used.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.lanes().map(Lane::resident_bytes).sum()
    }

    /// Bytes of the messages that are in memory.
    pub(crate) fn message_bytes(&self) -> usize {
        self.lanes().map(Lane::message_bytes).sum()
    }

    /// Memory of those messages that only memory holds.
    pub(crate) const fn unstored_weight(&self) -> usize {
        self.unstored_weight
    }

    /// Adds a message behind all others of its lane.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry, room: &Room) {
        self.unstored_weight += entry.unstored_weight();
        let lane = entry.lane;
        if self.others.is_empty() {
            return self.first.push(entry, room);
        }
        self.lane_mut(lane).push(entry, room);
        self.occupied.set(lane, true);
    }

    /// Takes over what the store recovered of a lane: `count` messages in the places `first_seq..=last_seq`.
    pub(crate) fn recover(&mut self, lane: u8, places: (u64, u64), count: u64, bytes: u64) {
        if count > 0 {
            self.lane_mut(lane).recover(places.0, places.1, count, bytes);
            self.occupied.set(lane, true);
        }
    }

    /// Puts a message back at its old place.
    pub(crate) fn put_back(&mut self, released: Released, is_redelivered: bool, room: &Room) {
        let Released { lane, seq, size, is_stored, message, .. } = released;
        let to = self.lane_mut(lane);
        match message {
            Some(message) => {
                let entry = Entry { is_redelivered, ..Entry::new(lane, seq, message, is_stored) };
                let unstored_weight = entry.unstored_weight();
                to.put_back(entry, room);
                self.unstored_weight += unstored_weight;
            }
            None => to.put_back_cold(seq, size, is_redelivered),
        }
        self.occupied.set(lane, true);
    }

    /// Takes the first message, if it is in memory.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = if self.is_plain() { self.first.pop()? } else { self.pop_ruled()? };
        self.unstored_weight -= entry.unstored_weight();
        Some(entry)
    }

    fn pop_ruled(&mut self) -> Option<Entry> {
        let number = self.next_lane()?;
        let lane = self.lane_mut(number);
        let entry = lane.pop();
        let is_occupied = !lane.is_empty();
        self.occupied.set(number, is_occupied);
        entry
    }

    /// Puts a message among the dead ones.
    pub(crate) fn bury(&mut self, entry: Entry, reason: Reason) {
        let Entry { lane, seq, message, is_stored, .. } = entry;
        let length = message.len_bytes() as u32;
        let ruled = self.ruled.get_or_insert_default();
        let message = ruled.rules.keeps_dead.then_some(message);
        let dead = Dead { lane, seq, length, is_stored, message, reason, delivery_count: 0 };
        ruled.dead.push_back(dead);
    }

    /// What to read, when what is in memory runs low and no read of that lane is under way. The caller must then call
    /// [`Ready::loaded`] some time. `end_seq` is above every place.
    pub(crate) fn poll_tail_request(&mut self, end_seq: u64, room: &Room) -> Option<TailRequest> {
        let mut next = self.next_lane();
        while let Some(lane) = next {
            let found = self.lane(lane).filter(|lane| !lane.is_empty());
            if let Some((from_seq, bytes_max)) =
                found.filter(|lane| lane.reading.is_none()).and_then(|lane| lane.wanted_read(room))
            {
                self.lane_mut(lane).reading = Some(Reading { from_seq, end_seq });
                return Some(TailRequest { lane, from_seq, bytes_max });
            }
            if found.is_some_and(|lane| lane.has_plenty(room)) {
                return None;
            }
            next = lane.checked_sub(1);
        }
        None
    }

    /// Takes what a read brought, in order. The store has nothing live between the last of `messages` and
    /// `next_seq`; if that is where the read began, it has nothing live from there on.
    pub(crate) fn loaded(
        &mut self,
        number: u8,
        messages: impl Iterator<Item = (u64, Message)>,
        next_seq: u64,
    ) {
        let lane = self.lane_mut(number);
        let Some(reading) = lane.reading.take() else { return };
        for (seq, message) in messages {
            lane.load(number, seq, message);
        }
        let is_nothing = next_seq <= reading.from_seq;
        let next_seq = if is_nothing { reading.end_seq } else { next_seq };
        lane.skip(reading.from_seq, next_seq);
        let is_occupied = !lane.is_empty();
        self.occupied.set(number, is_occupied);
    }

    /// Takes everything out. A read that is under way brings nothing that is still wanted, and must not be taken for the
    /// next one.
    pub(crate) fn clear(&mut self) -> Self {
        let others =
            self.others.iter_mut().map(|lane| lane.as_mut().map(|lane| Box::new(lane.clear())));
        let others = others.collect();
        self.occupied = Occupied::default();
        let unstored_weight = std::mem::take(&mut self.unstored_weight);
        let first = self.first.clear();
        Self { first, others, occupied: Occupied::default(), unstored_weight, ruled: None }
    }

    /// Drops about `count` messages, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, count: usize) -> usize {
        let others = self.others.iter_mut().flatten().map(Box::as_mut);
        std::iter::once(&mut self.first)
            .chain(others)
            .fold(count, |count, lane| lane.drop_some(count))
    }
}
