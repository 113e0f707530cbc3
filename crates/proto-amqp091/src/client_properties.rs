//! What a client says of itself when it logs in: kept as it came, and taken apart for whoever asks.

use std::sync::Arc;

use message::Arguments;
use wire_amqp091::table::Pairs;
use wire_amqp091::{FieldValue, Table};

use crate::arguments::arguments;
use crate::operating::table;

/// The properties of a client. A connection that comes and goes is asked for nothing but its name; taken apart, they
/// would be many times as large. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientProperties {
    /// The bytes of a table, without its length.
    bytes: Arc<[u8]>,
}

impl ClientProperties {
    pub(crate) fn of(table: &Table) -> Self {
        Self { bytes: table.to_bytes().into() }
    }

    /// Their values by name.
    pub fn arguments(&self) -> Arguments {
        Table::decode(&self.bytes).map(|table| arguments(&table)).unwrap_or_default()
    }

    /// How many bytes of memory they take, about.
    pub fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The name that the client gives its connection.
    pub(crate) fn connection_name(&self) -> Option<String> {
        let mut pairs = Pairs::new(&self.bytes).filter_map(Result::ok);
        let (_, raw) = pairs.find(|(key, _)| *key == b"connection_name")?;
        match raw.decode().ok()? {
            FieldValue::LongString(name) => Some(String::from_utf8_lossy(&name).into_owned()),
            _ => None,
        }
    }

    /// The same, or where that is longer, those values that fit into so many bytes.
    pub(crate) fn shorter(&self, bytes_max: usize) -> Self {
        if self.bytes.len() <= bytes_max {
            return self.clone();
        }
        let shorter = message::shorter(&self.arguments(), bytes_max).unwrap_or_default();
        table(&shorter).map(|table| Self::of(&table)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use message::Value;

    use super::*;

    #[test]
    fn the_name_is_found_among_others() {
        let capabilities = FieldValue::Table(Table::new().with("basic.nack", true));
        let table = Table::new().with("capabilities", capabilities).with("connection_name", "me");
        let properties = ClientProperties::of(&table);
        assert_eq!(properties.connection_name().as_deref(), Some("me"));
        assert_eq!(properties.arguments()["connection_name"], Value::text("me"));
        assert_eq!(properties.arguments().len(), 2);
        let number = ClientProperties::of(&Table::new().with("connection_name", true));
        assert_eq!(number.connection_name(), None);
        assert_eq!(ClientProperties::default().connection_name(), None);
    }

    #[test]
    fn what_is_too_long_is_passed_over() {
        let table = Table::new().with("long", "x".repeat(1_000).as_str()).with("short", "y");
        let properties = ClientProperties::of(&table);
        assert_eq!(properties.shorter(2_000), properties);
        let shorter = properties.shorter(500);
        assert_eq!(shorter.arguments().keys().collect::<Vec<_>>(), ["short"]);
        assert!(shorter.held_bytes() < 500);
    }
}
