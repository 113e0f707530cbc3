//! The consumers of one connection.

use broker::Broker;
use message::{Arguments, ClientId, Name, QueueId};
use queue::ConsumerId;
use stdx::Recent;

use crate::repeat::LastDeliver;

/// What a client asked for with a consumer, to be shown.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) is_exclusive: bool,
    pub(crate) prefetch_count: u16,
    pub(crate) arguments: Arguments,
    pub(crate) queue: Name,
}

/// A consumer as the client knows it.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) channel: u16,
    pub(crate) tag: Box<str>,
    pub(crate) queue: QueueId,
    /// Whether its deliveries are acknowledged.
    pub(crate) settles: bool,
    pub(crate) terms: Box<Terms>,
    pub(crate) last: LastDeliver,
    /// What was delivered and waits for the socket, in the queue's measure.
    owed_bytes: i64,
}

/// The consumers of one connection, by the numbers under which queues know them.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    by_number: Recent<u32, Consumer>,
    /// Those with `owed_bytes`, each once.
    owing: Vec<u32>,
    last_number: u32,
}

impl Consumers {
    /// A number that no consumer of this connection has had.
    pub(crate) fn next_number(&mut self) -> u32 {
        loop {
            self.last_number = self.last_number.wrapping_add(1);
            if self.last_number > 0 && !self.by_number.contains(self.last_number) {
                return self.last_number;
            }
        }
    }

    pub(crate) fn add(
        &mut self,
        number: u32,
        channel: u16,
        tag: Box<str>,
        queue: QueueId,
        settles: bool,
        terms: Box<Terms>,
    ) {
        let last = LastDeliver::default();
        let consumer = Consumer { channel, tag, queue, settles, terms, last, owed_bytes: 0 };
        self.by_number.insert(number, consumer);
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Consumer> {
        self.by_number.get(number)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Consumer> {
        self.by_number.get_mut(number)
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Consumer> {
        self.by_number.remove(number)
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Consumer)> {
        self.by_number.iter()
    }

    /// The numbers of a channel's consumers.
    pub(crate) fn of_channel(&self, channel: u16) -> Vec<u32> {
        let of_channel = self.by_number.iter().filter(|(_, consumer)| consumer.channel == channel);
        of_channel.map(|(number, _)| number).collect()
    }

    /// `bytes` were written for a consumer and are on their way to the socket.
    pub(crate) fn owe(&mut self, number: u32, bytes: i64) {
        if let Some(consumer) = self.by_number.get_mut(number) {
            if consumer.owed_bytes == 0 {
                self.owing.push(number);
            }
            consumer.owed_bytes += bytes;
        }
    }

    /// The socket has taken everything: queues may send as much again.
    pub(crate) fn pay(&mut self, client: ClientId, broker: &mut Broker) {
        for number in self.owing.drain(..) {
            if let Some(consumer) = self.by_number.get_mut(number) {
                let bytes = std::mem::take(&mut consumer.owed_bytes);
                broker.credit(consumer.queue, ConsumerId { client, number }, bytes);
            }
        }
    }
}
