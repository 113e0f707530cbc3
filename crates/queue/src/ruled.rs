//! What only queues have that something is asked of, by rule or by a message itself.

use std::collections::BTreeSet;

use message::{Message, Reason};

use crate::dead::{Dead, DeadLetters};
use crate::entry::{Entry, Size};
use crate::known::{Fact, INDEXED_BYTES, Known, Whereabouts};
use crate::room::Room;
use crate::rules::Rules;
use crate::schedule::Schedule;
use crate::spot::Spot;

/// What only some queues have.
#[derive(Debug, Default)]
pub(crate) struct Ruled {
    pub(crate) rules: Rules,
    pub(crate) known: Known,
    /// When messages expire by rule that have left the order in which they came. Those that have not are looked at where
    /// their lanes begin.
    uniform: BTreeSet<(u64, Spot)>,
    pub(crate) schedule: Schedule,
    pub(crate) dead: DeadLetters,
    /// How late it is.
    now_ms: u64,
    /// The place behind what was there when last what had expired was taken out. What came later may be given to a consumer
    /// once, however short its time is.
    subject_end_seq: u64,
    /// Whose turn it was to be read.
    is_line_first: bool,
}

/// A message that is about to die: what is left of it when only the store has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doomed {
    pub(crate) lane: u8,
    pub(crate) seq: u64,
    pub(crate) size: Size,
    pub(crate) is_stored: bool,
}

impl Doomed {
    pub(crate) fn of(entry: &Entry) -> Self {
        let (lane, is_stored) = (entry.lane(), entry.is_stored());
        Self { lane, seq: entry.seq, size: entry.size(), is_stored }
    }
}

impl Ruled {
    /// Memory that is used, except for what lanes take.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.known.resident_bytes()
            + self.uniform.len() * INDEXED_BYTES
            + self.schedule.resident_bytes()
            + self.dead.resident_bytes()
    }

    /// When a message expires by the queue's rule.
    pub(crate) fn uniform_deadline_ms(&self, message: &Message) -> Option<u64> {
        let ttl_ms = self.rules.ttl_ms?;
        let deliver_at_ms =
            if message.has_fields() { message.deliver_at_ms().unwrap_or(0) } else { 0 };
        Some(message.received_at_ms().max(deliver_at_ms).saturating_add(ttl_ms))
    }

    /// When a message expires.
    pub(crate) fn deadline_ms(&self, message: &Message) -> Option<u64> {
        let own_ms = if message.has_fields() { message.expires_at_ms() } else { None };
        [own_ms, self.uniform_deadline_ms(message)].into_iter().flatten().min()
    }

    /// Says how late it is.
    pub(crate) const fn look(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Says that no message in a place before `end_seq` is to be delivered any more when it has expired.
    pub(crate) const fn subject(&mut self, end_seq: u64) {
        self.subject_end_seq = end_seq;
    }

    /// Whether a message should have been taken out already.
    pub(crate) fn is_overdue(&self, entry: &Entry) -> bool {
        entry.seq < self.subject_end_seq
            && self.deadline_ms(&entry.message).is_some_and(|deadline_ms| deadline_ms < self.now_ms)
    }

    /// A message has left the order in which it came and waits: its deadline by rule counts.
    pub(crate) fn watch(&mut self, entry: &Entry) {
        if let Some(deadline_ms) = self.uniform_deadline_ms(&entry.message) {
            self.uniform.insert((deadline_ms, Spot::new(entry.lane(), entry.seq)));
        }
    }

    /// The same, for one that only the store has and that became visible at `visible_at_ms`.
    pub(crate) fn watch_cold(&mut self, spot: Spot, visible_at_ms: u64) {
        if let Some(ttl_ms) = self.rules.ttl_ms {
            self.uniform.insert((visible_at_ms.saturating_add(ttl_ms), spot));
        }
    }

    /// A message leaves its lane: its deadlines do not count any more.
    pub(crate) fn unwatch(&mut self, entry: Entry) -> Entry {
        if !self.uniform.is_empty()
            && let Some(deadline_ms) = self.uniform_deadline_ms(&entry.message)
        {
            self.uniform.remove(&(deadline_ms, Spot::new(entry.lane(), entry.seq)));
        }
        if !self.known.is_empty()
            && let Some(fact) = self.known.unwatch(entry.seq)
        {
            return entry.redelivered(fact.acquired_count > 0);
        }
        entry
    }

    /// The rule has changed: the deadlines of `returned` are others.
    pub(crate) fn watch_again<'a>(&mut self, returned: impl Iterator<Item = &'a Entry>) {
        self.uniform.clear();
        returned.for_each(|entry| self.watch(entry));
        let Some(ttl_ms) = self.rules.ttl_ms else { return };
        let punctual = self
            .known
            .iter()
            .filter(|(_, fact)| fact.whereabouts == Whereabouts::Apart && fact.acquired_count == 0);
        self.uniform.extend(punctual.map(|(seq, fact)| {
            (fact.deliver_at_ms.saturating_add(ttl_ms), Spot::new(fact.lane, seq))
        }));
    }

    /// When the next message expires by rule that has left the order in which it came.
    pub(crate) fn next_uniform_ms(&self) -> Option<u64> {
        self.uniform.first().map(|&(deadline_ms, _)| deadline_ms)
    }

    /// Takes out the name of one that has expired by rule.
    pub(crate) fn pop_uniform(&mut self, now_ms: u64) -> Option<Spot> {
        let &(deadline_ms, spot) = self.uniform.first()?;
        (deadline_ms <= now_ms).then(|| {
            self.uniform.pop_first();
            spot
        })
    }

    /// Puts a message among the dead ones.
    pub(crate) fn bury(&mut self, doomed: Doomed, message: Option<Message>, reason: Reason) {
        let Doomed { lane, seq, size, is_stored } = doomed;
        let fact = self.known.forget(seq);
        let keeps_dead = self.rules.keeps_dead;
        let dead = Dead {
            lane,
            seq,
            length: size.length,
            is_stored,
            message: message.filter(|_| keeps_dead),
            reason,
            delivery_count: fact.map_or(0, |fact| fact.delivery_count),
        };
        self.dead.push(dead, keeps_dead);
    }

    /// What a message that a read has brought is: one of a lane's, or something that the lane must not see.
    pub(crate) fn claim(&mut self, spot: Spot, message: &Message) -> Claim {
        if self.dead.claim(spot, message) {
            return Claim::Done;
        }
        match self.known.get(spot.seq()).map(|fact| fact.whereabouts) {
            Some(Whereabouts::Schedule) => {
                self.schedule.fill(spot, message);
                Claim::Done
            }
            Some(Whereabouts::Apart) => Claim::Returned,
            Some(Whereabouts::Lane) | None => Claim::Lane,
        }
    }

    /// Whether a message that the store has is not one of its lane's line: it waits for its time, has died, or has left the line.
    pub(crate) fn is_apart(&self, spot: Spot) -> bool {
        let whereabouts = self.known.get(spot.seq()).map(|fact| fact.whereabouts);
        self.dead.contains(spot)
            || matches!(whereabouts, Some(Whereabouts::Schedule | Whereabouts::Apart))
    }

    /// Looks how far ahead messages that wait for their time have to be in memory.
    pub(crate) fn plan(&mut self, room: &Room) {
        self.dead.set_room(room.window_bytes);
        let known = &self.known;
        self.schedule.plan(room, |spot| known.get(spot.seq()).map(Fact::size));
    }

    /// Says each time something else than before.
    pub(crate) const fn takes_turns(&mut self) -> bool {
        self.is_line_first = !self.is_line_first;
        self.is_line_first
    }

    pub(crate) const fn has_ttl(&self) -> bool {
        self.rules.ttl_ms.is_some()
    }

    /// Whether something has to be read even if nobody takes what comes first.
    pub(crate) fn wants_read(&self) -> bool {
        self.schedule.wants_read() || self.dead.wants_read()
    }

    /// The store has nothing in these places that it has not given.
    pub(crate) fn skip(&mut self, from: Spot, end: Spot) {
        self.dead.skip(from, end);
        while let Some((due_ms, spot)) = self.schedule.lost(from, end) {
            self.schedule.remove(due_ms, spot);
            self.known.forget(spot.seq());
        }
    }

    /// What is left when all messages that wait are taken out: what is known of those that `is_held` says consumers have.
    pub(crate) fn clear(&mut self, is_held: impl Fn(u64) -> bool) -> Self {
        let mut known = std::mem::take(&mut self.known);
        known.retain_into(&mut self.known, is_held);
        let (uniform, schedule) =
            (std::mem::take(&mut self.uniform), std::mem::take(&mut self.schedule));
        Self { known, uniform, schedule, ..Self::default() }
    }

    /// Drops about `count` of what is left, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, count: usize) -> usize {
        let mut count = self.schedule.drop_some(self.known.drop_some(count));
        while count > 0 && self.uniform.pop_last().is_some() {
            count -= 1;
        }
        self.dead.drop_some(count)
    }
}

/// What to do with a message that a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is for its lane.
    Lane,
    /// It is for its lane only if it came back there: it has left the tail long ago.
    Returned,
    /// It is not for the lane.
    Done,
}
