//! What has gone through a shard since the start: counted per batch, so that it costs the data path nothing that shows.
//!
//! A front-end counts for its conversations and hands in what came of a turn; a publisher counts per route, which is in
//! the cache anyway; a queue counts its publishes by the places that it gives.

use std::collections::BTreeMap;

use message::Name;
use metadata::QueueKind;

use crate::broker::Broker;
use crate::burials::{Burials, column};
use crate::observe::{ExchangeTraffic, MessageCounters};
use crate::publisher::Publisher;

/// Traffic of exchanges that are gone is forgotten when there are so many entries more than exchanges.
const STALE_EXCHANGES_MAX: usize = 1024;

/// What came and went, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Churn {
    /// Connections that were opened.
    pub connection_created: u64,
    /// Connections that have ended.
    pub connection_closed: u64,
    /// Channels that were opened.
    pub channel_created: u64,
    /// Channels that have ended.
    pub channel_closed: u64,
    /// Queues that were asked for, whether they were there or not. Only shard 0 knows.
    pub queue_declared: u64,
    /// Queues that were made. Only shard 0 knows.
    pub queue_created: u64,
    /// Queues that have gone. Only shard 0 knows.
    pub queue_deleted: u64,
}

/// What all queues of a shard hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Messages that wait for a consumer.
    pub ready_count: u64,
    /// Messages that consumers have and have not settled.
    pub unsettled_count: u64,
    /// Messages that wait for their time.
    pub scheduled_count: u64,
    /// Bytes of the bodies of those that are ready.
    pub ready_bytes: u64,
    /// Bytes of the bodies of those that are not settled.
    pub unsettled_bytes: u64,
    /// Consumers.
    pub consumer_count: u64,
}

impl Holdings {
    /// A queue holds `after` and was counted with `before`.
    const fn recount(&mut self, before: &Self, after: &Self) {
        self.ready_count = self.ready_count + after.ready_count - before.ready_count;
        self.unsettled_count =
            self.unsettled_count + after.unsettled_count - before.unsettled_count;
        self.scheduled_count =
            self.scheduled_count + after.scheduled_count - before.scheduled_count;
        self.ready_bytes = self.ready_bytes + after.ready_bytes - before.ready_bytes;
        self.unsettled_bytes =
            self.unsettled_bytes + after.unsettled_bytes - before.unsettled_bytes;
        self.consumer_count = self.consumer_count + after.consumer_count - before.consumer_count;
    }
}

/// What went through a virtual host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VhostTraffic {
    /// Messages.
    pub counters: MessageCounters,
    /// Bytes that its clients have sent.
    pub received_bytes: u64,
    /// Bytes that they were sent.
    pub sent_bytes: u64,
}

impl std::ops::AddAssign for VhostTraffic {
    fn add_assign(&mut self, other: Self) {
        self.counters += other.counters;
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
    }
}

/// What has gone through a shard.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// By virtual host, of clients that are or were connected to this shard.
    vhosts: BTreeMap<Name, VhostTraffic>,
    /// By the numbers of exchanges.
    exchanges: BTreeMap<u64, ExchangeTraffic>,
    /// Read from and written to the store.
    pub(crate) disk: MessageCounters,
    pub(crate) churn: Churn,
    pub(crate) holdings: Holdings,
    pub(crate) waits: Waits,
    pub(crate) burials: Burials,
    sizes: Sizes,
    /// What went through queues that are gone, by their types.
    gone: [MessageCounters; 2],
    routed: u64,
    received_confirm: u64,
}

/// What is measured of a shard's messages beyond how many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meters {
    /// How long they were in the broker when they went to consumers.
    pub waits: Waits,
    /// How large those are that clients have published.
    pub sizes: Sizes,
    /// How many have died.
    pub burials: Burials,
    /// What went through classic queues that are gone, and through quorum queues.
    pub gone: [MessageCounters; 2],
    /// How often a message has gone to a queue, as publishers sent it.
    pub routed: u64,
    /// How many were published on channels that confirm.
    pub received_confirm: u64,
}

impl Meters {
    /// What went through queues of a type that are gone.
    pub const fn gone_of(&self, kind: QueueKind) -> MessageCounters {
        self.gone[column(kind)]
    }
}

/// What several shards have measured.
impl std::ops::AddAssign for Meters {
    fn add_assign(&mut self, other: Self) {
        let Self { waits, sizes, burials, gone, routed, received_confirm } = other;
        self.waits.counts.iter_mut().zip(waits.counts).for_each(|(sum, count)| *sum += count);
        self.waits.sum_ms += waits.sum_ms;
        self.sizes.counts.iter_mut().zip(sizes.counts).for_each(|(sum, count)| *sum += count);
        self.sizes.sum_bytes += sizes.sum_bytes;
        self.burials += burials;
        self.gone.iter_mut().zip(gone).for_each(|(sum, counters)| *sum += counters);
        self.routed += routed;
        self.received_confirm += received_confirm;
    }
}

/// How large the bodies of messages are. A place counts those that have no more bytes than its bound, and more than the
/// bound before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// How many, by place; the last has all that are larger.
    pub counts: [u64; Self::BOUNDS.len() + 1],
    /// How many bytes all of them have together.
    pub sum_bytes: u64,
}

impl Sizes {
    /// RabbitMQ's bounds, in bytes.
    pub const BOUNDS: [u64; 8] =
        [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000, 100_000_000];

    #[inline]
    fn count(&mut self, bytes: u64) {
        // Most messages are small: what is asked first decides.
        let place = Self::BOUNDS.iter().position(|bound| bytes <= *bound);
        self.counts[place.unwrap_or(Self::BOUNDS.len())] += 1;
        self.sum_bytes += bytes;
    }
}

/// How long messages were in the broker when they went to a consumer. A place counts those that took fewer
/// milliseconds than two to the power of its number, and not fewer than for the place before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// How many, by place; the last has all that took longer.
    pub counts: [u64; Self::PLACES],
    /// How long all of them took together, in milliseconds.
    pub sum_ms: u64,
}

impl Waits {
    /// How many places there are: the last but one is for those that took about seven weeks.
    pub const PLACES: usize = 34;

    /// So many messages that have come at one time go at another.
    pub(crate) fn count(&mut self, count: u64, came_at_ms: u64, goes_at_ms: u64) {
        let wait_ms = goes_at_ms.saturating_sub(came_at_ms);
        let place = (u64::BITS - wait_ms.leading_zeros()) as usize;
        self.counts[place.min(Self::PLACES - 1)] += count;
        self.sum_ms += wait_ms * count;
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self { counts: [0; Self::PLACES], sum_ms: 0 }
    }
}

impl Traffic {
    /// What a queue holds has become other than it was.
    pub(crate) const fn recount(&mut self, before: &mut Holdings, after: Holdings) {
        self.holdings.recount(before, &after);
        *before = after;
    }
}

impl Broker {
    /// A front-end tells what its conversations in a virtual host have done since it last told.
    pub fn count_traffic(&mut self, vhost: &Name, traffic: VhostTraffic) {
        if let Some(sum) = self.traffic.vhosts.get_mut(vhost) {
            *sum += traffic;
        } else {
            self.traffic.vhosts.insert(vhost.clone(), traffic);
        }
    }

    /// The same of messages only.
    pub fn count_messages(&mut self, vhost: &Name, counters: MessageCounters) {
        self.count_traffic(vhost, VhostTraffic { counters, ..VhostTraffic::default() });
    }

    /// A front-end tells how many channels were opened, and how many have ended, since it last told.
    pub const fn count_channels(&mut self, opened_count: u64, closed_count: u64) {
        self.traffic.churn.channel_created += opened_count;
        self.traffic.churn.channel_closed += closed_count;
    }

    /// Takes what a publisher has published since it was last asked, and tells of each exchange how many messages went to it.
    /// Returns how many messages that were.
    pub fn count_published(
        &mut self,
        publisher: &mut Publisher,
        mut tell: impl FnMut(u64, u64),
    ) -> u64 {
        let (mut count, mut routed) = (0, 0);
        publisher.take_tally(|exchange, publish_in, publish_out| {
            tell(exchange, publish_in);
            count += publish_in;
            routed += publish_out;
            let traffic = self.traffic.exchanges.entry(exchange).or_default();
            traffic.publish_in += publish_in;
            traffic.publish_out += publish_out;
        });
        self.traffic.routed += routed;
        if publisher.is_confirming() {
            self.traffic.received_confirm += count;
        }
        count
    }

    /// A client has published a message whose body has so many bytes.
    #[inline]
    pub fn count_size(&mut self, body_len: usize) {
        self.traffic.sizes.count(body_len as u64);
    }

    /// A queue of this type is gone, through which this has gone.
    pub(crate) fn count_gone(&mut self, kind: QueueKind, counters: MessageCounters) {
        self.traffic.gone[column(kind)] += counters;
    }

    /// Forgets the traffic of exchanges and virtual hosts that are gone, if that is worth it.
    pub(crate) fn forget_stale_traffic(&mut self) {
        let definitions = self.topology.definitions();
        if self.traffic.exchanges.len() > STALE_EXCHANGES_MAX {
            self.traffic.exchanges.retain(|&id, _| definitions.exchange_by_id(id).is_some());
        }
        self.traffic.vhosts.retain(|name, _| definitions.vhost(name.as_str()).is_some());
    }

    /// What went through each virtual host, as far as clients of this shard did it.
    pub fn vhost_traffic(&self) -> impl Iterator<Item = (&Name, VhostTraffic)> {
        self.traffic.vhosts.iter().map(|(name, &traffic)| (name, traffic))
    }

    /// What went into an exchange and out of it, as far as clients of this shard did it.
    pub fn exchange_traffic(&self, exchange: u64) -> ExchangeTraffic {
        self.traffic.exchanges.get(&exchange).copied().unwrap_or_default()
    }

    /// What queues of this shard read from the disk and gave it.
    pub const fn disk_counters(&self) -> MessageCounters {
        self.traffic.disk
    }

    /// What is measured of the messages of this shard.
    pub const fn meters(&self) -> Meters {
        let Traffic { waits, sizes, burials, gone, routed, received_confirm, .. } = self.traffic;
        Meters { waits, sizes, burials, gone, routed, received_confirm }
    }

    /// What came and went.
    pub const fn churn(&self) -> Churn {
        self.traffic.churn
    }

    /// What the queues of this shard hold.
    pub const fn holdings(&self) -> Holdings {
        self.traffic.holdings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_its_place() {
        let mut sizes = Sizes::default();
        for (bytes, place) in [(0, 0), (100, 0), (101, 1), (50_000_000, 6), (100_000_001, 8)] {
            let before = sizes.counts[place];
            sizes.count(bytes);
            assert_eq!(sizes.counts[place], before + 1, "{bytes}");
        }
        assert_eq!(sizes.sum_bytes, 150_000_202);
    }

    #[test]
    fn a_wait_has_its_place() {
        let mut waits = Waits::default();
        for (wait_ms, place) in [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (1 << 40, 33)] {
            let before = waits.counts[place];
            waits.count(1, 1000, 1000 + wait_ms);
            assert_eq!(waits.counts[place], before + 1, "{wait_ms}");
        }
        // A clock that was set back makes no message wait.
        waits.count(1, 2000, 1000);
        assert_eq!((waits.counts[0], waits.sum_ms), (2, 10 + (1 << 40)));
        waits.count(3, 1000, 1001);
        assert_eq!((waits.counts[1], waits.sum_ms), (4, 13 + (1 << 40)));
    }
}
