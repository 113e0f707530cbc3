//! Values of arguments as JSON, and back, as RabbitMQ's API has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use message::{Arguments, Value};
use serde_json::{Map, Number, Value as Json};

use crate::failure::Failure;

/// Tables and lists within each other, at most. The API reads JSON of more levels, and no client sends such arguments.
const DEPTH_MAX: usize = 64;

/// Arguments as an object.
pub(crate) fn object(arguments: &Arguments) -> Json {
    let fields = arguments.iter().map(|(name, value)| (name.clone(), json(value)));
    Json::Object(fields.collect::<Map<_, _>>())
}

/// A value. Text that is not UTF-8 is shown in base64, because JSON has no bytes.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Void => Json::Null,
        Value::Bool(is_set) => Json::from(*is_set),
        Value::F32(number) => float(f64::from(*number)),
        Value::F64(number) => float(*number),
        Value::Decimal { scale, unscaled } => {
            float(f64::from(*unscaled) / 10f64.powi(i32::from(*scale)))
        }
        Value::Timestamp(seconds) => Json::from(*seconds),
        Value::Text(bytes) | Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Json::from(text),
            Err(_) => Json::from(STANDARD.encode(bytes)),
        },
        Value::Array(values) => Json::Array(values.iter().map(json).collect()),
        Value::Table(fields) => object(fields),
        Value::I8(_)
        | Value::U8(_)
        | Value::I16(_)
        | Value::U16(_)
        | Value::I32(_)
        | Value::U32(_)
        | Value::I64(_) => value.as_integer().map_or(Json::Null, Json::from),
    }
}

/// JSON has no infinity.
fn float(number: f64) -> Json {
    Number::from_f64(number).map_or(Json::Null, Json::Number)
}

/// An object as arguments; `None` if it is something else, or holds what no argument can be.
pub(crate) fn arguments(json: &Json) -> Option<Arguments> {
    table(json, DEPTH_MAX)
}

/// The field `arguments` of a body. An empty list stands for none, because RabbitMQ's own tools send one.
///
/// # Errors
/// That it is no object, or holds what no argument can be.
pub(crate) fn given_arguments(given: &Map<String, Json>) -> Result<Arguments, Failure> {
    match given.get("arguments") {
        None | Some(Json::Null) => Ok(Arguments::new()),
        Some(Json::Array(list)) if list.is_empty() => Ok(Arguments::new()),
        Some(value) => {
            arguments(value).ok_or_else(|| Failure::bad("arguments have to be an object"))
        }
    }
}

fn table(json: &Json, depth_left: usize) -> Option<Arguments> {
    let Json::Object(fields) = json else { return None };
    let fields = fields.iter();
    fields
        .map(|(name, json)| Some((name.clone(), value(json, depth_left.checked_sub(1)?)?)))
        .collect()
}

fn value(json: &Json, depth_left: usize) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Void,
        Json::Bool(is_set) => Value::Bool(*is_set),
        Json::Number(number) => match number.as_i64() {
            Some(number) => i32::try_from(number).map_or(Value::I64(number), Value::I32),
            None => Value::F64(number.as_f64()?),
        },
        Json::String(text) => Value::Text(text.clone().into_bytes()),
        Json::Array(values) => {
            let depth_left = depth_left.checked_sub(1)?;
            Value::Array(values.iter().map(|json| value(json, depth_left)).collect::<Option<_>>()?)
        }
        Json::Object(_) => Value::Table(table(json, depth_left)?),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_return_from_json() {
        let given = json!({
            "x-max-length": 5, "big": 1_u64 << 40, "half": 0.5, "text": "ä", "on": true, "none": null,
            "list": [1, "a", { "b": 2 }],
        });
        assert_eq!(object(&arguments(&given).unwrap()), given);
        assert!(arguments(&json!([])).is_none());
    }

    #[test]
    fn a_depth_that_no_client_has_is_refused() {
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(arguments(&deep).is_none());
    }

    #[test]
    fn what_json_cannot_say_is_null_or_base64() {
        assert_eq!(json(&Value::F64(f64::INFINITY)), Json::Null);
        assert_eq!(json(&Value::Text(vec![0xFF])), json!("/w=="));
    }
}
