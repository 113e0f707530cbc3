//! Watching what happens to the messages of one queue, live.
//!
//! ```text
//!   begin_trace ──→ the queue is marked ──→ each step of its messages is recorded ──→ collect_trace, again and again
//!                                                     │
//!                                     no room: counted, and told as lost
//! ```
//!
//! A queue that nobody watches has one mark that says so, beside what each step looks at anyway. Whoever watches holds nobody up:
//! what does not fit is lost to the watcher, who is told how much. A trace that nobody collects from ends by itself.

use std::collections::{BTreeMap, VecDeque};

use message::{ClientId, Message, Name, QueueId, Reason, Settlement};
use queue::{Dead, Delivery, Peeked, Settled, Whereabout};

use crate::broker::Broker;
use crate::dead_letter::DeadLetters;
use crate::deliver::Runs;

/// Traces of one shard, at most.
const TRACES_MAX: usize = 64;
/// Steps that wait to be collected, of each trace.
const STEPS_MAX: usize = 4_096;
/// Bytes of their messages.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a body that a trace may keep.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// How long a trace waits for whoever collects.
const IDLE_MS_MAX: u64 = 60_000;

/// Why a message did not go into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The queue is as long as it may be.
    Full,
    /// The queue has had it before.
    Duplicate,
    /// The disk has no room for it.
    NoRoom,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message went in.
    Published,
    /// A message did not go in.
    Refused(Obstacle),
    /// A client got it.
    Delivered {
        /// Whether the client has to settle it. If not, it is gone.
        settles: bool,
        /// Whether a client may have had it before.
        is_redelivered: bool,
        /// How often it has failed before, if the queue counts that.
        delivery_count: u32,
    },
    /// A client is done with it, and it is gone.
    Acknowledged,
    /// It is back in the queue.
    Returned(Settlement),
    /// A client cannot work on it.
    Rejected,
    /// It goes to another queue, by way of an exchange.
    DeadLettered {
        /// Why.
        reason: Reason,
        /// The exchange.
        exchange: Name,
        /// The key that it has there.
        routing_key: Vec<u8>,
    },
    /// It is gone, and nobody has it.
    Dropped(Reason),
    /// An operator has called it off while it waited for its time.
    CalledOff,
    /// All messages that waited are gone.
    Purged {
        /// How many.
        count: u64,
    },
    /// The queue is gone. Nothing follows.
    Deleted,
}

/// One thing that happened to a queue or one of its messages.
#[derive(Clone, Debug)]
pub struct Traced {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    pub step: Step,
    /// The message's lane and place in the queue, by which it is known from one step to the next; `None` where there is no one
    /// message, or it has never been in the queue.
    pub place: Option<(u8, u64)>,
    /// The client that did it, or that it was done for, as far as its queue knows.
    pub client: Option<ClientId>,
    /// The client's number for its consumer.
    pub consumer: Option<u32>,
    /// The message, of whose body the beginning is there; `None` when it is not in memory.
    pub message: Option<Message>,
    /// How long its body is.
    pub body_len: usize,
}

impl Traced {
    const fn new(at_ms: u64, step: Step) -> Self {
        let (place, client, consumer, message) = (None, None, None, None);
        Self { at_ms, step, place, client, consumer, message, body_len: 0 }
    }
}

/// What was recorded since somebody last asked.
#[derive(Clone, Debug, Default)]
pub struct TracePage {
    /// In the order in which it happened.
    pub steps: Vec<Traced>,
    /// Behind these, so many are missing.
    pub lost_count: u64,
    /// Nothing will follow.
    pub is_over: bool,
}

/// Somebody who watches.
#[derive(Debug)]
struct Trace {
    queue: QueueId,
    payload_bytes: usize,
    steps: VecDeque<Traced>,
    bytes: usize,
    lost_count: u64,
    collected_at_ms: u64,
    is_over: bool,
}

impl Trace {
    /// Room for one more, or one more that is lost.
    fn has_room(&mut self) -> bool {
        let has_room = self.steps.len() < STEPS_MAX && self.bytes < BYTES_MAX;
        // What follows something that is lost would stand before it: the loss is told first.
        let is_whole = self.lost_count == 0;
        self.lost_count += u64::from(!(has_room && is_whole));
        has_room && is_whole
    }

    fn record(&mut self, traced: &Traced, message: Option<&Message>) {
        if !self.has_room() {
            return;
        }
        let message = message.map(|message| message.abridged(self.payload_bytes));
        self.bytes += message.as_ref().map_or(0, Message::len_bytes);
        self.steps.push_back(Traced { message, ..traced.clone() });
    }
}

/// Who watches the queues of a shard.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    last_number: u64,
    by_number: BTreeMap<u64, Trace>,
}

impl Traces {
    /// Whether somebody watches anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    fn is_watched(&self, queue: QueueId) -> bool {
        self.by_number.values().any(|trace| trace.queue == queue)
    }

    #[inline(never)]
    fn record(&mut self, queue: QueueId, traced: &Traced, message: Option<&Message>) {
        for trace in self.by_number.values_mut().filter(|trace| trace.queue == queue) {
            trace.record(traced, message);
        }
    }

    /// A message goes into a queue, or would have.
    #[inline(never)]
    pub(crate) fn record_arrival(&mut self, queue: QueueId, traced: Arrival<'_>, now_ms: u64) {
        let Arrival { step, place, client, message } = traced;
        let body_len = message.body_len();
        let traced = Traced { place, client, body_len, ..Traced::new(now_ms, step) };
        self.record(queue, &traced, Some(message));
    }

    /// Clients get messages.
    #[inline(never)]
    pub(crate) fn record_deliveries(&mut self, queue: QueueId, runs: &Runs, now_ms: u64) {
        for delivery in runs.all() {
            self.record_delivery(queue, delivery, false, now_ms);
        }
    }

    /// A client gets a message.
    #[inline(never)]
    pub(crate) fn record_delivery(
        &mut self,
        queue: QueueId,
        delivery: &Delivery,
        is_fetched: bool,
        now_ms: u64,
    ) {
        let Delivery { is_redelivered, delivery_count, .. } = *delivery;
        let settles = delivery.id.is_some();
        let step = Step::Delivered { settles, is_redelivered, delivery_count };
        let consumer = delivery.consumer;
        let traced = Traced {
            place: Some((delivery.lane, delivery.seq)),
            client: Some(consumer.client),
            consumer: (!is_fetched).then_some(consumer.number),
            body_len: delivery.message.body_len(),
            ..Traced::new(now_ms, step)
        };
        self.record(queue, &traced, Some(&delivery.message));
    }

    /// A client has settled a delivery, of which `held` was known before.
    #[inline(never)]
    pub(crate) fn record_settled(
        &mut self,
        queue: QueueId,
        held: &Peeked,
        settlement: Settlement,
        settled: &Settled,
        now_ms: u64,
    ) {
        let step = match (settlement, settled) {
            (_, Settled::Unknown) => return,
            (Settlement::Accept, _) => Step::Acknowledged,
            (Settlement::Discard, _) => Step::Rejected,
            (settlement, Settled::Returned(_)) => Step::Returned(settlement),
            // It has failed too often, or its time is over, and it goes nowhere else.
            (_, Settled::Dropped(_, reason)) => Step::Dropped(*reason),
            // Why it has died is told when that is seen to.
            (_, Settled::Gone(_) | Settled::Dying) => return,
        };
        let taker = match held.whereabout {
            Whereabout::Unsettled { consumer, .. } => consumer,
            Whereabout::Ready | Whereabout::Delayed { .. } => None,
        };
        let traced = Traced {
            place: Some((held.lane, held.seq)),
            client: taker.map(|taker| taker.client),
            consumer: taker.map(|taker| taker.number),
            body_len: held.message.as_ref().map_or(0, Message::body_len),
            ..Traced::new(now_ms, step)
        };
        self.record(queue, &traced, held.message.as_ref());
    }

    /// A message has died.
    #[inline(never)]
    pub(crate) fn record_death(
        &mut self,
        queue: QueueId,
        dead: &Dead,
        letters: Option<&DeadLetters>,
        now_ms: u64,
    ) {
        let reason = dead.reason;
        let step = match (&dead.message, letters) {
            (Some(message), Some(letters)) => Step::DeadLettered {
                reason,
                exchange: letters.exchange.clone(),
                routing_key: letters
                    .key
                    .as_ref()
                    .map_or_else(|| message.routing_key().to_vec(), |key| key.as_bytes().to_vec()),
            },
            // That was told when the client rejected it.
            _ if reason == Reason::Rejected => return,
            _ => Step::Dropped(reason),
        };
        // One that was refused for want of room has never had a place.
        let has_place = dead.length > 0;
        let traced = Traced {
            place: has_place.then_some((dead.lane, dead.seq)),
            body_len: dead.message.as_ref().map_or(0, Message::body_len),
            ..Traced::new(now_ms, step)
        };
        self.record(queue, &traced, dead.message.as_ref());
    }

    /// Something happened that concerns no one message, or one of which only the place is known.
    pub(crate) fn record_step(
        &mut self,
        queue: QueueId,
        step: Step,
        place: Option<(u8, u64)>,
        now_ms: u64,
    ) {
        let is_end = step == Step::Deleted;
        self.record(queue, &Traced { place, ..Traced::new(now_ms, step) }, None);
        if is_end {
            let own = self.by_number.values_mut().filter(|trace| trace.queue == queue);
            own.for_each(|trace| trace.is_over = true);
        }
    }
}

/// A message that comes to a queue.
#[derive(Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) step: Step,
    pub(crate) place: Option<(u8, u64)>,
    /// Who is to be told what becomes of it, if anybody: nobody else is known here.
    pub(crate) client: Option<ClientId>,
    pub(crate) message: &'a Message,
}

impl Broker {
    /// Begins to record what happens to the messages of a queue of this shard, with at most `payload_bytes` of each body. Returns
    /// the number of the trace; `None` when there is no such queue, or too many traces.
    pub fn begin_trace(&mut self, queue: QueueId, payload_bytes: usize) -> Option<u64> {
        if self.traces.by_number.len() >= TRACES_MAX {
            return None;
        }
        self.hosted(queue)?.is_traced = true;
        self.traces.last_number += 1;
        let trace = Trace {
            queue,
            payload_bytes: payload_bytes.min(PAYLOAD_BYTES_MAX),
            steps: VecDeque::new(),
            bytes: 0,
            lost_count: 0,
            collected_at_ms: self.now_ms,
            is_over: false,
        };
        self.traces.by_number.insert(self.traces.last_number, trace);
        Some(self.traces.last_number)
    }

    /// Takes at most `count` of what was recorded since the last time. `None` when there is no such trace: it was ended, or nobody
    /// has collected from it for a minute.
    pub fn collect_trace(&mut self, number: u64, count: usize) -> Option<TracePage> {
        let trace = self.traces.by_number.get_mut(&number)?;
        trace.collected_at_ms = self.now_ms;
        let count = count.min(trace.steps.len());
        let steps: Vec<Traced> = trace.steps.drain(..count).collect();
        let lengths = steps.iter().filter_map(|traced| traced.message.as_ref());
        trace.bytes -= lengths.map(Message::len_bytes).sum::<usize>();
        let is_empty = trace.steps.is_empty();
        let lost_count = if is_empty { std::mem::take(&mut trace.lost_count) } else { 0 };
        Some(TracePage { steps, lost_count, is_over: is_empty && trace.is_over })
    }

    /// Ends a trace, if there is such.
    pub fn end_trace(&mut self, number: u64) {
        let Some(Trace { queue, .. }) = self.traces.by_number.remove(&number) else { return };
        if let Some(hosted) = self.queues.get_mut(queue) {
            hosted.is_traced = self.traces.is_watched(queue);
        }
    }

    /// Ends the traces that nobody collects from.
    pub(crate) fn end_stale_traces(&mut self) {
        let now_ms = self.now_ms;
        let is_stale = |trace: &Trace| now_ms.saturating_sub(trace.collected_at_ms) > IDLE_MS_MAX;
        let all = self.traces.by_number.iter();
        let stale: Vec<u64> =
            all.filter(|(_, trace)| is_stale(trace)).map(|(&number, _)| number).collect();
        stale.into_iter().for_each(|number| self.end_trace(number));
    }
}
