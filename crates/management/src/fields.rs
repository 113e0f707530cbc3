//! Reading the fields of a body, with RabbitMQ's words for what is wrong.

use message::Name;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// The fields of a body.
pub(crate) type Fields = Map<String, Value>;

/// A field that has to be there.
///
/// # Errors
/// That it is missing.
pub(crate) fn required<'f>(fields: &'f Fields, name: &str) -> Result<&'f Value, Failure> {
    fields.get(name).ok_or_else(|| Failure::bad(format!("[{{key_missing,{name}}}]")))
}

/// Refuses fields that `what` does not know.
///
/// # Errors
/// The first of them, with those that there are.
pub(crate) fn only<'n>(
    what: &str,
    known: &[&str],
    mut names: impl Iterator<Item = &'n str>,
) -> Result<(), Failure> {
    match names.find(|name| !known.contains(name)) {
        Some(other) => {
            let known = known.join(", ");
            Err(Failure::bad(format!("{what} knows no {other:?}; it knows {known}")))
        }
        None => Ok(()),
    }
}

/// A text that has to be there.
///
/// # Errors
/// That it is missing, or no text.
pub(crate) fn required_text<'f>(fields: &'f Fields, name: &str) -> Result<&'f str, Failure> {
    let value = required(fields, name)?;
    value.as_str().ok_or_else(|| Failure::bad(format!("{name} has to be a text")))
}

/// A text that may be missing.
///
/// # Errors
/// That it is no text.
pub(crate) fn text<'f>(fields: &'f Fields, name: &str) -> Result<Option<&'f str>, Failure> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Failure::bad(format!("{name} has to be a text"))),
    }
}

/// A truth value that may be missing: then it is false. RabbitMQ takes the words, too.
///
/// # Errors
/// That it is something else.
pub(crate) fn is_set(fields: &Fields, name: &str) -> Result<bool, Failure> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is_set)) => Ok(*is_set),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(other) => Err(Failure::bad(format!("{name} is not a boolean: {other}"))),
    }
}

/// Labels: a list, or a text with commas.
///
/// # Errors
/// That it is something else.
pub(crate) fn tags(value: &Value) -> Result<Vec<String>, Failure> {
    let wrong = || Failure::bad("tags have to be a list of texts, or a text with commas");
    let trimmed = |tag: &str| tag.trim().to_owned();
    let tags = match value {
        Value::String(text) => text.split(',').map(trimmed).collect(),
        Value::Array(tags) => {
            let tags = tags.iter().map(|tag| tag.as_str().map(trimmed));
            tags.collect::<Option<Vec<_>>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    Ok(tags.into_iter().filter(|tag: &String| !tag.is_empty()).collect())
}

/// A name for something that is to be made.
///
/// # Errors
/// That it is too long.
pub(crate) fn name(text: &str) -> Result<Name, Failure> {
    Name::new(text).map_err(|long| {
        Failure::bad(format!(
            "a name of {} bytes is too long: {} are allowed",
            long.bytes,
            Name::BYTES_MAX
        ))
    })
}
