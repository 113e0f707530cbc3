//! Exchanges that remember: a hidden queue of theirs, the relay, holds messages back, or the last ones for those that come.
//!
//! ```text
//!   x-delayed-message     publish ──delay──→ relay ──its time has come──→ forward: routed as the inner type says
//!   x-message-deduplication   publish ──→ relay ──seen for the first time──→ forward
//!   x-recent-history      publish ──→ bound queues
//!                            └──────→ relay: the last n ──a binding is made──→ its destination
//! ```
//!
//! A relay is a queue like others to the store, and lives on one shard. It comes and goes with its exchange.

use std::collections::VecDeque;
use std::iter;

use message::{Headers, Message, Name, QueueId, Times, Value};
use metadata::BindingEnd;
use routing::ExchangeId;
use store::{Bug, Ticket, is_seeded};

use crate::broker::{Awaited, Broker};
use crate::forward::{Forward, Persistence, Source, forwarder};
use crate::hosted::DELAYED;
use crate::publisher::Confirm;
use crate::topology::Topology;

/// The header of a message that is not to be remembered.
const NO_STORE: &str = "x-recent-history-no-store";
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
    /// What the messages take.
    bytes: usize,
}

/// What a history takes at most: fewer messages are remembered then.
const HISTORY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What it takes to remember a message, beside its bytes.
const REMEMBERED_BYTES: usize = 48;

impl History {
    pub(crate) const fn new(count_max: usize) -> Self {
        Self { count_max, next_seq: 0, messages: VecDeque::new(), bytes: 0 }
    }

    /// What a start found.
    pub(crate) fn recover(&mut self, next_seq: u64, messages: Vec<(u64, Message)>) {
        self.next_seq = next_seq;
        messages.into_iter().for_each(|(seq, message)| self.push(seq, message.detached(), true));
    }

    fn push(&mut self, seq: u64, message: Message, is_stored: bool) {
        self.bytes += message.len_bytes() + REMEMBERED_BYTES;
        self.messages.push_back((seq, message, is_stored));
    }

    /// Takes out the oldest message, if there are too many.
    fn pop_old(&mut self) -> Option<(u64, Message, bool)> {
        let is_too_long = self.messages.len() > self.count_max
            || (self.bytes > HISTORY_BYTES_MAX && self.messages.len() > 1);
        let old = if is_too_long { self.messages.pop_front()? } else { return None };
        self.bytes -= old.1.len_bytes() + REMEMBERED_BYTES;
        Some(old)
    }

    /// Memory that it takes.
    pub(crate) const fn resident_bytes(&self) -> usize {
        self.bytes
    }
}

/// The relays that have a part in a message's way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relays {
    /// Those that remember it.
    pub(crate) histories: Vec<QueueId>,
    /// Those that hold it back, if only to look whether they have had it before.
    pub(crate) delays: Vec<QueueId>,
}

impl Relays {
    /// Those of the exchanges that keep a message.
    pub(crate) fn of(keepers: &[ExchangeId], topology: &Topology, headers: &dyn Headers) -> Self {
        let mut relays = Self::default();
        for exchange in keepers.iter().filter_map(|&id| topology.exchange_by_id(id)) {
            let Some(relay) = exchange.relay else { continue };
            let is_sieve = topology.definitions().exchange_rules(exchange).deduplication.is_some();
            if is_sieve || exchange.kind.as_str() == DELAYED {
                relays.delays.push(relay);
            } else if headers.get(NO_STORE) != Some(Value::Bool(true)) {
                relays.histories.push(relay);
            }
        }
        relays
    }

    pub(crate) const fn len(&self) -> usize {
        self.histories.len() + self.delays.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Broker {
    /// How long a message is to wait, in milliseconds, if it comes to an exchange that delays.
    #[inline]
    pub(crate) fn delay_ms(&self, message: &Message, headers: &dyn Headers) -> u64 {
        if !self.topology.definitions().has_relays() || message.delayed_ms().is_some() {
            return 0;
        }
        headers.get("x-delay").as_ref().map_or(0, delay_of)
    }

    /// Gives a message to the relays on its way. `confirm` says whom each of them is to tell.
    pub(crate) fn keep(
        &mut self,
        relays: &Relays,
        message: &Message,
        delay_ms: u64,
        confirm: impl Fn(QueueId) -> Option<Confirm>,
    ) {
        for &relay in &relays.histories {
            self.send(relay, message.clone(), confirm(relay));
        }
        for &relay in &relays.delays {
            self.send(relay, held_back(message, delay_ms, self.now_ms), confirm(relay));
        }
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
        history.push(seq, message.detached(), keeps);
        while let Some((seq, old, is_stored)) = history.pop_old() {
            if is_stored {
                self.store.settle(id, seq, old.len_bytes() as u32);
            }
        }
        self.count_resident(id);
        match (confirm, ticket) {
            (Some(confirm), Some(ticket)) => {
                self.awaiting.push_back((ticket, Awaited::Confirm(confirm, 1)));
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
    fn queues_behind(&mut self, vhost: &Name, end: &BindingEnd, message: &Message) -> Vec<QueueId> {
        match end {
            BindingEnd::Queue(name) => {
                let queue = self.topology.queue(vhost.as_str(), name.as_str());
                queue.map(|queue| queue.id).into_iter().collect()
            }
            BindingEnd::Exchange(name) => {
                self.route_from(vhost, name.as_str(), message, false).queues
            }
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
            let definition = &hosted.definition;
            // A relay has the name of its exchange, and is not what the message was published to if that led here.
            let (vhost, exchange) = (definition.vhost.clone(), definition.name.clone());
            let message = released(&delivery.message, self.now_ms);
            let source = Source::Held { queue: id, delivery: delivery_id };
            if is_seeded(Bug::HeldForgotten) {
                self.settle_here(id, iter::once(delivery_id), message::Settlement::Accept);
            }
            let (persistence, barred) = (Persistence::Once, Vec::new());
            self.forward(Forward { vhost, exchange, message, source, persistence, barred });
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
    let delay_ms = (delay_ms > 0).then_some(delay_ms);
    let delayed_until_ms = delay_ms.map(|delay_ms| now_ms.saturating_add(delay_ms));
    let times = message.times();
    message.retimed(&Times {
        expires_at_ms: None,
        deliver_at_ms: delayed_until_ms.max(times.deliver_at_ms),
        delayed_ms: delay_ms.or(times.delayed_ms),
        held_ttl_ms: message.ttl_ms().or(times.held_ttl_ms),
        ..times
    })
}

/// A message as it goes on: its own time to live begins here.
fn released(message: &Message, now_ms: u64) -> Message {
    let times = message.times();
    message.retimed(&Times {
        received_at_ms: now_ms,
        expires_at_ms: times.held_ttl_ms.map(|ttl_ms| now_ms.saturating_add(ttl_ms)),
        deliver_at_ms: None,
        held_ttl_ms: None,
        ..times
    })
}
