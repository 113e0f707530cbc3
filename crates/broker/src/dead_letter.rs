//! Dead letters: what becomes of a message that leaves its queue without having been accepted.
//!
//! ```text
//!   rejected, expired, beyond the length, given back too often
//!      │
//!      ├─ the queue names no exchange for them ──→ gone
//!      └─ its deaths grow by one, it gets the new address ──→ forward ──→ gone here when it is safe there
//! ```
//!
//! As in RabbitMQ (`rabbit_dead_letter.erl`, `mc.erl`): a target that the message has died in before is left out, unless a
//! consumer has rejected it since. Other than there, the message stays in its queue until its targets have it safe, whatever the
//! strategy says; the strategy decides what happens when it goes nowhere.

use message::{Death, Deaths, Message, Name, QueueId, Readdress, Reason};
use metadata::DeadLetterStrategy;
use queue::Dead;

use crate::broker::Broker;
use crate::burials::Strategy;
use crate::forward::{Forward, Persistence, Source};

/// Where a queue's dead letters go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetters {
    pub(crate) exchange: Name,
    /// The key that they get; their own if `None`.
    pub(crate) key: Option<String>,
    pub(crate) strategy: DeadLetterStrategy,
}

impl Broker {
    /// Takes care of what a queue has given up, as far as there is room for more on the way.
    pub(crate) fn bury(&mut self, id: QueueId) {
        loop {
            let Some(hosted) = self.queues.get_mut(id) else { return };
            if !hosted.queue.has_dead() || !self.forwards.has_room(id) {
                return;
            }
            if self.rule_budget == 0 {
                return self.mark_dirty(id);
            }
            self.rule_budget -= 1;
            let Some(dead) = hosted.queue.poll_dead() else { return };
            self.bury_one(id, dead);
        }
    }

    fn bury_one(&mut self, id: QueueId, dead: Dead) {
        let Some(hosted) = self.queues.get(id) else { return };
        let letters = hosted.dead_letters.as_ref();
        if hosted.is_traced {
            self.traces.record_death(id, &dead, letters, self.now_ms);
        }
        let Dead { lane, seq, length, is_stored, message, reason, .. } = dead;
        let strategy = letters.map_or(Strategy::Disabled, |found| Strategy::of(found.strategy));
        self.traffic.burials.count(hosted.kind(), strategy, reason);
        let (Some(message), Some(letters)) = (message, letters) else {
            return self.remove_stored(id, lane, seq, length, is_stored);
        };
        let (vhost, name) = (hosted.definition.vhost.clone(), hosted.definition.name.clone());
        let deaths = self.deaths_of(&message, &name, reason);
        let barred =
            if reason == Reason::Rejected { Vec::new() } else { self.cycle(&vhost, &deaths) };
        let persistence = match letters.strategy {
            DeadLetterStrategy::AtMostOnce => Persistence::Once,
            DeadLetterStrategy::AtLeastOnce => Persistence::UntilTaken,
        };
        let exchange = letters.exchange.clone();
        let message = addressed(&message, letters, &deaths, self.now_ms);
        let source = Source::Dead { queue: id, lane, seq, length, is_stored };
        self.forward(Forward { vhost, exchange, message, source, persistence, barred });
    }

    /// A message's deaths with the one in this queue.
    fn deaths_of(&self, message: &Message, queue: &Name, reason: Reason) -> Deaths {
        let keys = std::iter::once(message.routing_key()).chain(message.cc());
        let death = Death {
            queue: queue.clone(),
            reason,
            count: 1,
            time_s: self.now_ms / 1_000,
            exchange: message.exchange().to_vec(),
            routing_keys: keys.map(<[u8]>::to_vec).collect(),
            original_ttl_ms: message.ttl_ms(),
        };
        Deaths::after(message.deaths(), death)
    }

    /// The queues in which the message has died and to which it must not go again.
    fn cycle(&self, vhost: &Name, deaths: &Deaths) -> Vec<QueueId> {
        let barred = deaths.entries.iter().filter(|death| deaths.is_cycle(death.queue.as_str()));
        barred
            .filter_map(|death| self.topology.queue(vhost.as_str(), death.queue.as_str()))
            .map(|queue| queue.id)
            .collect()
    }

    /// The store hears that a message is gone, and the ledger.
    pub(crate) fn remove_stored(
        &mut self,
        id: QueueId,
        lane: u8,
        seq: u64,
        length: u32,
        is_stored: bool,
    ) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        if is_stored {
            hosted.queue.buried(lane, seq);
            self.store.settle(hosted.definition.lane_id(lane), seq, length);
            if !hosted.ledger.is_empty() {
                self.strike_facts(id, seq);
            }
        }
    }
}

/// The dead letter. With a key of the queue's own it loses its others; without, it keeps them all, and the hidden ones.
fn addressed(message: &Message, letters: &DeadLetters, deaths: &Deaths, now_ms: u64) -> Message {
    let (cc, bcc): (Vec<&[u8]>, Vec<&[u8]>) = match letters.key {
        Some(_) => (Vec::new(), Vec::new()),
        None => (message.cc().collect(), message.bcc().collect()),
    };
    let key = letters.key.as_ref().map_or_else(|| message.routing_key(), |key| key.as_bytes());
    message.readdressed(&Readdress {
        exchange: letters.exchange.as_str().as_bytes(),
        routing_key: key,
        received_at_ms: now_ms,
        expires_at_ms: None,
        deliver_at_ms: None,
        delayed_ms: message.delayed_ms(),
        held_ttl_ms: None,
        cc: &cc,
        bcc: &bcc,
        deaths: Some(deaths),
    })
}
