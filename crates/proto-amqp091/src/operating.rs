//! Messages that an operator publishes and looks at, without a conversation: properties as plain values on one side,
//! property bytes on the other.

use broker::{MessageCounters, Published, Publisher, Refusal};
use bytes::Bytes;
use message::{Arguments, Message, Value};
use queue::Delivery;
use wire_amqp091::{FieldValue, Malformed, Properties, Table, properties};

use crate::arguments::{RawHeaders, arguments};
use crate::context::Context;
use crate::labels::Labels;
use crate::rendering::{Counts, is_redelivered, shown};

/// The longest short string of the protocol, in bytes.
const SHORT_BYTES_MAX: usize = 255;

/// The properties of a message. Absent is what its producer has not set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageProperties {
    /// The MIME type of the body.
    pub content_type: Option<String>,
    /// How the body is compressed.
    pub content_encoding: Option<String>,
    /// The headers.
    pub headers: Option<Arguments>,
    /// 2 for persistent.
    pub delivery_mode: Option<u8>,
    /// 0 is the lowest.
    pub priority: Option<u8>,
    /// To which request this is the answer.
    pub correlation_id: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
    /// How long it is worth something, in milliseconds as decimal digits.
    pub expiration: Option<String>,
    /// The application's name of it.
    pub message_id: Option<String>,
    /// When it was made, in seconds since 1970.
    pub timestamp_s: Option<u64>,
    /// The application's kind of message.
    pub kind: Option<String>,
    /// Who published it.
    pub user_id: Option<String>,
    /// Which application published it.
    pub app_id: Option<String>,
    /// Reserved.
    pub cluster_id: Option<String>,
}

/// A message as somebody is shown it who does not consume it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageView {
    /// Its properties, as a consumer would see them.
    pub properties: MessageProperties,
    /// The exchange that it was published to last.
    pub exchange: String,
    /// With this key.
    pub routing_key: String,
    /// Its body.
    pub body: Bytes,
    /// Whether a consumer may have had it before.
    pub is_redelivered: bool,
    /// How often it has failed, if its queue counts that.
    pub delivery_count: u32,
    /// When the node received it, in milliseconds since 1970.
    pub received_at_ms: u64,
    /// Before when it is not delivered, in milliseconds since 1970.
    pub deliver_at_ms: Option<u64>,
    /// When it expires by itself, in milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
}

/// What an operator publishes.
#[derive(Clone, Debug, Default)]
pub struct Publication {
    /// To which exchange; empty for the default one.
    pub exchange: String,
    /// With which key.
    pub routing_key: String,
    /// Its properties.
    pub properties: MessageProperties,
    /// Its body.
    pub body: Bytes,
}

/// Why an operator's message was not published.
#[derive(Clone, Debug, PartialEq)]
pub enum Unpublished {
    /// The exchange does not exist, or takes no messages from clients.
    Refused(Refusal),
    /// The message is not right; in the words that a client would hear.
    Unfit(String),
}

impl MessageView {
    /// A message that was handed out.
    pub fn of_delivery(delivery: &Delivery) -> Self {
        let (delivery_count, acquired_count) = (delivery.delivery_count, delivery.acquired_count);
        let counts = Counts { delivery_count, acquired_count };
        Self::new(&delivery.message, counts, is_redelivered(delivery))
    }

    /// A message that lies in a queue.
    pub fn of_message(message: &Message, is_redelivered: bool, delivery_count: u32) -> Self {
        let counts = Counts { delivery_count, acquired_count: 0 };
        Self::new(message, counts, is_redelivered)
    }

    fn new(message: &Message, counts: Counts, is_redelivered: bool) -> Self {
        let shown = shown(message, counts, 0);
        Self {
            properties: read(shown.as_deref().unwrap_or_else(|| message.properties())),
            exchange: text(message.exchange()),
            routing_key: text(message.routing_key()),
            // What is shown must not keep what lies beside it in memory.
            body: Bytes::copy_from_slice(message.body()),
            is_redelivered,
            delivery_count: counts.delivery_count,
            received_at_ms: message.received_at_ms(),
            deliver_at_ms: message.deliver_at_ms(),
            expires_at_ms: message.expires_at_ms(),
        }
    }
}

/// Publishes a message in an operator's name. `user` is who that is: a message may not say that it comes from somebody
/// else.
///
/// # Errors
/// [`Unpublished`]; nothing has happened then.
pub fn publish(
    cx: &mut Context<'_>,
    publisher: &mut Publisher,
    user: &str,
    publication: &Publication,
) -> Result<Published, Unpublished> {
    let bytes = write(&publication.properties)?;
    let long = |what: &str| Unpublished::Unfit(format!("{what} has more than 255 bytes"));
    let (exchange, key) = (publication.exchange.as_bytes(), publication.routing_key.as_bytes());
    if exchange.len() > SHORT_BYTES_MAX {
        return Err(long("the exchange's name"));
    }
    if key.len() > SHORT_BYTES_MAX {
        return Err(long("the routing key"));
    }
    cx.broker.may_publish(publisher, exchange).map_err(Unpublished::Refused)?;
    let unfit = |malformed: Malformed| Unpublished::Unfit(malformed.to_string());
    let scan = properties::scan(&bytes).map_err(unfit)?;
    let labels = Labels::read(&scan, user, cx.now_ms)
        .map_err(|unfit| Unpublished::Unfit(unfit.explanation()))?;
    let address = labels.address(exchange, key, &scan, cx.now_ms);
    let rewritten = labels.rewritten(&bytes).map_err(unfit)?;
    let message =
        cx.arena.message(&address, rewritten.as_deref().unwrap_or(&bytes), &publication.body);
    let headers = RawHeaders { table: scan.headers, properties: &bytes };
    let published =
        cx.broker.publish(publisher, message, &headers).map_err(Unpublished::Refused)?;
    cx.broker.count_size(publication.body.len());
    let is_returned = u64::from(published == Published::Unroutable);
    let publish = cx.broker.count_published(publisher, |_, _| {});
    let counters =
        MessageCounters { publish, return_unroutable: is_returned, ..MessageCounters::ZERO };
    cx.broker.count_messages(publisher.vhost(), counters);
    Ok(published)
}

fn read(bytes: &[u8]) -> MessageProperties {
    let Ok(found) = Properties::decode(bytes) else { return MessageProperties::default() };
    let table = found.headers.and_then(|raw| Table::decode(raw).ok());
    MessageProperties {
        content_type: found.content_type.map(text),
        content_encoding: found.content_encoding.map(text),
        headers: table.as_ref().map(arguments),
        delivery_mode: found.delivery_mode,
        priority: found.priority,
        correlation_id: found.correlation_id.map(text),
        reply_to: found.reply_to.map(text),
        expiration: found.expiration.map(text),
        message_id: found.message_id.map(text),
        timestamp_s: found.timestamp,
        kind: found.kind.map(text),
        user_id: found.user_id.map(text),
        app_id: found.app_id.map(text),
        cluster_id: found.cluster_id.map(text),
    }
}

fn write(wanted: &MessageProperties) -> Result<Vec<u8>, Unpublished> {
    let headers = wanted.headers.as_ref().map(table).transpose()?.map(|table| table.to_bytes());
    let short = |name: &str, value: &'_ Option<String>| match value {
        Some(value) if value.len() > SHORT_BYTES_MAX => {
            Err(Unpublished::Unfit(format!("the property {name} has more than 255 bytes")))
        }
        _ => Ok(()),
    };
    for (name, value) in [
        ("content_type", &wanted.content_type),
        ("content_encoding", &wanted.content_encoding),
        ("correlation_id", &wanted.correlation_id),
        ("reply_to", &wanted.reply_to),
        ("expiration", &wanted.expiration),
        ("message_id", &wanted.message_id),
        ("type", &wanted.kind),
        ("user_id", &wanted.user_id),
        ("app_id", &wanted.app_id),
        ("cluster_id", &wanted.cluster_id),
    ] {
        short(name, value)?;
    }
    let bytes = |value: &'_ Option<String>| value.as_ref().map(|text| text.clone().into_bytes());
    let (content_type, content_encoding) =
        (bytes(&wanted.content_type), bytes(&wanted.content_encoding));
    let (correlation_id, reply_to) = (bytes(&wanted.correlation_id), bytes(&wanted.reply_to));
    let (expiration, message_id) = (bytes(&wanted.expiration), bytes(&wanted.message_id));
    let (kind, user_id) = (bytes(&wanted.kind), bytes(&wanted.user_id));
    let (app_id, cluster_id) = (bytes(&wanted.app_id), bytes(&wanted.cluster_id));
    let properties = Properties {
        content_type: content_type.as_deref(),
        content_encoding: content_encoding.as_deref(),
        headers: headers.as_deref(),
        delivery_mode: wanted.delivery_mode,
        priority: wanted.priority,
        correlation_id: correlation_id.as_deref(),
        reply_to: reply_to.as_deref(),
        expiration: expiration.as_deref(),
        message_id: message_id.as_deref(),
        timestamp: wanted.timestamp_s,
        kind: kind.as_deref(),
        user_id: user_id.as_deref(),
        app_id: app_id.as_deref(),
        cluster_id: cluster_id.as_deref(),
    };
    Ok(properties.to_bytes())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn table(arguments: &Arguments) -> Result<Table, Unpublished> {
    let mut table = Table::new();
    for (name, value) in arguments {
        if name.len() > SHORT_BYTES_MAX {
            return Err(Unpublished::Unfit(format!(
                "the header {name} has a name of more than 255 bytes"
            )));
        }
        table.push(name.as_str(), field(value)?);
    }
    Ok(table)
}

fn field(value: &Value) -> Result<FieldValue, Unpublished> {
    Ok(match value {
        Value::Bool(v) => FieldValue::Bool(*v),
        Value::I8(v) => FieldValue::I8(*v),
        Value::U8(v) => FieldValue::U8(*v),
        Value::I16(v) => FieldValue::I16(*v),
        Value::U16(v) => FieldValue::U16(*v),
        Value::I32(v) => FieldValue::I32(*v),
        Value::U32(v) => FieldValue::U32(*v),
        Value::I64(v) => FieldValue::I64(*v),
        Value::F32(v) => FieldValue::F32(*v),
        Value::F64(v) => FieldValue::F64(*v),
        Value::Decimal { scale, unscaled } => {
            FieldValue::Decimal { scale: *scale, digits: *unscaled }
        }
        Value::Timestamp(v) => FieldValue::Timestamp(*v),
        Value::Text(v) => FieldValue::LongString(v.clone()),
        Value::Bytes(v) => FieldValue::Bytes(v.clone()),
        Value::Array(list) => FieldValue::Array(list.iter().map(field).collect::<Result<_, _>>()?),
        Value::Table(arguments) => FieldValue::Table(table(arguments)?),
        Value::Void => FieldValue::Void,
    })
}
