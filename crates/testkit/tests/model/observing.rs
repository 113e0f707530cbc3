//! What came, compared with what had to come.

use std::collections::BTreeMap;

use testkit::Received;
use wire_amqp091::method::Method;

use super::op::number;
use super::reference::{Mode, Model, Side, Unacked};
use super::shelf::{Consumer, Look, Place};

/// A message that came to a consumer.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    side: Side,
    consumer_tag: String,
    delivery_tag: u64,
    look: Look,
}

impl Model {
    /// Something came on a channel.
    pub(crate) fn observe(&mut self, side: Side, came: &Received) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("S{}[{}] {came}\n    {what}", side.0 + 1, side.1));
        let Some(method) = came.method() else { return wrong("this is no method") };
        self.count(method.name());
        let result = match &method {
            Method::BasicDeliver(deliver) => {
                let look = look(came).unwrap_or_default();
                let delivery_tag = deliver.delivery_tag;
                let consumer_tag = deliver.consumer_tag.to_owned();
                self.next_tag(side, delivery_tag).map(|()| {
                    self.delivered.push(Delivered { side, consumer_tag, delivery_tag, look });
                })
            }
            Method::BasicGetOk(got) => {
                let look = look(came).unwrap_or_default();
                let (tag, count) = (got.delivery_tag, got.message_count as usize);
                self.next_tag(side, tag).and_then(|()| self.got(side, tag, count, &look))
            }
            Method::BasicReturn(_) => self.returned(side, look(came).unwrap_or_default().number),
            Method::BasicAck(ack) => self.confirmed(side, ack.delivery_tag, ack.multiple, false),
            Method::BasicNack(nack) => self.confirmed(side, nack.delivery_tag, nack.multiple, true),
            Method::BasicCancel(cancel) => {
                let is_expected = self.expect(side).cancels.remove(cancel.consumer_tag);
                if is_expected { Ok(()) } else { Err("no consumer of this name ends".to_owned()) }
            }
            other => self.replied(side, &answer(other)),
        };
        result.or_else(|what| wrong(&what))
    }

    fn replied(&mut self, side: Side, answer: &str) -> Result<(), String> {
        match self.expect(side).replies.pop_front() {
            Some(expected) if expected == answer => Ok(()),
            Some(expected) => Err(format!("the model expects {expected}")),
            None => Err("the model expects nothing".to_owned()),
        }
    }

    fn returned(&mut self, side: Side, number: u32) -> Result<(), String> {
        match self.expect(side).returns.pop_front() {
            Some((expected, _)) if expected == number => Ok(()),
            Some((expected, _)) => Err(format!("the model expects m{expected} to be returned")),
            None => Err("the model expects nothing to be returned".to_owned()),
        }
    }

    fn confirmed(
        &mut self,
        side: Side,
        tag: u64,
        multiple: bool,
        is_rejected: bool,
    ) -> Result<(), String> {
        let expected = self.expect(side);
        if expected
            .returns
            .iter()
            .any(|(_, it)| it.is_some_and(|it| it == tag || multiple && it < tag))
        {
            return Err("the message has not been returned yet".to_owned());
        }
        let covered: Vec<u64> = expected.confirms.keys().copied().collect();
        let covered = covered.into_iter().filter(|&it| it == tag || multiple && it < tag);
        let covered: Vec<u64> = covered.collect();
        if covered.last() != Some(&tag) {
            return Err("no such message waits to be confirmed".to_owned());
        }
        for it in covered {
            if expected.confirms.remove(&it) != Some(is_rejected) {
                return Err(format!("message {it} of the channel has the other fate"));
            }
        }
        Ok(())
    }

    fn next_tag(&mut self, side: Side, tag: u64) -> Result<(), String> {
        let channel = self.connections[side.0].channels.get_mut(&side.1);
        let channel = channel.ok_or("the channel is not open")?;
        channel.last_tag += 1;
        if channel.last_tag == tag {
            Ok(())
        } else {
            Err(format!("the next tag of the channel is {}", channel.last_tag))
        }
    }

    fn got(&mut self, side: Side, tag: u64, count: usize, look: &Look) -> Result<(), String> {
        let Some((name, settles, left)) = self.expect(side).fetch.take() else {
            return Err("the model expects nothing to be fetched".to_owned());
        };
        if left != count {
            return Err(format!("the model has {left} messages left"));
        }
        let queue = self.queues.get_mut(name).ok_or("the queue does not exist")?;
        let first = queue.first_place();
        let entry = queue.take(look);
        let entry = entry.ok_or("the queue does not have this message")?;
        if Some(entry.place) != first {
            return Err("another message is the first of the queue".to_owned());
        }
        let queue_serial = queue.serial;
        if settles {
            let due = Unacked { queue: name, queue_serial, consumer: None, entry };
            self.channel(side).unacked.insert(tag, due);
        }
        Ok(())
    }

    /// The node has come to rest: nothing more will come.
    pub(crate) fn rest(&mut self) -> Result<(), String> {
        let delivered = std::mem::take(&mut self.delivered);
        let mut by_queue: BTreeMap<&'static str, Vec<(Consumer, Delivered)>> = BTreeMap::new();
        for it in delivered {
            let (name, consumer) = self.consumer(&it).ok_or_else(|| {
                format!("{it:?}\n    there is no such consumer, or its queue has nothing")
            })?;
            by_queue.entry(name).or_default().push((consumer, it));
        }
        for name in self.names() {
            self.expire(name, self.now_ms.saturating_sub(1));
            self.take_delivered(name, by_queue.remove(name).unwrap_or_default())?;
            self.check_nobody_waits(name, false)?;
            self.expire(name, self.now_ms);
            self.trim(name);
        }
        for name in self.names() {
            self.check_nobody_waits(name, true)?;
        }
        for ((connection, channel), expected) in std::mem::take(&mut self.expected) {
            let is_done = expected.replies.is_empty()
                && expected.returns.is_empty()
                && expected.confirms.is_empty()
                && expected.cancels.is_empty()
                && expected.fetch.is_none();
            if !is_done {
                return Err(format!("S{}[{channel}] did not say {expected:?}", connection + 1));
            }
        }
        Ok(())
    }

    fn consumer(&self, delivered: &Delivered) -> Option<(&'static str, Consumer)> {
        self.queues.iter().find_map(|(&name, queue)| {
            let consumer = queue.consumers.iter().find(|it| {
                (it.connection, it.channel) == delivered.side && it.tag == delivered.consumer_tag
            });
            consumer.map(|consumer| (name, consumer.clone()))
        })
    }

    fn take_delivered(
        &mut self,
        name: &'static str,
        delivered: Vec<(Consumer, Delivered)>,
    ) -> Result<(), String> {
        let is_ordered = !self.is_shared(name);
        let mut last_places: BTreeMap<u64, Place> = BTreeMap::new();
        let mut last_place = None;
        for (consumer, it) in delivered {
            let wrong = |what: &str| Err(format!("{it:?} of {name}\n    {what}"));
            if !self.is_willing(&consumer) {
                return wrong("the consumer has all that it may have");
            }
            let Some(queue) = self.queues.get_mut(name) else { return wrong("no such queue") };
            let Some(entry) = queue.take(&it.look) else {
                return wrong("the queue does not have this message");
            };
            let queue_serial = queue.serial;
            self.count(if it.look.redelivered { "delivered again" } else { "delivered" });
            if is_ordered && !entry.is_letter_of(self.step) {
                let before = last_places.insert(consumer.serial, entry.place);
                if before.is_some_and(|before| before > entry.place) {
                    return wrong("it stands before the one that came before it");
                }
                last_place = last_place.max(Some(entry.place));
            }
            if !consumer.no_ack {
                let consumer = Some(consumer.serial);
                let due = Unacked { queue: name, queue_serial, consumer, entry };
                self.channel(it.side).unacked.insert(it.delivery_tag, due);
            }
        }
        let queue = self.queues.get(name);
        let first = queue.and_then(|queue| queue.first_place_before(self.step));
        match (first, last_place) {
            (Some(first), Some(last)) if is_ordered && first < last => {
                Err(format!("a message of {name} was passed over"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a bound for a whole channel may have sent messages of the queue back that were on their way.
    fn is_shared(&self, name: &str) -> bool {
        let Some(queue) = self.queues.get(name) else { return false };
        queue.consumers.iter().any(|consumer| self.shared_prefetch(consumer) > 0)
    }

    fn shared_prefetch(&self, consumer: &Consumer) -> u16 {
        let channel = self.connections[consumer.connection].channels.get(&consumer.channel);
        channel.map_or(0, |channel| channel.shared_prefetch)
    }

    fn is_willing(&self, consumer: &Consumer) -> bool {
        if consumer.no_ack {
            return true;
        }
        let channel = &self.connections[consumer.connection].channels[&consumer.channel];
        let mut holders: Vec<u64> = channel.unacked.values().filter_map(|it| it.consumer).collect();
        if let Mode::Transactional { settlements, .. } = &channel.mode {
            holders.extend(settlements.iter().filter_map(|(_, due, _)| due.consumer));
        }
        let own = holders.iter().filter(|&&it| it == consumer.serial).count();
        (consumer.prefetch == 0 || own < usize::from(consumer.prefetch))
            && (channel.shared_prefetch == 0
                || holders.len() < usize::from(channel.shared_prefetch))
    }

    /// Whether all that a channel has is known decides whether those are asked that share a bound.
    fn check_nobody_waits(&self, name: &str, with_shared: bool) -> Result<(), String> {
        let Some(queue) = self.queues.get(name).filter(|queue| !queue.ready.is_empty()) else {
            return Ok(());
        };
        let is_asked = |it: &Consumer| with_shared || self.shared_prefetch(it) == 0;
        let mut asked = queue.consumers.iter().filter(|&it| is_asked(it));
        match asked.find(|consumer| self.is_willing(consumer)) {
            Some(consumer) => Err(format!(
                "m{} stays in {name} although {} of C{}[{}] would take it",
                queue.ready[0].message.number,
                consumer.tag,
                consumer.connection + 1,
                consumer.channel
            )),
            None => Ok(()),
        }
    }
}

/// How a message that came looks.
pub(crate) fn look(came: &Received) -> Option<Look> {
    let method = came.method()?;
    let (redelivered, exchange, key) = match &method {
        Method::BasicDeliver(it) => (it.redelivered, it.exchange, it.routing_key),
        Method::BasicGetOk(it) => (it.redelivered, it.exchange, it.routing_key),
        Method::BasicReturn(it) => (false, it.exchange, it.routing_key),
        _ => return None,
    };
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let number = number(&came.content()?.body)?;
    Some(Look { number, redelivered, exchange: text(exchange), key: text(key) })
}

/// An answer with all that matters of it.
fn answer(method: &Method<'_>) -> String {
    let name = method.name();
    let id = |class: u16, method: u16| u32::from(class) << 16 | u32::from(method);
    match method {
        Method::QueueDeclareOk(ok) => {
            format!("{name} {} {} {}", ok.queue, ok.message_count, ok.consumer_count)
        }
        Method::QueuePurgeOk(ok) => format!("{name} {}", ok.message_count),
        Method::QueueDeleteOk(ok) => format!("{name} {}", ok.message_count),
        Method::BasicConsumeOk(ok) => format!("{name} {}", ok.consumer_tag),
        Method::BasicCancelOk(ok) => format!("{name} {}", ok.consumer_tag),
        Method::ChannelClose(it) => {
            format!("{name} {} {:#x}", it.reply_code, id(it.class_id, it.method_id))
        }
        Method::ConnectionClose(it) => {
            format!("{name} {} {:#x}", it.reply_code, id(it.class_id, it.method_id))
        }
        _ => name.to_owned(),
    }
}
