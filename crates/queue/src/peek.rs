//! Looking at messages without taking them: in pages, and as far as memory has them. What only the store has is told by
//! its place, for the caller to read.

use message::Message;

use crate::consumer::ConsumerId;
use crate::delivery::DeliveryId;
use crate::entry::Entry;
use crate::queue::Queue;
use crate::spot::Spot;
use crate::tail::Piece;
use crate::unsettled::HeldView;

/// Which messages are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Those that wait for a consumer, in the order in which they would be taken.
    Ready,
    /// Those that clients have and have not settled, in no order that means anything.
    Unsettled,
    /// Those that wait for their time, by that.
    Delayed,
}

/// Where a look has ended: the next one goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(u64, u64);

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabout {
    /// It waits for a consumer.
    Ready,
    /// A client has it.
    Unsettled {
        /// Its consumer; `None` if it was fetched, or the consumer is gone.
        consumer: Option<ConsumerId>,
        /// Since about when, in seconds since 1970.
        since_s: u32,
    },
    /// It waits for its time.
    Delayed {
        /// That time, in milliseconds since 1970.
        until_ms: u64,
    },
}

/// A message that was looked at.
#[derive(Clone, Debug)]
pub struct Peeked {
    /// A look that begins here finds this one first.
    pub cursor: Cursor,
    /// Its lane.
    pub lane: u8,
    /// Its place.
    pub seq: u64,
    /// The message; `None` when only the store has it.
    pub message: Option<Message>,
    /// Whether a consumer has had it before.
    pub is_redelivered: bool,
    /// How often it has failed, if the queue counts that.
    pub delivery_count: u32,
    /// Where it is.
    pub whereabout: Whereabout,
}

/// Places of a lane in which the store has messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The lane.
    pub lane: u8,
    /// The first place.
    pub first_seq: u64,
    /// The last place.
    pub last_seq: u64,
}

/// A part of a look.
#[derive(Debug, Default)]
pub struct Glimpse {
    /// What was seen.
    pub messages: Vec<Peeked>,
    /// Behind these, the store has ready messages: which, [`Queue::is_in_tail`] tells.
    pub tail: Option<Unread>,
    /// Where to go on; `None` when that was all.
    pub next: Option<Cursor>,
}

/// Ready messages of a lane: those that came back lie before the others.
const LINE: u64 = 1 << 63;
/// Lanes are looked at from the highest down.
const LANE_BITS: u32 = 8;

impl Cursor {
    /// Behind what is in front of a place of a lane's line.
    pub const fn in_line(lane: u8, seq: u64) -> Self {
        Self((u8::MAX - lane) as u64, LINE | seq)
    }

    /// As two numbers, which mean nothing to anybody else.
    pub const fn parts(self) -> (u64, u64) {
        (self.0, self.1)
    }

    /// What [`Cursor::parts`] gave. Other numbers make a look begin somewhere.
    pub const fn from_parts(parts: (u64, u64)) -> Self {
        Self(parts.0, parts.1)
    }

    const fn lane(self) -> u8 {
        u8::MAX - (self.0 & ((1 << LANE_BITS) - 1)) as u8
    }

    /// Behind a lane. `None` behind the last one.
    fn behind_lane(lane: u8) -> Option<Self> {
        Some(Self(u64::from(u8::MAX - lane.checked_sub(1)?), 0))
    }
}

impl Queue {
    /// Looks at up to `count_max` messages from `cursor` on, or from the first.
    pub fn peek(&self, section: Section, cursor: Option<Cursor>, count_max: usize) -> Glimpse {
        match section {
            Section::Ready => self.peek_ready(cursor, count_max),
            Section::Unsettled => self.peek_unsettled(cursor, count_max),
            Section::Delayed => self.peek_delayed(cursor, count_max),
        }
    }

    /// Whether a message that the store has in this place is one that waits in the lane's tail.
    pub fn is_in_tail(&self, lane: u8, seq: u64) -> bool {
        let is_apart =
            self.ready.ruled.as_ref().is_some_and(|ruled| ruled.is_apart(Spot::new(lane, seq)));
        !is_apart && self.ready.lane(lane).is_some_and(|lane| lane.is_in_tail(seq))
    }

    fn peek_ready(&self, cursor: Option<Cursor>, count_max: usize) -> Glimpse {
        let last_lane = u8::try_from(self.ready.lane_count() - 1).unwrap_or(u8::MAX);
        let mut cursor = cursor.unwrap_or_else(|| Cursor((u8::MAX - last_lane).into(), 0));
        let mut seen = Glimpse::default();
        loop {
            let (number, left) = (cursor.lane(), count_max.saturating_sub(seen.messages.len()));
            let Some(lane) = self.ready.lane(number) else {
                match Cursor::behind_lane(number) {
                    Some(next) => cursor = next,
                    None => return seen,
                }
                continue;
            };
            if cursor.1 < LINE {
                let before = seen.messages.len();
                for (seq, entry, is_redelivered) in lane.returned.iter_from(cursor.1).take(left) {
                    let here = Cursor(cursor.0, seq);
                    seen.messages.push(self.peeked(here, number, entry, is_redelivered));
                }
                if seen.messages.len() - before == left {
                    let last = seen.messages.last().map_or(cursor.1, |last| last.seq + 1);
                    seen.next = Some(Cursor(cursor.0, last));
                    return seen;
                }
                cursor = Cursor::in_line(number, 0);
                continue;
            }
            let from_seq = cursor.1 & !LINE;
            let mut end = from_seq;
            for entry in lane.line_from(from_seq).take(left) {
                end = entry.seq + 1;
                let is_redelivered = entry.is_redelivered();
                let here = Cursor::in_line(number, entry.seq);
                seen.messages.push(self.peeked(here, number, Some(entry), is_redelivered));
            }
            if seen.messages.len() >= count_max {
                seen.next = Some(Cursor::in_line(number, end));
                return seen;
            }
            for piece in lane.tail_from(end) {
                match piece {
                    Piece::Stored(first_seq, last_seq) => {
                        seen.tail = Some(Unread { lane: number, first_seq, last_seq });
                        seen.next = Some(Cursor::in_line(number, first_seq));
                        return seen;
                    }
                    Piece::Kept(entry) => {
                        let (seq, is_redelivered) = (entry.seq, entry.is_redelivered());
                        let here = Cursor::in_line(number, seq);
                        seen.messages.push(self.peeked(here, number, Some(entry), is_redelivered));
                        if seen.messages.len() >= count_max {
                            seen.next = Some(Cursor::in_line(number, seq + 1));
                            return seen;
                        }
                    }
                }
            }
            match Cursor::behind_lane(number) {
                Some(next) => cursor = next,
                None => return seen,
            }
        }
    }

    fn peek_unsettled(&self, cursor: Option<Cursor>, count_max: usize) -> Glimpse {
        let from_slot = cursor.map_or(0, |cursor| cursor.0);
        let from_slot = u32::try_from(from_slot).unwrap_or(u32::MAX);
        let mut seen = Glimpse::default();
        for (slot, held) in self.unsettled.views(from_slot).take(count_max) {
            seen.messages.push(self.peeked_held(slot, held));
            seen.next = Some(Cursor(u64::from(slot) + 1, 0));
        }
        if seen.messages.len() < count_max {
            seen.next = None;
        }
        seen
    }

    /// One delivery that is not settled.
    pub fn peek_delivery(&self, id: DeliveryId) -> Option<Peeked> {
        self.unsettled.view(id).map(|held| self.peeked_held(id.slot.get() - 1, held))
    }

    fn peeked_held(&self, slot: u32, held: HeldView<'_>) -> Peeked {
        let consumer = held.taker.and_then(|taker| self.takers.consumer(taker));
        Peeked {
            cursor: Cursor(slot.into(), 0),
            lane: held.lane,
            seq: held.seq,
            message: held.message.cloned(),
            is_redelivered: held.is_redelivered,
            delivery_count: self.delivery_count(held.seq),
            whereabout: Whereabout::Unsettled {
                consumer: consumer.map(|consumer| consumer.id),
                since_s: held.since_s,
            },
        }
    }

    fn peek_delayed(&self, cursor: Option<Cursor>, count_max: usize) -> Glimpse {
        let mut seen = Glimpse::default();
        let Some(ruled) = &self.ready.ruled else { return seen };
        let from = cursor.map_or((0, 0), |cursor| (cursor.0, cursor.1));
        for (until_ms, spot, entry) in ruled.schedule.iter_from(from).take(count_max) {
            let is_redelivered = entry.is_some_and(Entry::is_redelivered);
            seen.messages.push(Peeked {
                cursor: Cursor(until_ms, spot.bits()),
                lane: spot.lane(),
                seq: spot.seq(),
                message: entry.map(|entry| entry.message.clone()),
                is_redelivered,
                delivery_count: self.delivery_count(spot.seq()),
                whereabout: Whereabout::Delayed { until_ms },
            });
            seen.next = Some(Cursor(until_ms, spot.after().bits()));
        }
        if seen.messages.len() < count_max {
            seen.next = None;
        }
        seen
    }

    /// One that is ready, where the cursor points to.
    fn peeked(
        &self,
        cursor: Cursor,
        lane: u8,
        entry: Option<&Entry>,
        is_redelivered: bool,
    ) -> Peeked {
        let seq = cursor.1 & !LINE;
        Peeked {
            cursor,
            lane,
            seq,
            message: entry.map(|entry| entry.message.clone()),
            is_redelivered,
            delivery_count: self.delivery_count(seq),
            whereabout: Whereabout::Ready,
        }
    }

    fn delivery_count(&self, seq: u64) -> u32 {
        let ruled = self.ready.ruled.as_ref();
        ruled.and_then(|ruled| ruled.known.get(seq)).map_or(0, |fact| fact.delivery_count)
    }
}
