//! Values as RabbitMQ's tools print them: each kind of value has a text in a table, a JSON value, and an Erlang term.

use serde_json::{Map, Value, json};

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// A text, a number, a boolean, or nothing.
    Plain(Value),
    /// Names in square brackets: `[administrator, monitoring]`.
    Names(Vec<String>),
    /// Arguments of a queue, binding or client: `[{"x-max-length",5}]`.
    Arguments(Map<String, Value>),
    /// A JSON document that is shown as one, and in JSON as the text of one.
    Document(Value),
    /// What a policy sets: `[{<<"max-length">>, 5}]`.
    Definition(Map<String, Value>),
    /// Facts under names: `#{description => d, tags => []}`.
    Facts(Map<String, Value>),
    /// An IP address, which is numbers in JSON.
    Address(String),
    /// A version, `{0,9,1}`, or any other term that is written out.
    Term(String),
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Plain(Value::String(text.into()))
    }

    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::Names(items.iter().map(plain).collect()),
            Value::Object(map) => Self::Facts(map.clone()),
            other => Self::Plain(other.clone()),
        }
    }

    /// Names that stand in one text, with commas, or in an array.
    pub(crate) fn names(value: &Value) -> Self {
        match value {
            Value::String(text) if text.is_empty() => Self::Names(Vec::new()),
            Value::String(text) => Self::Names(text.split(',').map(str::to_owned).collect()),
            Value::Array(items) => Self::Names(items.iter().map(plain).collect()),
            _ => Self::Names(Vec::new()),
        }
    }

    /// Arguments, which the API gives as an object, or as an empty array if there are none.
    pub(crate) fn arguments(value: &Value) -> Self {
        Self::Arguments(value.as_object().cloned().unwrap_or_default())
    }

    /// As it stands in a table.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Plain(value) => plain(value),
            Self::Names(names) => format!("[{}]", names.join(", ")),
            Self::Arguments(map) => arguments(map),
            Self::Document(value) => value.to_string(),
            Self::Definition(map) if map.is_empty() => "#{}".to_owned(),
            Self::Definition(map) => {
                let pairs: Vec<String> = map
                    .iter()
                    .map(|(key, value)| format!("{{<<\"{key}\">>, {}}}", plain(value)))
                    .collect();
                format!("[{}]", pairs.join(", "))
            }
            Self::Facts(map) => {
                let pairs: Vec<String> = map
                    .iter()
                    .map(|(key, value)| format!("{key} => {}", Self::of(value).shown()))
                    .collect();
                format!("#{{{}}}", pairs.join(", "))
            }
            Self::Address(text) | Self::Term(text) => text.clone(),
        }
    }

    /// As it stands in JSON.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Plain(Value::Null) => json!(""),
            Self::Plain(value) => value.clone(),
            Self::Names(names) => json!(names),
            Self::Arguments(map) => typed(map),
            Self::Document(value) => Value::String(value.to_string()),
            Self::Definition(map) | Self::Facts(map) => Value::Object(map.clone()),
            Self::Address(text) => match text.parse::<std::net::Ipv4Addr>() {
                Ok(address) => json!(address.octets()),
                Err(_) => json!(text),
            },
            Self::Term(text) => json!(text),
        }
    }

    /// As it stands in an Erlang term.
    pub(crate) fn erlang(&self) -> String {
        match self {
            Self::Plain(Value::Null) => "<<>>".to_owned(),
            Self::Plain(value) => term(value),
            Self::Names(names) => format!("[{}]", names.join(",")),
            Self::Arguments(map) => {
                let pairs: Vec<String> = map
                    .iter()
                    .map(|(key, value)| {
                        format!("{{<<\"{key}\">>,{},{}}}", kind(value), term(value))
                    })
                    .collect();
                format!("[{}]", pairs.join(","))
            }
            Self::Document(value) => term(&Value::String(value.to_string())),
            Self::Definition(map) | Self::Facts(map) => {
                let pairs: Vec<String> =
                    map.iter().map(|(key, value)| format!("{key} => {}", term(value))).collect();
                format!("#{{{}}}", pairs.join(","))
            }
            Self::Address(text) => term(&Value::String(text.clone())),
            Self::Term(text) => text.clone(),
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `[{"key",value}]`, without the types.
fn arguments(map: &Map<String, Value>) -> String {
    let pairs: Vec<String> =
        map.iter().map(|(key, value)| format!("{{{},{}}}", quoted(key), argument(value))).collect();
    format!("[{}]", pairs.join(","))
}

fn argument(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(argument).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => arguments(map),
        Value::Null => "undefined".to_owned(),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `[["key","type",value]]`, with the types of AMQP that a JSON value can have come from.
fn typed(map: &Map<String, Value>) -> Value {
    map.iter().map(|(key, value)| json!([key, kind(value), typed_value(value)])).collect()
}

fn typed_value(value: &Value) -> Value {
    match value {
        Value::Object(map) => typed(map),
        Value::Array(items) => {
            items.iter().map(|item| json!([kind(item), typed_value(item)])).collect()
        }
        other => other.clone(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "longstr",
        Value::Bool(_) => "bool",
        Value::Number(number) => match number.as_i64() {
            Some(number) if i32::try_from(number).is_ok() => "signedint",
            Some(_) => "long",
            None => "double",
        },
        Value::Array(_) => "array",
        Value::Object(_) => "table",
        Value::Null => "void",
    }
}

fn term(value: &Value) -> String {
    match value {
        Value::String(text) => format!("<<{}>>", quoted(text)),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(term).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let pairs: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("<<{}>> => {}", quoted(key), term(value)))
                .collect();
            format!("#{{{}}}", pairs.join(","))
        }
        Value::Null => "undefined".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_look_as_rabbitmqs_do() {
        let cell = Cell::arguments(
            &json!({"x-max-length": 100, "x-dlx": "e x", "l": [1, 2], "d": {"k": true}}),
        );
        assert_eq!(
            cell.shown(),
            r#"[{"d",[{"k",true}]},{"l",[1,2]},{"x-dlx","e x"},{"x-max-length",100}]"#
        );
        assert_eq!(
            Cell::arguments(&json!({"x-max-length": 100, "x-dlx": "e x"})).json(),
            json!([["x-dlx", "longstr", "e x"], ["x-max-length", "signedint", 100]])
        );
        assert_eq!(Cell::arguments(&json!([])).shown(), "[]");
    }

    #[test]
    fn facts_and_names_have_their_brackets() {
        let facts = Cell::of(&json!({"description": "a b", "tags": ["t1", "t2"]}));
        assert_eq!(facts.shown(), "#{description => a b, tags => [t1, t2]}");
        assert_eq!(Cell::names(&json!("a,b")).shown(), "[a, b]");
        assert_eq!(Cell::names(&json!("")).shown(), "[]");
    }

    #[test]
    fn addresses_are_numbers_in_json_only() {
        let address = Cell::Address("127.0.0.1".into());
        assert_eq!(
            (address.shown().as_str(), address.json()),
            ("127.0.0.1", json!([127, 0, 0, 1]))
        );
    }
}
