//! Facts about single messages, and their own deadlines.
//!
//! Only messages with a deadline of their own, with a time before which they are not delivered, or with counts are in
//! here, from when they come until they are gone, wherever they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::Size;
use crate::facts::Facts;

/// What it costs to know something of a message.
const FACT_BYTES: usize = 64;
/// What it costs to find it by a time.
pub(crate) const INDEXED_BYTES: usize = 24;

/// Where a message is that something is known of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// In its lane, or with a consumer.
    Lane,
    /// In the schedule.
    Schedule,
    /// It was in the schedule, and is in its lane or with a consumer now. A read that finds its place in the tail must not
    /// take it for one of the tail's messages.
    Apart,
}

/// What is known of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fact {
    /// 0 for never.
    pub(crate) expires_at_ms: u64,
    /// 0 for no such time.
    pub(crate) deliver_at_ms: u64,
    pub(crate) delivery_count: u32,
    pub(crate) acquired_count: u32,
    /// The two parts of a [`Size`] lie apart to save room.
    pub(crate) length: u32,
    pub(crate) head: u16,
    pub(crate) lane: u8,
    pub(crate) whereabouts: Whereabouts,
}

impl Fact {
    /// Nothing is known yet of a message.
    pub(crate) const fn new(lane: u8, size: Size) -> Self {
        Self {
            expires_at_ms: 0,
            deliver_at_ms: 0,
            delivery_count: 0,
            acquired_count: 0,
            length: size.length,
            head: size.head(),
            lane,
            whereabouts: Whereabouts::Lane,
        }
    }

    pub(crate) fn of(facts: &Facts) -> Self {
        let size = Size::with_body(facts.length, facts.body_len);
        let Facts { expires_at_ms, deliver_at_ms, delivery_count, acquired_count, .. } = *facts;
        let counted = Self { delivery_count, acquired_count, ..Self::new(facts.lane, size) };
        Self { expires_at_ms, deliver_at_ms, ..counted }
    }

    pub(crate) fn facts(&self, seq: u64) -> Facts {
        Facts {
            lane: self.lane,
            seq,
            length: self.length,
            body_len: self.size().body_len() as u32,
            expires_at_ms: self.expires_at_ms,
            deliver_at_ms: self.deliver_at_ms,
            delivery_count: self.delivery_count,
            acquired_count: self.acquired_count,
        }
    }

    pub(crate) const fn size(&self) -> Size {
        Size::new(self.length, self.head)
    }
}

/// All that is known.
#[derive(Debug, Default)]
pub(crate) struct Known {
    facts: BTreeMap<u64, Fact>,
    /// The own deadlines of those that no consumer has.
    deadlines: BTreeSet<(u64, u64)>,
}

impl Known {
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Memory that is used.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.facts.len() * FACT_BYTES + self.deadlines.len() * INDEXED_BYTES
    }

    /// Learns something of a message that no consumer has.
    pub(crate) fn learn(&mut self, seq: u64, fact: Fact) {
        self.facts.insert(seq, fact);
        self.watch(seq);
    }

    /// The fact about a message, and if there is none, a fresh one.
    pub(crate) fn get_or_insert(&mut self, seq: u64, lane: u8, size: Size) -> &mut Fact {
        self.facts.entry(seq).or_insert_with(|| Fact::new(lane, size))
    }

    pub(crate) fn get(&self, seq: u64) -> Option<&Fact> {
        self.facts.get(&seq)
    }

    pub(crate) fn get_mut(&mut self, seq: u64) -> Option<&mut Fact> {
        self.facts.get_mut(&seq)
    }

    /// All messages that something is known of.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Fact)> {
        self.facts.iter().map(|(&seq, fact)| (seq, fact))
    }

    /// A message is back from its consumer: its deadline counts.
    pub(crate) fn watch(&mut self, seq: u64) {
        if let Some(fact) = self.facts.get(&seq).filter(|fact| fact.expires_at_ms != 0) {
            self.deadlines.insert((fact.expires_at_ms, seq));
        }
    }

    /// A consumer takes a message: its deadline does not count as long as it is there.
    pub(crate) fn unwatch(&mut self, seq: u64) -> Option<&Fact> {
        let fact = self.facts.get(&seq)?;
        if fact.expires_at_ms != 0 {
            self.deadlines.remove(&(fact.expires_at_ms, seq));
        }
        Some(fact)
    }

    /// A message is gone.
    pub(crate) fn forget(&mut self, seq: u64) -> Option<Fact> {
        let fact = self.facts.remove(&seq)?;
        if fact.expires_at_ms != 0 {
            self.deadlines.remove(&(fact.expires_at_ms, seq));
        }
        Some(fact)
    }

    /// How often a message has failed and how often it came back. It is gone after this unless `stays`.
    pub(crate) fn counts(&mut self, seq: u64, stays: bool) -> (u32, u32) {
        if self.facts.is_empty() {
            return (0, 0);
        }
        let fact = if stays { self.facts.get(&seq).copied() } else { self.forget(seq) };
        fact.map_or((0, 0), |fact| (fact.delivery_count, fact.acquired_count))
    }

    /// When the next one expires.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.deadlines.first().map(|&(at_ms, _)| at_ms)
    }

    /// One that has expired by now.
    pub(crate) fn expired(&self, now_ms: u64) -> Option<u64> {
        self.deadlines.first().filter(|&&(at_ms, _)| at_ms <= now_ms).map(|&(_, seq)| seq)
    }

    /// Moves those to `to` that `is_kept` says.
    pub(crate) fn retain_into(&mut self, to: &mut Self, is_kept: impl Fn(u64) -> bool) {
        let kept: Vec<u64> = self.facts.keys().copied().filter(|&seq| is_kept(seq)).collect();
        for seq in kept {
            if let Some(fact) = self.forget(seq) {
                to.facts.insert(seq, fact);
            }
        }
    }

    /// Drops about `count` facts, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, mut count: usize) -> usize {
        while count > 0 && (self.facts.pop_last().is_some() | self.deadlines.pop_last().is_some()) {
            count -= 1;
        }
        count
    }
}
