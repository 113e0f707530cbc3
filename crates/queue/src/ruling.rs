//! What happens to messages by rule: they expire, wait for their time, or make room for others.

use message::{Message, Reason};

use crate::dead::Dead;
use crate::entry::{Entry, Gone};
use crate::facts::Facts;
use crate::known::Whereabouts;
use crate::queue::Queue;
use crate::ruled::Doomed;
use crate::rules::{Overflow, Rules};
use crate::spot::Spot;

impl Queue {
    /// Says what holds for the queue's messages from here on, those included that it has.
    pub fn set_rules(&mut self, rules: &Rules) {
        if *rules != Rules::default() || self.ready.ruled.is_some() {
            self.ready.set_rules(rules, self.next_seq());
        }
    }

    /// Whether anything is asked of the queue or its messages beyond order. If not, it has no deadlines, no limits and no
    /// dead.
    #[inline]
    pub const fn is_ruled(&self) -> bool {
        self.ready.ruled.is_some()
    }

    /// The lane that a message belongs to.
    #[inline]
    pub fn lane_of(&self, message: &Message) -> u8 {
        if self.ready.has_one_lane() {
            return 0;
        }
        let lane_count = self.ready.lane_count();
        let default_lane = self.ready.ruled.as_ref().map_or(0, |ruled| ruled.rules.default_lane);
        let lane = message.own_priority().unwrap_or(default_lane);
        usize::from(lane).min(lane_count - 1) as u8
    }

    /// Whether there is room for a message with such a body. Only a queue whose rules refuse messages says no.
    pub fn admits(&self, body_len: usize) -> bool {
        let Some(ruled) = &self.ready.ruled else { return true };
        let (count, bytes) = (self.ready.len() + 1, self.ready.bytes() + body_len as u64);
        ruled.rules.overflow == Overflow::DropHead || !ruled.rules.are_too_many(count, bytes)
    }

    /// Takes a message that there is no room for: it never was in the queue, and is a dead letter all the same. For queues
    /// whose rules say so.
    pub fn refuse(&mut self, message: Message) {
        let Some(ruled) = &mut self.ready.ruled else { return };
        let dead = Dead {
            lane: 0,
            seq: 0,
            length: 0,
            is_stored: false,
            message: Some(message),
            reason: Reason::MaxLength,
            delivery_count: 0,
        };
        ruled.dead.push(dead, true);
    }

    /// Says what is known of a message that was recovered. Before the queue is used, once per message, and only of those that
    /// the store has.
    pub fn restore(&mut self, facts: Facts) {
        self.ready.restore(&facts, self.next_seq());
    }

    /// Takes out what has outlived its time, and lets in what has waited for it: at most `budget` messages, which becomes less
    /// by what was done. Returns whether there is more to do.
    pub fn expire(&mut self, now_ms: u64, budget: &mut usize) -> bool {
        self.now_ms = now_ms;
        self.ready.expire(now_ms, self.next_seq(), budget, &self.room);
        self.next_deadline_ms().is_some_and(|deadline_ms| deadline_ms <= now_ms)
    }

    /// When to call [`Queue::expire`] next, in milliseconds since 1970.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.ready.next_deadline_ms()
    }

    /// Whether what comes first lies on disk only, so that it must be read before anybody can have it.
    pub fn is_cold(&self) -> bool {
        self.ready.len() > 0 && !self.ready.has_next()
    }

    /// Takes out a message that waits for its time. `None` when there is none in this place.
    pub fn cancel_delayed(&mut self, lane: u8, seq: u64) -> Option<Gone> {
        let ruled = self.ready.ruled.as_mut()?;
        let fact = ruled.known.get(seq).copied();
        let fact =
            fact.filter(|fact| fact.lane == lane && fact.whereabouts == Whereabouts::Schedule)?;
        let punctual = ruled.schedule.remove(fact.deliver_at_ms, Spot::new(lane, seq));
        ruled.known.forget(seq);
        let is_stored = punctual.entry.as_ref().is_none_or(Entry::is_stored);
        if let Some(entry) = &punctual.entry {
            self.ready.release(entry);
        }
        Some(Gone { lane, seq, length: fact.length, is_stored })
    }

    /// How many messages wait for their time.
    pub fn scheduled_count(&self) -> usize {
        self.ready.ruled.as_ref().map_or(0, |ruled| ruled.schedule.len())
    }

    /// Takes out what comes first, at most `budget` messages, while the queue is longer than it may be; the budget becomes
    /// less by what was done. Call when nothing more can be dispatched. Returns whether there is more to do at once: if what
    /// comes first has to be read, there is not.
    pub fn trim(&mut self, budget: &mut usize) -> bool {
        while *budget > 0 {
            if !self.is_too_long() {
                return false;
            }
            let Some(entry) = self.ready.pop() else { break };
            *budget -= 1;
            if let Some(ruled) = &mut self.ready.ruled {
                ruled.bury(Doomed::of(&entry), Some(entry.message), Reason::MaxLength);
            }
        }
        self.is_too_long() && self.ready.has_next()
    }

    /// Whether something has to be read even if there is nobody to take it. See [`Queue::poll_tail_request`].
    pub fn wants_read(&self) -> bool {
        let Some(ruled) = &self.ready.ruled else { return false };
        ruled.wants_read()
            || (self.is_too_long() && !self.ready.has_next())
            || (ruled.has_ttl() && self.ready.is_any_lane_cold())
    }

    /// Whether [`Queue::poll_dead`] has something.
    pub fn has_dead(&self) -> bool {
        self.ready.ruled.as_ref().is_some_and(|ruled| ruled.dead.has_told())
    }

    /// The next message that has died.
    pub fn poll_dead(&mut self) -> Option<Dead> {
        self.ready.ruled.as_mut()?.dead.poll()
    }

    /// The store has heard that a dead message is gone. Until then the queue does not take it for a living one when it is
    /// read along with others.
    pub fn buried(&mut self, lane: u8, seq: u64) {
        if let Some(ruled) = &mut self.ready.ruled {
            ruled.dead.forget(Spot::new(lane, seq));
        }
    }

    fn is_too_long(&self) -> bool {
        self.ready.ruled.as_ref().is_some_and(|ruled| {
            ruled.rules.drops_head()
                && ruled.rules.are_too_many(self.ready.len(), self.ready.bytes())
        })
    }
}
