//! Messages of one lane that wait for a consumer, in order.
//!
//! ```text
//!   returned           window                      tail
//!  ┌──────────┐  ┌──────────────────┐  ┌──────────────────────────────┐
//!  │ by place │→ │ in memory        │→ │ stored run │ kept │ stored … │← enqueue
//!  └──────────┘  └──────────────────┘  └──────────────────────────────┘
//!   given back     what is dispatched    counted, not held: it is read from the
//!   by consumers   next                  store before the window runs dry
//! ```
//!
//! Every place in the window is lower than every one in the tail. What was given back had been dispatched, in order, and is
//! lower still; what had waited for its time comes first as well, whatever its place. As long as consumers keep up, the
//! tail is empty and nothing is read from a disk.

use message::Message;
use stdx::Line;

use crate::entry::{Entry, HELD_BYTES, Size};
use crate::returned::{Removed, Returned};
use crate::room::{READ_BYTES_MIN, Room};
use crate::tail::{Piece, Tail};

/// A read that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) from_seq: u64,
    /// What was enqueued later is not what it is about.
    pub(crate) end_seq: u64,
}

/// The waiting messages of one lane.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) returned: Returned,
    window: Line<Entry>,
    /// What it takes to hold the window.
    window_weight: usize,
    /// Bytes of its bodies.
    window_bytes: u64,
    tail: Tail,
    pub(crate) reading: Option<Reading>,
}

impl Lane {
    #[inline]
    pub(crate) fn len(&self) -> u64 {
        (self.returned.len() + self.window.len()) as u64 + self.tail.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all bodies, wherever they are.
    pub(crate) fn bytes(&self) -> u64 {
        self.returned.bytes() + self.window_bytes + self.tail.bytes()
    }

    /// Whether something can be dispatched without a read.
    #[inline]
    pub(crate) fn has_next(&self) -> bool {
        if self.returned.is_empty() { !self.window.is_empty() } else { self.returned.has_next() }
    }

    /// Whether a read that began there tells all about the tail, from its beginning on.
    pub(crate) fn begins_tail(&self, from_seq: u64) -> bool {
        self.tail.first_seq().is_none_or(|first_seq| from_seq <= first_seq)
    }

    /// Whether the first of those that no consumer has had lies on disk only.
    pub(crate) fn is_line_cold(&self) -> bool {
        self.window.is_empty() && self.tail.len() > 0
    }

    /// The first one in memory of those that no consumer has had.
    pub(crate) fn line_front(&self) -> Option<&Entry> {
        self.window.front()
    }

    /// Memory that is used.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.returned.resident_bytes() + self.window_weight + self.tail.resident_bytes()
    }

    /// How many are in memory.
    pub(crate) fn warm_len(&self) -> usize {
        self.returned.warm_len() + self.window.len() + self.tail.kept_len()
    }

    /// The first message, if it is in memory.
    pub(crate) fn front(&self) -> Option<&Entry> {
        if self.returned.is_empty() { self.window.front() } else { self.returned.front() }
    }

    /// Those in memory of the window from a place on.
    pub(crate) fn line_from(&self, from_seq: u64) -> impl Iterator<Item = &Entry> {
        self.window.iter_from(move |entry| entry.seq < from_seq)
    }

    /// What the tail has from a place on.
    pub(crate) fn tail_from(&self, from_seq: u64) -> impl Iterator<Item = Piece<'_>> {
        self.tail.pieces_from(from_seq)
    }

    /// Whether a message that the store has belongs to the tail by its place.
    pub(crate) fn is_in_tail(&self, seq: u64) -> bool {
        let piece = self.tail.pieces_from(seq).next();
        let is_stored =
            matches!(piece, Some(Piece::Stored(first, last)) if first <= seq && seq <= last);
        is_stored && !self.returned.contains(seq)
    }

    /// Bytes of the messages that are in memory.
    pub(crate) fn message_bytes(&self) -> usize {
        self.returned.weight() + self.window_weight + self.tail.resident_bytes()
            - self.warm_len() * HELD_BYTES
    }

    /// Adds a message behind all others.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry, room: &Room) {
        let is_full = self.window_weight >= room.window_bytes;
        if self.tail.len() == 0 && !(is_full && entry.is_stored()) {
            self.window_weight += entry.weight();
            self.window_bytes += entry.body_len();
            self.window.push_back(entry);
        } else {
            self.tail.push(entry);
        }
    }

    /// Adds messages behind all others that only memory holds: so much it takes to hold them, and so many bytes are their bodies.
    #[inline]
    pub(crate) fn extend(
        &mut self,
        entries: impl Iterator<Item = Entry>,
        weight: usize,
        bytes: u64,
    ) {
        if self.tail.len() == 0 {
            self.window_weight += weight;
            self.window_bytes += bytes;
            self.window.extend(entries);
        } else {
            entries.for_each(|entry| self.tail.push(entry));
        }
    }

    /// Takes over what the store recovered: `count` messages in the places `first_seq..=last_seq`.
    pub(crate) fn recover(&mut self, first_seq: u64, last_seq: u64, count: u64, bytes: u64) {
        assert!(self.is_empty(), "a queue recovers before it is used");
        if count > 0 {
            self.tail.push_stored(first_seq, last_seq, count, bytes);
        }
    }

    /// Puts a message back at its old place.
    pub(crate) fn put_back(&mut self, entry: Entry, room: &Room) {
        if entry.is_stored() && self.returned.weight() >= room.window_bytes {
            self.returned.insert_cold(entry.seq, entry.size(), entry.is_redelivered());
        } else {
            self.returned.insert_warm(entry);
        }
    }

    /// Puts a message back that only the store has.
    pub(crate) fn put_back_cold(&mut self, seq: u64, size: Size, is_redelivered: bool) {
        self.returned.insert_cold(seq, size, is_redelivered);
    }

    /// Takes the first message, if it is in memory.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        if self.returned.is_empty() { self.pop_line() } else { self.returned.pop() }
    }

    /// Takes the first message that no consumer has had, if it is in memory.
    #[inline]
    pub(crate) fn pop_line(&mut self) -> Option<Entry> {
        // What is looked at before it is taken is not copied once more.
        let entry = self.window.front()?;
        self.window_weight -= entry.weight();
        self.window_bytes -= entry.body_len();
        self.window.pop_front()
    }

    /// Takes the first messages that no consumer has had and that lie in memory together, at most `limit` and as long as
    /// somebody `wants` the next one. What `hand_over` makes of them goes into `list`. Returns how many they were, and what it took to
    /// hold those that only memory held.
    #[inline]
    pub(crate) fn take_line<T>(
        &mut self,
        limit: usize,
        mut wants: impl FnMut(&Entry) -> bool,
        list: &mut Vec<T>,
        hand_over: impl FnMut(Entry) -> T,
    ) -> (usize, usize) {
        let (mut count, mut weight, mut bytes, mut unstored_weight) = (0, 0, 0, 0);
        let wanted = self.window.first_piece().take(limit).take_while(|entry| wants(entry));
        for entry in wanted {
            count += 1;
            weight += entry.weight();
            bytes += entry.body_len();
            unstored_weight += entry.unstored_weight();
        }
        self.window_weight -= weight;
        self.window_bytes -= bytes;
        self.window.drain_front(count, list, hand_over);
        (count, unstored_weight)
    }

    /// Where to read next and how many bytes, when what is in memory runs low.
    pub(crate) fn wanted_read(&self, room: &Room) -> Option<(u64, usize)> {
        let low_bytes = room.window_bytes / 2;
        let is_cold_due = !self.returned.has_next() || self.returned.weight() < low_bytes;
        let first_cold = self.returned.first_cold(room.read_bytes());
        match first_cold.filter(|_| is_cold_due) {
            Some((from_seq, bytes)) => Some((from_seq, bytes.max(READ_BYTES_MIN))),
            None if self.window.is_empty() || self.window_weight < low_bytes => {
                Some((self.tail.first_seq()?, room.read_bytes()))
            }
            None => None,
        }
    }

    /// Whether so much is in memory that what comes behind it need not be.
    pub(crate) fn has_plenty(&self, room: &Room) -> bool {
        self.window_weight + self.returned.weight() >= room.window_bytes / 2
    }

    /// Takes one message that a read brought, if it is one of the tail.
    pub(crate) fn load(&mut self, lane: u8, seq: u64, message: Message) {
        let Self { window, window_weight, window_bytes, tail, .. } = self;
        tail.take(Entry::read(lane, seq, message), &mut |entry| {
            *window_weight += entry.weight();
            *window_bytes += entry.body_len();
            window.push_back(entry);
        });
    }

    /// Takes a message out, wherever it is.
    pub(crate) fn remove(&mut self, seq: u64, size: Size) -> Option<Removed> {
        if let Some(removed) = self.returned.remove(seq) {
            return Some(removed);
        }
        if let Some(entry) = self.window.remove(|entry| entry.seq.cmp(&seq)) {
            self.window_weight -= entry.weight();
            self.window_bytes -= entry.body_len();
            return Some(Removed::Entry(entry));
        }
        let removed = self.tail.remove(seq, size);
        // What only memory has may come first in the tail now.
        self.skip(0);
        removed
    }

    /// The store has nothing in the tail before `next_seq` that it has not given.
    pub(crate) fn skip(&mut self, next_seq: u64) {
        let Self { window, window_weight, window_bytes, tail, .. } = self;
        tail.skip(next_seq, &mut |entry| {
            *window_weight += entry.weight();
            *window_bytes += entry.body_len();
            window.push_back(entry);
        });
    }

    /// Takes everything out. A read that is under way brings nothing that is still wanted, and must not be taken for the
    /// next one.
    pub(crate) fn clear(&mut self) -> Self {
        let reading = self.reading;
        std::mem::replace(self, Self { reading, ..Self::default() })
    }

    /// Drops about `count` messages, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, mut count: usize) -> usize {
        while count > 0 && self.returned.drop_one() {
            count -= 1;
        }
        while count > 0 {
            let dropped = match self.window.drop_piece() {
                0 => self.tail.drop_piece(),
                dropped => dropped,
            };
            if dropped == 0 {
                break;
            }
            count = count.saturating_sub(dropped);
        }
        count
    }
}
