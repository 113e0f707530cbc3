//! Arguments as JSON and back, by RabbitMQ's rules.
//!
//! JSON has fewer types than AMQP: what goes out and comes back is the same number, text or list, but a whole number
//! returns with 64 bits and a time as a number. RabbitMQ's does the same.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use message::{Arguments, Value};
use serde_json::{Map, Number, Value as Json};

/// How deep values may be nested. JSON that is nested as deep is not read at all, so that only clients of other
/// protocols can make what is cut off here.
const DEPTH_MAX: usize = 100;

/// How deep JSON may be nested: no client sends such arguments.
const GIVEN_DEPTH_MAX: usize = 64;

/// JSON that no argument can have as its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsuited {
    /// `null`.
    Null,
    /// A whole number that needs more than 64 bits.
    TooLarge,
    /// It is nested too deep.
    TooDeep,
}

impl fmt::Display for Unsuited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null_not_allowed",
            Self::TooDeep => "it is nested too deep",
            Self::TooLarge => "a whole number must fit into 64 bits",
        })
    }
}

impl std::error::Error for Unsuited {}

/// Arguments as a JSON object.
pub fn arguments_to_json(arguments: &Arguments) -> Json {
    table(arguments, 0)
}

/// A value as JSON.
pub fn value_to_json(value: &Value) -> Json {
    to_json(value, 0)
}

fn table(arguments: &Arguments, depth: usize) -> Json {
    let entries = arguments.iter().map(|(key, value)| (key.clone(), to_json(value, depth + 1)));
    Json::Object(entries.collect())
}

fn to_json(value: &Value, depth: usize) -> Json {
    match value {
        _ if depth > DEPTH_MAX => Json::Null,
        // RabbitMQ shows its word for nothing.
        Value::Void => "undefined".into(),
        Value::Bool(flag) => (*flag).into(),
        Value::I8(n) => (*n).into(),
        Value::U8(n) => (*n).into(),
        Value::I16(n) => (*n).into(),
        Value::U16(n) => (*n).into(),
        Value::I32(n) => (*n).into(),
        Value::U32(n) => (*n).into(),
        Value::I64(n) => (*n).into(),
        Value::Timestamp(seconds) => (*seconds).into(),
        Value::F32(n) => float((*n).into()),
        Value::F64(n) => float(*n),
        Value::Decimal { scale, unscaled } => {
            float(f64::from(*unscaled) / 10_f64.powi((*scale).into()))
        }
        Value::Text(bytes) | Value::Bytes(bytes) => text(bytes),
        Value::Array(list) => {
            Json::Array(list.iter().map(|value| to_json(value, depth + 1)).collect())
        }
        Value::Table(arguments) => table(arguments, depth),
    }
}

/// JSON has no word for what is no number.
fn float(n: f64) -> Json {
    Number::from_f64(n).map_or(Json::Null, Json::Number)
}

fn text(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => format!("Not UTF-8, base64 is: {}", STANDARD.encode(bytes)).into(),
    }
}

/// A JSON object as arguments.
///
/// # Errors
/// The name of the first argument that cannot have its value, and why.
pub fn arguments_from_json(object: &Map<String, Json>) -> Result<Arguments, (String, Unsuited)> {
    table_from_json(object, GIVEN_DEPTH_MAX)
}

fn table_from_json(
    object: &Map<String, Json>,
    depth_left: usize,
) -> Result<Arguments, (String, Unsuited)> {
    let pair = |(key, value): (&String, &Json)| match from_json(value, depth_left) {
        Ok(value) => Ok((key.clone(), value)),
        Err(unsuited) => Err((key.clone(), unsuited)),
    };
    object.iter().map(pair).collect()
}

/// JSON as the value of an argument.
///
/// # Errors
/// [`Unsuited`] for `null`, for numbers that are too large, wherever they are in it, and for what is nested too deep.
pub fn value_from_json(json: &Json) -> Result<Value, Unsuited> {
    from_json(json, GIVEN_DEPTH_MAX)
}

fn from_json(json: &Json, depth_left: usize) -> Result<Value, Unsuited> {
    let inner_depth = || depth_left.checked_sub(1).ok_or(Unsuited::TooDeep);
    Ok(match json {
        Json::Null => return Err(Unsuited::Null),
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(n) => Value::I64(n),
            None if number.is_f64() => Value::F64(number.as_f64().ok_or(Unsuited::TooLarge)?),
            None => return Err(Unsuited::TooLarge),
        },
        Json::String(text) => Value::text(text),
        Json::Array(list) => {
            let depth_left = inner_depth()?;
            let values = list.iter().map(|value| from_json(value, depth_left));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        Json::Object(object) => {
            let table = table_from_json(object, inner_depth()?);
            Value::Table(table.map_err(|(_, unsuited)| unsuited)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_every_type_have_a_form_in_json() {
        let nested = Arguments::from([("n".to_owned(), Value::U8(1))]);
        for (value, expected) in [
            (Value::Void, json!("undefined")),
            (Value::Bool(true), json!(true)),
            (Value::I8(-1), json!(-1)),
            (Value::U32(5), json!(5)),
            (Value::I64(1 << 40), json!(1_099_511_627_776_i64)),
            (Value::Timestamp(7), json!(7)),
            (Value::F32(1.5), json!(1.5)),
            (Value::F64(100.0), json!(100.0)),
            (Value::F64(f64::NAN), Json::Null),
            (Value::Decimal { scale: 2, unscaled: 125 }, json!(1.25)),
            (Value::text("ü"), json!("ü")),
            (Value::Text(vec![0xFF, 0, 1]), json!("Not UTF-8, base64 is: /wAB")),
            (Value::Array(vec![Value::Table(nested)]), json!([{"n": 1}])),
        ] {
            assert_eq!(value_to_json(&value), expected);
        }
    }

    #[test]
    fn json_returns_from_values() {
        let json = json!({"a": [1, 1.5, {"b": "c", "d": {}}], "e": true, "f": [], "g": -5});
        let arguments = arguments_from_json(json.as_object().unwrap()).unwrap();
        assert_eq!(arguments["g"], Value::I64(-5));
        assert_eq!(arguments_to_json(&arguments), json);
    }

    #[test]
    fn what_has_no_value_is_refused() {
        let null = json!({"a": 1, "b": [{"c": null}]});
        let refused = arguments_from_json(null.as_object().unwrap()).unwrap_err();
        assert_eq!(refused, ("b".to_owned(), Unsuited::Null));
        assert_eq!(value_from_json(&json!(u64::MAX)), Err(Unsuited::TooLarge));
    }

    #[test]
    fn what_is_nested_too_deep_is_cut_off() {
        let mut value = Value::I8(1);
        for _ in 0..10_000 {
            value = Value::Array(vec![value]);
        }
        let text = value_to_json(&value).to_string();
        assert!(text.ends_with(&format!("null{}", "]".repeat(DEPTH_MAX + 1))), "{text}");
        // Values that clients can make are not as deep; dropping this one takes care.
        while let Value::Array(mut list) = value {
            value = list.pop().unwrap();
        }
    }
}
