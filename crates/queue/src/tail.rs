//! Messages that wait behind a full window, in order.
//!
//! ```text
//!   │ stored run: places, count, bytes │ kept message │ stored run … │
//! ```
//!
//! A stored run stands for all live messages that the store has in its places. The first run is always a stored one:
//! a kept message that comes first belongs into the window.

use std::cmp::Ordering;

use stdx::Line;

use crate::entry::{Entry, Size};
use crate::returned::Removed;

#[derive(Debug)]
enum Run {
    /// Messages that are in the store only.
    Stored { first_seq: u64, last_seq: u64, count: u64, bytes: u64 },
    /// A message that the store does not have.
    Kept(Entry),
}

impl Run {
    /// How it compares to a place.
    fn order(&self, seq: u64) -> Ordering {
        match self {
            Self::Stored { last_seq, .. } if *last_seq < seq => Ordering::Less,
            Self::Stored { first_seq, .. } if *first_seq > seq => Ordering::Greater,
            Self::Stored { .. } => Ordering::Equal,
            Self::Kept(entry) => entry.seq.cmp(&seq),
        }
    }
}

/// A part of the tail that is looked at.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// Places in which the store has messages, the first and the last one.
    Stored(u64, u64),
    Kept(&'a Entry),
}

/// The tail of one queue.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    runs: Line<Run>,
    count: u64,
    bytes: u64,
    kept_weight: usize,
    kept_count: usize,
}

impl Tail {
    /// How many messages there are.
    #[inline]
    pub(crate) const fn len(&self) -> u64 {
        self.count
    }

    /// Bytes of all bodies.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Memory that those take which the store does not have.
    pub(crate) const fn resident_bytes(&self) -> usize {
        self.kept_weight
    }

    pub(crate) const fn kept_len(&self) -> usize {
        self.kept_count
    }

    /// Adds a message behind all others.
    pub(crate) fn push(&mut self, entry: Entry) {
        let length = entry.body_len();
        if !entry.is_stored() {
            self.count += 1;
            self.bytes += length;
            self.kept_count += 1;
            self.kept_weight += entry.weight();
            self.runs.push_back(Run::Kept(entry));
        } else if let Some(Run::Stored { last_seq, count, bytes, .. }) = self.runs.back_mut() {
            *last_seq = entry.seq;
            *count += 1;
            *bytes += length;
            self.count += 1;
            self.bytes += length;
        } else {
            self.push_stored(entry.seq, entry.seq, 1, length);
        }
    }

    /// Adds messages that are in the store, all that it has in `first_seq..=last_seq`.
    pub(crate) fn push_stored(&mut self, first_seq: u64, last_seq: u64, count: u64, bytes: u64) {
        self.count += count;
        self.bytes += bytes;
        self.runs.push_back(Run::Stored { first_seq, last_seq, count, bytes });
    }

    /// The first place that has to be read.
    pub(crate) fn first_seq(&self) -> Option<u64> {
        match self.runs.front()? {
            Run::Stored { first_seq, .. } => Some(*first_seq),
            Run::Kept(_) => unreachable!("a kept message does not come first"),
        }
    }

    /// What there is from a place on: messages in memory, and places in which the store has some.
    pub(crate) fn pieces_from(&self, from_seq: u64) -> impl Iterator<Item = Piece<'_>> {
        let is_before = move |run: &Run| run.order(from_seq) == Ordering::Less;
        self.runs.iter_from(is_before).map(move |run| match run {
            Run::Stored { first_seq, last_seq, .. } => {
                Piece::Stored((*first_seq).max(from_seq), *last_seq)
            }
            Run::Kept(entry) => Piece::Kept(entry),
        })
    }

    /// The store gave a message. If it is the next one of the tail, it goes to `out`, and with it what comes before and
    /// after it and is in memory.
    pub(crate) fn take(&mut self, entry: Entry, out: &mut impl FnMut(Entry)) {
        let seq = entry.seq;
        self.skip(seq, out);
        let Some(Run::Stored { first_seq, last_seq, count, bytes }) = self.runs.front_mut() else {
            return;
        };
        if *first_seq != seq || *last_seq < seq {
            return;
        }
        *count -= 1;
        // What a restart has found is counted with its head.
        let body_len = if *count == 0 { *bytes } else { entry.body_len().min(*bytes) };
        *bytes -= body_len;
        self.count -= 1;
        self.bytes -= body_len;
        out(entry);
        self.skip(seq + 1, out);
    }

    /// The store has nothing below `next_seq` that it has not given. What was expected is gone: it was damaged, which was
    /// reported when it was found.
    pub(crate) fn skip(&mut self, next_seq: u64, out: &mut impl FnMut(Entry)) {
        while let Some(run) = self.runs.front_mut() {
            if let Run::Stored { first_seq, last_seq, count, bytes } = run {
                *first_seq = next_seq.max(*first_seq);
                if *count > 0 && first_seq <= last_seq {
                    return;
                }
                self.count -= *count;
                self.bytes -= *bytes;
            }
            if let Some(Run::Kept(entry)) = self.runs.pop_front() {
                self.forget_kept(&entry);
                out(entry);
            }
        }
    }

    /// Takes one out. Returns `None` when it is not here. What a restart has found is counted with its head.
    pub(crate) fn remove(&mut self, seq: u64, size: Size) -> Option<Removed> {
        let run = self.runs.find_mut(|run| run.order(seq))?;
        if let Run::Stored { count, bytes, .. } = run {
            *count = count.checked_sub(1)?;
            let body_len = if *count == 0 { *bytes } else { size.body_len().min(*bytes) };
            *bytes -= body_len;
            self.count -= 1;
            self.bytes -= body_len;
            return Some(Removed::Cold(size));
        }
        let Some(Run::Kept(entry)) = self.runs.remove(|run| run.order(seq)) else { return None };
        self.forget_kept(&entry);
        Some(Removed::Entry(entry))
    }

    fn forget_kept(&mut self, entry: &Entry) {
        self.count -= 1;
        self.bytes -= entry.body_len();
        self.kept_count -= 1;
        self.kept_weight -= entry.weight();
    }

    /// Drops some of it, for a queue that needs none any more. Returns how much went; 0 when nothing was left.
    pub(crate) fn drop_piece(&mut self) -> usize {
        self.runs.drop_piece()
    }
}
