//! The way of a message that the broker itself sends: by its address and its further keys.

use message::{Headers, Message, Name, QueueId, Value};
use routing::{Envelope, ExchangeId, Targets};

use crate::broker::{Broker, Reader};
use crate::relay::Relays;

/// The headers of a message as it lies in a queue.
struct Stored<'a> {
    message: &'a Message,
    reader: Reader,
}

impl Headers for Stored<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        (self.reader.header_of)(self.message, name)
    }

    fn property(&self, name: &str) -> Option<Value> {
        (self.reader.property_of)(self.message, name)
    }
}

/// Where a message goes.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) queues: Vec<QueueId>,
    pub(crate) relays: Relays,
    /// How long it waits in those relays that hold it back.
    pub(crate) delay_ms: u64,
}

impl Broker {
    /// Where a message goes from an exchange, which perhaps has kept it until now; nowhere if there is no such exchange.
    pub(crate) fn route_from(
        &mut self,
        vhost: &Name,
        exchange: &str,
        message: &Message,
        was_kept: bool,
    ) -> Found {
        let headers = Stored { message, reader: self.reader };
        let delay_ms = self.delay_ms(message, &headers);
        let keys: Vec<&[u8]> = std::iter::once(message.routing_key())
            .chain(message.cc())
            .chain(message.bcc())
            .collect();
        let mut targets = Targets::new();
        if exchange.is_empty() {
            let names = keys.iter().filter_map(|key| std::str::from_utf8(key).ok());
            for queue in names.filter_map(|name| self.topology.queue(vhost.as_str(), name)) {
                targets.add_queue(queue.id.number());
            }
        } else if let Some(found) = self.topology.exchange(vhost.as_str(), exchange) {
            let (random, is_delayed) = (self.random.next_u64(), delay_ms > 0);
            let id = ExchangeId(found.id);
            let (keys, headers, past) = (&keys[..], &headers, was_kept.then_some(id));
            let envelope = Envelope { keys, headers, random, is_delayed, past };
            self.topology.router().route(id, &envelope, &mut targets);
        }
        let queues = targets.queues().iter().map(|&id| QueueId::from_number(id)).collect();
        let relays = Relays::of(targets.keepers(), &self.topology, &headers);
        Found { queues, relays, delay_ms }
    }
}
