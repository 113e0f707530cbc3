//! Values of arguments and headers, in the core's own words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A value of an argument or header. The widths of numbers are kept, because RabbitMQ names them in its
/// error texts and a definitions export must return what came in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// No value.
    Void,
    /// A truth value.
    Bool(bool),
    /// Signed 8 bits.
    I8(i8),
    /// Unsigned 8 bits.
    U8(u8),
    /// Signed 16 bits.
    I16(i16),
    /// Unsigned 16 bits.
    U16(u16),
    /// Signed 32 bits.
    I32(i32),
    /// Unsigned 32 bits.
    U32(u32),
    /// Signed 64 bits.
    I64(i64),
    /// 32-bit floating point.
    F32(#[serde(with = "f32_bits")] f32),
    /// 64-bit floating point.
    F64(#[serde(with = "f64_bits")] f64),
    /// A decimal number: `unscaled / 10^scale`.
    Decimal {
        /// How many digits stand behind the point.
        scale: u8,
        /// The digits.
        unscaled: u32,
    },
    /// Text; usually UTF-8, but nothing enforces it.
    Text(Vec<u8>),
    /// Bytes that are not text.
    Bytes(Vec<u8>),
    /// Seconds since 1970.
    Timestamp(u64),
    /// A list.
    Array(Vec<Self>),
    /// Named values.
    Table(Arguments),
}

/// Named values: the arguments of a declaration or binding. Ordered, so that everything made from them is too.
pub type Arguments = BTreeMap<String, Value>;

impl Value {
    /// The value as a whole number, whatever its width; `None` for everything else.
    pub fn as_integer(&self) -> Option<i64> {
        match *self {
            Self::I8(n) => Some(n.into()),
            Self::U8(n) => Some(n.into()),
            Self::I16(n) => Some(n.into()),
            Self::U16(n) => Some(n.into()),
            Self::I32(n) => Some(n.into()),
            Self::U32(n) => Some(n.into()),
            Self::I64(n) => Some(n),
            _ => None,
        }
    }

    /// The value as UTF-8 text; `None` for everything else.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Text from a literal.
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }
}

/// About how many bytes of memory named values take.
pub fn held_bytes(arguments: &Arguments) -> usize {
    arguments.iter().map(|(name, value)| entry_bytes(name, value)).sum()
}

/// Those of the values that fit into so many bytes of memory, what is too long passed over; `None` if all do.
pub fn shorter(arguments: &Arguments, bytes_max: usize) -> Option<Arguments> {
    if held_bytes(arguments) <= bytes_max {
        return None;
    }
    let mut left_bytes = bytes_max;
    let mut kept = Arguments::new();
    for (name, value) in arguments {
        if let Some(rest) = left_bytes.checked_sub(entry_bytes(name, value)) {
            left_bytes = rest;
            kept.insert(name.clone(), value.clone());
        }
    }
    Some(kept)
}

fn entry_bytes(name: &str, value: &Value) -> usize {
    size_of::<String>() + name.len() + value_bytes(value)
}

fn value_bytes(value: &Value) -> usize {
    let content = match value {
        Value::Text(bytes) | Value::Bytes(bytes) => bytes.len(),
        Value::Array(list) => list.iter().map(value_bytes).sum(),
        Value::Table(table) => held_bytes(table),
        _ => 0,
    };
    size_of::<Value>() + content
}

/// The headers of a message, read only when something asks: a headers exchange, a dead letter.
pub trait Headers {
    /// The value of the header `name`, or `None`.
    fn get(&self, name: &str) -> Option<Value>;

    /// The value of the property `name`, as RabbitMQ's argument `hash-property` names it: `message_id`,
    /// `correlation_id` or `timestamp`.
    fn property(&self, _name: &str) -> Option<Value> {
        None
    }
}

/// The headers of a message that has none.
#[derive(Clone, Copy, Debug)]
pub struct NoHeaders;

impl Headers for NoHeaders {
    fn get(&self, _name: &str) -> Option<Value> {
        None
    }
}

impl Headers for Arguments {
    fn get(&self, name: &str) -> Option<Value> {
        Self::get(self, name).cloned()
    }
}

/// Floating-point numbers are kept as their bits: text formats have no word for some of them.
macro_rules! float_bits {
    ($module:ident, $float:ty, $bits:ty) => {
        mod $module {
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            pub(super) fn serialize<S: Serializer>(n: &$float, to: S) -> Result<S::Ok, S::Error> {
                n.to_bits().serialize(to)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<$float, D::Error> {
                <$bits>::deserialize(from).map(<$float>::from_bits)
            }
        }
    };
}

float_bits!(f32_bits, f32, u32);
float_bits!(f64_bits, f64, u64);
