//! Exchanges that remember: a hidden queue of theirs, the relay, holds messages back, or the last ones for those that come.
//!
//! ```text
//!   x-delayed-message     publish ──delay──→ relay ──its time has come──→ forward: routed as the inner type says
//!   x-recent-history      publish ──→ bound queues
//!                            └──────→ relay: the last n ──a binding is made──→ its destination
//! ```
//!
//! A relay is a queue like others to the store, and lives on one shard. It comes and goes with its exchange.

use std::collections::VecDeque;

use message::{Headers, Message, Name, QueueId, Readdress, Value};
use metadata::BindingEnd;
use store::Ticket;

use crate::broker::{Awaited, Broker};
use crate::forward::{Forward, Persistence, Source, forwarder};
use crate::hosted::RECENT_HISTORY;
use crate::publisher::Confirm;

/// How many messages are taken out of a relay in one go.
const RELEASE_STEP: usize = 256;

/// The last messages of an exchange.
#[derive(Debug)]
pub(crate) struct History {
    /// How many are remembered.
    pub(crate) count_max: usize,
    next_seq: u64,
    /// Number, message, and whether the store has it.
    messages: VecDeque<(u64, Message, bool)>,
}

impl History {
    pub(crate) const fn new(count_max: usize) -> Self {
        Self { count_max, next_seq: 0, messages: VecDeque::new() }
    }

    /// What a start found.
    pub(crate) fn recover(&mut self, next_seq: u64, messages: Vec<(u64, Message)>) {
        self.next_seq = next_seq;
        self.messages = messages.into_iter().map(|(seq, message)| (seq, message, true)).collect();
    }

    /// Memory that it takes.
    pub(crate) fn resident_bytes(&self) -> usize {
        self.messages.iter().map(|(_, message, _)| message.len_bytes() + 48).sum()
    }
}

/// Where a message goes because its exchange has a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relayed {
    /// Only where its bindings say.
    No,
    /// Into the relay first.
    Instead(QueueId),
    /// Into the relay too.
    Besides(QueueId),
}

impl Broker {
    /// What the relay of a message's exchange has to do with it, and the message as it goes on.
    pub(crate) fn through_relay(
        &self,
        vhost: &Name,
        message: Message,
        headers: &dyn Headers,
    ) -> (Message, Relayed) {
        let definitions = self.topology.definitions();
        if !definitions.has_relays() {
            return (message, Relayed::No);
        }
        let name = String::from_utf8_lossy(message.exchange());
        let found = definitions.exchange(vhost.as_str(), &name);
        let Some((exchange, relay)) = found.and_then(|found| Some((found, found.relay?))) else {
            return (message, Relayed::No);
        };
        if exchange.kind.as_str() == RECENT_HISTORY {
            let is_stored = headers.get("x-recent-history-no-store") != Some(Value::Bool(true));
            let relayed = if is_stored { Relayed::Besides(relay) } else { Relayed::No };
            return (message, relayed);
        }
        let delay_ms = headers.get("x-delay").as_ref().map_or(0, delay_of);
        if delay_ms == 0 || message.delayed_ms().is_some() {
            return (message, Relayed::No);
        }
        (held_back(&message, delay_ms, self.now_ms), Relayed::Instead(relay))
    }

    /// Puts a message into an exchange's history.
    pub(crate) fn remember(&mut self, id: QueueId, message: Message, confirm: Option<Confirm>) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        let keeps = hosted.keeps.keeps(&message) && !self.store.is_full();
        let Some(history) = &mut hosted.history else { return };
        let seq = history.next_seq;
        history.next_seq += 1;
        let ticket: Option<Ticket> =
            keeps.then(|| self.store.enqueue(id, seq, message.as_bytes(), confirm.is_some()));
        history.messages.push_back((seq, message.detached(), keeps));
        while history.messages.len() > history.count_max {
            if let Some((seq, old, true)) = history.messages.pop_front() {
                self.store.settle(id, seq, old.len_bytes() as u32);
            }
        }
        match (confirm, ticket) {
            (Some(confirm), Some(ticket)) => {
                self.awaiting.push_back((ticket, Awaited::Confirm(confirm)));
            }
            (confirm, _) => self.confirm(confirm),
        }
    }

    /// Gives an exchange's history to what was just bound to it.
    pub(crate) fn replay(&mut self, relay: QueueId, destination: &BindingEnd) {
        let Some(hosted) = self.hosted(relay) else { return };
        let vhost = hosted.definition.vhost.clone();
        let Some(history) = &hosted.history else { return };
        let messages: Vec<Message> =
            history.messages.iter().map(|(_, message, _)| message.clone()).collect();
        for message in messages {
            for queue in self.queues_behind(&vhost, destination, &message) {
                self.send(queue, message.clone(), None);
            }
        }
    }

    /// The queues that a message reaches from the end of a binding.
    fn queues_behind(&self, vhost: &Name, end: &BindingEnd, message: &Message) -> Vec<QueueId> {
        match end {
            BindingEnd::Queue(name) => {
                let queue = self.topology.queue(vhost.as_str(), name.as_str());
                queue.map(|queue| queue.id).into_iter().collect()
            }
            BindingEnd::Exchange(name) => self.route_from(vhost, name.as_str(), message),
        }
    }

    /// Sends on what a relay has held back long enough, as far as there is room for more on the way.
    pub(crate) fn release(&mut self, id: QueueId) {
        let client = forwarder(self.shard);
        for _ in 0..RELEASE_STEP {
            if !self.forwards.has_room(id) {
                return;
            }
            let Some(hosted) = self.queues.get_mut(id) else { return };
            let Some(delivery) = hosted.queue.fetch(client, true, self.now_ms) else { return };
            let Some(delivery_id) = delivery.id else { return };
            let vhost = hosted.definition.vhost.clone();
            let message = released(&delivery.message, self.now_ms);
            let source = Source::Held { queue: id, delivery: delivery_id };
            let (persistence, barred) = (Persistence::Once, Vec::new());
            self.forward(Forward { vhost, message, source, persistence, barred });
        }
        self.mark_dirty(id);
    }

    /// Forgets the relays whose exchanges are gone.
    pub(crate) fn drop_relays(&mut self) {
        if self.relays.is_empty() {
            return;
        }
        let definitions = self.topology.definitions();
        let is_gone = |id: &&QueueId| definitions.queue_by_id(**id).is_none();
        let gone: Vec<QueueId> = self.relays.iter().filter(is_gone).copied().collect();
        for id in gone {
            if let Some(hosted) = self.queues.get_mut(id) {
                let remains = std::mem::take(&mut hosted.queue).into_remains();
                self.discard(remains);
            }
            self.count_resident(id);
            self.forget_hosted(id);
        }
    }
}

/// A delay in milliseconds; 0 for what is none. Whole numbers of any width, others, and text are taken, as the plugin
/// does (`rabbit_delayed_message.erl`); what is below 0 has been delayed before.
fn delay_of(value: &Value) -> u64 {
    match value {
        Value::F32(number) => f64::from(*number).max(0.0) as u64,
        Value::F64(number) => number.max(0.0) as u64,
        Value::Timestamp(number) => *number,
        Value::Text(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
        }
        other => other.as_integer().and_then(|number| u64::try_from(number).ok()).unwrap_or(0),
    }
}

/// A message as it waits. Its own time to live begins when the wait is over.
fn held_back(message: &Message, delay_ms: u64, now_ms: u64) -> Message {
    let (cc, bcc): (Vec<&[u8]>, Vec<&[u8]>) = (message.cc().collect(), message.bcc().collect());
    message.readdressed(&Readdress {
        exchange: message.exchange(),
        routing_key: message.routing_key(),
        received_at_ms: message.received_at_ms(),
        expires_at_ms: message.expires_at_ms().map(|at_ms| at_ms.saturating_add(delay_ms)),
        deliver_at_ms: Some(now_ms.saturating_add(delay_ms)),
        delayed_ms: Some(delay_ms),
        cc: &cc,
        bcc: &bcc,
        deaths: message.deaths().as_ref(),
    })
}

/// A message as it goes on: its own time to live begins here.
fn released(message: &Message, now_ms: u64) -> Message {
    let held_until_ms = message.deliver_at_ms().unwrap_or_else(|| message.received_at_ms());
    let ttl_ms = message.expires_at_ms().map(|at_ms| at_ms.saturating_sub(held_until_ms));
    let (cc, bcc): (Vec<&[u8]>, Vec<&[u8]>) = (message.cc().collect(), message.bcc().collect());
    message.readdressed(&Readdress {
        exchange: message.exchange(),
        routing_key: message.routing_key(),
        received_at_ms: now_ms,
        expires_at_ms: ttl_ms.map(|ttl_ms| now_ms.saturating_add(ttl_ms)),
        deliver_at_ms: None,
        delayed_ms: message.delayed_ms(),
        cc: &cc,
        bcc: &bcc,
        deaths: message.deaths().as_ref(),
    })
}
