//! One row per object, with no more than metrics need: of a hundred thousand queues, twenty megabytes.

use std::ops::AddAssign;

use message::Name;
use metadata::{Definitions, QueueKind};
use node::observation::{
    ChannelBreakdown, ChannelState, ConnectionState, ExchangeTraffic, MessageCounters, Octets,
    QueueState, Source,
};

/// What is counted of a queue, or of many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueueNumbers {
    pub(crate) ready: u64,
    pub(crate) unsettled: u64,
    pub(crate) scheduled: u64,
    pub(crate) ready_bytes: u64,
    pub(crate) unsettled_bytes: u64,
    pub(crate) persistent: u64,
    pub(crate) persistent_bytes: u64,
    pub(crate) ready_in_memory: u64,
    pub(crate) in_memory_bytes: u64,
    pub(crate) consumers: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) capacity: Option<f64>,
    pub(crate) head_timestamp_s: Option<u64>,
    /// When the oldest ready message came.
    pub(crate) head_received_at_ms: Option<u64>,
    pub(crate) counters: MessageCounters,
}

impl From<&QueueState> for QueueNumbers {
    fn from(state: &QueueState) -> Self {
        let (summary, holdings) = (&state.summary, &state.summary.holdings);
        Self {
            ready: holdings.ready_count,
            unsettled: holdings.unsettled_count,
            scheduled: holdings.scheduled_count,
            ready_bytes: holdings.ready_bytes,
            unsettled_bytes: holdings.unsettled_bytes,
            persistent: state.persistent_count,
            persistent_bytes: state.persistent_bytes,
            ready_in_memory: state.ready_in_memory_count,
            in_memory_bytes: state.in_memory_bytes,
            consumers: holdings.consumer_count,
            memory_bytes: summary.memory_bytes,
            capacity: state.consumer_capacity,
            head_timestamp_s: state.head_timestamp_s,
            head_received_at_ms: state.head_received_at_ms,
            counters: state.counters,
        }
    }
}

/// Of many queues the oldest message counts; all else is added up, as in RabbitMQ.
impl AddAssign for QueueNumbers {
    fn add_assign(&mut self, other: Self) {
        self.ready += other.ready;
        self.unsettled += other.unsettled;
        self.scheduled += other.scheduled;
        self.ready_bytes += other.ready_bytes;
        self.unsettled_bytes += other.unsettled_bytes;
        self.persistent += other.persistent;
        self.persistent_bytes += other.persistent_bytes;
        self.ready_in_memory += other.ready_in_memory;
        self.in_memory_bytes += other.in_memory_bytes;
        self.consumers += other.consumers;
        self.memory_bytes += other.memory_bytes;
        self.capacity = match (self.capacity, other.capacity) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.head_timestamp_s = earlier(self.head_timestamp_s, other.head_timestamp_s);
        self.head_received_at_ms = earlier(self.head_received_at_ms, other.head_received_at_ms);
        self.counters += other.counters;
    }
}

fn earlier(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A queue.
#[derive(Clone, Debug)]
pub(crate) struct QueueRow {
    pub(crate) vhost: Name,
    pub(crate) name: Name,
    pub(crate) kind: QueueKind,
    pub(crate) numbers: QueueNumbers,
    /// How many messages came from which exchange.
    pub(crate) sources: Vec<Source>,
}

/// What is counted of a channel, or of many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChannelNumbers {
    pub(crate) consumers: u64,
    pub(crate) unacknowledged: u64,
    pub(crate) unconfirmed: u64,
    pub(crate) uncommitted: u64,
    pub(crate) uncommitted_acks: u64,
    pub(crate) prefetch: u64,
    pub(crate) global_prefetch: u64,
    pub(crate) counters: MessageCounters,
}

impl From<&ChannelState> for ChannelNumbers {
    fn from(state: &ChannelState) -> Self {
        Self {
            consumers: state.consumer_count as u64,
            unacknowledged: state.unacknowledged_count as u64,
            unconfirmed: state.unconfirmed_count as u64,
            uncommitted: state.uncommitted_count as u64,
            uncommitted_acks: state.uncommitted_ack_count as u64,
            prefetch: state.prefetch_count.into(),
            global_prefetch: state.global_prefetch_count.into(),
            counters: state.counters,
        }
    }
}

impl AddAssign for ChannelNumbers {
    fn add_assign(&mut self, other: Self) {
        self.consumers += other.consumers;
        self.unacknowledged += other.unacknowledged;
        self.unconfirmed += other.unconfirmed;
        self.uncommitted += other.uncommitted;
        self.uncommitted_acks += other.uncommitted_acks;
        self.prefetch += other.prefetch;
        self.global_prefetch += other.global_prefetch;
        self.counters += other.counters;
    }
}

/// A channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelRow {
    /// RabbitMQ's name for it: `127.0.0.1:41876 -> 127.0.0.1:5672 (1)`.
    pub(crate) name: String,
    pub(crate) vhost: Name,
    pub(crate) numbers: ChannelNumbers,
    /// What went to each exchange.
    pub(crate) publishes: Vec<(Name, MessageCounters)>,
    /// What came from each queue.
    pub(crate) deliveries: Vec<(Name, MessageCounters)>,
}

impl ChannelRow {
    /// A channel with the names of its exchanges and queues, as far as they are still there.
    pub(crate) fn new(
        connection: &ConnectionRow,
        state: &ChannelState,
        breakdown: ChannelBreakdown,
        definitions: &Definitions,
    ) -> Self {
        let publishes = breakdown.publishes.into_iter().filter_map(|(id, counters)| {
            Some((definitions.exchange_by_id(id)?.name.clone(), counters))
        });
        let deliveries = breakdown.deliveries.into_iter().filter_map(|(id, counters)| {
            Some((definitions.queue_by_id(id)?.name.clone(), counters))
        });
        Self {
            name: format!("{} ({})", connection.name, state.number),
            vhost: connection.vhost.clone(),
            numbers: state.into(),
            publishes: publishes.collect(),
            deliveries: deliveries.collect(),
        }
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionRow {
    /// RabbitMQ's name for it: `127.0.0.1:41876 -> 127.0.0.1:5672`.
    pub(crate) name: String,
    pub(crate) vhost: Name,
    pub(crate) channels: u64,
    pub(crate) octets: Octets,
    pub(crate) unsent_bytes: u64,
}

impl From<ConnectionState> for ConnectionRow {
    fn from(state: ConnectionState) -> Self {
        Self {
            name: state.name,
            vhost: state.vhost,
            channels: state.channel_count as u64,
            octets: state.octets,
            unsent_bytes: state.unsent_bytes as u64,
        }
    }
}

/// An exchange.
#[derive(Clone, Debug)]
pub(crate) struct ExchangeRow {
    pub(crate) id: u64,
    pub(crate) vhost: Name,
    pub(crate) name: Name,
    pub(crate) kind: Name,
    pub(crate) bindings: u64,
    pub(crate) traffic: ExchangeTraffic,
}
