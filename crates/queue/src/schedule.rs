//! Messages that wait for their time.
//!
//! ```text
//!   due   │ 12:00:01.000  12:00:01.004  12:00:02.500 │ 12:00:17.000  12:03:00.000  12:04:00.000
//!         │ in memory     wanted        in memory    │ on disk       in memory     on disk
//!         └───────────── up to the horizon ──────────┘               only there
//! ```
//!
//! What the store has and is due after the horizon stays there. Up to the horizon everything is in memory or is being read,
//! so that it is there in time. The horizon is as far as there is room, and moves on when half of it is free again: that
//! is when one pass over the disk finds many of them side by side.
//!
//! What is due before it was read, as after a start, is late: it stays here until the same pass has brought it. Where
//! messages are taken one by one, each of them would cost a read.

use std::collections::{BTreeMap, BTreeSet};

use message::Message;

use crate::entry::{Entry, HELD_BYTES, Size};
use crate::known::INDEXED_BYTES;
use crate::room::{READ_BYTES_MIN, Room};
use crate::spot::Spot;

/// What it costs to hold a message by its place, beside what [`HELD_BYTES`] has.
const PLACED_BYTES: usize = 32;
/// So many wanted messages within so many places are worth a long read.
const DENSE: (usize, u64) = (32, 1024);

/// When a message is due, and its place.
type Due = (u64, Spot);

/// Behind all others.
const NEVER: Due = (u64::MAX, Spot::MAX);

/// The schedule of one queue.
#[derive(Debug)]
pub(crate) struct Schedule {
    dues: BTreeSet<Due>,
    /// Those that are due and wanted still.
    late: BTreeSet<Due>,
    warm: BTreeMap<Spot, Entry>,
    /// Those that are to be read.
    wanted: BTreeMap<Spot, Wanted>,
    /// What the warm ones take that the store does not have.
    kept_weight: usize,
    /// What the other warm ones take.
    weight: usize,
    /// What those will take that are wanted.
    wanted_weight: usize,
    /// Everything due before is in memory or wanted.
    horizon: Due,
}

#[derive(Clone, Copy, Debug)]
struct Wanted {
    size: Size,
    due_ms: u64,
}

/// A message whose time has come.
#[derive(Debug)]
pub(crate) struct Punctual {
    pub(crate) spot: Spot,
    /// `None` when only the store has it.
    pub(crate) entry: Option<Entry>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            dues: BTreeSet::new(),
            late: BTreeSet::new(),
            warm: BTreeMap::new(),
            wanted: BTreeMap::new(),
            kept_weight: 0,
            weight: 0,
            wanted_weight: 0,
            horizon: NEVER,
        }
    }
}

const fn weight_of(length: usize) -> usize {
    length + HELD_BYTES + PLACED_BYTES
}

impl Schedule {
    pub(crate) fn len(&self) -> usize {
        self.dues.len() + self.late.len()
    }

    /// Memory that is used.
    pub(crate) fn resident_bytes(&self) -> usize {
        let indexed = self.len() + 2 * self.wanted.len();
        self.kept_weight + self.weight + indexed * INDEXED_BYTES
    }

    /// Lets a message wait. If the store has it, memory need not.
    pub(crate) fn insert(&mut self, due_ms: u64, entry: Entry, room: &Room) {
        let spot = Spot::new(entry.lane(), entry.seq);
        self.dues.insert((due_ms, spot));
        if entry.is_stored() && (due_ms, spot) >= self.horizon {
            return;
        }
        self.insert_warm(spot, entry);
        self.shrink(room);
    }

    /// Lets a message wait that only the store has.
    pub(crate) fn insert_cold(&mut self, due_ms: u64, spot: Spot, size: Size) {
        self.dues.insert((due_ms, spot));
        if (due_ms, spot) < self.horizon {
            self.want(spot, Wanted { size, due_ms });
        }
    }

    /// Those from a time and a place on, by their times: when each is due, where it is, and what memory has of it. What is late
    /// comes among the others.
    pub(crate) fn iter_from(
        &self,
        from: (u64, u64),
    ) -> impl Iterator<Item = (u64, Spot, Option<&Entry>)> {
        let from = (from.0, Spot::from_bits(from.1));
        let (mut dues, mut late) =
            (self.dues.range(from..).peekable(), self.late.range(from..).peekable());
        std::iter::from_fn(move || {
            let is_late = match (dues.peek(), late.peek()) {
                (Some(due), Some(late)) => late < due,
                (due, _) => due.is_none(),
            };
            let &(due_ms, spot) = if is_late { late.next() } else { dues.next() }?;
            Some((due_ms, spot, self.warm.get(&spot)))
        })
    }

    /// When the next one is due.
    pub(crate) fn next_due_ms(&self) -> Option<u64> {
        self.dues.first().map(|&(due_ms, _)| due_ms)
    }

    /// Takes out one that is due by now.
    pub(crate) fn pop_due(&mut self, now_ms: u64) -> Option<Punctual> {
        let &(due_ms, spot) = self.dues.first().filter(|&&(due_ms, _)| due_ms <= now_ms)?;
        Some(self.remove(due_ms, spot))
    }

    /// Lets one wait on until it is read, which is due and which only the store has. Returns whether there is room for it.
    pub(crate) fn insert_late(&mut self, due_ms: u64, spot: Spot, size: Size, room: &Room) -> bool {
        let weight = self.weight + self.wanted_weight + weight_of(size.length as usize);
        if weight > room.scheduled_bytes {
            return false;
        }
        self.want(spot, Wanted { size, due_ms });
        self.late.insert((due_ms, spot))
    }

    /// Takes one out before its time.
    pub(crate) fn remove(&mut self, due_ms: u64, spot: Spot) -> Punctual {
        let due = (due_ms, spot);
        if !self.dues.remove(&due) {
            self.late.remove(&due);
        }
        self.unwant(spot);
        Punctual { spot, entry: self.take_warm(spot) }
    }

    /// Gives one its message, if it is wanted.
    pub(crate) fn fill(&mut self, spot: Spot, message: &Message) {
        let Some(&Wanted { due_ms, .. }) = self.wanted.get(&spot) else { return };
        if self.unwant(spot) {
            if self.late.remove(&(due_ms, spot)) {
                self.dues.insert((due_ms, spot));
            }
            let entry = Entry::read(spot.lane(), spot.seq(), message.detached());
            self.insert_warm(spot, entry);
        }
    }

    /// One that is wanted in these places, which the store does not have.
    pub(crate) fn lost(&self, from: Spot, end: Spot) -> Option<(u64, Spot)> {
        let (&spot, wanted) = self.wanted.range(from..end.max(from)).next()?;
        Some((wanted.due_ms, spot))
    }

    /// Whether something has to be read.
    pub(crate) fn wants_read(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Where to read next and how many bytes, in a lane of which `may_read` says that it can be.
    pub(crate) fn wanted_read(
        &self,
        room: &Room,
        may_read: impl Fn(u8) -> bool,
    ) -> Option<(Spot, usize)> {
        let mut from = Spot::new(0, 0);
        loop {
            let (&spot, _) = self.wanted.range(from..).next()?;
            if may_read(spot.lane()) {
                let (count, places) = DENSE;
                let last = self.wanted.range(spot..).nth(count - 1);
                let is_dense = last.is_some_and(|(last, _)| {
                    last.lane() == spot.lane() && last.seq() - spot.seq() <= places
                });
                let bytes = if is_dense { room.read_bytes() } else { READ_BYTES_MIN };
                return Some((spot, bytes));
            }
            from = spot.next_lane()?;
        }
    }

    /// Moves the horizon, nearer if there is too little room, and on if half of it is free.
    pub(crate) fn plan(&mut self, room: &Room, size_of: impl Fn(Spot) -> Option<Size>) {
        self.shrink(room);
        let room_bytes = room.scheduled_bytes;
        if self.horizon == NEVER || self.weight + self.wanted_weight > room_bytes / 2 {
            return;
        }
        // What the horizon passes takes room, except for what memory has to hold anyway.
        while let Some(&(due_ms, spot)) = self.dues.range(self.horizon..).next() {
            if !self.warm.contains_key(&spot)
                && let Some(size) = size_of(spot)
            {
                let weight = self.weight + self.wanted_weight + weight_of(size.length as usize);
                if weight > room_bytes {
                    return;
                }
                self.want(spot, Wanted { size, due_ms });
            }
            self.horizon = (due_ms, spot.after());
        }
        self.horizon = NEVER;
    }

    fn shrink(&mut self, room: &Room) {
        while self.weight + self.wanted_weight > room.scheduled_bytes {
            let Some(&due) = self.dues.range(..self.horizon).next_back() else { return };
            self.horizon = due;
            let (_, spot) = due;
            self.unwant(spot);
            if self.warm.get(&spot).is_some_and(Entry::is_stored) {
                self.take_warm(spot);
            }
        }
    }

    fn insert_warm(&mut self, spot: Spot, entry: Entry) {
        *self.weight_mut(entry.is_stored()) += weight_of(entry.message.len_bytes());
        self.warm.insert(spot, entry);
    }

    fn take_warm(&mut self, spot: Spot) -> Option<Entry> {
        let entry = self.warm.remove(&spot)?;
        *self.weight_mut(entry.is_stored()) -= weight_of(entry.message.len_bytes());
        Some(entry)
    }

    const fn weight_mut(&mut self, is_stored: bool) -> &mut usize {
        if is_stored { &mut self.weight } else { &mut self.kept_weight }
    }

    fn want(&mut self, spot: Spot, wanted: Wanted) {
        if self.wanted.insert(spot, wanted).is_none() {
            self.wanted_weight += weight_of(wanted.size.length as usize);
        }
    }

    fn unwant(&mut self, spot: Spot) -> bool {
        let Some(wanted) = self.wanted.remove(&spot) else { return false };
        self.wanted_weight -= weight_of(wanted.size.length as usize);
        true
    }

    /// Drops about `count` of them, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, mut count: usize) -> usize {
        while count > 0
            && (self.dues.pop_last().is_some()
                | self.late.pop_last().is_some()
                | self.warm.pop_last().is_some()
                | self.wanted.pop_last().is_some())
        {
            count -= 1;
        }
        count
    }
}
