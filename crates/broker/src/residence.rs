//! Where a client lives best: on the shard of the queue that it uses. There nothing that it publishes or is delivered
//! has to go by mail.

use message::{ClientId, Name, NoHeaders, ShardId};
use routing::{Envelope, ExchangeId, Targets};

use crate::broker::Broker;
use crate::registry::Errand;

impl Broker {
    /// The shard of a queue, if that is another one.
    pub fn home_elsewhere(&self, vhost: &Name, queue: &str) -> Option<ShardId> {
        let queue = self.topology().queue(vhost.as_str(), queue)?;
        Some(self.shard_of(queue.id)).filter(|&home| home != self.shard)
    }

    /// The shard of most queues that a message with this exchange and key would go to, if none of them are here. What only
    /// headers or chance decide is left out.
    pub fn target_elsewhere(&self, vhost: &Name, exchange: &[u8], key: &[u8]) -> Option<ShardId> {
        let exchange = std::str::from_utf8(exchange).ok()?;
        if exchange.is_empty() {
            return self.home_elsewhere(vhost, std::str::from_utf8(key).ok()?);
        }
        let topology = self.topology();
        let id = ExchangeId(topology.exchange(vhost.as_str(), exchange)?.id);
        let mut targets = Targets::default();
        topology.router().route(id, &Envelope::new(&[key], &NoHeaders), &mut targets);
        let mut counts = vec![0_usize; self.shards];
        for &queue in targets.queues() {
            counts[usize::from(self.shard_of(message::QueueId::from_number(queue)))] += 1;
        }
        let here = counts[usize::from(self.shard)];
        let (most, &count) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
        ShardId::try_from(most).ok().filter(|_| here == 0 && count > 0)
    }

    /// Whether a client may go to another shard: queues of this one may go with it.
    pub fn may_hand_over(&self, client: ClientId) -> bool {
        !self.owned.contains_key(&client) && !self.leaving.contains_key(&client)
    }

    /// A client has gone to another shard.
    pub fn hand_over(&mut self, client: ClientId) {
        self.clients.remove(&client);
    }

    /// A client has come from another shard, where it had the number `before`.
    pub fn take_over(&mut self, client: ClientId, before: ClientId) {
        self.clients.insert(client);
        self.tell_census(Errand::Rename { client, before });
    }
}
