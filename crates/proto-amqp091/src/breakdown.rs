//! What went through a channel, told apart by the other end: the exchange that it went to, the queue that it came from.

use broker::MessageCounters;
use message::QueueId;
use stdx::Recent;

/// How many exchanges, and how many queues, are told apart. A channel that has had more tells nothing apart any more: the
/// first ones alone would say little, and nobody shall fill the memory by using ever new ones.
const ENDS_MAX: usize = 64;

/// Counters by the other end.
#[derive(Debug)]
enum Table<K> {
    Few(Recent<K, MessageCounters>),
    TooMany,
}

impl<K: Copy + Ord> Default for Table<K> {
    fn default() -> Self {
        Self::Few(Recent::new())
    }
}

impl<K: Copy + Ord> Table<K> {
    #[inline]
    fn count(&mut self, key: K, count: impl FnOnce(&mut MessageCounters)) {
        let Self::Few(few) = self else { return };
        if let Some(counters) = few.get_mut(key) {
            return count(counters);
        }
        if few.len() == ENDS_MAX {
            *self = Self::TooMany;
            return;
        }
        let mut counters = MessageCounters::ZERO;
        count(&mut counters);
        few.insert(key, counters);
    }

    fn list(&self) -> Vec<(K, MessageCounters)> {
        match self {
            Self::Few(few) => few.iter().map(|(key, counters)| (key, *counters)).collect(),
            Self::TooMany => Vec::new(),
        }
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
        for exchange in 0..100 {
            breakdown.count_exchange(exchange, |counters| counters.publish += 1);
        }
        assert_eq!(breakdown.exchanges(), []);
        assert_eq!(breakdown.queues(), []);
    }
}
