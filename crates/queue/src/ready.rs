//! Messages of all lanes that wait for a consumer.
//!
//! ```text
//!   lane 2   ▷ first                    what is ready is taken from the highest lane that has any; while the
//!   lane 1   ▷ then                     first of that one is on disk only, the others wait with it
//!   lane 0   ▷ last
//! ```
//!
//! A queue without priorities has one lane, and what holds for many costs it nothing.

use std::collections::BTreeSet;

use message::{Message, Reason};

use crate::entry::Entry;
use crate::facts::Facts;
use crate::known::{Fact, Whereabouts};
use crate::lane::{Lane, Reading};
use crate::room::Room;
use crate::ruled::{Claim, Doomed, Ruled};
use crate::rules::Rules;
use crate::spot::Spot;
use crate::unsettled::{Released, Unsettled};

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

/// How many messages that have expired are passed over when one is taken, before the caller gets its turn again.
const PASSED_OVER_MAX: usize = 256;

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

    #[inline]
    pub(crate) fn has_one_lane(&self) -> bool {
        self.others.is_empty()
    }

    pub(crate) fn lane_count(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether nothing is asked of it that an ordinary queue does not do.
    #[inline]
    fn is_plain(&self) -> bool {
        self.others.is_empty() && self.ruled.is_none()
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Lane> {
        std::iter::once(&self.first).chain(self.others.iter().flatten().map(Box::as_ref))
    }

    pub(crate) fn lane(&self, lane: u8) -> Option<&Lane> {
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

    /// The message that comes next, if it is in memory.
    pub(crate) fn front(&self) -> Option<&Message> {
        Some(&self.lane(self.next_lane()?)?.front()?.message)
    }

    /// Memory that is used.
    pub(crate) fn resident_bytes(&self) -> usize {
        let ruled = self.ruled.as_ref().map_or(0, |ruled| ruled.resident_bytes());
        self.lanes().map(Lane::resident_bytes).sum::<usize>() + ruled
    }

    /// Bytes of the messages that are in memory.
    pub(crate) fn message_bytes(&self) -> usize {
        self.lanes().map(Lane::message_bytes).sum()
    }

    /// Memory of those messages that only memory holds.
    pub(crate) const fn unstored_weight(&self) -> usize {
        self.unstored_weight
    }

    /// Adds a message behind all others, of a queue with one lane. It has no time of its own.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry, room: &Room) {
        self.unstored_weight += entry.unstored_weight();
        self.first.push(entry, room);
    }

    /// The same of messages that only memory holds: so much it takes to hold them, and so many bytes are their bodies.
    #[inline]
    pub(crate) fn extend(
        &mut self,
        entries: impl Iterator<Item = Entry>,
        weight: usize,
        bytes: u64,
    ) {
        self.unstored_weight += weight;
        self.first.extend(entries, weight, bytes);
    }

    /// Adds a message behind all others of its lane, or lets it wait for its time.
    #[inline(never)]
    pub(crate) fn push_special(&mut self, entry: Entry, now_ms: u64, room: &Room) {
        self.unstored_weight += entry.unstored_weight();
        let (lane, seq) = (entry.lane(), entry.seq);
        if let Some(facts) = Facts::of(&entry.message, lane, seq) {
            let is_early = facts.deliver_at_ms > now_ms;
            if is_early || facts.expires_at_ms != 0 {
                let ruled = self.ruled.get_or_insert_default();
                let whereabouts = if is_early { Whereabouts::Schedule } else { Whereabouts::Lane };
                ruled.known.learn(seq, Fact { whereabouts, ..Fact::of(&facts) });
                if is_early {
                    return ruled.schedule.insert(facts.deliver_at_ms, entry, room);
                }
            }
        }
        let share = room.share(self.lane_count());
        self.lane_mut(lane).push(entry, &share);
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
        if let Some(ruled) = &mut self.ruled {
            ruled.known.watch(seq);
        }
        match message {
            Some(message) => {
                let entry = Entry::new(lane, seq, message, is_stored).redelivered(is_redelivered);
                self.unstored_weight += entry.unstored_weight();
                self.insert(entry, room);
            }
            None => {
                self.lane_mut(lane).put_back_cold(seq, size, is_redelivered);
                self.occupied.set(lane, true);
            }
        }
    }

    /// Puts a message among those that come first, by its place.
    pub(crate) fn insert(&mut self, entry: Entry, room: &Room) {
        let (lane, share) = (entry.lane(), room.share(self.lane_count()));
        if let Some(ruled) = &mut self.ruled {
            ruled.watch(&entry);
        }
        self.lane_mut(lane).put_back(entry, &share);
        self.occupied.set(lane, true);
    }

    /// Takes the first message, if it is in memory.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        if !self.is_plain() {
            return self.pop_ruled();
        }
        let entry = self.first.pop();
        if let Some(entry) = &entry {
            self.unstored_weight -= entry.unstored_weight();
        }
        entry
    }

    /// Whether what comes first is in memory, and is what came first, of an ordinary queue.
    #[inline]
    pub(crate) fn is_in_line(&self) -> bool {
        self.is_plain() && self.first.returned.is_empty()
    }

    /// Takes the first messages [in line](Ready::is_in_line), at most `limit` and as long as somebody `wants` the next one.
    /// What `hand_over` makes of them goes into `list`. Returns how many they were.
    #[inline]
    pub(crate) fn take_line<T>(
        &mut self,
        limit: usize,
        wants: impl FnMut(&Entry) -> bool,
        list: &mut Vec<T>,
        hand_over: impl FnMut(Entry) -> T,
    ) -> usize {
        let (count, unstored_weight) = self.first.take_line(limit, wants, list, hand_over);
        self.unstored_weight -= unstored_weight;
        count
    }

    #[inline(never)]
    fn pop_ruled(&mut self) -> Option<Entry> {
        for _ in 0..PASSED_OVER_MAX {
            let number = self.next_lane()?;
            let lane = self.lane_mut(number);
            let entry = lane.pop();
            let is_occupied = !lane.is_empty();
            self.occupied.set(number, is_occupied);
            let entry = entry?;
            self.unstored_weight -= entry.unstored_weight();
            let Some(ruled) = &mut self.ruled else { return Some(entry) };
            let entry = ruled.unwatch(entry);
            if !ruled.is_overdue(&entry) {
                return Some(entry);
            }
            ruled.bury(Doomed::of(&entry), Some(entry.message), Reason::Expired);
        }
        None
    }

    /// Whether a lane has messages is said again, after some were taken out.
    pub(crate) fn recount(&mut self, lane: u8) {
        let is_occupied = !self.lane_mut(lane).is_empty();
        self.occupied.set(lane, is_occupied);
    }

    /// Says what holds from here on for everything, also for what is in places before `end_seq`.
    pub(crate) fn set_rules(&mut self, rules: &Rules, end_seq: u64) {
        let ruled = self.ruled.get_or_insert_default();
        ruled.subject(end_seq);
        let has_changed = ruled.rules.ttl_ms != rules.ttl_ms;
        ruled.rules = rules.clone();
        if has_changed {
            let others = self.others.iter().flatten().map(Box::as_ref);
            let lanes = std::iter::once(&self.first).chain(others);
            ruled.watch_again(lanes.flat_map(|lane| lane.returned.warm()));
        }
    }

    /// Whether there is a lane that has to be read before it can be told when its messages expire.
    pub(crate) fn is_any_lane_cold(&self) -> bool {
        self.lanes().any(|lane| lane.is_line_cold() || lane.returned.is_cold())
    }

    /// Which of the messages that consumers have something is known of.
    pub(crate) fn held_of(&self, unsettled: &Unsettled) -> BTreeSet<u64> {
        match &self.ruled {
            Some(ruled) if !ruled.known.is_empty() => {
                unsettled.places().filter(|&seq| ruled.known.get(seq).is_some()).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// It is that late when the next messages are taken.
    #[inline]
    pub(crate) fn look(&mut self, now_ms: u64) {
        if let Some(ruled) = &mut self.ruled {
            ruled.look(now_ms);
        }
    }

    /// Memory holds more that the store does not have.
    pub(crate) const fn keep(&mut self, unstored_weight: usize) {
        self.unstored_weight += unstored_weight;
    }

    /// How often a message has failed and how often it came back. It is gone after this unless `stays`.
    #[inline]
    pub(crate) fn counts(&mut self, seq: u64, stays: bool) -> (u32, u32) {
        match &mut self.ruled {
            None => (0, 0),
            Some(ruled) => ruled.known.counts(seq, stays),
        }
    }

    /// What only memory holds has become less.
    pub(crate) fn release(&mut self, entry: &Entry) {
        self.unstored_weight -= entry.unstored_weight();
    }

    /// What to read, when what is in memory runs low and no read of that lane is under way. The caller must then call
    /// [`Ready::loaded`] some time. `end_seq` is above every place.
    pub(crate) fn poll_tail_request(&mut self, end_seq: u64, room: &Room) -> Option<TailRequest> {
        let (from, bytes_max) = match &mut self.ruled {
            None => self.wanted_read(room)?,
            Some(ruled) => {
                ruled.plan(room);
                // Neither waits for ever while the other one always wants something.
                let is_line_first = ruled.takes_turns();
                let found = if is_line_first {
                    self.wanted_read(room).or_else(|| self.wanted_special(room))
                } else {
                    self.wanted_special(room).or_else(|| self.wanted_read(room))
                };
                found?
            }
        };
        let (lane, from_seq) = (from.lane(), from.seq());
        self.lane_mut(lane).reading = Some(Reading { from_seq, end_seq });
        Some(TailRequest { lane, from_seq, bytes_max })
    }

    /// What to read for those who take what comes first.
    fn wanted_read(&self, room: &Room) -> Option<(Spot, usize)> {
        let share = room.share(self.lane_count());
        let mut next = self.next_lane();
        while let Some(number) = next {
            if let Some(lane) = self.lane(number).filter(|lane| !lane.is_empty()) {
                let wanted = lane.wanted_read(&share).filter(|_| lane.reading.is_none());
                if let Some((from_seq, bytes)) = wanted {
                    return Some((Spot::new(number, from_seq), bytes));
                }
                let is_line_cold = self.ruled.as_ref().is_some_and(|ruled| ruled.has_ttl());
                if lane.has_plenty(&share) && !is_line_cold {
                    return None;
                }
            }
            next = number.checked_sub(1);
        }
        None
    }

    /// What to read for those that wait for their time, or have died.
    fn wanted_special(&self, room: &Room) -> Option<(Spot, usize)> {
        let ruled = self.ruled.as_ref()?;
        let may_read = |lane: u8| self.lane(lane).is_none_or(|lane| lane.reading.is_none());
        let scheduled = ruled.schedule.wanted_read(room, may_read);
        scheduled.or_else(|| ruled.dead.wanted_read(room.read_bytes(), may_read))
    }

    /// Takes what a read brought, in order. The store has nothing live between the last of `messages` and
    /// `next_seq`; if that is where the read began, it has nothing live from there on.
    pub(crate) fn loaded(
        &mut self,
        number: u8,
        messages: impl Iterator<Item = (u64, Message)>,
        next_seq: u64,
    ) {
        let Self { first, others, ruled, .. } = self;
        let lane = match number {
            0 => first,
            number => others[usize::from(number) - 1].get_or_insert_default(),
        };
        let Some(reading) = lane.reading.take() else { return };
        let begins_tail = lane.begins_tail(reading.from_seq);
        for (seq, message) in messages {
            let claim = match ruled {
                Some(ruled) => ruled.claim(Spot::new(number, seq), &message),
                None => Claim::Lane,
            };
            if claim == Claim::Done {
                continue;
            }
            if let Some(entry) = lane.returned.fill(number, seq, &message) {
                if let Some(ruled) = ruled {
                    ruled.watch(entry);
                }
            } else if begins_tail && claim == Claim::Lane {
                lane.load(number, seq, message);
            }
        }
        let is_nothing = next_seq <= reading.from_seq;
        let next_seq = if is_nothing { reading.end_seq } else { next_seq };
        if let Some(ruled) = ruled {
            ruled.skip(Spot::new(number, reading.from_seq), Spot::new(number, next_seq));
        }
        lane.returned.forget_cold(reading.from_seq, next_seq, |seq| {
            if let Some(ruled) = ruled {
                ruled.known.forget(seq);
            }
        });
        if begins_tail {
            lane.skip(next_seq);
        }
        self.recount(number);
    }

    /// Takes everything out. What is known of those that `is_held` says consumers have stays. A read that is under way brings
    /// nothing that is still wanted, and must not be taken for the next one.
    pub(crate) fn clear(&mut self, is_held: impl Fn(u64) -> bool) -> Self {
        let others =
            self.others.iter_mut().map(|lane| lane.as_mut().map(|lane| Box::new(lane.clear())));
        let others = others.collect();
        self.occupied = Occupied::default();
        let unstored_weight = std::mem::take(&mut self.unstored_weight);
        let first = self.first.clear();
        let ruled = self.ruled.as_mut().map(|ruled| Box::new(ruled.clear(is_held)));
        Self { first, others, occupied: Occupied::default(), unstored_weight, ruled }
    }

    /// Drops about `count` messages, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, mut count: usize) -> usize {
        if let Some(ruled) = &mut self.ruled {
            count = ruled.drop_some(count);
        }
        let others = self.others.iter_mut().flatten().map(Box::as_mut);
        std::iter::once(&mut self.first)
            .chain(others)
            .fold(count, |count, lane| lane.drop_some(count))
    }
}
