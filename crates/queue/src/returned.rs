//! Messages that consumers gave back, by their places.
//!
//! ```text
//!   place    3      7      8      12
//!            warm   cold   cold   warm        cold: in the store only, to be read before it is dispatched
//! ```

use std::collections::BTreeMap;

use message::Message;

use crate::entry::{Entry, REMEMBERED_BYTES, Size};

/// A message that came back and is in the store only.
#[derive(Clone, Copy, Debug)]
struct Cold {
    size: Size,
    is_redelivered: bool,
}

/// A message that was taken out of the middle.
#[derive(Debug)]
pub(crate) enum Removed {
    /// It was in memory.
    Entry(Entry),
    /// Only the store has it.
    Cold(Size),
}

/// The messages that came back.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    warm: BTreeMap<u64, Entry>,
    cold: BTreeMap<u64, Cold>,
    /// What it takes to hold the warm ones.
    weight: usize,
    /// Bytes of all bodies.
    bytes: u64,
}

impl Returned {
    pub(crate) fn len(&self) -> usize {
        self.warm.len() + self.cold.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.warm.is_empty() && self.cold.is_empty()
    }

    /// Bytes of all bodies.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Memory that the warm ones take.
    pub(crate) const fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn warm_len(&self) -> usize {
        self.warm.len()
    }

    /// Memory that all of them take.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.weight + self.cold.len() * REMEMBERED_BYTES
    }

    pub(crate) fn insert_warm(&mut self, entry: Entry) {
        self.bytes += entry.body_len();
        self.weight += entry.weight();
        let before = self.warm.insert(entry.seq, entry);
        assert!(before.is_none(), "a place holds one message");
    }

    pub(crate) fn insert_cold(&mut self, seq: u64, size: Size, is_redelivered: bool) {
        self.bytes += size.body_len();
        let before = self.cold.insert(seq, Cold { size, is_redelivered });
        assert!(before.is_none(), "a place holds one message");
    }

    /// Whether the first one is in memory.
    pub(crate) fn has_next(&self) -> bool {
        match (self.warm.first_key_value(), self.cold.first_key_value()) {
            (Some((warm, _)), Some((cold, _))) => warm < cold,
            (warm, _) => warm.is_some(),
        }
    }

    /// Whether the first one is on disk only.
    pub(crate) fn is_cold(&self) -> bool {
        !self.is_empty() && !self.has_next()
    }

    /// The first one, if it is in memory.
    pub(crate) fn front(&self) -> Option<&Entry> {
        self.warm.values().next().filter(|_| self.has_next())
    }

    /// Takes the first one, if it is in memory.
    pub(crate) fn pop(&mut self) -> Option<Entry> {
        if !self.has_next() {
            return None;
        }
        let (_, entry) = self.warm.pop_first()?;
        self.bytes -= entry.body_len();
        self.weight -= entry.weight();
        Some(entry)
    }

    /// The first one that has to be read, and how many bytes it and its neighbours have, up to `bytes_max`.
    pub(crate) fn first_cold(&self, bytes_max: usize) -> Option<(u64, usize)> {
        let (&first, _) = self.cold.first_key_value()?;
        let mut bytes = 0;
        for (wanted, (&seq, cold)) in (first..).zip(&self.cold) {
            if seq != wanted || bytes >= bytes_max {
                break;
            }
            bytes += cold.size.length as usize;
        }
        Some((first, bytes.min(bytes_max)))
    }

    /// Whether it is one of these.
    pub(crate) fn contains(&self, seq: u64) -> bool {
        self.warm.contains_key(&seq) || self.cold.contains_key(&seq)
    }

    /// Those that are in memory.
    pub(crate) fn warm(&self) -> impl Iterator<Item = &Entry> {
        self.warm.values()
    }

    /// Those from a place on: where each is, the message if memory has it, and whether it was delivered before.
    pub(crate) fn iter_from(
        &self,
        from_seq: u64,
    ) -> impl Iterator<Item = (u64, Option<&Entry>, bool)> {
        let mut warm = self.warm.range(from_seq..).peekable();
        let mut cold = self.cold.range(from_seq..).peekable();
        std::iter::from_fn(move || {
            let is_cold = match (warm.peek(), cold.peek()) {
                (Some((warm, _)), Some((cold, _))) => cold < warm,
                (warm, _) => warm.is_none(),
            };
            if is_cold {
                let (&seq, cold) = cold.next()?;
                Some((seq, None, cold.is_redelivered))
            } else {
                let (&seq, entry) = warm.next()?;
                Some((seq, Some(entry), entry.is_redelivered()))
            }
        })
    }

    /// Takes one out, wherever it is.
    pub(crate) fn remove(&mut self, seq: u64) -> Option<Removed> {
        if let Some(entry) = self.warm.remove(&seq) {
            self.bytes -= entry.body_len();
            self.weight -= entry.weight();
            return Some(Removed::Entry(entry));
        }
        let cold = self.cold.remove(&seq)?;
        self.bytes -= cold.size.body_len();
        Some(Removed::Cold(cold.size))
    }

    /// Gives a cold one its message, and says so. `None` when there is no such one.
    pub(crate) fn fill(&mut self, lane: u8, seq: u64, message: &Message) -> Option<&Entry> {
        let Cold { size, is_redelivered } = self.cold.remove(&seq)?;
        self.bytes -= size.body_len();
        // What was read along may be taken long before, and should not keep this one's neighbours in memory.
        let entry = Entry::read(lane, seq, message.detached()).redelivered(is_redelivered);
        self.insert_warm(entry);
        self.warm.get(&seq)
    }

    /// Forgets the cold ones in `from..end`: the store does not have them. Each is told to `out`.
    pub(crate) fn forget_cold(&mut self, from: u64, end: u64, mut out: impl FnMut(u64)) {
        while let Some((&seq, _)) = self.cold.range(from..end.max(from)).next() {
            let cold = self.cold.remove(&seq).expect("it was found");
            self.bytes -= cold.size.body_len();
            out(seq);
        }
    }

    /// Drops one of them, of a queue that needs none any more. Returns whether there was one.
    pub(crate) fn drop_one(&mut self) -> bool {
        self.warm.pop_last().is_some() || self.cold.pop_last().is_some()
    }
}
