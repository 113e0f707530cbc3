//! Delivering: from the broker to the client.

use broker::Due;
use message::{QueueId, Settlement};
use queue::{Delivery, cost_bytes};
use wire_amqp091::content::{self, Content};
use wire_amqp091::method::basic;

use crate::connection::Connection;
use crate::context::Context;

impl Connection {
    /// Writes a message for one of the client's consumers. If the consumer is gone, the message goes back.
    pub(crate) fn deliver(&mut self, cx: &mut Context<'_>, queue: QueueId, delivery: Delivery) {
        let number = delivery.consumer.number;
        let due = delivery.id.map(|id| Due { queue, delivery: id });
        let consumer = self.consumers.get(number);
        let Some((consumer, channel)) = consumer
            .and_then(|consumer| Some((consumer, self.channels.get_mut(&consumer.channel)?)))
        else {
            return due.into_iter().for_each(|due| cx.broker.settle(due, Settlement::Requeue));
        };
        let message = &delivery.message;
        let frame_max = self.out.frame_max;
        content::write_deliver(
            self.out.buffer(),
            consumer.channel,
            &content::Delivery {
                consumer_tag: consumer.tag.as_bytes(),
                delivery_tag: channel.unacked.push(due),
                redelivered: delivery.is_redelivered,
                exchange: message.exchange(),
                routing_key: message.routing_key(),
            },
            &Content { properties: message.properties(), body: message.body() },
            frame_max,
        );
        self.consumers.owe(number, cost_bytes(message.len_bytes()));
    }

    /// Writes the answer to basic.get.
    pub(crate) fn got(
        &mut self,
        number: u16,
        queue: QueueId,
        delivery: Option<Delivery>,
        ready_count: u64,
    ) {
        let Some(channel) = self.channels.get_mut(&number) else { return };
        let Some(delivery) = delivery else {
            return self.out.method(number, &basic::GetEmpty { reserved_1: "" });
        };
        let message = &delivery.message;
        let due = delivery.id.map(|id| Due { queue, delivery: id });
        let get_ok = basic::GetOk {
            delivery_tag: channel.unacked.push(due),
            redelivered: delivery.is_redelivered,
            exchange: message.exchange(),
            routing_key: message.routing_key(),
            message_count: u32::try_from(ready_count).unwrap_or(u32::MAX),
        };
        let content = Content { properties: message.properties(), body: message.body() };
        let frame_max = self.out.frame_max;
        content::write_get_ok(self.out.buffer(), number, &get_ok, &content, frame_max);
    }

    /// A consumer's queue was deleted.
    pub(crate) fn cancelled(&mut self, number: u32) {
        let Some(consumer) = self.consumers.remove(number) else { return };
        if let Some(channel) = self.channels.get_mut(&consumer.channel) {
            channel.consumers.remove(&consumer.tag);
        }
        if self.abilities.consumer_cancel_notify {
            let cancel = basic::Cancel { consumer_tag: &consumer.tag, no_wait: true };
            self.out.method(consumer.channel, &cancel);
        }
    }
}
