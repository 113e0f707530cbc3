//! What copies of messages look like that go to `amq.rabbitmq.trace` while a virtual host is traced: a copy of each message that is
//! published (`publish.<exchange>`), and of each that is delivered (`deliver.<queue>`), as RabbitMQ 4.3 makes them.
//!
//! The body is the message's; all else that there is to say of it stands in the headers.

use broker::{FIREHOSE, Publisher};
use message::{Address, Message, QueueId};
use queue::Delivery;
use wire_amqp091::{FieldValue, Properties, Table};

use crate::arguments::RawHeaders;
use crate::connection::Connection;
use crate::context::Context;
use crate::rendering::{Counts, is_redelivered, shown};

/// A routing key's longest form, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// Whether messages are to be copied, as of some topology.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watched {
    version: u64,
    pub(crate) is_on: bool,
}

impl Connection {
    /// Looks whether the virtual host is traced, if anything has changed. Once for many messages.
    #[inline]
    pub(crate) fn look_for_watchers(&mut self, cx: &Context<'_>) {
        let version = cx.broker.topology().version();
        if version != self.watched.version {
            let is_on = cx.broker.is_watched(self.vhost.as_str());
            self.watched = Watched { version, is_on };
        }
    }

    /// Copies a message that is published, or will be if its transaction is committed. Where it goes is found for the copy by itself:
    /// an exchange that lets chance decide may decide otherwise for the message.
    #[inline(never)]
    pub(crate) fn copy_publish(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        message: &Message,
        headers: &RawHeaders<'_>,
    ) {
        if !cx.broker.has_watchers(&self.vhost) {
            return;
        }
        let Some(channel) = self.channels.get(number) else { return };
        let mut publisher = Publisher::new(channel.publisher.origin(), self.vhost.clone());
        let Ok(destined) = cx.broker.destine(&mut publisher, message, headers) else { return };
        let mut names: Vec<FieldValue> = Vec::new();
        for name in cx.broker.names_of(destined.queues().iter().copied()) {
            names.push(text(name.as_str().as_bytes()));
        }
        let key = [b"publish.", message.exchange()].concat();
        let table = self.described(number, message, message.properties());
        self.publish_copy(cx, &key, message, table.with("routed_queues", FieldValue::Array(names)));
    }

    /// Copies a message that was delivered. One that is itself a copy is not.
    #[inline(never)]
    pub(crate) fn copy_delivery(
        &mut self,
        cx: &mut Context<'_>,
        number: u16,
        queue: QueueId,
        delivery: &Delivery,
    ) {
        let message = &delivery.message;
        if message.exchange() == FIREHOSE.as_bytes() || !cx.broker.has_watchers(&self.vhost) {
            return;
        }
        let name = cx.broker.names_of([queue]).next().map(ToString::to_string);
        let Some(name) = name else { return };
        let key = format!("deliver.{name}");
        let (delivery_count, acquired_count) = (delivery.delivery_count, delivery.acquired_count);
        let shown = shown(message, Counts { delivery_count, acquired_count });
        let properties = shown.as_deref().unwrap_or_else(|| message.properties());
        let redelivered = FieldValue::I32(is_redelivered(delivery).into());
        let table = self.described(number, message, properties).with("redelivered", redelivered);
        self.publish_copy(cx, key.as_bytes(), message, table);
    }

    fn publish_copy(&self, cx: &mut Context<'_>, key: &[u8], message: &Message, table: Table) {
        let headers = table.to_bytes();
        let properties = Properties { headers: Some(&headers), ..Properties::default() };
        let key = &key[..key.len().min(KEY_BYTES_MAX)];
        let address = Address::new(FIREHOSE.as_bytes(), key, cx.now_ms);
        let copy = cx.arena.message(&address, &properties.to_bytes(), message.body());
        cx.broker.publish_copy(&self.vhost, &copy);
    }

    /// What is said of publishes and deliveries alike.
    fn described(&self, number: u16, message: &Message, properties: &[u8]) -> Table {
        let keys = std::iter::once(message.routing_key()).chain(message.cc()).chain(message.bcc());
        let route = format!("{} -> {}", self.peer.address, self.peer.local_address);
        Table::new()
            .with("exchange_name", text(message.exchange()))
            .with("routing_keys", FieldValue::Array(keys.map(text).collect()))
            .with("properties", FieldValue::Table(table_of(properties)))
            .with("node", text(self.settings.node_name.as_bytes()))
            .with("vhost", text(self.vhost.as_str().as_bytes()))
            .with("connection", text(route.as_bytes()))
            .with("channel", FieldValue::I32(number.into()))
            .with("user", text(self.user.as_bytes()))
    }
}

fn text(bytes: &[u8]) -> FieldValue {
    FieldValue::LongString(bytes.to_vec())
}

/// Properties as a table.
fn table_of(properties: &[u8]) -> Table {
    let mut table = Table::new();
    let Ok(found) = Properties::decode(properties) else { return table };
    if let Some(headers) = found.headers.and_then(|raw| Table::decode(raw).ok()) {
        table.push("headers", FieldValue::Table(headers));
    }
    for (name, value) in [
        ("content_type", found.content_type),
        ("content_encoding", found.content_encoding),
        ("correlation_id", found.correlation_id),
        ("reply_to", found.reply_to),
        ("expiration", found.expiration),
        ("message_id", found.message_id),
        ("type", found.kind),
        ("user_id", found.user_id),
        ("app_id", found.app_id),
        ("cluster_id", found.cluster_id),
    ] {
        if let Some(value) = value {
            table.push(name, text(value));
        }
    }
    for (name, value) in [("delivery_mode", found.delivery_mode), ("priority", found.priority)] {
        if let Some(value) = value {
            table.push(name, FieldValue::I32(value.into()));
        }
    }
    if let Some(seconds) = found.timestamp {
        let long = || FieldValue::I64(i64::try_from(seconds).unwrap_or(i64::MAX));
        // RabbitMQ's are of 32 bits, and wrong from 2038 on.
        let short = i32::try_from(seconds).map(FieldValue::I32);
        table.push("timestamp", short.unwrap_or_else(|_| long()));
    }
    table
}
