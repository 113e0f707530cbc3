//! Whether what came is what was expected.

use wire_amqp091::method::Method;
use wire_amqp091::{FieldValue, Properties, Table};

use crate::action::{Args, Expected, FRAMES, METHOD};
use crate::fields::{self, Field};
use crate::received::{Content, Received};
use crate::value::{Names, Value};

/// Compares; names that are given for the first time are remembered. The error says what is different.
pub(crate) fn compare(
    expected: &Expected,
    came: &Received,
    names: &mut Names,
) -> Result<(), String> {
    match (expected, came) {
        (Expected::Closed, Received::Closed) => Ok(()),
        (Expected::Heartbeat, Received::Heartbeat) => Ok(()),
        (Expected::Raw(octets), Received::Header(header)) if octets == header => Ok(()),
        (Expected::Method(name, args), Received::Method { payload, content }) => {
            let method = Method::decode(payload).map_err(|malformed| malformed.to_string())?;
            if method.name() != name {
                return Err(format!("this is {}", method.name()));
            }
            compare_method(args, &method, content.as_ref(), names)
        }
        _ => Err("this is something else".to_owned()),
    }
}

fn compare_method(
    args: &Args,
    method: &Method<'_>,
    content: Option<&Content>,
    names: &mut Names,
) -> Result<(), String> {
    for (name, value) in &args.pairs {
        let field = match (name.as_str(), content) {
            (METHOD, _) => {
                compare_failed(value, method)?;
                continue;
            }
            (FRAMES, Some(content)) => Some(Field::Number(content.body_frames as u64)),
            (name, content) => match (fields::field(method, name), content) {
                (None, Some(content)) => {
                    let properties = Properties::decode(&content.properties);
                    fields::property(&properties.map_err(|m| m.to_string())?, name)
                }
                (field, _) => field,
            },
        };
        let field = field.ok_or_else(|| format!("{name} cannot be read"))?;
        if !is_match(value, &field, names) {
            return Err(format!("{name} is {}", fields::show(&field)));
        }
    }
    match (&args.body, content) {
        (Some(body), Some(content)) if body.bytes()? != content.body => {
            Err(format!("the body is {}", fields::show_text(&content.body)))
        }
        _ => Ok(()),
    }
}

/// Compares the method that a close blames.
fn compare_failed(value: &Value, close: &Method<'_>) -> Result<(), String> {
    let name = String::from_utf8_lossy(value.bytes()?).into_owned();
    let expected = fields::method(&name).ok_or_else(|| format!("there is no method `{name}`"))?;
    let ids = [
        fields::field(close, "class_id") == Some(Field::Number(expected.class_id().into())),
        fields::field(close, "method_id") == Some(Field::Number(expected.method_id().into())),
    ];
    if ids == [true, true] { Ok(()) } else { Err(format!("it does not blame {name}")) }
}

fn is_match(value: &Value, field: &Field, names: &mut Names) -> bool {
    match (value, field) {
        (Value::Any, field) => *field != Field::Absent,
        (Value::Word(word), Field::Absent) => word == "absent",
        (Value::Named(name), Field::Text(bytes)) => match names.get(name) {
            Some(known) => known == bytes,
            None => {
                names.insert(name.clone(), bytes.clone());
                true
            }
        },
        (value, Field::Text(bytes)) => {
            let resolved = value.resolved(names);
            resolved.is_ok_and(|value| value.bytes() == Ok(bytes))
        }
        (value, Field::Number(number)) => value.number() == Ok(*number),
        (value, Field::Bit(bit)) => value.is_true() == Ok(*bit),
        (Value::Table(pairs), Field::Table(table)) => is_table_match(pairs, table),
        _ => false,
    }
}

/// Keys that are not named are not compared; a table without any says that the other has none either.
fn is_table_match(pairs: &[(String, Value)], table: &Table) -> bool {
    let is_pair = |(key, value): &(String, Value)| match table.value(key.as_bytes()) {
        Some(found) => is_value_match(value, found),
        None => matches!(value, Value::Word(word) if word == "absent"),
    };
    if pairs.is_empty() { table.is_empty() } else { pairs.iter().all(is_pair) }
}

fn is_value_match(value: &Value, found: &FieldValue) -> bool {
    match (value, found) {
        (Value::Any, _) => true,
        (Value::Word(word), _) if word == "absent" => false,
        (Value::Table(pairs), FieldValue::Table(table)) => is_table_match(pairs, table),
        (Value::List(values), FieldValue::Array(items)) => {
            let mut pairs = values.iter().zip(items);
            values.len() == items.len() && pairs.all(|(value, item)| is_value_match(value, item))
        }
        (value, found) => value.field().is_ok_and(|field| *found == field),
    }
}
