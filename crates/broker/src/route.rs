//! The way of a message that the broker itself sends: by its address and its further keys.

use message::{Headers, Message, Name, QueueId, Value};
use routing::{ExchangeId, Targets};

use crate::broker::{Broker, HeaderOf};
use crate::relay::Relayed;

/// The headers of a message as it lies in a queue.
struct Stored<'a> {
    message: &'a Message,
    header_of: HeaderOf,
}

impl Headers for Stored<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        (self.header_of)(self.message, name)
    }
}

impl Broker {
    /// The queues that a message goes to from the exchange that it is addressed to.
    pub(crate) fn route_forward(&self, vhost: &Name, message: Message) -> (Message, Vec<QueueId>) {
        let again = message.clone();
        let headers = Stored { message: &again, header_of: self.header_of };
        let (message, relayed) = self.through_relay(vhost, message, &headers);
        if let Relayed::Instead(relay) = relayed {
            return (message, vec![relay]);
        }
        let mut queues =
            self.route_from(vhost, &String::from_utf8_lossy(message.exchange()), &message);
        if let Relayed::Besides(relay) = relayed {
            queues.push(relay);
        }
        (message, queues)
    }

    /// The queues that a message goes to from an exchange; none if there is no such exchange.
    pub(crate) fn route_from(
        &self,
        vhost: &Name,
        exchange: &str,
        message: &Message,
    ) -> Vec<QueueId> {
        let vhost = vhost.as_str();
        let keys = std::iter::once(message.routing_key()).chain(message.cc()).chain(message.bcc());
        let mut targets = Targets::new();
        if exchange.is_empty() {
            let names = keys.filter_map(|key| std::str::from_utf8(key).ok());
            for queue in names.filter_map(|name| self.topology.queue(vhost, name)) {
                targets.add_queue(queue.id.number());
            }
        } else if let Some(found) = self.topology.exchange(vhost, exchange) {
            let headers = Stored { message, header_of: self.header_of };
            for key in keys {
                self.topology.router().route(ExchangeId(found.id), key, &headers, &mut targets);
            }
        }
        targets.queues().iter().map(|&id| QueueId::from_number(id)).collect()
    }
}
