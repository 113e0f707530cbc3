//! Field tables as the core's arguments, and a message's headers read on request.

use message::{Arguments, Headers, Value};
use wire_amqp091::properties::Properties;
use wire_amqp091::table::Pairs;
use wire_amqp091::{FieldValue, Table};

/// A field table in the core's words. A key that is not UTF-8 is carried with its bad bytes replaced; of keys that
/// stand twice the last one counts.
pub(crate) fn arguments(table: &Table) -> Arguments {
    table
        .iter()
        .map(|(key, field)| (String::from_utf8_lossy(key).into_owned(), value(field)))
        .collect()
}

pub(crate) fn value(field: &FieldValue) -> Value {
    match field {
        FieldValue::Bool(v) => Value::Bool(*v),
        FieldValue::I8(v) => Value::I8(*v),
        FieldValue::U8(v) => Value::U8(*v),
        FieldValue::I16(v) => Value::I16(*v),
        FieldValue::U16(v) => Value::U16(*v),
        FieldValue::I32(v) => Value::I32(*v),
        FieldValue::U32(v) => Value::U32(*v),
        FieldValue::I64(v) => Value::I64(*v),
        FieldValue::F32(v) => Value::F32(*v),
        FieldValue::F64(v) => Value::F64(*v),
        FieldValue::Decimal { scale, digits } => {
            Value::Decimal { scale: *scale, unscaled: *digits }
        }
        FieldValue::Timestamp(v) => Value::Timestamp(*v),
        FieldValue::LongString(v) => Value::Text(v.clone()),
        FieldValue::Bytes(v) => Value::Bytes(v.clone()),
        FieldValue::Array(list) => Value::Array(list.iter().map(value).collect()),
        FieldValue::Table(table) => Value::Table(arguments(table)),
        FieldValue::Void => Value::Void,
    }
}

/// The headers and properties of a message, as their bytes lie on the wire. They have been checked when the message
/// came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawHeaders<'a> {
    /// The headers' table, without the length in front.
    pub(crate) table: Option<&'a [u8]>,
    /// All properties.
    pub(crate) properties: &'a [u8],
}

impl Headers for RawHeaders<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        let mut pairs = Pairs::new(self.table?).filter_map(Result::ok);
        let (_, raw) = pairs.find(|(key, _)| *key == name.as_bytes())?;
        raw.decode().ok().map(|field| value(&field))
    }

    fn property(&self, name: &str) -> Option<Value> {
        let properties = Properties::decode(self.properties).ok()?;
        match name {
            "message_id" => properties.message_id.map(|id| Value::Text(id.to_vec())),
            "correlation_id" => properties.correlation_id.map(|id| Value::Text(id.to_vec())),
            "timestamp" => properties.timestamp.map(Value::Timestamp),
            _ => None,
        }
    }
}
