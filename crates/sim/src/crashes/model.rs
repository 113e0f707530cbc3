//! What stores should hold, and what a crash may make of it.
//!
//! The model of one shard is the list of what was asked of it. A crash may forget the end of that list, never more
//! than what was not reported synced, and never anything in the middle: what recovery finds must be the state
//! after *some* prefix of the list that reaches at least to the last ticket that was reported synced.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use store::{QueueId, Store, Ticket};

/// The bytes of a message, as far as they have to be remembered to know them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) length: u32,
    hash: u64,
    /// It need not survive a restart, and does not.
    pub(crate) is_spilled: bool,
}

impl Body {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Self { length: bytes.len() as u32, hash: hasher.finish(), is_spilled: false }
    }

    pub(super) const fn spilled(self) -> Self {
        Self { is_spilled: true, ..self }
    }
}

/// What was asked of a store.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Enqueue { queue: QueueId, seq: u64, body: Body },
    Settle { queue: QueueId, seq: u64 },
    Purge { queue: QueueId, keep: Vec<u64> },
    Forget { queue: QueueId },
    Note,
}

/// The messages of a queue that are not settled.
pub(super) type Live = BTreeMap<u64, Body>;

/// What a store should hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) live: BTreeMap<QueueId, Live>,
    pub(super) notes: u64,
}

impl State {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Enqueue { queue, seq, body } => {
                self.live.entry(*queue).or_default().insert(*seq, *body);
            }
            Step::Settle { queue, seq } => self.retain(*queue, |other| other != *seq),
            Step::Purge { queue, keep } => self.retain(*queue, |other| keep.contains(&other)),
            Step::Forget { queue } => drop(self.live.remove(queue)),
            Step::Note => self.notes += 1,
        }
    }

    /// Whether this is what a restart finds of the state.
    fn is_found_as(&self, found: &Self) -> bool {
        let is_kept = |(_, body): &(&u64, &Body)| !body.is_spilled;
        let kept = self.live.iter().filter(|(_, live)| live.iter().any(|entry| is_kept(&entry)));
        let mut found_live = found.live.iter();
        let is_same = kept.into_iter().all(|(queue, live)| {
            found_live.next().is_some_and(|(other, found)| {
                queue == other && live.iter().filter(is_kept).eq(found.iter())
            })
        });
        is_same && found_live.next().is_none() && self.notes == found.notes
    }

    fn retain(&mut self, queue: QueueId, keep: impl Fn(u64) -> bool) {
        if let Some(live) = self.live.get_mut(&queue) {
            live.retain(|seq, _| keep(*seq));
            if live.is_empty() {
                self.live.remove(&queue);
            }
        }
    }
}

/// The model of one shard: the state that is surely on disk, and what was asked since.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) surely: State,
    pub(super) current: State,
    since: Vec<(Step, Option<Ticket>)>,
    /// How often what is surely on disk became more.
    pub(super) generation: u64,
}

impl Model {
    /// A model of a store that was found to hold this.
    pub(super) fn found(state: State) -> Self {
        Self { surely: state.clone(), current: state, since: Vec::new(), generation: 0 }
    }

    pub(super) fn push(&mut self, step: Step, ticket: Option<Ticket>) {
        self.current.apply(&step);
        self.since.push((step, ticket));
    }

    /// What was reported synced can not be taken back.
    pub(super) fn settle_down(&mut self, store: &Store) {
        let is_covered =
            |ticket: &Option<Ticket>| ticket.is_some_and(|ticket| store.synced().covers(ticket));
        let Some(last) = self.since.iter().rposition(|(_, ticket)| is_covered(ticket)) else {
            return;
        };
        for (step, _) in self.since.drain(..=last) {
            self.surely.apply(&step);
        }
        self.generation += 1;
    }

    /// Everything that was asked is surely on disk.
    pub(super) fn settle_all(&mut self) {
        self.surely = self.current.clone();
        self.since.clear();
        self.generation += 1;
    }

    /// Finds the prefix that recovery found; the model goes on from there. Otherwise the model stays as it was.
    pub(super) fn accept(&mut self, found: &State) -> bool {
        let mut state = self.surely.clone();
        let mut steps = self.since.iter();
        while !state.is_found_as(found) {
            match steps.next() {
                Some((step, _)) => state.apply(step),
                None => return false,
            }
        }
        *self = Self::found(found.clone());
        true
    }
}
