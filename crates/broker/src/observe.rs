//! What an operator is shown of queues and of what went through them.
//!
//! Everything here is read off when somebody asks; the data path only counts, and that once per batch wherever it has
//! batches.

use std::ops::{Add, AddAssign, Sub};

use message::{ClientId, Message, QueueId, Value};
use queue::{ConsumerId, TakerState};

use crate::broker::Broker;
use crate::inflow::Source;
use crate::traffic::Holdings;

/// How many messages went where. The words are those that RabbitMQ's monitoring has for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounters {
    /// Published: by a channel, or into a queue.
    pub publish: u64,
    /// Confirmed to their publishers.
    pub confirm: u64,
    /// Returned to their publishers because they went nowhere.
    pub return_unroutable: u64,
    /// Dropped because they went nowhere.
    pub drop_unroutable: u64,
    /// Delivered to consumers that acknowledge.
    pub deliver: u64,
    /// Delivered to consumers that do not.
    pub deliver_no_ack: u64,
    /// Fetched, to be acknowledged.
    pub get: u64,
    /// Fetched and gone.
    pub get_no_ack: u64,
    /// Fetches that found nothing.
    pub get_empty: u64,
    /// Of those delivered or fetched: had been handed out before.
    pub redeliver: u64,
    /// Acknowledged.
    pub ack: u64,
    /// Read from disk.
    pub disk_reads: u64,
    /// Written to disk.
    pub disk_writes: u64,
}

impl MessageCounters {
    /// Nothing yet.
    pub const ZERO: Self = Self {
        publish: 0,
        confirm: 0,
        return_unroutable: 0,
        drop_unroutable: 0,
        deliver: 0,
        deliver_no_ack: 0,
        get: 0,
        get_no_ack: 0,
        get_empty: 0,
        redeliver: 0,
        ack: 0,
        disk_reads: 0,
        disk_writes: 0,
    };

    /// Delivered or fetched, however.
    pub const fn deliver_get(&self) -> u64 {
        self.deliver + self.deliver_no_ack + self.get + self.get_no_ack
    }

    fn zip(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            publish: with(self.publish, other.publish),
            confirm: with(self.confirm, other.confirm),
            return_unroutable: with(self.return_unroutable, other.return_unroutable),
            drop_unroutable: with(self.drop_unroutable, other.drop_unroutable),
            deliver: with(self.deliver, other.deliver),
            deliver_no_ack: with(self.deliver_no_ack, other.deliver_no_ack),
            get: with(self.get, other.get),
            get_no_ack: with(self.get_no_ack, other.get_no_ack),
            get_empty: with(self.get_empty, other.get_empty),
            redeliver: with(self.redeliver, other.redeliver),
            ack: with(self.ack, other.ack),
            disk_reads: with(self.disk_reads, other.disk_reads),
            disk_writes: with(self.disk_writes, other.disk_writes),
        }
    }
}

impl Add for MessageCounters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, u64::wrapping_add)
    }
}

impl AddAssign for MessageCounters {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What happened between two moments; what was counted anew in between counts as nothing.
impl Sub for MessageCounters {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }
}

/// The least that is known of a queue, for lists of very many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSummary {
    /// Which.
    pub id: QueueId,
    /// What it holds.
    pub holdings: Holdings,
    /// About how much memory it takes, in bytes.
    pub memory_bytes: u64,
}

/// What is known of a queue that has been used since the start, or held messages then. Others are empty and have no
/// consumers.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueState {
    /// Counts and sizes.
    pub summary: QueueSummary,
    /// What went through it.
    pub counters: MessageCounters,
    /// Messages that are kept on disk, waiting or not settled.
    pub persistent_count: u64,
    /// Their bytes, with what the store needs for each.
    pub persistent_bytes: u64,
    /// Ready messages that are in memory.
    pub ready_in_memory_count: u64,
    /// Bytes of messages that are in memory, ready or not settled.
    pub in_memory_bytes: u64,
    /// How much of the time lately a message could have gone to a consumer at once, from 0 to 1: RabbitMQ's consumer
    /// capacity. `None` without consumers.
    pub consumer_capacity: Option<f64>,
    /// When it was last used, in milliseconds since 1970: messages came or went.
    pub used_at_ms: u64,
    /// When the producer says that the first ready message was made, in seconds since 1970. `None` when there is none, or
    /// it is not in memory, or says nothing.
    pub head_timestamp_s: Option<u64>,
    /// When the node received the first ready message that is in memory, in milliseconds since 1970.
    pub head_received_at_ms: Option<u64>,
    /// The consumer that takes, of a queue of which only one does.
    pub active_consumer: Option<ConsumerId>,
    /// The consumer that has it for itself.
    pub exclusive_consumer: Option<ConsumerId>,
    /// The client that it belongs to.
    pub owner: Option<ClientId>,
    /// Whether it is being deleted.
    pub is_deleted: bool,
    /// Ready messages of each priority, lowest first; one entry without priorities.
    pub lane_ready_counts: Vec<u64>,
}

/// What went into an exchange and out of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangeTraffic {
    /// Messages that were published to it.
    pub publish_in: u64,
    /// Messages that went on from it, each once for every queue.
    pub publish_out: u64,
}

impl Broker {
    /// What is known of a queue of this shard. `None` when it lives elsewhere, or has not been used.
    pub fn queue_state(&self, id: QueueId) -> Option<QueueState> {
        let hosted = self.queues.get(id)?;
        let (definition, queue) = (&hosted.definition, &hosted.queue);
        let lanes = (0..=u8::MAX).take(definition.lane_count.into());
        let live = lanes.map(|lane| self.store.live(definition.lane_id(lane)));
        let (persistent_count, persistent_bytes) =
            live.fold((0, 0), |(count, bytes), live| (count + live.0, bytes + live.1));
        let timestamp_of = |message: &Message| match (self.reader.property_of)(message, "timestamp")
        {
            Some(Value::Timestamp(at_s)) => Some(at_s),
            _ => None,
        };
        Some(QueueState {
            summary: self.summary(id)?,
            counters: hosted.counters(),
            persistent_count,
            persistent_bytes,
            ready_in_memory_count: queue.warm_count(),
            in_memory_bytes: queue.warm_bytes() as u64,
            consumer_capacity: hosted.consumer_capacity(self.now_ms),
            used_at_ms: hosted.used_at_ms,
            head_timestamp_s: queue.front().and_then(timestamp_of),
            head_received_at_ms: queue.front().map(Message::received_at_ms),
            active_consumer: queue.active_consumer(),
            exclusive_consumer: queue.exclusive_consumer(),
            owner: definition.owner,
            is_deleted: hosted.is_deleted,
            lane_ready_counts: queue.lane_counts(),
        })
    }

    fn summary(&self, id: QueueId) -> Option<QueueSummary> {
        let hosted = self.queues.get(id)?;
        let holdings = hosted.holdings();
        Some(QueueSummary { id, holdings, memory_bytes: hosted.resident_bytes() as u64 })
    }

    /// At most `count_max` queues of this shard that have been used, in the order of their numbers, from behind `after`
    /// on. Relays, which clients do not see, are among them: they are in no virtual host's list.
    pub fn queue_summaries(&self, after: Option<QueueId>, count_max: usize) -> Vec<QueueSummary> {
        let ids = self.queues.keys_after(after).take(count_max);
        ids.filter_map(|id| self.summary(id)).collect()
    }

    /// The same, with all that is known of each.
    pub fn queue_states(&self, after: Option<QueueId>, count_max: usize) -> Vec<QueueState> {
        let ids = self.queues.keys_after(after).take(count_max);
        ids.filter_map(|id| self.queue_state(id)).collect()
    }

    /// From which exchanges the messages of a queue of this shard have come.
    pub fn sources(&self, id: QueueId) -> Vec<Source> {
        let hosted = self.queues.get(id);
        hosted.map_or_else(Vec::new, |hosted| hosted.inflow.sources(hosted.queue.next_seq()))
    }

    /// How many messages of a queue of this shard have come from an exchange, and whether they have come from no other.
    pub fn source(&self, id: QueueId, exchange: &[u8]) -> Option<(u64, bool)> {
        let hosted = self.queues.get(id)?;
        hosted.inflow.source(exchange, hosted.queue.next_seq())
    }

    /// What a queue of this shard knows of its consumers.
    pub fn takers(&self, id: QueueId) -> Vec<TakerState> {
        self.queues.get(id).map_or_else(Vec::new, |hosted| hosted.queue.takers().collect())
    }
}
