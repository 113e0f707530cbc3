//! What copies of messages look like that go to `amq.rabbitmq.trace` while a virtual host is traced: a copy of each message that is
//! published (`publish.<exchange>`), and of each that is delivered (`deliver.<queue>`), as RabbitMQ 4.3 makes them.
//!
//! The body is the message's; all else that there is to say of it stands in the headers.

use broker::{FIREHOSE, Publisher};
use message::{Address, Message, QueueId};
use queue::Delivery;
use wire_amqp091::limits::{FRAME_MAX_DEFAULT, properties_max};
use wire_amqp091::{FieldValue, Properties, Table, table};

use crate::arguments::RawHeaders;
use crate::connection::Connection;
use crate::context::Context;
use crate::rendering::{Counts, is_redelivered, shown};

/// What is left free in the header of a copy for what is said of it when it is delivered again.
const SPARE_BYTES: usize = 128;

/// A routing key's longest form, in bytes.
const KEY_BYTES_MAX: usize = 255;

/// Whether messages are to be copied, as of some topology.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watched {
    version: u64,
    pub(crate) is_on: bool,
}

/// A message of which there is to be a copy.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    /// The channel.
    number: u16,
    message: &'a Message,
    /// As they are shown.
    properties: &'a [u8],
}

/// What is done with it.
#[derive(Debug)]
enum Event {
    Published { names: Vec<FieldValue> },
    Delivered { is_redelivered: bool },
}

/// How much is said of it.
#[derive(Clone, Copy, Debug)]
struct Share {
    has_headers: bool,
    /// Bytes of each list.
    lists_bytes: usize,
}

impl Share {
    /// As many of the texts as there is room for, and how many are left out.
    fn cut(self, texts: impl Iterator<Item = FieldValue>) -> (FieldValue, usize) {
        let (mut kept, mut left_out, mut bytes) = (Vec::new(), 0, 0_usize);
        for text in texts {
            let own = if let FieldValue::LongString(text) = &text { 5 + text.len() } else { 1 };
            bytes = bytes.saturating_add(own);
            if bytes <= self.lists_bytes {
                kept.push(text);
            } else {
                left_out += 1;
            }
        }
        (FieldValue::Array(kept), left_out)
    }
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
        let names = cx.broker.names_of(destined.queues().iter().copied());
        let names = names.map(|name| text(name.as_str().as_bytes())).collect();
        let key = [b"publish.", message.exchange()].concat();
        let seen = Seen { number, message, properties: message.properties() };
        self.publish_copy(cx, &key, &seen, &Event::Published { names });
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
        let shown = shown(message, Counts { delivery_count, acquired_count }, 0);
        let properties = shown.as_deref().unwrap_or_else(|| message.properties());
        let seen = Seen { number, message, properties };
        let event = Event::Delivered { is_redelivered: is_redelivered(delivery) };
        self.publish_copy(cx, key.as_bytes(), &seen, &event);
    }

    fn publish_copy(&self, cx: &mut Context<'_>, key: &[u8], seen: &Seen<'_>, event: &Event) {
        let Some(headers) = self.headers(seen, event) else { return };
        let message = seen.message;
        let properties = Properties { headers: Some(&headers), ..Properties::default() };
        let key = &key[..key.len().min(KEY_BYTES_MAX)];
        let address = Address::new(FIREHOSE.as_bytes(), key, cx.now_ms);
        let copy = cx.arena.message(&address, &properties.to_bytes(), message.body());
        cx.broker.publish_copy(&self.vhost, &copy);
    }

    /// The headers of a copy: all that there is to say, or less if that nests too deep for a table or is too long for a frame of this
    /// node, as a message's own headers can be. `None` if there is no room even for the least.
    fn headers(&self, seen: &Seen<'_>, event: &Event) -> Option<Vec<u8>> {
        let frame_max = match self.settings.limits.frame_max {
            0 => FRAME_MAX_DEFAULT,
            frame_max => frame_max,
        };
        let room = properties_max(frame_max).saturating_sub(SPARE_BYTES);
        let fits = |bytes: &Vec<u8>| bytes.len() <= room && table::check(bytes).is_ok();
        let all = Share { has_headers: true, lists_bytes: usize::MAX };
        let less = Share { has_headers: false, ..all };
        let least = Share { lists_bytes: room / 3, ..less };
        let shares = [all, less, least].into_iter();
        shares.map(|share| self.described(seen, event, share).to_bytes()).find(fits)
    }

    /// What is said of a message, as far as there is room.
    fn described(&self, seen: &Seen<'_>, event: &Event, share: Share) -> Table {
        let Seen { number, message, properties } = *seen;
        let keys = std::iter::once(message.routing_key()).chain(message.cc()).chain(message.bcc());
        let (keys, keys_left_out) = share.cut(keys.map(text));
        let (properties, headers_left_out) = table_of(properties, share.has_headers);
        let route = format!("{} -> {}", self.peer.address, self.peer.local_address);
        let mut table = Table::new()
            .with("exchange_name", text(message.exchange()))
            .with("routing_keys", keys)
            .with("properties", FieldValue::Table(properties))
            .with("node", text(self.settings.node_name.as_bytes()))
            .with("vhost", text(self.vhost.as_str().as_bytes()))
            .with("connection", text(route.as_bytes()))
            .with("channel", FieldValue::I32(number.into()))
            .with("user", text(self.user.as_bytes()));
        let queues_left_out = match event {
            Event::Published { names } => {
                let (names, left_out) = share.cut(names.iter().cloned());
                table.push("routed_queues", names);
                left_out
            }
            Event::Delivered { is_redelivered } => {
                table.push("redelivered", FieldValue::I32((*is_redelivered).into()));
                0
            }
        };
        for (name, count) in [
            ("headers_left_out", headers_left_out),
            ("routing_keys_left_out", keys_left_out),
            ("routed_queues_left_out", queues_left_out),
        ] {
            if count > 0 {
                table.push(name, FieldValue::I64(i64::try_from(count).unwrap_or(i64::MAX)));
            }
        }
        table
    }
}

fn text(bytes: &[u8]) -> FieldValue {
    FieldValue::LongString(bytes.to_vec())
}

/// Properties as a table, and how many headers are left out of it.
fn table_of(properties: &[u8], has_headers: bool) -> (Table, usize) {
    let mut table = Table::new();
    let Ok(found) = Properties::decode(properties) else { return (table, 0) };
    let mut left_out = 0;
    if let Some(headers) = found.headers.and_then(|raw| Table::decode(raw).ok()) {
        if has_headers {
            table.push("headers", FieldValue::Table(headers));
        } else {
            left_out = headers.len();
        }
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
    (table, left_out)
}
