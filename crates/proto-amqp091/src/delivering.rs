//! Delivering: from the broker to the client.

use broker::{CancelReason, Due, MessageCounters};
use message::{QueueId, Settlement};
use queue::{Delivery, cost_bytes};
use wire_amqp091::content::{self, Content};
use wire_amqp091::frame;
use wire_amqp091::method::basic;

use crate::connection::Connection;
use crate::consumers::Consumer;
use crate::context::Context;
use crate::errors::Exception;
use crate::outgoing::{Outgoing, SHARED_BYTES_MIN};
use crate::rendering::{Counts, is_redelivered, shown};
use crate::repeat::Addressee;

impl Connection {
    /// Writes messages for the client's consumers.
    pub(crate) fn deliver(
        &mut self,
        cx: &mut Context<'_>,
        queue: QueueId,
        deliveries: Vec<Delivery>,
    ) {
        self.look_for_watchers(cx);
        let is_one_consumers = |a: &Delivery, b: &Delivery| a.consumer == b.consumer;
        for run in deliveries.chunk_by(is_one_consumers) {
            self.deliver_run(cx, queue, run);
        }
        cx.broker.recycle(deliveries);
    }

    /// Writes messages for one consumer. If the consumer is gone, they go back.
    fn deliver_run(&mut self, cx: &mut Context<'_>, queue: QueueId, run: &[Delivery]) {
        let Some(first) = run.first() else { return };
        let number = first.consumer.number;
        let due = |delivery: &Delivery| delivery.id.map(|id| Due { queue, delivery: id });
        let consumer = self.consumers.get_mut(number);
        let channel = consumer.as_ref().map(|consumer| consumer.channel);
        let channel = channel.and_then(|channel| self.channels.get_mut(channel));
        let (Some(consumer), Some(channel)) = (consumer, channel) else {
            let dues = run.iter().filter_map(due);
            return dues.for_each(|due| cx.broker.settle(due, Settlement::Undelivered));
        };
        let is_sealed = self.peer.tls.is_some();
        let pending_bytes = self.out.pending_len();
        let mut owed_bytes = 0;
        let last_tag_before = channel.unacked.last_tag();
        let mut redelivered_count = 0;
        for delivery in run {
            let message = &delivery.message;
            let due = due(delivery);
            if let Some(due) = due.filter(|_| channel.is_sated()) {
                cx.broker.settle(due, Settlement::Undelivered);
                continue;
            }
            let tag = channel.unacked.push(due);
            let redelivered = is_redelivered(delivery);
            redelivered_count += u64::from(redelivered);
            write_delivery(&mut self.out, consumer, delivery, (tag, redelivered), is_sealed);
            owed_bytes += cost_bytes(message.len_bytes());
        }
        let channel_number = consumer.channel;
        let count = channel.unacked.last_tag() - last_tag_before;
        let (delivered, gone) = if consumer.settles { (count, 0) } else { (0, count) };
        for counters in [&mut channel.counters, &mut self.story.turn] {
            counters.deliver += delivered;
            counters.deliver_no_ack += gone;
            counters.redeliver += redelivered_count;
        }
        channel.breakdown().count_queue(queue, |counters| {
            counters.deliver += delivered;
            counters.deliver_no_ack += gone;
            counters.redeliver += redelivered_count;
        });
        channel.used_at_ms = cx.now_ms;
        channel.count_held(&mut self.channel_bytes);
        self.out.count_deliveries(self.out.pending_len() - pending_bytes);
        self.consumers.owe(number, owed_bytes);
        if self.watched.is_on {
            // What was too much for the channel, the last ones, has gone back.
            for delivery in run.iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
                self.copy_delivery(cx, channel_number, queue, delivery);
            }
        }
        self.look_for_room(cx, channel_number);
    }

    /// Writes the answer to basic.get.
    pub(crate) fn got(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        queue: QueueId,
        delivery: Option<Delivery>,
        ready_count: u64,
    ) {
        let Some(delivery) = delivery else {
            if let Some(channel) = self.channels.get_mut(number) {
                channel.breakdown().count_queue(queue, |counters| counters.get_empty += 1);
            }
            self.count(number, MessageCounters { get_empty: 1, ..MessageCounters::ZERO });
            return self.out.method(number, &basic::GetEmpty { reserved_1: "" });
        };
        if self.watched.is_on {
            self.copy_delivery(cx, number, queue, &delivery);
        }
        let Some(channel) = self.channels.get_mut(number) else { return };
        let message = &delivery.message;
        let due = delivery.id.map(|id| Due { queue, delivery: id });
        let get_ok = basic::GetOk {
            delivery_tag: channel.unacked.push_fetched(due),
            redelivered: is_redelivered(&delivery),
            exchange: message.exchange(),
            routing_key: message.routing_key(),
            message_count: u32::try_from(ready_count).unwrap_or(u32::MAX),
        };
        channel.count_held(&mut self.channel_bytes);
        let counters = MessageCounters {
            get: u64::from(delivery.id.is_some()),
            get_no_ack: u64::from(delivery.id.is_none()),
            redeliver: u64::from(get_ok.redelivered),
            ..MessageCounters::ZERO
        };
        for sum in [&mut channel.counters, &mut self.story.turn] {
            *sum += counters;
        }
        channel.breakdown().count_queue(queue, |sum| *sum += counters);
        let shown = shown(message, counts(&delivery), self.out.frame_max);
        let properties = shown.as_deref().unwrap_or_else(|| message.properties());
        let content = Content { properties, body: message.body() };
        let frame_max = self.out.frame_max;
        content::write_get_ok(self.out.buffer(), number, &get_ok, &content, frame_max);
    }

    /// A consumer was ended by the broker. A client that cannot hear of it does not if the queue is gone, and loses its
    /// channel if it was too slow.
    pub(crate) fn cancelled(&mut self, cx: &mut Context<'_>, number: u32, reason: CancelReason) {
        let Some(consumer) = self.consumers.remove(number) else { return };
        if let Some(channel) = self.channels.get_mut(consumer.channel) {
            channel.consumers.remove(&consumer.tag);
        }
        if self.abilities.consumer_cancel_notify {
            let cancel = basic::Cancel { consumer_tag: &consumer.tag, no_wait: true };
            self.out.method(consumer.channel, &cancel);
        }
        let channel = consumer.channel;
        self.tell_consumer_deleted(consumer);
        if !self.abilities.consumer_cancel_notify
            && let CancelReason::TimedOut { timeout_ms } = reason
        {
            let exception = Exception::overdue(channel, timeout_ms);
            self.fail_on(cx, channel, &exception);
        }
    }
}

/// Appends the frames of a delivery.
#[inline]
fn write_delivery(
    out: &mut Outgoing,
    consumer: &mut Consumer,
    delivery: &Delivery,
    (delivery_tag, redelivered): (u64, bool),
    is_sealed: bool,
) {
    let frame_max = out.frame_max;
    let (channel, message) = (consumer.channel, &delivery.message);
    let Some(properties) = shown(message, counts(delivery), frame_max) else {
        let body_len_max = frame::body_len_max(frame_max);
        let to = Addressee { channel, consumer_tag: &consumer.tag, body_len_max };
        // What is encrypted has to be copied anyway.
        if message.body_len() >= SHARED_BYTES_MIN && !is_sealed {
            return consumer.last.write_shared(out, &to, delivery_tag, redelivered, message);
        }
        return consumer.last.write(out.buffer(), &to, delivery_tag, redelivered, message);
    };
    let head = content::Delivery {
        consumer_tag: consumer.tag.as_bytes(),
        delivery_tag,
        redelivered,
        exchange: message.exchange(),
        routing_key: message.routing_key(),
    };
    let out = out.buffer();
    content::write_deliver_head(out, channel, &head, &properties, message.body_len() as u64);
    frame::write_body(out, channel, message.body(), frame_max);
}

/// What is told of earlier deliveries.
const fn counts(delivery: &Delivery) -> Counts {
    Counts { delivery_count: delivery.delivery_count, acquired_count: delivery.acquired_count }
}
