//! Messages whose time has come: to be delivered, or to go.

use message::Reason;

use crate::entry::{Entry, Size};
use crate::facts::Facts;
use crate::known::{Fact, Whereabouts};
use crate::ready::Ready;
use crate::returned::Removed;
use crate::room::Room;
use crate::ruled::Doomed;
use crate::schedule::Punctual;
use crate::spot::Spot;

impl Ready {
    /// Lets in what has waited for its time, and takes out what has expired, at most `budget` messages, which becomes
    /// less by what was done. `end_seq` is above every place.
    pub(crate) fn expire(&mut self, now_ms: u64, end_seq: u64, budget: &mut usize, room: &Room) {
        let Some(ruled) = &mut self.ruled else { return };
        ruled.look(now_ms);
        ruled.subject(end_seq);
        while *budget > 0 && (self.let_in_one(now_ms, room) || self.expire_one(now_ms)) {
            *budget -= 1;
        }
        // What has gone from the schedule has made room for what comes next, which may have to be read.
        if let Some(ruled) = &mut self.ruled {
            ruled.plan(room);
        }
    }

    /// When something is due or expires next, as far as is known.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        let ruled = self.ruled.as_ref()?;
        let others =
            [ruled.schedule.next_due_ms(), ruled.known.next_deadline_ms(), ruled.next_uniform_ms()];
        let fronts = self.lanes().filter(|_| ruled.has_ttl()).filter_map(|lane| {
            lane.line_front().and_then(|entry| ruled.uniform_deadline_ms(&entry.message))
        });
        others.into_iter().flatten().chain(fronts).min()
    }

    fn let_in_one(&mut self, now_ms: u64, room: &Room) -> bool {
        let Some(ruled) = &mut self.ruled else { return false };
        let Some(Punctual { spot, entry }) = ruled.schedule.pop_due(now_ms) else { return false };
        let Some(fact) = ruled.known.get_mut(spot.seq()) else { return true };
        if entry.is_none()
            && ruled.schedule.insert_late(fact.deliver_at_ms, spot, fact.size(), room)
        {
            return true;
        }
        fact.whereabouts = Whereabouts::Apart;
        let fact = *fact;
        let is_redelivered = fact.acquired_count > 0;
        match entry {
            Some(entry) => {
                self.insert(entry.redelivered(is_redelivered), room);
            }
            None => {
                if !is_redelivered {
                    ruled.watch_cold(spot, fact.deliver_at_ms);
                }
                self.lane_mut(spot.lane()).put_back_cold(spot.seq(), fact.size(), is_redelivered);
                self.recount(spot.lane());
            }
        }
        true
    }

    /// Takes out one message that has expired: by its own deadline, by rule after it came back, or by rule where a lane begins.
    fn expire_one(&mut self, now_ms: u64) -> bool {
        let Some(ruled) = &mut self.ruled else { return false };
        if let Some(seq) = ruled.known.expired(now_ms) {
            self.expire_known(seq);
            return true;
        }
        if let Some(spot) = ruled.pop_uniform(now_ms) {
            let removed = self.lane_mut(spot.lane()).returned.remove(spot.seq());
            self.recount(spot.lane());
            // A consumer may have it.
            if removed.is_some() {
                self.bury(spot, removed, Reason::Expired);
            }
            return true;
        }
        ruled.has_ttl() && self.expire_front(now_ms)
    }

    fn expire_known(&mut self, seq: u64) {
        let Some(ruled) = &mut self.ruled else { return };
        let Some(&fact) = ruled.known.unwatch(seq) else { return };
        let spot = Spot::new(fact.lane, seq);
        let removed = if fact.whereabouts == Whereabouts::Schedule {
            let Punctual { entry, .. } = ruled.schedule.remove(fact.deliver_at_ms, spot);
            Some(entry.map_or(Removed::Cold(fact.size()), Removed::Entry))
        } else {
            self.lane_mut(fact.lane).remove(seq, fact.size())
        };
        self.recount(fact.lane);
        self.bury(spot, removed, Reason::Expired);
    }

    /// Takes out the first message of a lane that no consumer has had, if it has expired.
    fn expire_front(&mut self, now_ms: u64) -> bool {
        let Some(ruled) = &self.ruled else { return false };
        let has_expired = |entry: &Entry| {
            ruled.uniform_deadline_ms(&entry.message).is_some_and(|at_ms| at_ms <= now_ms)
        };
        let lanes = self.lane_count();
        // As they would be delivered: the highest lane first.
        let found = (0..lanes).rev().map(|lane| lane as u8).find(|&lane| {
            self.lane(lane).and_then(|lane| lane.line_front()).is_some_and(has_expired)
        });
        let Some(lane) = found else { return false };
        if let Some(entry) = self.lane_mut(lane).pop_line() {
            self.recount(lane);
            let spot = Spot::new(lane, entry.seq);
            self.bury(spot, Some(Removed::Entry(entry)), Reason::Expired);
        }
        true
    }

    /// Puts what was taken out among the dead. If it was not where it was sought, it is gone already.
    fn bury(&mut self, spot: Spot, removed: Option<Removed>, reason: Reason) {
        if let Some(Removed::Entry(entry)) = &removed {
            self.release(entry);
        }
        let Some(ruled) = &mut self.ruled else { return };
        match removed {
            Some(Removed::Entry(entry)) => {
                let entry = ruled.unwatch(entry);
                ruled.bury(Doomed::of(&entry), Some(entry.message), reason);
            }
            Some(Removed::Cold(size)) => {
                let (lane, seq) = (spot.lane(), spot.seq());
                ruled.bury(Doomed { lane, seq, size, is_stored: true }, None, reason);
            }
            None => {
                ruled.known.forget(spot.seq());
            }
        }
    }

    /// Takes over what is known of a message that was recovered. `end_seq` is above every place.
    pub(crate) fn restore(&mut self, facts: &Facts, end_seq: u64) {
        let fact = Fact::of(facts);
        let size: Size = fact.size();
        let spot = Spot::new(facts.lane, facts.seq);
        let waits = facts.deliver_at_ms != 0;
        let whereabouts = if waits { Whereabouts::Schedule } else { Whereabouts::Lane };
        let ruled = self.ruled.get_or_insert_default();
        ruled.subject(end_seq);
        ruled.known.learn(facts.seq, Fact { whereabouts, ..fact });
        if waits {
            ruled.schedule.insert_cold(facts.deliver_at_ms, spot, size);
            self.lane_mut(facts.lane).remove(facts.seq, size);
            self.recount(facts.lane);
        }
    }
}
