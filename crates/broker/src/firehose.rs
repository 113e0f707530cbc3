//! Copies of messages for whoever watches a virtual host: RabbitMQ calls that its firehose.
//!
//! What is in a copy, the front-end says, which knows connections and properties; here is who wants it, and how it gets there.
//! Nobody hears what becomes of a copy, and no copy is copied again.

use message::{Message, Name, QueueId};
use routing::ExchangeId;

use crate::broker::Broker;

/// The exchange that copies go to, which every virtual host has and nobody else publishes to.
pub const FIREHOSE: &str = "amq.rabbitmq.trace";

impl Broker {
    /// Whether messages of a virtual host are to be copied. This is looked up: ask when the topology has changed.
    pub fn is_watched(&self, vhost: &str) -> bool {
        self.topology.definitions().vhost(vhost).is_some_and(|vhost| vhost.is_traced)
    }

    /// Whether a copy would go anywhere.
    pub fn has_watchers(&self, vhost: &Name) -> bool {
        let exchange = self.topology.exchange(vhost.as_str(), FIREHOSE);
        exchange.is_some_and(|found| self.topology.router().has_bindings(ExchangeId(found.id)))
    }

    /// Publishes a copy, whose exchange is [`FIREHOSE`].
    pub fn publish_copy(&mut self, vhost: &Name, copy: &Message) {
        let found = self.route_from(vhost, FIREHOSE, copy, false);
        self.keep(&found.relays, copy, found.delay_ms, |_| None);
        for queue in found.queues {
            self.send(queue, copy.clone(), None);
        }
    }

    /// The names of queues.
    pub fn names_of<'a>(
        &'a self,
        queues: impl IntoIterator<Item = QueueId, IntoIter: 'a>,
    ) -> impl Iterator<Item = &'a Name> {
        let definitions = self.topology.definitions();
        queues.into_iter().filter_map(|id| definitions.queue_by_id(id)).map(|queue| &queue.name)
    }
}
