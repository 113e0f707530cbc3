//! Direct reply-to: questions whose answers come back without a queue.
//!
//! ```text
//!   client:  consume from `amq.rabbitmq.reply-to` ──→ publish with that as reply-to ──┐
//!   broker:                        the reply-to becomes the name of a reply address ←─┘
//!   server:  publish to that name ──→ straight to the client's channel, as a delivery
//! ```
//!
//! A channel has one address at a time. An answer that finds it closed is gone, as is one for a client that takes none: RabbitMQ
//! promises no more.

use broker::{REPLY_PREFIX, ReplyAddress};
use message::{Message, Name};
use wire_amqp091::Code;
use wire_amqp091::content::{self, Content};
use wire_amqp091::method::{basic, queue};

use crate::channel::channel_of;
use crate::connection::Connection;
use crate::context::Context;
use crate::errors::Exception;
use crate::rendering::{Counts, is_delivered, shown};

/// Where one consumes to take answers, and what one publishes as reply-to.
const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// Answers for a client that has more than this waiting to be sent to it are dropped: nothing else holds them back.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A channel's consumer of answers.
#[derive(Debug)]
pub(crate) struct ReplyConsumer {
    tag: Box<str>,
    address: ReplyAddress,
    /// The name of the address.
    name: Box<str>,
}

/// Whether this is what clients consume from to take answers.
pub(crate) fn is_reply_to(queue: &str) -> bool {
    queue == REPLY_TO
}

/// Refuses to bind or unbind a reply address.
pub(crate) fn check_bindable(queue: &str, method: u32) -> Result<(), Exception> {
    if queue.starts_with(REPLY_PREFIX) {
        let text = "cannot bind or unbind to a volatile (direct reply-to) queue";
        return Err(Exception::new(Code::AccessRefused, text, method));
    }
    Ok(())
}

impl Connection {
    /// Has a channel take answers.
    pub(crate) fn consume_replies(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        tag: Box<str>,
        consume: &basic::Consume<'_>,
    ) -> Result<(), Exception> {
        let refused = |text| Exception::new(Code::PreconditionFailed, text, basic::Consume::ID);
        self.reply_count += 1;
        let Some(channel) = self.channels.get_mut(number) else { return Ok(()) };
        if !consume.no_ack {
            return Err(refused("reply consumer cannot acknowledge"));
        }
        if channel.replies.is_some() {
            return Err(refused("reply consumer already set"));
        }
        let (client, link) = (self.client, channel.link);
        let id = client.number() << 8 | u64::from(client.shard());
        let token = self.settings.secret.token([id, link, self.reply_count]);
        let address = ReplyAddress { client, link, token };
        cx.broker.open_reply(address);
        if !consume.no_wait {
            self.out.method(number, &basic::ConsumeOk { consumer_tag: &tag });
        }
        let name = address.name().into();
        channel.replies = Some(ReplyConsumer { tag, address, name });
        Ok(())
    }

    /// Ends a channel's consumer of answers, if it has this tag, or whatever its tag.
    pub(crate) fn cancel_replies(&mut self, cx: &mut Context<'_>, number: u16, tag: Option<&str>) {
        let Some(channel) = self.channels.get_mut(number) else { return };
        let ends = |replies: &mut ReplyConsumer| tag.is_none_or(|tag| *replies.tag == *tag);
        if let Some(replies) = channel.replies.take_if(ends) {
            cx.broker.close_reply(replies.address);
        }
    }

    /// Where answers to a message go that has this reply-to, if its producer could not know.
    pub(crate) fn reply_name(
        &self,
        number: u16,
        reply_to: Option<&[u8]>,
    ) -> Result<Option<&[u8]>, Exception> {
        if reply_to != Some(REPLY_TO.as_bytes()) {
            return Ok(None);
        }
        let replies = self.channels.get(number).and_then(|channel| channel.replies.as_ref());
        let replies = replies.ok_or_else(|| {
            let text = "fast reply consumer does not exist";
            Exception::new(Code::PreconditionFailed, text, basic::Publish::ID)
        })?;
        Ok(Some(replies.name.as_bytes()))
    }

    /// Answers a declaration of what clients consume from to take answers: it is always there.
    pub(crate) fn declare_reply_to(&mut self, number: u16, no_wait: bool) {
        if !no_wait {
            let declare_ok =
                queue::DeclareOk { queue: REPLY_TO, message_count: 0, consumer_count: 1 };
            self.out.method(number, &declare_ok);
        }
        if let Some(channel) = self.channels.get_mut(number) {
            channel.last_queue = Some(Name::fixed(REPLY_TO));
        }
    }

    /// Writes an answer.
    pub(crate) fn deliver_reply(&mut self, link: u64, message: &Message) {
        let number = channel_of(link);
        let Some(channel) = self.channels.get_mut(number).filter(|it| it.link == link) else {
            return;
        };
        let Some(replies) = &channel.replies else { return };
        if self.out.pending_len() > WAITING_BYTES_MAX {
            return;
        }
        let delivery = content::Delivery {
            consumer_tag: replies.tag.as_bytes(),
            delivery_tag: channel.unacked.push(None),
            redelivered: is_delivered(message),
            exchange: message.exchange(),
            routing_key: message.routing_key(),
        };
        let shown = shown(message, Counts::default(), self.out.frame_max);
        let properties = shown.as_deref().unwrap_or_else(|| message.properties());
        let content = Content { properties, body: message.body() };
        let frame_max = self.out.frame_max;
        content::write_deliver(self.out.buffer(), number, &delivery, &content, frame_max);
    }
}
