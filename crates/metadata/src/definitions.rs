//! All that is declared, at one moment.
//!
//! The maps are persistent: a clone is a snapshot that costs nothing, and one change costs O(log n) however
//! much is declared. Bindings are not here: they live with the router, which needs them in its own shape.

use std::sync::Arc;

use imbl::OrdMap;
use message::{Arguments, Name, QueueId};

use crate::change::Change;
use crate::object::{Exchange, Queue, principal};
use crate::rules::{ExchangeRules, QueueRules};

/// The virtual host that always exists.
pub const DEFAULT_VHOST: &str = "/";

/// The exchanges that every virtual host has: name, type, whether it is internal.
const PREDECLARED: [(&str, &str, bool); 7] = [
    ("", "direct", false),
    ("amq.direct", "direct", false),
    ("amq.fanout", "fanout", false),
    ("amq.headers", "headers", false),
    ("amq.match", "headers", false),
    ("amq.rabbitmq.trace", "topic", true),
    ("amq.topic", "topic", false),
];

/// One virtual host's exchanges and queues, by name.
#[derive(Clone, Debug, Default)]
pub struct Vhost {
    /// Its exchanges.
    pub exchanges: OrdMap<Name, Arc<Exchange>>,
    /// Its queues.
    pub queues: OrdMap<Name, Arc<Queue>>,
}

/// All that is declared.
#[derive(Clone, Debug)]
pub struct Definitions {
    vhosts: OrdMap<Name, Vhost>,
    queues: OrdMap<QueueId, Arc<Queue>>,
    exchanges: OrdMap<u64, Arc<Exchange>>,
    next_id: u64,
    rules_version: u64,
}

impl Default for Definitions {
    fn default() -> Self {
        Self::new()
    }
}

impl Definitions {
    /// What a fresh node has: the default virtual host and its predeclared exchanges, numbered from 1.
    pub fn new() -> Self {
        let vhost = Name::fixed(DEFAULT_VHOST);
        let mut definitions = Self {
            vhosts: OrdMap::unit(vhost.clone(), Vhost::default()),
            queues: OrdMap::new(),
            exchanges: OrdMap::new(),
            next_id: 1,
            rules_version: 0,
        };
        for (name, kind, is_internal) in PREDECLARED {
            definitions.apply(&Change::AddExchange(Exchange {
                id: definitions.next_id,
                vhost: vhost.clone(),
                name: Name::fixed(name),
                kind: Name::fixed(kind),
                is_durable: true,
                is_auto_delete: false,
                is_internal,
                relay: None,
                arguments: Arguments::new(),
            }));
        }
        definitions
    }

    /// The virtual host of this name.
    pub fn vhost(&self, name: &str) -> Option<&Vhost> {
        self.vhosts.get(name)
    }

    /// The exchange of this name.
    pub fn exchange(&self, vhost: &str, name: &str) -> Option<&Arc<Exchange>> {
        self.vhosts.get(vhost)?.exchanges.get(name)
    }

    /// The queue of this name.
    pub fn queue(&self, vhost: &str, name: &str) -> Option<&Arc<Queue>> {
        self.vhosts.get(vhost)?.queues.get(name)
    }

    /// The queue with this number.
    pub fn queue_by_id(&self, id: QueueId) -> Option<&Arc<Queue>> {
        self.queues.get(&id)
    }

    /// The queue that this number belongs to: its own, or that of its ledger, its deduplication or one of its lanes.
    pub fn queue_by_companion(&self, id: QueueId) -> Option<&Arc<Queue>> {
        self.queues.get(&principal(id))
    }

    /// The exchange with this number.
    pub fn exchange_by_id(&self, id: u64) -> Option<&Arc<Exchange>> {
        self.exchanges.get(&id)
    }

    /// All virtual hosts, by name.
    pub fn vhosts(&self) -> impl Iterator<Item = (&Name, &Vhost)> {
        self.vhosts.iter()
    }

    /// What holds for a queue.
    pub fn queue_rules(&self, queue: &Queue) -> QueueRules {
        QueueRules::of(queue)
    }

    /// What holds for an exchange.
    pub fn exchange_rules(&self, exchange: &Exchange) -> ExchangeRules {
        ExchangeRules::of(exchange)
    }

    /// Grows whenever the rules of what is declared already may have changed.
    pub const fn rules_version(&self) -> u64 {
        self.rules_version
    }

    /// A number that no exchange or queue has had.
    pub const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Numbers below `id` count as used: there may be messages on disk under them.
    pub fn reserve_ids(&mut self, id: u64) {
        self.next_id = self.next_id.max(id);
    }

    /// A queue's number, or that of what the store keeps apart for it, counts as used.
    pub fn reserve_queue(&mut self, id: QueueId) {
        self.reserve_ids(principal(id).serial() + 1);
    }

    /// Applies a change. One that changes nothing (an object that is there, or gone, already) is fine: after a crash
    /// a log may tell what a snapshot told before.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::AddExchange(exchange) => {
                self.reserve_ids(exchange.id + 1);
                let exchange = Arc::new(exchange.clone());
                if let Some(relay) = exchange.relay_queue() {
                    self.reserve_ids(relay.id.serial() + 1);
                    self.queues.insert(relay.id, Arc::new(relay));
                }
                self.exchanges.insert(exchange.id, Arc::clone(&exchange));
                self.vhost_mut(&exchange.vhost).exchanges.insert(exchange.name.clone(), exchange);
            }
            Change::RemoveExchange { vhost, name } => {
                if let Some(exchange) = self.vhost_mut(vhost).exchanges.remove(name) {
                    self.exchanges.remove(&exchange.id);
                    exchange.relay.map(|relay| self.queues.remove(&relay));
                }
            }
            Change::AddQueue(queue) => {
                self.reserve_queue(queue.id);
                let queue = Arc::new(queue.clone());
                self.queues.insert(queue.id, Arc::clone(&queue));
                self.vhost_mut(&queue.vhost).queues.insert(queue.name.clone(), queue);
            }
            Change::RemoveQueue { id } => {
                if let Some(queue) = self.queues.remove(id) {
                    self.vhost_mut(&queue.vhost).queues.remove(&queue.name);
                }
            }
            Change::ReserveIds(id) => self.reserve_ids(*id),
            Change::Bind(_) | Change::Unbind(_) => {}
        }
    }

    fn vhost_mut(&mut self, name: &Name) -> &mut Vhost {
        self.vhosts.entry(name.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_fresh_node_has_the_predeclared_exchanges() {
        let definitions = Definitions::new();
        for (name, kind, is_internal) in PREDECLARED {
            let exchange = definitions.exchange("/", name).unwrap();
            assert_eq!((exchange.kind.as_str(), exchange.is_internal), (kind, is_internal));
        }
        assert_eq!(definitions.next_id(), 1 + PREDECLARED.len() as u64);
    }

    #[test]
    fn every_number_of_a_queue_leads_to_it_and_none_is_given_again() {
        let mut definitions = Definitions::new();
        let mut queues = Vec::new();
        for (name, lane_count, home) in [("a", 1, 3), ("b", 32, 0), ("c", 256, 255)] {
            let queue = Queue {
                id: QueueId::new(definitions.next_id(), home),
                vhost: Name::fixed("/"),
                name: Name::fixed(name),
                is_durable: true,
                is_auto_delete: false,
                owner: None,
                relay_of: None,
                lane_count,
                arguments: Arguments::new(),
            };
            definitions.apply(&Change::AddQueue(queue.clone()));
            queues.push(queue);
        }
        let mut seen = BTreeSet::new();
        for queue in &queues {
            let lanes = (0..queue.lane_count).map(|lane| queue.lane_id(lane as u8));
            let ids: Vec<_> = lanes.chain([queue.ledger_id(), queue.dedup_id()]).collect();
            for &id in &ids {
                assert!(seen.insert(id), "a number belongs to one queue");
                let found = definitions.queue_by_companion(id).map(|found| found.name.clone());
                assert_eq!(found, Some(queue.name.clone()));
                let before = definitions.next_id();
                definitions.reserve_queue(id);
                assert_eq!(definitions.next_id(), before);
            }
            let (all, ids): (BTreeSet<_>, BTreeSet<_>) =
                (queue.ids().collect(), ids.into_iter().collect());
            assert_eq!(all, ids);
            assert_eq!(queue.lane_id(0), queue.id);
        }
        let next = QueueId::new(definitions.next_id(), 0);
        assert!(definitions.queue_by_companion(next).is_none());
    }

    #[test]
    fn a_snapshot_is_not_touched_by_later_changes() {
        let mut definitions = Definitions::new();
        let before = definitions.clone();
        definitions.apply(&Change::RemoveExchange {
            vhost: Name::fixed("/"),
            name: Name::fixed("amq.topic"),
        });
        assert!(definitions.exchange("/", "amq.topic").is_none());
        assert!(before.exchange("/", "amq.topic").is_some());
    }
}
