//! What is seen of a node, as plain values: nothing here can change anything.
//!
//! Every shard shows its own part, within an [`Errand`](crate::Errand). Lists come in pages, so that a look at very many
//! things holds nobody up.

pub use broker::{
    Burials, Churn, ExchangeTraffic, Holdings, MessageCounters, Meters, QueueState, QueueSummary,
    Sizes, Source, Strategy, VhostTraffic, Waits,
};
use std::ops::Add;

use message::{ClientId, Name, QueueId};
pub use proto_amqp091::{
    ChannelBreakdown, ChannelState, ConnectionActivity, ConnectionState, ConsumerState, End, Octets,
};
pub use queue::{ConsumerId, TakerState};

use crate::shard::Shard;

/// How many things one page shows at most: a look at one takes less than a microsecond, and a page less than a millisecond.
pub const PAGE_MAX: usize = 512;

/// What one shard holds, and has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardTotals {
    /// Clients that are connected.
    pub connection_count: u64,
    /// Their channels.
    pub channel_count: u64,
    /// What its queues hold.
    pub holdings: Holdings,
    /// Bytes of messages in memory.
    pub message_memory_bytes: u64,
    /// Bytes that connections hold in memory.
    pub connection_memory_bytes: u64,
    /// Bytes that wait to be written to the journal.
    pub unwritten_bytes: u64,
    /// Whether memory is short, so that those that publish are held back.
    pub is_memory_short: bool,
    /// Whether the disk is short of room.
    pub is_disk_short: bool,
    /// What went through it.
    pub counters: MessageCounters,
    /// What clients sent and were sent.
    pub octets: Octets,
    /// What came and went.
    pub churn: Churn,
    /// How many have tried to log in.
    pub attempts: Attempts,
}

/// How many have tried to log in since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Were let in.
    pub succeeded: u64,
    /// Were not.
    pub failed: u64,
}

/// What went through one virtual host on one shard since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VhostTotals {
    /// Which.
    pub vhost: Name,
    /// What.
    pub traffic: VhostTraffic,
}

impl Shard {
    /// What this shard holds and has done.
    pub fn observe_totals(&self) -> ShardTotals {
        let (alarm, churn) = (self.broker.alarm(), self.broker.churn());
        let all = self.broker.vhost_traffic().map(|(_, traffic)| traffic.counters);
        ShardTotals {
            connection_count: self.clients.len() as u64,
            channel_count: churn.channel_created.saturating_sub(churn.channel_closed),
            holdings: self.broker.holdings(),
            message_memory_bytes: self.broker.resident_bytes() as u64,
            connection_memory_bytes: self.clients.held_bytes() as u64,
            unwritten_bytes: self.broker.unwritten_bytes() as u64,
            is_memory_short: alarm.is_memory_short,
            is_disk_short: alarm.is_disk_short(),
            counters: all.fold(self.broker.disk_counters(), MessageCounters::add),
            octets: self.octets,
            churn,
            attempts: self.attempts,
        }
    }

    /// What is measured of the messages of this shard.
    pub fn observe_meters(&self) -> Meters {
        self.broker.meters()
    }

    /// What went through each virtual host, as far as clients of this shard did it. Reads and writes of the disk are not
    /// told apart so.
    pub fn observe_vhosts(&self) -> Vec<VhostTotals> {
        let all = self.broker.vhost_traffic();
        all.map(|(vhost, traffic)| VhostTotals { vhost: vhost.clone(), traffic }).collect()
    }

    /// What went into an exchange and out of it, by its number, as far as clients of this shard did it.
    pub fn observe_exchange(&self, exchange: u64) -> ExchangeTraffic {
        self.broker.exchange_traffic(exchange)
    }

    /// At most [`PAGE_MAX`] of the connections of this shard. Go on from behind the last one; an empty page is the end.
    pub fn observe_connections(&self, after: Option<ClientId>) -> Vec<ConnectionState> {
        let ids = self.clients.ids_after(self.id, after).take(PAGE_MAX);
        ids.filter_map(|id| self.observe_connection(id)).collect()
    }

    /// One connection.
    pub fn observe_connection(&self, client: ClientId) -> Option<ConnectionState> {
        Some(self.clients.get(client)?.connection.state(&self.broker))
    }

    /// The channels of a connection, by number.
    pub fn observe_channels(&self, client: ClientId) -> Vec<ChannelState> {
        self.clients.get(client).map_or_else(Vec::new, |found| found.connection.channel_states())
    }

    /// At most so many channels of a connection, by number, from behind one of them on.
    pub fn observe_channels_after(
        &self,
        client: ClientId,
        after: Option<u16>,
        count_max: usize,
    ) -> Vec<ChannelState> {
        let found = self.clients.get(client);
        found.map_or_else(Vec::new, |it| it.connection.channel_states_after(after, count_max))
    }

    /// What each channel of a connection has to do with an exchange or a queue: its number, what is counted, and whether
    /// it has to do with no other.
    pub fn observe_shares(&self, client: ClientId, end: End) -> Vec<(u16, MessageCounters, bool)> {
        let found = self.clients.get(client);
        found.map_or_else(Vec::new, |found| found.connection.shares(end).collect())
    }

    /// The consumers of a connection, in the order in which they came.
    pub fn observe_consumers(&self, client: ClientId) -> Vec<ConsumerState> {
        self.clients.get(client).map_or_else(Vec::new, |found| found.connection.consumer_states())
    }

    /// What went through a channel, told apart by exchange and queue.
    pub fn observe_breakdown(&self, client: ClientId, number: u16) -> ChannelBreakdown {
        let found = self.clients.get(client);
        found.map_or_else(ChannelBreakdown::default, |found| found.connection.breakdown(number))
    }

    /// From which exchanges the messages of a queue of this shard have come.
    pub fn observe_sources(&self, queue: QueueId) -> Vec<Source> {
        self.broker.sources(queue)
    }

    /// How many messages of a queue of this shard have come from an exchange, and whether they have come from no other.
    pub fn observe_source(&self, queue: QueueId, exchange: &[u8]) -> Option<(u64, bool)> {
        self.broker.source(queue, exchange)
    }

    /// The tag of a consumer.
    pub fn observe_tag(&self, consumer: ConsumerId) -> Option<String> {
        self.clients.get(consumer.client)?.connection.consumer_tag(consumer.number)
    }

    /// The connections of this shard, from behind `after` on, in pages of [`PAGE_MAX`].
    pub fn observe_clients(&self, after: Option<ClientId>) -> Vec<ClientId> {
        self.clients.ids_after(self.id, after).take(PAGE_MAX).collect()
    }

    /// What a queue of this shard knows of its consumers.
    pub fn observe_takers(&self, queue: QueueId) -> Vec<TakerState> {
        self.broker.takers(queue)
    }

    /// A queue of this shard. `None` when it lives elsewhere, or has not been used since the start: then it is empty and
    /// has no consumers.
    pub fn observe_queue(&self, queue: QueueId) -> Option<QueueState> {
        self.broker.queue_state(queue)
    }

    /// At most `8 * PAGE_MAX` queues of this shard that have been used since the start, with the least that there is to
    /// say of each. Go on from behind the last one; an empty page is the end.
    pub fn observe_queue_summaries(&self, after: Option<QueueId>) -> Vec<QueueSummary> {
        self.broker.queue_summaries(after, 8 * PAGE_MAX)
    }

    /// At most [`PAGE_MAX`] queues of this shard that have been used since the start, with all that is known of each.
    pub fn observe_queues(&self, after: Option<QueueId>) -> Vec<QueueState> {
        self.broker.queue_states(after, PAGE_MAX)
    }

    /// As [`Shard::observe_queues`], with [`Shard::observe_sources`] of each: there may be many, so that a page has a quarter of
    /// the queues.
    pub fn observe_inflows(&self, after: Option<QueueId>) -> Vec<(QueueState, Vec<Source>)> {
        let states = self.broker.queue_states(after, PAGE_MAX / 4).into_iter();
        let with_sources = states.map(|state| {
            let sources = self.broker.sources(state.summary.id);
            (state, sources)
        });
        with_sources.collect()
    }

    /// Closes a client's connection, which is told the reason (RabbitMQ says `Closed via management plugin`). Returns
    /// whether there was such a client.
    pub fn close_connection(&mut self, client: ClientId, reason: &str) -> bool {
        let is_there = self.clients.get(client).is_some();
        let now = self.turn_began_at;
        self.with(client, now, |connection, cx| connection.force_close(cx, reason));
        is_there
    }
}
