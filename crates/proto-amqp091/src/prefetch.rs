//! How many deliveries may be out: for each consumer by itself, which its queue sees to, or for all consumers of a channel
//! together, which only the channel can.
//!
//! When a channel has as many deliveries out as it may, its consumers are paused in their queues; what is on its way
//! by then goes back as if it had never left. Acknowledgements let the consumers go on.

use queue::ConsumerId;
use wire_amqp091::Code;
use wire_amqp091::method::basic;

use crate::channel::Channel;
use crate::connection::Connection;
use crate::context::Context;
use crate::errors::Exception;

/// The bound for all consumers of a channel together.
#[derive(Debug, Default)]
pub(crate) struct SharedPrefetch {
    /// 0 for none.
    count_max: u16,
    is_paused: bool,
}

impl SharedPrefetch {
    /// The bound; 0 for none.
    pub(crate) const fn count_max(&self) -> u16 {
        self.count_max
    }
}

impl Channel {
    /// Whether the consumers of the channel together have all that they may have.
    pub(crate) fn is_sated(&self) -> bool {
        let count_max = usize::from(self.shared_prefetch.count_max);
        let held =
            || self.transaction.as_ref().map_or(0, |transaction| transaction.consumed_count());
        count_max > 0 && self.unacked.consumed_count() + held() >= count_max
    }

    /// Whether its consumers get nothing at the moment.
    pub(crate) const fn is_paused(&self) -> bool {
        self.shared_prefetch.is_paused
    }
}

impl Connection {
    /// Sets the bound for each consumer to come or, if it is global, for all of the channel together.
    pub(crate) fn set_prefetch(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        qos: &basic::Qos,
    ) -> Result<(), Exception> {
        if qos.prefetch_size != 0 {
            let text = format!("prefetch_size!=0 ({})", qos.prefetch_size);
            return Err(Exception::new(Code::NotImplemented, text, basic::Qos::ID));
        }
        if let Some(channel) = self.channels.get_mut(number) {
            // RabbitMQ takes a global bound for one of each consumer where it does not permit it.
            if qos.global && self.settings.limits.permits_global_qos {
                channel.shared_prefetch.count_max = qos.prefetch_count;
            } else {
                channel.prefetch_count = qos.prefetch_count;
            }
        }
        self.look_for_room(cx, number);
        self.out.method(number, &basic::QosOk {});
        Ok(())
    }

    /// Pauses the consumers of a channel that has enough, or has those that wait go on.
    #[inline]
    pub(crate) fn look_for_room(&mut self, cx: &mut Context<'_>, number: u16) {
        if let Some(channel) = self.channels.get_mut(number)
            && channel.is_sated() != channel.shared_prefetch.is_paused
        {
            channel.shared_prefetch.is_paused = channel.is_sated();
            for consumer in self.consumers.of_channel(number) {
                self.pause(cx, number, consumer);
            }
        }
    }

    /// Has a consumer that settles be paused exactly if its channel is.
    pub(crate) fn pause(&self, cx: &mut Context<'_>, number: u16, consumer: u32) {
        let (Some(channel), Some(found)) =
            (self.channels.get(number), self.consumers.get(consumer))
        else {
            return;
        };
        let id = ConsumerId { client: self.client, number: consumer };
        if !found.settles {
        } else if channel.is_paused() {
            cx.broker.pause_consumer(found.queue, id);
        } else {
            cx.broker.resume_consumer(found.queue, id);
        }
    }
}
