//! What went through a channel, told apart by the other end: the exchange that it went to, the queue that it came from.

use broker::MessageCounters;
use message::QueueId;

/// How many exchanges, and how many queues, are told apart. A channel that has had more tells nothing apart any more: the
/// first ones alone would say little, and nobody shall fill the memory by using ever new ones.
const ENDS_MAX: usize = 64;

/// The other end of what goes through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The exchange of this number, which it publishes to.
    Exchange(u64),
    /// The queue that it is delivered from.
    Queue(QueueId),
}

/// Counters by the other end.
#[derive(Debug)]
struct Table<K> {
    keys: Vec<K>,
    /// Those of each key, in the same order.
    counters: Vec<MessageCounters>,
    /// Whose counted last: mostly it counts next as well, or else the one behind it.
    last: usize,
    has_too_many: bool,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), counters: Vec::new(), last: 0, has_too_many: false }
    }
}

impl<K: Copy + Ord> Table<K> {
    #[inline]
    fn count(&mut self, key: K, count: impl FnOnce(&mut MessageCounters)) {
        if self.keys.get(self.last) != Some(&key) && !self.turn_to(key) {
            return;
        }
        if let Some(counters) = self.counters.get_mut(self.last) {
            count(counters);
        }
    }

    /// Finds another key, or adds it. Returns whether it counts.
    fn turn_to(&mut self, key: K) -> bool {
        let next = self.last + 1;
        let found = if self.keys.get(next) == Some(&key) {
            Some(next)
        } else {
            self.keys.iter().position(|known| *known == key)
        };
        if found.is_none() && self.keys.len() == ENDS_MAX {
            *self = Self { has_too_many: true, ..Self::default() };
        }
        if self.has_too_many {
            return false;
        }
        self.last = found.unwrap_or_else(|| {
            self.keys.push(key);
            self.counters.push(MessageCounters::ZERO);
            self.keys.len() - 1
        });
        true
    }

    /// Those of one key, and whether it is the only one.
    fn find(&self, key: K) -> Option<(MessageCounters, bool)> {
        let at = self.keys.iter().position(|known| *known == key)?;
        Some((*self.counters.get(at)?, self.keys.len() == 1))
    }

    fn list(&self) -> Vec<(K, MessageCounters)> {
        let pairs = self.keys.iter().copied().zip(self.counters.iter().copied());
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        pairs
    }
}

/// What went through a channel, told apart by the other end.
#[derive(Debug, Default)]
pub(crate) struct Breakdown {
    exchanges: Table<u64>,
    queues: Table<QueueId>,
}

impl Breakdown {
    /// Something went to an exchange.
    pub(crate) fn count_exchange(&mut self, id: u64, count: impl FnOnce(&mut MessageCounters)) {
        self.exchanges.count(id, count);
    }

    /// Something came from a queue.
    #[inline]
    pub(crate) fn count_queue(&mut self, id: QueueId, count: impl FnOnce(&mut MessageCounters)) {
        self.queues.count(id, count);
    }

    /// What went to an exchange or came from a queue, and whether the channel has no other.
    pub(crate) fn find(&self, end: End) -> Option<(MessageCounters, bool)> {
        match end {
            End::Exchange(id) => self.exchanges.find(id),
            End::Queue(id) => self.queues.find(id),
        }
    }

    /// What went to each exchange, by its number.
    pub(crate) fn exchanges(&self) -> Vec<(u64, MessageCounters)> {
        self.exchanges.list()
    }

    /// What came from each queue.
    pub(crate) fn queues(&self) -> Vec<(QueueId, MessageCounters)> {
        self.queues.list()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_apart_unless_there_are_too_many() {
        let mut breakdown = Breakdown::default();
        for (exchange, publish) in [(1, 5), (2, 1), (1, 2)] {
            breakdown.count_exchange(exchange, |counters| counters.publish += publish);
        }
        let shown = breakdown.exchanges();
        let counts: Vec<_> = shown.iter().map(|(id, counters)| (*id, counters.publish)).collect();
        assert_eq!(counts, [(1, 7), (2, 1)]);
        // In turn, and against it.
        for exchange in [1, 2, 3, 1, 3, 2] {
            breakdown.count_exchange(exchange, |counters| counters.publish += 1);
        }
        let shown = breakdown.exchanges();
        let counts: Vec<_> = shown.iter().map(|(id, counters)| (*id, counters.publish)).collect();
        assert_eq!(counts, [(1, 9), (2, 3), (3, 2)]);
        for exchange in 0..100 {
            breakdown.count_exchange(exchange, |counters| counters.publish += 1);
        }
        assert_eq!(breakdown.exchanges(), []);
        assert_eq!(breakdown.queues(), []);
    }
}
