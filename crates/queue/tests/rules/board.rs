//! The simple queue: all its messages on a board, with all that is to be known of each.

use std::collections::BTreeMap;

use message::{Message, Reason, Settlement};
use queue::{Facts, Overflow, RetryKind, Rules};

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It waits for its time.
    Schedule { due_ms: u64 },
    /// It came back, or its time has come: it goes before those in the line.
    Front,
    /// Nobody has had it yet.
    Line,
    /// A client has it.
    Out { is_redelivered: bool },
    /// It has died, and nobody was told yet.
    Dying { reason: Reason },
}

/// A message on the board.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) lane: u8,
    pub(crate) message: Message,
    pub(crate) is_stored: bool,
    pub(crate) place: Place,
    pub(crate) is_redelivered: bool,
    pub(crate) delivery_count: u32,
    pub(crate) acquired_count: u32,
    /// The time that a ledger would tell after a restart.
    pub(crate) noted_due_ms: u64,
}

/// The simple queue.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) rules: Rules,
    pub(crate) cards: BTreeMap<u64, Card>,
}

/// What the simple queue says of a settlement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Returned { is_counted: bool },
    Gone,
    Dying,
}

impl Board {
    pub(crate) fn deadline_ms(&self, card: &Card) -> Option<u64> {
        let message = &card.message;
        let visible_ms = message.received_at_ms().max(message.deliver_at_ms().unwrap_or(0));
        let by_rule = self.rules.ttl_ms.map(|ttl_ms| visible_ms + ttl_ms);
        message.expires_at_ms().into_iter().chain(by_rule).min()
    }

    pub(crate) fn has_expired(&self, card: &Card, now_ms: u64) -> bool {
        self.deadline_ms(card).is_some_and(|deadline_ms| deadline_ms <= now_ms)
    }

    /// The places of what is ready, in the order in which it is delivered.
    pub(crate) fn ready(&self) -> Vec<u64> {
        let is_ready = |card: &Card| matches!(card.place, Place::Front | Place::Line);
        let ready = self.cards.iter().filter(|(_, card)| is_ready(card));
        let mut keys: Vec<_> = ready
            .map(|(&seq, card)| (std::cmp::Reverse(card.lane), card.place == Place::Line, seq))
            .collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, _, seq)| seq).collect()
    }

    pub(crate) fn count(&self, is_meant: impl Fn(Place) -> bool) -> usize {
        self.cards.values().filter(|card| is_meant(card.place)).count()
    }

    pub(crate) fn body_bytes(&self, seqs: &[u64]) -> u64 {
        seqs.iter().map(|seq| self.cards[seq].message.body_len() as u64).sum()
    }

    pub(crate) fn admits(&self, body_len: usize) -> bool {
        let ready = self.ready();
        let bytes = self.body_bytes(&ready) + body_len as u64;
        self.rules.overflow == Overflow::DropHead || !self.is_too_much(ready.len() + 1, bytes)
    }

    fn is_too_much(&self, count: usize, bytes: u64) -> bool {
        self.rules.length_max.is_some_and(|max| count as u64 > max)
            || self.rules.bytes_max.is_some_and(|max| bytes > max)
    }

    pub(crate) fn enqueue(
        &mut self,
        seq: u64,
        lane: u8,
        message: Message,
        is_stored: bool,
        now_ms: u64,
    ) {
        let noted_due_ms = message.deliver_at_ms().unwrap_or(0);
        let place = match noted_due_ms {
            due_ms if due_ms > now_ms => Place::Schedule { due_ms },
            _ => Place::Line,
        };
        let card = Card {
            lane,
            message,
            is_stored,
            place,
            is_redelivered: false,
            delivery_count: 0,
            acquired_count: 0,
            noted_due_ms,
        };
        self.cards.insert(seq, card);
    }

    /// Everything that is due comes in, and everything that has expired goes.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        let mut expired = Vec::new();
        let seqs: Vec<u64> = self.cards.keys().copied().collect();
        seqs.into_iter().for_each(|seq| self.let_in(seq, now_ms));
        for (&seq, card) in &self.cards {
            let own_ms = card.message.expires_at_ms();
            let has_expired = match card.place {
                // The rule holds again when it is in.
                Place::Schedule { .. } => own_ms.is_some_and(|own_ms| own_ms <= now_ms),
                Place::Front | Place::Line => self.has_expired(card, now_ms),
                Place::Out { .. } | Place::Dying { .. } => false,
            };
            if has_expired {
                expired.push(seq);
            }
        }
        expired.iter().for_each(|&seq| self.kill(seq, Reason::Expired));
    }

    /// One that is due may have come in before the others that are.
    pub(crate) fn let_in(&mut self, seq: u64, now_ms: u64) {
        let card = self.cards.get_mut(&seq).expect("it is on the board");
        if matches!(card.place, Place::Schedule { due_ms } if due_ms <= now_ms) {
            card.place = Place::Front;
        }
    }

    /// What is too much goes.
    pub(crate) fn trim(&mut self) {
        if self.rules.overflow != Overflow::DropHead {
            return;
        }
        let mut ready = self.ready();
        while self.is_too_much(ready.len(), self.body_bytes(&ready)) {
            self.kill(ready.remove(0), Reason::MaxLength);
        }
    }

    pub(crate) fn kill(&mut self, seq: u64, reason: Reason) {
        self.cards.get_mut(&seq).expect("it is on the board").place = Place::Dying { reason };
    }

    pub(crate) fn settle(&mut self, seq: u64, settlement: Settlement, now_ms: u64) -> Outcome {
        let rules = self.rules.clone();
        let counts = rules.delivery_limit.is_some() || rules.retry.is_some();
        let card = self.cards.get_mut(&seq).expect("it is on the board");
        let Place::Out { is_redelivered } = card.place else { panic!("a client has it") };
        let has_failed = settlement == Settlement::Failed;
        card.is_redelivered = is_redelivered;
        let mut reason = None;
        let mut place = Place::Front;
        match settlement {
            Settlement::Accept => {
                self.cards.remove(&seq);
                return Outcome::Gone;
            }
            Settlement::Discard => reason = Some(Reason::Rejected),
            Settlement::Undelivered => {}
            Settlement::Requeue | Settlement::Failed => {
                card.is_redelivered = true;
                if counts {
                    card.acquired_count += 1;
                    card.delivery_count += u32::from(has_failed);
                    let count = card.delivery_count;
                    if has_failed && rules.delivery_limit.is_some_and(|limit| count > limit) {
                        reason = Some(Reason::DeliveryLimit);
                    }
                    if let Some(retry) = rules.retry
                        && match retry.kind {
                            RetryKind::All => true,
                            RetryKind::Failed => has_failed,
                            RetryKind::Returned => !has_failed,
                        }
                    {
                        let delay_ms = (retry.min_ms * u64::from(count.max(1))).min(retry.max_ms);
                        if delay_ms > 0 {
                            place = Place::Schedule { due_ms: now_ms + delay_ms };
                        }
                    }
                }
            }
        }
        card.place = place;
        if let Place::Schedule { due_ms } = place {
            card.noted_due_ms = due_ms;
        }
        let is_counted = counts
            && card.is_stored
            && matches!(settlement, Settlement::Requeue | Settlement::Failed);
        // What never reached anybody may still be taken by somebody else.
        let was_had = settlement != Settlement::Undelivered;
        if reason.is_none() && was_had && self.has_expired(&self.cards[&seq], now_ms) {
            reason = Some(Reason::Expired);
        }
        match reason {
            None => Outcome::Returned { is_counted },
            Some(reason) if rules.keeps_dead => {
                self.kill(seq, reason);
                Outcome::Dying
            }
            Some(_) => {
                self.cards.remove(&seq);
                Outcome::Gone
            }
        }
    }

    /// Whether a message's time is over by rule, and not by its own.
    pub(crate) fn would_expire(&self, card: &Card, now_ms: u64) -> bool {
        let own_ms = card.message.expires_at_ms();
        self.has_expired(card, now_ms) && own_ms.is_none_or(|own_ms| own_ms > now_ms)
    }

    /// A message is back whose time is over.
    pub(crate) fn return_expired(
        &mut self,
        seq: u64,
        before: Card,
        settlement: Settlement,
        facts: Option<Facts>,
    ) {
        let is_again = settlement != Settlement::Undelivered;
        let mut card = Card { place: Place::Front, ..before };
        card.is_redelivered |= is_again;
        if let Some(facts) = facts {
            card.delivery_count = facts.delivery_count;
            card.acquired_count = facts.acquired_count;
            if facts.deliver_at_ms != card.noted_due_ms {
                card.place = Place::Schedule { due_ms: facts.deliver_at_ms };
            }
        }
        self.cards.insert(seq, card);
    }

    /// What has expired by rule and nobody was told of has come back, and will be found later.
    pub(crate) fn forgive_late(&mut self) {
        for card in self.cards.values_mut() {
            if card.place == (Place::Dying { reason: Reason::Expired }) && card.is_stored {
                card.place = Place::Front;
            }
        }
    }

    /// What survives a restart is in the store; what clients had is ready again.
    pub(crate) fn restart(&mut self) {
        self.cards.retain(|_, card| card.is_stored);
        for card in self.cards.values_mut() {
            card.place = match card.noted_due_ms {
                0 => Place::Line,
                due_ms => Place::Schedule { due_ms },
            };
            card.is_redelivered = card.acquired_count > 0;
        }
    }
}
