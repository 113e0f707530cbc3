//! Messages that wait for a consumer, in order.
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
//! Every place in `returned` is lower than every place in the window, and those are lower than the tail's: what
//! was given back had been dispatched, and dispatch goes in order. As long as consumers keep up, the tail is empty
//! and nothing is read from a disk.

use message::Message;
use stdx::Line;

use crate::entry::{Entry, HELD_BYTES};
use crate::returned::Returned;
use crate::room::{READ_BYTES_MIN, Room};
use crate::tail::Tail;
use crate::unsettled::Released;

/// What a queue wants from the store: its live messages from a place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailRequest {
    /// The first place wanted.
    pub from_seq: u64,
    /// How many bytes are wanted, about.
    pub bytes_max: usize,
}

/// A read that is under way.
#[derive(Clone, Copy, Debug)]
struct Reading {
    from_seq: u64,
    /// What was enqueued later is not what it is about.
    end_seq: u64,
}

/// The waiting messages of one queue.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    returned: Returned,
    window: Line<Entry>,
    /// What it takes to hold the window.
    window_weight: usize,
    tail: Tail,
    /// What it takes to hold those messages that only memory holds.
    unstored_weight: usize,
    reading: Option<Reading>,
}

impl Ready {
    pub(crate) fn len(&self) -> u64 {
        (self.returned.len() + self.window.len()) as u64 + self.tail.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all messages, wherever they are.
    pub(crate) fn bytes(&self) -> u64 {
        let window_bytes = self.window_weight - self.window.len() * HELD_BYTES;
        self.returned.bytes() + window_bytes as u64 + self.tail.bytes()
    }

    /// Whether something can be dispatched without a read.
    pub(crate) fn has_next(&self) -> bool {
        if self.returned.is_empty() { !self.window.is_empty() } else { self.returned.has_next() }
    }

    /// Memory that is used.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.returned.resident_bytes() + self.window_weight + self.tail.resident_bytes()
    }

    /// Bytes of the messages that are in memory.
    pub(crate) fn message_bytes(&self) -> usize {
        let held = self.returned.warm_len() + self.window.len() + self.tail.kept_len();
        self.returned.weight() + self.window_weight + self.tail.resident_bytes() - held * HELD_BYTES
    }

    /// Memory of those messages that only memory holds.
    pub(crate) const fn unstored_weight(&self) -> usize {
        self.unstored_weight
    }

    /// Adds a message behind all others.
    pub(crate) fn push(&mut self, entry: Entry, room: &Room) {
        self.unstored_weight += entry.unstored_weight();
        let is_full = self.window_weight >= room.window_bytes;
        if self.tail.len() == 0 && !(is_full && entry.is_stored) {
            self.window_weight += entry.weight();
            self.window.push_back(entry);
        } else {
            self.tail.push(entry);
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
    pub(crate) fn put_back(&mut self, released: Released, room: &Room) {
        let Released { seq, length, is_stored, message, .. } = released;
        match message {
            Some(message) if !is_stored || self.returned.weight() < room.window_bytes => {
                let entry =
                    Entry { seq, message, is_stored, is_redelivered: true, was_read: false };
                self.unstored_weight += entry.unstored_weight();
                self.returned.insert_warm(entry);
            }
            _ => self.returned.insert_cold(seq, length),
        }
    }

    /// Takes the first message, if it is in memory.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = if self.returned.is_empty() {
            let entry = self.window.pop_front()?;
            self.window_weight -= entry.weight();
            entry
        } else {
            self.returned.pop()?
        };
        self.unstored_weight -= entry.unstored_weight();
        Some(entry)
    }

    /// What to read, when what is in memory runs low and no read is under way. The caller must then call
    /// [`Ready::loaded`] some time. `end_seq` is above every place.
    pub(crate) fn poll_tail_request(&mut self, end_seq: u64, room: &Room) -> Option<TailRequest> {
        if self.reading.is_some() {
            return None;
        }
        let low_bytes = room.window_bytes / 2;
        let is_cold_due = !self.returned.has_next() || self.returned.weight() < low_bytes;
        let first_cold = self.returned.first_cold(room.read_bytes());
        let (from_seq, bytes_max) = match first_cold.filter(|_| is_cold_due) {
            Some((from_seq, bytes)) => (from_seq, bytes.max(READ_BYTES_MIN)),
            None if self.window.is_empty() || self.window_weight < low_bytes => {
                (self.tail.first_seq()?, room.read_bytes())
            }
            None => return None,
        };
        self.reading = Some(Reading { from_seq, end_seq });
        Some(TailRequest { from_seq, bytes_max })
    }

    /// Takes what a read brought, in order. The store has nothing live between the last of `messages` and
    /// `next_seq`; if that is where the read began, it has nothing live from there on.
    pub(crate) fn loaded(&mut self, messages: impl Iterator<Item = (u64, Message)>, next_seq: u64) {
        let Some(reading) = self.reading.take() else { return };
        let Self { returned, window, window_weight, tail, .. } = self;
        let mut add = |entry: Entry| {
            *window_weight += entry.weight();
            window.push_back(entry);
        };
        for (seq, message) in messages {
            if !returned.fill(seq, &message) {
                tail.take(Entry::read(seq, message), &mut add);
            }
        }
        let is_nothing = next_seq <= reading.from_seq;
        let next_seq = if is_nothing { reading.end_seq } else { next_seq };
        returned.forget_cold(reading.from_seq, next_seq);
        tail.skip(next_seq, &mut add);
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
