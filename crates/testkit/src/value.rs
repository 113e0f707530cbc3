//! The values of fields as a transcript writes them.
//!
//! ```text
//!   word   5   true   classic            what it is depends on the field that it is for
//!   "text" "with \"quotes\" and \x00"    text; `"ab"*3` is "ababab", bytes*1000 is a thousand bytes
//!   {n=5, x-match="any", t=timestamp:7}  a field table; a number is a 32-bit one if it names no other type
//!   [1, "two"]                           an array
//!   *                                    (expected) whatever it is
//!   $name                                (expected) whatever it is, from here on called so
//! ```

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use wire_amqp091::{FieldValue, Table};

/// A value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Any,
    Named(String),
    Word(String),
    Text(Vec<u8>),
    Table(Vec<(String, Self)>),
    List(Vec<Self>),
}

/// What names stand for.
pub(crate) type Names = BTreeMap<String, Vec<u8>>;

impl Value {
    /// Reads a whole text as one value.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut chars = text.chars().peekable();
        let value = parse_value(&mut chars)?;
        match chars.next() {
            None => Ok(value),
            Some(_) => Err(format!("`{text}` is more than one value")),
        }
    }

    /// Puts what names stand for in their places.
    pub(crate) fn resolved(&self, names: &Names) -> Result<Self, String> {
        let known = |name: &str| {
            names.get(name).cloned().ok_or_else(|| format!("nothing is called ${name} so far"))
        };
        Ok(match self {
            Self::Named(name) => Self::Text(known(name)?),
            Self::Word(word) if word.contains('$') => {
                let (before, name) = word.split_once('$').unwrap_or_default();
                Self::Text([before.as_bytes(), &known(name)?].concat())
            }
            Self::Table(pairs) => {
                let pairs =
                    pairs.iter().map(|(key, value)| Ok((key.clone(), value.resolved(names)?)));
                Self::Table(pairs.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    /// The bytes of a word or text.
    pub(crate) fn bytes(&self) -> Result<&[u8], String> {
        match self {
            Self::Word(word) => Ok(word.as_bytes()),
            Self::Text(bytes) => Ok(bytes),
            other => Err(format!("{other:?} is no text")),
        }
    }

    /// The number, if it is one.
    pub(crate) fn number(&self) -> Result<u64, String> {
        match self {
            Self::Word(word) => word.parse().map_err(|_| format!("`{word}` is no number")),
            other => Err(format!("{other:?} is no number")),
        }
    }

    /// The truth value, if it is one.
    pub(crate) fn is_true(&self) -> Result<bool, String> {
        match self {
            Self::Word(word) if word == "true" => Ok(true),
            Self::Word(word) if word == "false" => Ok(false),
            other => Err(format!("{other:?} is neither true nor false")),
        }
    }

    /// A field table.
    pub(crate) fn table(&self) -> Result<Table, String> {
        let Self::Table(pairs) = self else { return Err(format!("{self:?} is no table")) };
        let mut table = Table::new();
        for (key, value) in pairs {
            table.push(key.as_bytes(), value.field()?);
        }
        Ok(table)
    }

    /// A value within a field table.
    pub(crate) fn field(&self) -> Result<FieldValue, String> {
        match self {
            Self::Word(word) => word_field(word),
            Self::Text(bytes) => Ok(FieldValue::LongString(bytes.clone())),
            Self::Table(_) => self.table().map(FieldValue::Table),
            Self::List(values) => {
                let values = values.iter().map(Self::field).collect::<Result<_, String>>()?;
                Ok(FieldValue::Array(values))
            }
            Self::Any | Self::Named(_) => Err(format!("{self:?} is no value to send")),
        }
    }
}

fn word_field(word: &str) -> Result<FieldValue, String> {
    let bad = |_| format!("`{word}` does not fit its type");
    match word {
        "true" => return Ok(FieldValue::Bool(true)),
        "false" => return Ok(FieldValue::Bool(false)),
        "void" => return Ok(FieldValue::Void),
        _ => {}
    }
    if let Some((kind, number)) = word.split_once(':') {
        let float_bad = |_| format!("`{word}` does not fit its type");
        return match kind {
            "byte" => number.parse().map(FieldValue::I8).map_err(bad),
            "ubyte" => number.parse().map(FieldValue::U8).map_err(bad),
            "short" => number.parse().map(FieldValue::I16).map_err(bad),
            "ushort" => number.parse().map(FieldValue::U16).map_err(bad),
            "int" => number.parse().map(FieldValue::I32).map_err(bad),
            "uint" => number.parse().map(FieldValue::U32).map_err(bad),
            "long" => number.parse().map(FieldValue::I64).map_err(bad),
            "timestamp" => number.parse().map(FieldValue::Timestamp).map_err(bad),
            "double" => number.parse().map(FieldValue::F64).map_err(float_bad),
            "float" => number.parse().map(FieldValue::F32).map_err(float_bad),
            "binary" => Ok(FieldValue::Bytes(number.as_bytes().to_vec())),
            _ => Err(format!("`{kind}` is no type of number")),
        };
    }
    match word.parse() {
        Ok(number) => Ok(FieldValue::I32(number)),
        Err(_) => Ok(FieldValue::LongString(word.as_bytes().to_vec())),
    }
}

/// A number in the type of the field that it is for.
pub(crate) fn narrow<T: TryFrom<u64>>(number: u64) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("{number} is too large"))
}

type Input<'a> = Peekable<Chars<'a>>;

fn parse_value(chars: &mut Input<'_>) -> Result<Value, String> {
    skip_space(chars);
    match chars.peek() {
        Some('"') => {
            chars.next();
            let text = parse_text(chars)?;
            Ok(Value::Text(text.repeat(parse_times(chars)?.unwrap_or(1))))
        }
        Some('{') => {
            chars.next();
            let pair = |chars: &mut Input<'_>| {
                let key = parse_word(chars);
                match chars.next() {
                    Some('=') => Ok((key, parse_value(chars)?)),
                    _ => Err(format!("`{key}` in a table has no value")),
                }
            };
            parse_until(chars, '}', pair).map(Value::Table)
        }
        Some('[') => {
            chars.next();
            parse_until(chars, ']', parse_value).map(Value::List)
        }
        Some('*') => {
            chars.next();
            Ok(Value::Any)
        }
        Some('$') => {
            chars.next();
            Ok(Value::Named(parse_word(chars)))
        }
        _ => {
            let word = parse_word(chars);
            match (word.as_str(), parse_times(chars)?) {
                ("bytes", Some(count)) => Ok(Value::Text(pattern(count))),
                (_, None) => Ok(Value::Word(word)),
                _ => Err(format!("`{word}` cannot be repeated; \"{word}\" can")),
            }
        }
    }
}

/// `count` bytes of which no two stretches are alike for long, so that a swapped piece shows.
fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8 ^ (index / 251 % 256) as u8).collect()
}

fn parse_until<T>(
    chars: &mut Input<'_>,
    end: char,
    item: impl Fn(&mut Input<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut items = Vec::new();
    loop {
        skip_space(chars);
        if chars.next_if_eq(&end).is_some() {
            return Ok(items);
        }
        items.push(item(chars)?);
        skip_space(chars);
        if chars.next_if_eq(&',').is_none() && chars.peek() != Some(&end) {
            return Err(format!("a table or array lacks its `{end}`"));
        }
    }
}

fn parse_word(chars: &mut Input<'_>) -> String {
    let mut word = String::new();
    let is_end = |c: &char| c.is_whitespace() || ",={}[]*\"".contains(*c);
    while let Some(c) = chars.next_if(|c| !is_end(c)) {
        word.push(c);
    }
    word
}

/// The number behind a `*`.
fn parse_times(chars: &mut Input<'_>) -> Result<Option<usize>, String> {
    if chars.next_if_eq(&'*').is_none() {
        return Ok(None);
    }
    let word = parse_word(chars);
    word.parse().map(Some).map_err(|_| format!("`*{word}` is no number of times"))
}

fn parse_text(chars: &mut Input<'_>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut utf8 = [0; 4];
    loop {
        match chars.next() {
            None => return Err("a text lacks its closing quote".to_owned()),
            Some('"') => return Ok(bytes),
            Some('\\') => bytes.push(parse_escape(chars)?),
            Some(c) => bytes.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes()),
        }
    }
}

fn parse_escape(chars: &mut Input<'_>) -> Result<u8, String> {
    match chars.next() {
        Some('0') => Ok(0),
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some(c @ ('"' | '\\')) => Ok(c as u8),
        Some('x') => {
            let digits: String = chars.by_ref().take(2).collect();
            u8::from_str_radix(&digits, 16).map_err(|_| format!("`\\x{digits}` is no byte"))
        }
        other => Err(format!("`\\{}` means nothing", other.unwrap_or(' '))),
    }
}

fn skip_space(chars: &mut Input<'_>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        Value::parse(text).unwrap()
    }

    #[test]
    fn a_value_is_what_it_looks_like() {
        assert_eq!(parse("classic"), Value::Word("classic".to_owned()));
        assert_eq!(parse(r#""a\"\x01 b""#), Value::Text(b"a\"\x01 b".to_vec()));
        assert_eq!(parse(r#""ab"*3"#), Value::Text(b"ababab".to_vec()));
        assert_eq!(parse("bytes*300").bytes().unwrap().len(), 300);
        assert_eq!(parse("*"), Value::Any);
        assert_eq!(parse("$q"), Value::Named("q".to_owned()));
    }

    #[test]
    fn a_table_has_typed_values() {
        let table = parse(r#"{n=5, l=long:7, s="5", w=any, t={b=true}, a=[1, void]}"#);
        let expected = Table::new()
            .with("n", 5i32)
            .with("l", 7i64)
            .with("s", "5")
            .with("w", "any")
            .with("t", Table::new().with("b", true))
            .with("a", vec![FieldValue::I32(1), FieldValue::Void]);
        assert_eq!(table.table(), Ok(expected));
    }

    #[test]
    fn names_stand_for_what_they_were_given() {
        let names = Names::from([("q".to_owned(), b"amq.gen-1".to_vec())]);
        assert_eq!(parse("$q").resolved(&names).unwrap().bytes(), Ok(&b"amq.gen-1"[..]));
        assert_eq!(parse("x.$q").resolved(&names).unwrap().bytes(), Ok(&b"x.amq.gen-1"[..]));
        assert!(parse("$r").resolved(&names).is_err());
    }

    #[test]
    fn half_a_value_is_refused() {
        for text in ["\"a", "{a=1", "[1", "{a}", "a b", "\"\\q\"", "x*3", "bytes*x"] {
            assert!(Value::parse(text).is_err(), "{text}");
        }
    }
}
