//! What has gone through a shard since the start: counted per batch, so that it costs the data path nothing that shows.
//!
//! A front-end counts for its conversations and hands in what came of a turn; a publisher counts per route, which is in
//! the cache anyway; a queue counts its publishes by the places that it gives.

use std::collections::BTreeMap;

use message::Name;

use crate::broker::Broker;
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

/// What has gone through a shard.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// By virtual host, of clients that are or were connected to this shard.
    vhosts: BTreeMap<Name, MessageCounters>,
    /// By the numbers of exchanges.
    exchanges: BTreeMap<u64, ExchangeTraffic>,
    /// Read from and written to the store.
    pub(crate) disk: MessageCounters,
    pub(crate) churn: Churn,
    pub(crate) holdings: Holdings,
    pub(crate) waits: Waits,
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

    /// A message that has come at one time goes at another.
    pub(crate) fn count(&mut self, came_at_ms: u64, goes_at_ms: u64) {
        let wait_ms = goes_at_ms.saturating_sub(came_at_ms);
        let place = (u64::BITS - wait_ms.leading_zeros()) as usize;
        self.counts[place.min(Self::PLACES - 1)] += 1;
        self.sum_ms += wait_ms;
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
    pub fn count_traffic(&mut self, vhost: &Name, counters: MessageCounters) {
        if let Some(sum) = self.traffic.vhosts.get_mut(vhost) {
            *sum += counters;
        } else {
            self.traffic.vhosts.insert(vhost.clone(), counters);
        }
    }

    /// A front-end tells how many channels were opened, and how many have ended, since it last told.
    pub const fn count_channels(&mut self, opened_count: u64, closed_count: u64) {
        self.traffic.churn.channel_created += opened_count;
        self.traffic.churn.channel_closed += closed_count;
    }

    /// Takes what a publisher has published since it was last asked. Returns how many messages that were.
    pub fn count_published(&mut self, publisher: &mut Publisher) -> u64 {
        let mut count = 0;
        publisher.take_tally(|exchange, publish_in, publish_out| {
            count += publish_in;
            let traffic = self.traffic.exchanges.entry(exchange).or_default();
            traffic.publish_in += publish_in;
            traffic.publish_out += publish_out;
        });
        count
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
    pub fn vhost_counters(&self) -> impl Iterator<Item = (&Name, MessageCounters)> {
        self.traffic.vhosts.iter().map(|(name, &counters)| (name, counters))
    }

    /// What went into an exchange and out of it, as far as clients of this shard did it.
    pub fn exchange_traffic(&self, exchange: u64) -> ExchangeTraffic {
        self.traffic.exchanges.get(&exchange).copied().unwrap_or_default()
    }

    /// What queues of this shard read from the disk and gave it.
    pub const fn disk_counters(&self) -> MessageCounters {
        self.traffic.disk
    }

    /// How long messages of this shard's queues were in the broker when they went to consumers.
    pub const fn waits(&self) -> Waits {
        self.traffic.waits
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
    fn a_wait_has_its_place() {
        let mut waits = Waits::default();
        for (wait_ms, place) in [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (1 << 40, 33)] {
            let before = waits.counts[place];
            waits.count(1000, 1000 + wait_ms);
            assert_eq!(waits.counts[place], before + 1, "{wait_ms}");
        }
        // A clock that was set back makes no message wait.
        waits.count(2000, 1000);
        assert_eq!((waits.counts[0], waits.sum_ms), (2, 10 + (1 << 40)));
    }
}
