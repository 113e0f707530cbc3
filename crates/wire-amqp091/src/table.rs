//! Field tables: named, typed values, in arguments of methods and in the headers of messages.
//!
//! ```text
//!   table:  | length: long | name: short string | tag: octet | value | name | tag | value …
//!   array:  | length: long |                    | tag: octet | value |        tag | value …
//! ```
//!
//! The tags are those of RabbitMQ (`rabbit_binary_parser.erl`), which differ from the specification's:
//!
//! ```text
//!   t bool      b i8    s i16   I i32   l i64   f f32   D decimal (scale u8, digits u32)   S long string   A array
//!               B u8    u u16   i u32   L i64   d f64   T timestamp (u64 seconds)          x bytes         F table
//!                                                                                                          V void
//! ```
//!
//! A [`Table`] owns its values and keeps the order of the wire, duplicates included. [`Pairs`] walks over a table's
//! bytes without owning anything.

use crate::limits::TABLE_DEPTH_MAX;
use crate::malformed::{Malformed, TableFlaw};
use crate::reader::{Flaw, Reader};
use crate::writer::{Writer, with_length};

/// A field table: pairs in the order of the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pairs: Vec<(Vec<u8>, FieldValue)>,
}

/// A value of a field table.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// `t`; on the wire everything but 0 is true.
    Bool(bool),
    /// `b`.
    I8(i8),
    /// `B`.
    U8(u8),
    /// `s`: a 16-bit number, not the specification's short string.
    I16(i16),
    /// `u`.
    U16(u16),
    /// `I`.
    I32(i32),
    /// `i`.
    U32(u32),
    /// `l`; `L` is read as the same and written as `l`.
    I64(i64),
    /// `f`; always finite.
    F32(f32),
    /// `d`; always finite.
    F64(f64),
    /// `D`: `digits` divided by ten to the power of `scale`.
    Decimal {
        /// How many of the digits stand behind the point.
        scale: u8,
        /// The number without its point.
        digits: u32,
    },
    /// `T`: seconds since 1970.
    Timestamp(u64),
    /// `S`: text by custom, but any bytes are allowed.
    LongString(Vec<u8>),
    /// `x`.
    Bytes(Vec<u8>),
    /// `A`.
    Array(Vec<Self>),
    /// `F`.
    Table(Table),
    /// `V`: no value.
    Void,
}

impl Table {
    /// A table with no pairs.
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// Whether there are no pairs.
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The number of pairs.
    pub const fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The value of the first pair with that name.
    pub fn value(&self, name: &[u8]) -> Option<&FieldValue> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Names and values in the order of the wire.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &FieldValue)> {
        self.pairs.iter().map(|(name, value)| (name.as_slice(), value))
    }

    /// Adds a pair at the end.
    ///
    /// # Panics
    /// When the name has more than 255 bytes.
    pub fn push(&mut self, name: impl Into<Vec<u8>>, value: impl Into<FieldValue>) {
        let name = name.into();
        assert!(name.len() <= crate::limits::SHORT_STRING_LEN_MAX, "a name is a short string");
        self.pairs.push((name, value.into()));
    }

    /// The same table with one more pair, for building tables in one expression.
    ///
    /// # Panics
    /// When the name has more than 255 bytes.
    #[must_use]
    pub fn with(mut self, name: impl Into<Vec<u8>>, value: impl Into<FieldValue>) -> Self {
        self.push(name, value);
        self
    }

    /// Reads a table from the bytes behind its length field. What it owns afterwards takes up to about forty
    /// times the memory of `bytes` (a void value is one byte on the wire).
    ///
    /// # Errors
    /// [`Malformed::Table`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::decode_flawed(bytes).map_err(Malformed::Table)
    }

    pub(crate) fn decode_flawed(bytes: &[u8]) -> Result<Self, TableFlaw> {
        Self::decode_at(bytes, 0)
    }

    fn decode_at(bytes: &[u8], depth: usize) -> Result<Self, TableFlaw> {
        let depth = deeper(depth)?;
        let mut pairs = Vec::new();
        for pair in pairs_in(bytes) {
            let (name, value) = pair?;
            pairs.push((name.to_vec(), value.decode_at(depth)?));
        }
        Ok(Self { pairs })
    }

    /// Appends the table with its length field.
    ///
    /// # Panics
    /// When a value is 4 GiB or longer.
    pub fn encode(&self, out: &mut Vec<u8>) {
        with_length(out, |out| self.encode_pairs(out));
    }

    /// The table's bytes without the length field: what [`Table::decode`] takes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_pairs(&mut out);
        out
    }

    fn encode_pairs(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.pairs {
            Writer::new(out).shortbytes(name);
            value.encode(out);
        }
    }
}

impl<N: Into<Vec<u8>>, V: Into<FieldValue>> FromIterator<(N, V)> for Table {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        pairs.into_iter().fold(Self::new(), |table, (name, value)| table.with(name, value))
    }
}

/// Walks over the pairs of a table, given the bytes behind its length field, without owning anything. Ends
/// after the first error.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    reader: Reader<'a>,
}

impl<'a> Pairs<'a> {
    /// The pairs in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new(bytes) }
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a [u8], RawValue<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        next_in(&mut self.reader, pair).map(|pair| pair.map_err(Malformed::Table))
    }
}

/// A value of a table that nobody looked into yet: it lies within its table, but if it is a table or an array
/// itself, what is in there may be malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawValue<'a> {
    /// The type.
    pub tag: u8,
    /// The value without tag and, for strings, arrays and tables, without length.
    pub bytes: &'a [u8],
}

impl<'a> RawValue<'a> {
    /// The value as one that stands on its own.
    ///
    /// # Errors
    /// [`Malformed::Table`].
    pub fn decode(&self) -> Result<FieldValue, Malformed> {
        self.decode_at(1).map_err(Malformed::Table)
    }

    /// Appends tag and value as they were.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.tag);
        match self.tag {
            b'S' | b'x' | b'A' | b'F' => Writer::new(out).longstr(self.bytes),
            _ => out.extend_from_slice(self.bytes),
        }
    }

    /// The values in an array; ends after the first one that is malformed. `None` for anything but an array.
    pub fn items(&self) -> Option<impl Iterator<Item = Result<Self, Malformed>> + use<'a>> {
        (self.tag == b'A')
            .then(|| values_in(self.bytes).map(|value| value.map_err(Malformed::Table)))
    }

    fn decode_at(&self, depth: usize) -> Result<FieldValue, TableFlaw> {
        let mut reader = Reader::new(self.bytes);
        let value = match self.tag {
            b't' => reader.octet().map(|octet| FieldValue::Bool(octet != 0)),
            b'b' => reader.octet().map(|octet| FieldValue::I8(octet.cast_signed())),
            b'B' => reader.octet().map(FieldValue::U8),
            b's' => reader.short().map(|short| FieldValue::I16(short.cast_signed())),
            b'u' => reader.short().map(FieldValue::U16),
            b'I' => reader.long().map(|long| FieldValue::I32(long.cast_signed())),
            b'i' => reader.long().map(FieldValue::U32),
            b'l' | b'L' => reader.longlong().map(|long| FieldValue::I64(long.cast_signed())),
            b'f' => reader.long().map(|bits| FieldValue::F32(f32::from_bits(bits))),
            b'd' => reader.longlong().map(|bits| FieldValue::F64(f64::from_bits(bits))),
            b'D' => reader.octet().and_then(|scale| {
                reader.long().map(|digits| FieldValue::Decimal { scale, digits })
            }),
            b'T' => reader.longlong().map(FieldValue::Timestamp),
            b'S' => Ok(FieldValue::LongString(self.bytes.to_vec())),
            b'x' => Ok(FieldValue::Bytes(self.bytes.to_vec())),
            b'A' => return array_at(self.bytes, depth).map(FieldValue::Array),
            b'F' => return Table::decode_at(self.bytes, depth).map(FieldValue::Table),
            b'V' => Ok(FieldValue::Void),
            tag => return Err(TableFlaw::UnknownType(tag)),
        };
        match value.map_err(|_| TableFlaw::Short)? {
            FieldValue::F32(number) if !number.is_finite() => Err(TableFlaw::NotFinite),
            FieldValue::F64(number) if !number.is_finite() => Err(TableFlaw::NotFinite),
            value => Ok(value),
        }
    }

    fn check_at(&self, depth: usize) -> Result<(), TableFlaw> {
        match self.tag {
            b'F' => check_at(self.bytes, depth),
            b'A' => {
                let depth = deeper(depth)?;
                values_in(self.bytes).try_for_each(|value| value?.check_at(depth))
            }
            b'f' | b'd' => self.decode_at(depth).map(|_| ()),
            _ => Ok(()),
        }
    }
}

/// Whether the bytes behind a table's length field are a table that [`Table::decode`] accepts; allocates nothing.
///
/// # Errors
/// [`Malformed::Table`].
pub fn check(bytes: &[u8]) -> Result<(), Malformed> {
    check_at(bytes, 0).map_err(Malformed::Table)
}

fn check_at(bytes: &[u8], depth: usize) -> Result<(), TableFlaw> {
    let depth = deeper(depth)?;
    pairs_in(bytes).try_for_each(|pair| pair?.1.check_at(depth))
}

fn array_at(bytes: &[u8], depth: usize) -> Result<Vec<FieldValue>, TableFlaw> {
    let depth = deeper(depth)?;
    values_in(bytes).map(|value| value?.decode_at(depth)).collect()
}

const fn deeper(depth: usize) -> Result<usize, TableFlaw> {
    if depth >= TABLE_DEPTH_MAX { Err(TableFlaw::TooDeep) } else { Ok(depth.saturating_add(1)) }
}

type Pair<'a> = (&'a [u8], RawValue<'a>);

fn pairs_in(bytes: &[u8]) -> impl Iterator<Item = Result<Pair<'_>, TableFlaw>> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || next_in(&mut reader, pair))
}

fn values_in(bytes: &[u8]) -> impl Iterator<Item = Result<RawValue<'_>, TableFlaw>> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || next_in(&mut reader, raw_value))
}

/// What `read` finds next; nothing at the end, and nothing after an error.
fn next_in<'a, T>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, TableFlaw>,
) -> Option<Result<T, TableFlaw>> {
    if reader.is_empty() {
        return None;
    }
    let item = read(reader);
    if item.is_err() {
        *reader = Reader::new(&[]);
    }
    Some(item)
}

fn pair<'a>(reader: &mut Reader<'a>) -> Result<Pair<'a>, TableFlaw> {
    let name = reader.shortbytes().map_err(|_| TableFlaw::Short)?;
    Ok((name, raw_value(reader)?))
}

fn raw_value<'a>(reader: &mut Reader<'a>) -> Result<RawValue<'a>, TableFlaw> {
    let short = |_: Flaw| TableFlaw::Short;
    let tag = reader.octet().map_err(short)?;
    let bytes = match tag {
        b'V' => reader.take(0),
        b't' | b'b' | b'B' => reader.take(1),
        b's' | b'u' => reader.take(2),
        b'I' | b'i' | b'f' => reader.take(4),
        b'D' => reader.take(5),
        b'l' | b'L' | b'd' | b'T' => reader.take(8),
        b'S' | b'x' | b'A' | b'F' => reader.longstr(),
        _ => return Err(TableFlaw::UnknownType(tag)),
    };
    Ok(RawValue { tag, bytes: bytes.map_err(short)? })
}

impl FieldValue {
    /// Appends tag and value.
    ///
    /// # Panics
    /// When a string, array or table is 4 GiB or longer.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        let mut writer = Writer::new(out);
        match self {
            Self::Bool(value) => writer.octet(&u8::from(*value)),
            Self::I8(value) => writer.octet(&value.cast_unsigned()),
            Self::U8(value) => writer.octet(value),
            Self::I16(value) => writer.short(&value.cast_unsigned()),
            Self::U16(value) => writer.short(value),
            Self::I32(value) => writer.long(&value.cast_unsigned()),
            Self::U32(value) => writer.long(value),
            Self::I64(value) => writer.longlong(&value.cast_unsigned()),
            Self::F32(value) => writer.long(&value.to_bits()),
            Self::F64(value) => writer.longlong(&value.to_bits()),
            Self::Decimal { scale, digits } => {
                writer.octet(scale);
                writer.long(digits);
            }
            Self::Timestamp(seconds) => writer.longlong(seconds),
            Self::LongString(bytes) | Self::Bytes(bytes) => writer.longstr(bytes),
            Self::Array(values) => {
                with_length(out, |out| values.iter().for_each(|value| value.encode(out)));
            }
            Self::Table(table) => writer.table(table),
            Self::Void => {}
        }
    }

    /// The octet that stands for the type on the wire.
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Bool(_) => b't',
            Self::I8(_) => b'b',
            Self::U8(_) => b'B',
            Self::I16(_) => b's',
            Self::U16(_) => b'u',
            Self::I32(_) => b'I',
            Self::U32(_) => b'i',
            Self::I64(_) => b'l',
            Self::F32(_) => b'f',
            Self::F64(_) => b'd',
            Self::Decimal { .. } => b'D',
            Self::Timestamp(_) => b'T',
            Self::LongString(_) => b'S',
            Self::Bytes(_) => b'x',
            Self::Array(_) => b'A',
            Self::Table(_) => b'F',
            Self::Void => b'V',
        }
    }

    /// The number, when it is a whole one of whatever width.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Self::I8(value) => Some(value.into()),
            Self::U8(value) => Some(value.into()),
            Self::I16(value) => Some(value.into()),
            Self::U16(value) => Some(value.into()),
            Self::I32(value) => Some(value.into()),
            Self::U32(value) => Some(value.into()),
            Self::I64(value) => Some(value),
            _ => None,
        }
    }

    /// The text, when it is a long string in UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::LongString(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The boolean, when it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($from:ty => $Variant:ident,)*) => {
        $(impl From<$from> for FieldValue {
            fn from(value: $from) -> Self {
                Self::$Variant(value.into())
            }
        })*
    };
}

from! {
    bool => Bool,
    i8 => I8,
    u8 => U8,
    i16 => I16,
    u16 => U16,
    i32 => I32,
    u32 => U32,
    i64 => I64,
    &str => LongString,
    String => LongString,
    Vec<Self> => Array,
    Table => Table,
}

#[cfg(test)]
mod tests;
