//! The ends of deliveries.

use message::{Reason, Settlement};

use crate::delivery::{DeliveryId, cost_bytes};
use crate::entry::{Entry, Gone};
use crate::facts::Facts;
use crate::known::Whereabouts;
use crate::queue::Queue;
use crate::ruled::Doomed;
use crate::spot::Spot;
use crate::unsettled::Released;

/// What became of a settled delivery.
#[derive(Debug)]
pub enum Settled {
    /// It was settled before, or never existed.
    Unknown,
    /// It is back in the queue. What is known of it has changed, if it is stored and the queue counts deliveries: that is to
    /// be kept beside it.
    Returned(Option<Facts>),
    /// It is gone, as its consumer wished.
    Gone(Gone),
    /// It has died, and nobody wants to have it: it is gone all the same.
    Dropped(Gone, Reason),
    /// It has died: [`Queue::poll_dead`] tells of it.
    Dying,
}

impl Queue {
    /// Ends a delivery.
    pub fn settle(&mut self, id: DeliveryId, settlement: Settlement, now_ms: u64) -> Settled {
        self.now_ms = now_ms;
        let Some(released) = self.unsettled.release(id) else { return Settled::Unknown };
        if let Some(holder) = released.taker {
            if settlement == Settlement::Undelivered {
                // Nothing is on the way to the consumer, which no socket will ever tell.
                self.takers.refund(holder, cost_bytes(released.size.length as usize));
            }
            self.takers.settled(holder);
        }
        if self.ready.ruled.is_some() {
            return self.settle_by_rule(released, settlement);
        }
        match settlement {
            Settlement::Accept => return Settled::Gone(released.gone()),
            Settlement::Discard => return Settled::Dropped(released.gone(), Reason::Rejected),
            Settlement::Requeue | Settlement::Failed => {
                self.ready.put_back(released, true, &self.room);
            }
            Settlement::Undelivered => {
                let was_redelivered = released.was_redelivered;
                self.ready.put_back(released, was_redelivered, &self.room);
            }
        }
        Settled::Returned(None)
    }

    #[inline(never)]
    fn settle_by_rule(&mut self, released: Released, settlement: Settlement) -> Settled {
        match settlement {
            Settlement::Accept => {
                if let Some(ruled) = &mut self.ready.ruled {
                    ruled.known.forget(released.seq);
                }
                Settled::Gone(released.gone())
            }
            Settlement::Discard => self.let_die(released, Reason::Rejected),
            Settlement::Requeue => self.take_back(released, false),
            Settlement::Failed => self.take_back(released, true),
            // If its time is over, whoever else is willing may still have it: that is seen when the queue is dispatched.
            Settlement::Undelivered => {
                let was_redelivered = released.was_redelivered;
                self.ready.put_back(released, was_redelivered, &self.room);
                Settled::Returned(None)
            }
        }
    }

    /// A client has had the message and gives it back.
    fn take_back(&mut self, released: Released, has_failed: bool) -> Settled {
        let mut retry_at_ms = None;
        let mut facts = None;
        let Some(ruled) = &mut self.ready.ruled else { return Settled::Unknown };
        if ruled.rules.counts() {
            let seq = released.seq;
            let fact = ruled.known.get_or_insert(seq, released.lane, released.size);
            fact.acquired_count = fact.acquired_count.saturating_add(1);
            fact.delivery_count = fact.delivery_count.saturating_add(u32::from(has_failed));
            let count = fact.delivery_count;
            if has_failed && ruled.rules.delivery_limit.is_some_and(|limit| count > limit) {
                return self.let_die(released, Reason::DeliveryLimit);
            }
            let delay_ms = ruled.rules.retry_delay_ms(has_failed, count);
            retry_at_ms = delay_ms.map(|delay_ms| self.now_ms.saturating_add(delay_ms));
            if let Some(retry_at_ms) = retry_at_ms {
                fact.deliver_at_ms = retry_at_ms;
                fact.whereabouts = Whereabouts::Schedule;
            }
            facts = released.is_stored.then(|| fact.facts(seq));
        }
        if self.has_expired(&released) {
            return self.let_die(released, Reason::Expired);
        }
        match retry_at_ms {
            Some(retry_at_ms) => self.retry_later(released, retry_at_ms),
            None => self.ready.put_back(released, true, &self.room),
        }
        Settled::Returned(facts)
    }

    fn retry_later(&mut self, released: Released, retry_at_ms: u64) {
        let Released { lane, seq, size, is_stored, message, .. } = released;
        let Some(ruled) = &mut self.ready.ruled else { return };
        ruled.known.watch(seq);
        match message {
            Some(message) => {
                let entry = Entry::new(lane, seq, message, is_stored).redelivered(true);
                let unstored_weight = entry.unstored_weight();
                ruled.schedule.insert(retry_at_ms, entry, &self.room);
                self.ready.keep(unstored_weight);
            }
            None => ruled.schedule.insert_cold(retry_at_ms, Spot::new(lane, seq), size),
        }
    }

    /// Whether a message's time is over. That of one that only the store has may show when it is read.
    fn has_expired(&self, released: &Released) -> bool {
        let Some(ruled) = &self.ready.ruled else { return false };
        let own_ms = ruled.known.get(released.seq).map_or(0, |fact| fact.expires_at_ms);
        let own_ms = (own_ms != 0).then_some(own_ms);
        let message = released.message.as_ref();
        let uniform_ms = message.and_then(|message| ruled.uniform_deadline_ms(message));
        [own_ms, uniform_ms].into_iter().flatten().any(|deadline_ms| deadline_ms <= self.now_ms)
    }

    fn let_die(&mut self, released: Released, reason: Reason) -> Settled {
        let Some(ruled) = &mut self.ready.ruled else {
            return Settled::Dropped(released.gone(), reason);
        };
        if !ruled.rules.keeps_dead {
            ruled.known.forget(released.seq);
            return Settled::Dropped(released.gone(), reason);
        }
        let Released { lane, seq, size, is_stored, message, .. } = released;
        ruled.bury(Doomed { lane, seq, size, is_stored }, message, reason);
        Settled::Dying
    }
}
