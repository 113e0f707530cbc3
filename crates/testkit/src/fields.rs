//! Fields of methods and properties by their names, so that a transcript can set and read them.

use wire_amqp091::method::Method;
use wire_amqp091::{FieldValue, Properties, Table};

use crate::value::Value;

/// A field of something that was received.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Field {
    Bit(bool),
    Number(u64),
    Text(Vec<u8>),
    Table(Table),
    Absent,
}

/// A field of a method that a value can be put into; the value must outlive the method.
trait Settable<'v> {
    fn set(&mut self, value: &'v Value) -> Result<(), String>;
    fn field(&self) -> Field;
}

impl<'v> Settable<'v> for bool {
    fn set(&mut self, value: &'v Value) -> Result<(), String> {
        value.is_true().map(|bit| *self = bit)
    }

    fn field(&self) -> Field {
        Field::Bit(*self)
    }
}

impl<'v> Settable<'v> for &'v str {
    fn set(&mut self, value: &'v Value) -> Result<(), String> {
        *self = std::str::from_utf8(value.bytes()?).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn field(&self) -> Field {
        Field::Text(self.as_bytes().to_vec())
    }
}

impl<'v> Settable<'v> for &'v [u8] {
    fn set(&mut self, value: &'v Value) -> Result<(), String> {
        value.bytes().map(|bytes| *self = bytes)
    }

    fn field(&self) -> Field {
        Field::Text(self.to_vec())
    }
}

impl<'v> Settable<'v> for Table {
    fn set(&mut self, value: &'v Value) -> Result<(), String> {
        value.table().map(|table| *self = table)
    }

    fn field(&self) -> Field {
        Field::Table(self.clone())
    }
}

macro_rules! settable_numbers {
    ($($number:ty)*) => {
        $(impl<'v> Settable<'v> for $number {
            fn set(&mut self, value: &'v Value) -> Result<(), String> {
                let number = value.number()?;
                *self = Self::try_from(number).map_err(|_| format!("{number} is too large"))?;
                Ok(())
            }

            fn field(&self) -> Field {
                Field::Number(u64::from(*self))
            }
        })*
    };
}

settable_numbers!(u8 u16 u32 u64);

macro_rules! methods {
    ($($Variant:ident $name:literal [$($field:ident)*],)*) => {
        /// The method of this name, with nothing set.
        pub(crate) fn method(name: &str) -> Option<Method<'static>> {
            match name {
                $($name => Some(Method::$Variant(Default::default())),)*
                _ => None,
            }
        }

        fn settable<'m, 'v>(
            method: &'m mut Method<'v>,
            name: &str,
        ) -> Option<&'m mut dyn Settable<'v>> {
            match (method, name) {
                $($((Method::$Variant(method), stringify!($field)) => Some(&mut method.$field),)*)*
                _ => None,
            }
        }

        /// The fields of a method, in the order of the wire.
        pub(crate) fn fields(method: &Method<'_>) -> Vec<(&'static str, Field)> {
            match method {
                $(Method::$Variant(_method) => {
                    vec![$((stringify!($field), _method.$field.field()),)*]
                })*
            }
        }
    };
}

methods! {
    ConnectionStart "connection.start" [version_major version_minor server_properties mechanisms locales],
    ConnectionStartOk "connection.start-ok" [client_properties mechanism response locale],
    ConnectionSecure "connection.secure" [challenge],
    ConnectionSecureOk "connection.secure-ok" [response],
    ConnectionTune "connection.tune" [channel_max frame_max heartbeat],
    ConnectionTuneOk "connection.tune-ok" [channel_max frame_max heartbeat],
    ConnectionOpen "connection.open" [virtual_host],
    ConnectionOpenOk "connection.open-ok" [],
    ConnectionClose "connection.close" [reply_code reply_text class_id method_id],
    ConnectionCloseOk "connection.close-ok" [],
    ConnectionBlocked "connection.blocked" [reason],
    ConnectionUnblocked "connection.unblocked" [],
    ConnectionUpdateSecret "connection.update-secret" [new_secret reason],
    ConnectionUpdateSecretOk "connection.update-secret-ok" [],
    ChannelOpen "channel.open" [],
    ChannelOpenOk "channel.open-ok" [],
    ChannelFlow "channel.flow" [active],
    ChannelFlowOk "channel.flow-ok" [active],
    ChannelClose "channel.close" [reply_code reply_text class_id method_id],
    ChannelCloseOk "channel.close-ok" [],
    AccessRequest "access.request" [realm exclusive passive active write read],
    AccessRequestOk "access.request-ok" [ticket],
    ExchangeDeclare "exchange.declare"
        [ticket exchange kind passive durable auto_delete internal no_wait arguments],
    ExchangeDeclareOk "exchange.declare-ok" [],
    ExchangeDelete "exchange.delete" [exchange if_unused no_wait],
    ExchangeDeleteOk "exchange.delete-ok" [],
    ExchangeBind "exchange.bind" [destination source routing_key no_wait arguments],
    ExchangeBindOk "exchange.bind-ok" [],
    ExchangeUnbind "exchange.unbind" [destination source routing_key no_wait arguments],
    ExchangeUnbindOk "exchange.unbind-ok" [],
    QueueDeclare "queue.declare"
        [ticket queue passive durable exclusive auto_delete no_wait arguments],
    QueueDeclareOk "queue.declare-ok" [queue message_count consumer_count],
    QueueBind "queue.bind" [queue exchange routing_key no_wait arguments],
    QueueBindOk "queue.bind-ok" [],
    QueuePurge "queue.purge" [queue no_wait],
    QueuePurgeOk "queue.purge-ok" [message_count],
    QueueDelete "queue.delete" [queue if_unused if_empty no_wait],
    QueueDeleteOk "queue.delete-ok" [message_count],
    QueueUnbind "queue.unbind" [queue exchange routing_key arguments],
    QueueUnbindOk "queue.unbind-ok" [],
    BasicQos "basic.qos" [prefetch_size prefetch_count global],
    BasicQosOk "basic.qos-ok" [],
    BasicConsume "basic.consume" [queue consumer_tag no_local no_ack exclusive no_wait arguments],
    BasicConsumeOk "basic.consume-ok" [consumer_tag],
    BasicCancel "basic.cancel" [consumer_tag no_wait],
    BasicCancelOk "basic.cancel-ok" [consumer_tag],
    BasicPublish "basic.publish" [exchange routing_key mandatory immediate],
    BasicReturn "basic.return" [reply_code reply_text exchange routing_key],
    BasicDeliver "basic.deliver" [consumer_tag delivery_tag redelivered exchange routing_key],
    BasicGet "basic.get" [queue no_ack],
    BasicGetOk "basic.get-ok" [delivery_tag redelivered exchange routing_key message_count],
    BasicGetEmpty "basic.get-empty" [],
    BasicAck "basic.ack" [delivery_tag multiple],
    BasicReject "basic.reject" [delivery_tag requeue],
    BasicRecoverAsync "basic.recover-async" [requeue],
    BasicRecover "basic.recover" [requeue],
    BasicRecoverOk "basic.recover-ok" [],
    BasicNack "basic.nack" [delivery_tag multiple requeue],
    TxSelect "tx.select" [],
    TxSelectOk "tx.select-ok" [],
    TxCommit "tx.commit" [],
    TxCommitOk "tx.commit-ok" [],
    TxRollback "tx.rollback" [],
    TxRollbackOk "tx.rollback-ok" [],
    ConfirmSelect "confirm.select" [no_wait],
    ConfirmSelectOk "confirm.select-ok" [],
}

/// The exchange's type is called so by everybody; Rust has that word for itself.
const fn own_name(name: &str) -> &str {
    match name.as_bytes() {
        b"type" => "kind",
        _ => name,
    }
}

/// Sets a field of a method.
pub(crate) fn set<'v>(method: &mut Method<'v>, name: &str, value: &'v Value) -> Result<(), String> {
    let of = method.name();
    match settable(method, own_name(name)) {
        Some(field) => field.set(value).map_err(|error| format!("{name}: {error}")),
        None => Err(format!("{of} has no field `{name}`")),
    }
}

/// Whether methods of this kind have a field of this name.
pub(crate) fn has_field(method: &Method<'_>, name: &str) -> bool {
    fields(method).iter().any(|(field, _)| *field == own_name(name))
}

/// The field of a received method.
pub(crate) fn field(method: &Method<'_>, name: &str) -> Option<Field> {
    let found = fields(method).into_iter().find(|(field, _)| *field == own_name(name));
    found.map(|(_, field)| field)
}

/// Properties from names and values.
pub(crate) fn properties(pairs: &[(String, Value)]) -> Result<Vec<u8>, String> {
    let headers = pairs.iter().find(|(name, _)| name == "headers");
    let headers = headers.map(|(_, value)| value.table()).transpose()?.map(|t| t.to_bytes());
    let mut properties = Properties { headers: headers.as_deref(), ..Properties::default() };
    for (name, value) in pairs {
        let octet = || u8::try_from(value.number()?).map_err(|_| format!("{name} is too large"));
        match name.as_str() {
            "headers" => {}
            "content_type" => properties.content_type = Some(value.bytes()?),
            "content_encoding" => properties.content_encoding = Some(value.bytes()?),
            "delivery_mode" => properties.delivery_mode = Some(octet()?),
            "priority" => properties.priority = Some(octet()?),
            "correlation_id" => properties.correlation_id = Some(value.bytes()?),
            "reply_to" => properties.reply_to = Some(value.bytes()?),
            "expiration" => properties.expiration = Some(value.bytes()?),
            "message_id" => properties.message_id = Some(value.bytes()?),
            "timestamp" => properties.timestamp = Some(value.number()?),
            "type" => properties.kind = Some(value.bytes()?),
            "user_id" => properties.user_id = Some(value.bytes()?),
            "app_id" => properties.app_id = Some(value.bytes()?),
            "cluster_id" => properties.cluster_id = Some(value.bytes()?),
            _ => return Err(format!("a message has no property `{name}`")),
        }
    }
    Ok(properties.to_bytes())
}

/// A property of a received message.
pub(crate) fn property(properties: &Properties<'_>, name: &str) -> Option<Field> {
    let text = |bytes: Option<&[u8]>| bytes.map_or(Field::Absent, |b| Field::Text(b.to_vec()));
    let octet = |n: Option<u8>| n.map_or(Field::Absent, |n| Field::Number(n.into()));
    Some(match name {
        "headers" => match properties.headers {
            Some(bytes) => Field::Table(Table::decode(bytes).ok()?),
            None => Field::Absent,
        },
        "content_type" => text(properties.content_type),
        "content_encoding" => text(properties.content_encoding),
        "delivery_mode" => octet(properties.delivery_mode),
        "priority" => octet(properties.priority),
        "correlation_id" => text(properties.correlation_id),
        "reply_to" => text(properties.reply_to),
        "expiration" => text(properties.expiration),
        "message_id" => text(properties.message_id),
        "timestamp" => properties.timestamp.map_or(Field::Absent, Field::Number),
        "type" => text(properties.kind),
        "user_id" => text(properties.user_id),
        "app_id" => text(properties.app_id),
        "cluster_id" => text(properties.cluster_id),
        _ => return None,
    })
}

/// A field as a transcript would write it.
pub(crate) fn show(field: &Field) -> String {
    match field {
        Field::Bit(bit) => bit.to_string(),
        Field::Number(number) => number.to_string(),
        Field::Text(bytes) => show_text(bytes),
        Field::Table(table) => show_table(table),
        Field::Absent => "(absent)".to_owned(),
    }
}

/// How many bytes of a text are shown.
const SHOWN_BYTES_MAX: usize = 256;

pub(crate) fn show_text(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_BYTES_MAX) {
        Some(start) if bytes.len() > SHOWN_BYTES_MAX => {
            format!("\"{}…\" ({} bytes)", start[..32].escape_ascii(), bytes.len())
        }
        _ => format!("\"{}\"", bytes.escape_ascii().to_string().replace("\\'", "'")),
    }
}

fn show_table(table: &Table) -> String {
    let pair = |(key, value): (&[u8], &FieldValue)| {
        format!("{}={}", key.escape_ascii(), show_value(value))
    };
    format!("{{{}}}", table.iter().map(pair).collect::<Vec<_>>().join(", "))
}

/// As a transcript would write it, where it can.
fn show_value(value: &FieldValue) -> String {
    match value {
        FieldValue::Bool(bit) => bit.to_string(),
        FieldValue::I32(number) => number.to_string(),
        FieldValue::I64(number) => format!("long:{number}"),
        FieldValue::Timestamp(number) => format!("timestamp:{number}"),
        FieldValue::LongString(bytes) => show_text(bytes),
        FieldValue::Table(table) => show_table(table),
        FieldValue::Array(values) => {
            format!("[{}]", values.iter().map(show_value).collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}
