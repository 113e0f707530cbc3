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

use std::collections::{BTreeMap, VecDeque};

use crate::entry::Entry;

/// How many bytes of stored messages a queue keeps in memory ahead of demand. What comes later stays on disk.
pub const WINDOW_RESIDENT_BYTES: usize = 4 * 1024 * 1024;
/// The same bound by number, for tiny messages.
const WINDOW_RESIDENT_COUNT: usize = 32 * 1024;
/// One read asks for this much.
const READ_BYTES: usize = 1024 * 1024;

/// What a queue wants from the store: its live messages from a place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailRequest {
    /// The first place wanted.
    pub from_seq: u64,
    /// How many bytes are wanted, about.
    pub bytes_max: usize,
}

#[derive(Debug)]
enum Run {
    /// Messages that are in the store only.
    Stored { first_seq: u64, last_seq: u64, count: u64 },
    /// A message that the store does not have.
    Kept(Entry),
}

/// The waiting messages of one queue.
#[derive(Debug, Default)]
pub(crate) struct Ready {
    returned: BTreeMap<u64, Entry>,
    window: VecDeque<Entry>,
    window_bytes: usize,
    tail: VecDeque<Run>,
    tail_count: u64,
    /// Bytes of the tail that are held in memory, because the store does not have them.
    kept_bytes: usize,
    is_reading: bool,
}

impl Ready {
    pub(crate) fn len(&self) -> u64 {
        self.returned.len() as u64 + self.window.len() as u64 + self.tail_count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.window.is_empty() && self.tail_count == 0
    }

    /// Whether something can be dispatched without a read.
    pub(crate) fn has_next(&self) -> bool {
        !self.window.is_empty() || !self.returned.is_empty()
    }

    /// Bytes of messages held in memory.
    pub(crate) const fn resident_bytes(&self) -> usize {
        self.window_bytes + self.kept_bytes
    }

    /// Adds a message behind all others.
    pub(crate) fn push(&mut self, entry: Entry) {
        let is_full = self.window_bytes >= WINDOW_RESIDENT_BYTES
            || self.window.len() >= WINDOW_RESIDENT_COUNT;
        if self.tail_count == 0 && !(is_full && entry.is_stored) {
            self.window_bytes += entry.message.len_bytes();
            self.window.push_back(entry);
            return;
        }
        self.tail_count += 1;
        if !entry.is_stored {
            self.kept_bytes += entry.message.len_bytes();
            self.tail.push_back(Run::Kept(entry));
        } else if let Some(Run::Stored { last_seq, count, .. }) = self.tail.back_mut() {
            *last_seq = entry.seq;
            *count += 1;
        } else {
            let seq = entry.seq;
            self.tail.push_back(Run::Stored { first_seq: seq, last_seq: seq, count: 1 });
        }
    }

    /// Takes over what the store recovered: `count` messages in the places `first_seq..=last_seq`.
    pub(crate) fn recover(&mut self, first_seq: u64, last_seq: u64, count: u64) {
        assert!(self.is_empty(), "a queue recovers before it is used");
        if count > 0 {
            self.tail.push_back(Run::Stored { first_seq, last_seq, count });
            self.tail_count = count;
        }
    }

    /// Puts a message back at its old place.
    pub(crate) fn put_back(&mut self, entry: Entry) {
        self.window_bytes += entry.message.len_bytes();
        let before = self.returned.insert(entry.seq, entry);
        assert!(before.is_none(), "a place holds one message");
    }

    /// Takes the first message, if it is in memory.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        let entry = if self.returned.is_empty() {
            self.window.pop_front()?
        } else {
            self.returned.pop_first()?.1
        };
        self.window_bytes -= entry.message.len_bytes();
        Some(entry)
    }

    /// What to read, when the window runs low and no read is under way. The caller must then call
    /// [`Ready::loaded`] some time.
    pub(crate) fn poll_tail_request(&mut self) -> Option<TailRequest> {
        if self.is_reading || self.window_bytes >= WINDOW_RESIDENT_BYTES / 2 {
            return None;
        }
        self.pull_kept();
        let Some(&Run::Stored { first_seq, .. }) = self.tail.front() else { return None };
        self.is_reading = true;
        Some(TailRequest { from_seq: first_seq, bytes_max: READ_BYTES })
    }

    /// Takes what a read brought, in order. The store has nothing live between the last of `entries` and
    /// `next_seq`.
    pub(crate) fn loaded(&mut self, entries: impl Iterator<Item = Entry>, next_seq: u64) {
        self.is_reading = false;
        let Some(Run::Stored { first_seq, last_seq, count }) = self.tail.front_mut() else {
            return;
        };
        let mut taken = 0;
        for entry in entries.filter(|entry| entry.seq >= *first_seq && entry.seq <= *last_seq) {
            self.window_bytes += entry.message.len_bytes();
            self.window.push_back(entry);
            taken += 1;
        }
        assert!(taken <= *count, "the store gave back more than it was given");
        *count -= taken;
        self.tail_count -= taken;
        *first_seq = next_seq.max(*first_seq);
        // What the store cannot give (a damaged record) is gone: it was reported when it was found.
        if *count == 0 || *first_seq > *last_seq {
            self.tail_count -= *count;
            self.tail.pop_front();
        }
        self.pull_kept();
    }

    /// Removes everything. Returns how many there were.
    pub(crate) fn clear(&mut self) -> u64 {
        let count = self.len();
        // A read that is under way brings nothing that is still wanted, and must not be taken for the next one.
        *self = Self { is_reading: self.is_reading, ..Self::default() };
        count
    }

    fn pull_kept(&mut self) {
        while let Some(Run::Kept(_)) = self.tail.front() {
            let Some(Run::Kept(entry)) = self.tail.pop_front() else { return };
            self.tail_count -= 1;
            self.kept_bytes -= entry.message.len_bytes();
            self.window_bytes += entry.message.len_bytes();
            self.window.push_back(entry);
        }
    }
}
