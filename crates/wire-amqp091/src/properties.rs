//! Content headers: how long a body is, and the properties of its message.
//!
//! ```text
//!   header frame's payload:  | class: short | weight: short | body length: longlong | properties …
//!
//!   properties:              | flags: short | the fields whose flags are set, in the order of the flags …
//!
//!     bit 15 content-type      short string     bit  8 expiration    short string
//!     bit 14 content-encoding  short string     bit  7 message-id    short string
//!     bit 13 headers           table            bit  6 timestamp     longlong
//!     bit 12 delivery-mode     octet            bit  5 type          short string
//!     bit 11 priority          octet            bit  4 user-id       short string
//!     bit 10 correlation-id    short string     bit  3 app-id        short string
//!     bit  9 reply-to          short string     bit  2 cluster-id    short string
//! ```
//!
//! Bit 1 means nothing, and bit 0 would announce a second word of flags, which class basic does not have; both are
//! refused, because properties travel verbatim to consumers that may trip over them. (RabbitMQ ignores either
//! and drops it on the way.) Short strings are any bytes here: RabbitMQ does not check them.

use std::fmt;

use crate::malformed::Malformed;
use crate::method::{basic, domain::Text};
use crate::reader::{Flaw, Reader};
use crate::table;
use crate::writer::Writer;

/// The delivery mode of a message that is to survive a restart. Any other means that it need not.
pub const PERSISTENT: u8 = 2;

/// The property bytes of a message without properties.
pub const NONE: &[u8] = &[0, 0];

const CONTENT_TYPE: u16 = 1 << 15;
const CONTENT_ENCODING: u16 = 1 << 14;
const HEADERS: u16 = 1 << 13;
const DELIVERY_MODE: u16 = 1 << 12;
const PRIORITY: u16 = 1 << 11;
const CORRELATION_ID: u16 = 1 << 10;
const REPLY_TO: u16 = 1 << 9;
const EXPIRATION: u16 = 1 << 8;
const MESSAGE_ID: u16 = 1 << 7;
const TIMESTAMP: u16 = 1 << 6;
const TYPE: u16 = 1 << 5;
const USER_ID: u16 = 1 << 4;
const APP_ID: u16 = 1 << 3;
const CLUSTER_ID: u16 = 1 << 2;
const UNDEFINED: u16 = 0b11;

/// The payload of a header frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHeader<'a> {
    /// The class of the method it belongs to; only 60 makes sense.
    pub class_id: u16,
    /// Reserved; only 0 makes sense. RabbitMQ takes any other for "not a content header".
    pub weight: u16,
    /// The length of the body in bytes, over all its frames.
    pub body_len: u64,
    /// Property flags and fields, not looked into.
    pub properties: &'a [u8],
}

impl<'a> ContentHeader<'a> {
    /// Reads a header frame's payload.
    ///
    /// # Errors
    /// [`Malformed::UnknownFrame`] when it is too short, as RabbitMQ calls that.
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let mut fixed = || Ok((reader.short()?, reader.short()?, reader.longlong()?));
        let read: Result<_, Flaw> = fixed();
        match read {
            Ok((class_id, weight, body_len)) => {
                Ok(Self { class_id, weight, body_len, properties: reader.rest() })
            }
            Err(_) => Err(crate::frame::unknown(crate::frame::Kind::Header as u8, payload)),
        }
    }

    /// Whether class and weight are those of a message.
    pub const fn is_basic(&self) -> bool {
        self.class_id == basic::CLASS_ID && self.weight == 0
    }
}

/// The properties of a message, borrowed. A client writes one as a struct literal over `..Default::default()`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    /// The MIME type of the body.
    pub content_type: Option<&'a [u8]>,
    /// How the body is compressed.
    pub content_encoding: Option<&'a [u8]>,
    /// The headers: a field table's bytes without its length, see [`table::Pairs`] and
    /// [`Table::decode`](table::Table::decode). Decoding has checked them.
    pub headers: Option<&'a [u8]>,
    /// [`PERSISTENT`], or anything else.
    pub delivery_mode: Option<u8>,
    /// The priority, 0 being the lowest.
    pub priority: Option<u8>,
    /// To which request this is the answer.
    pub correlation_id: Option<&'a [u8]>,
    /// Where answers go.
    pub reply_to: Option<&'a [u8]>,
    /// How long the message is worth something, in milliseconds as decimal digits.
    pub expiration: Option<&'a [u8]>,
    /// The application's name of the message.
    pub message_id: Option<&'a [u8]>,
    /// When it was made, in seconds since 1970.
    pub timestamp: Option<u64>,
    /// The application's kind of message.
    pub kind: Option<&'a [u8]>,
    /// Who published it.
    pub user_id: Option<&'a [u8]>,
    /// Which application published it.
    pub app_id: Option<&'a [u8]>,
    /// Reserved; once for clusters.
    pub cluster_id: Option<&'a [u8]>,
}

impl<'a> Properties<'a> {
    /// Reads property flags and fields, all of them.
    ///
    /// # Errors
    /// [`Malformed::Properties`], and [`Malformed::Table`] for the headers.
    pub fn decode(raw: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(raw);
        let properties = Self::read(&mut reader).map_err(malformed)?;
        end(&reader)?;
        properties.headers.map_or(Ok(()), table::check)?;
        Ok(properties)
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, Flaw> {
        let flags = flags(reader)?;
        Ok(Self {
            content_type: short(reader, flags, CONTENT_TYPE)?,
            content_encoding: short(reader, flags, CONTENT_ENCODING)?,
            headers: headers(reader, flags)?,
            delivery_mode: octet(reader, flags, DELIVERY_MODE)?,
            priority: octet(reader, flags, PRIORITY)?,
            correlation_id: short(reader, flags, CORRELATION_ID)?,
            reply_to: short(reader, flags, REPLY_TO)?,
            expiration: short(reader, flags, EXPIRATION)?,
            message_id: short(reader, flags, MESSAGE_ID)?,
            timestamp: longlong(reader, flags, TIMESTAMP)?,
            kind: short(reader, flags, TYPE)?,
            user_id: short(reader, flags, USER_ID)?,
            app_id: short(reader, flags, APP_ID)?,
            cluster_id: short(reader, flags, CLUSTER_ID)?,
        })
    }

    /// Appends flags and fields.
    ///
    /// # Panics
    /// When a short string has more than 255 bytes, or the headers 4 GiB or more.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        writer.short(&self.flags());
        let short = |writer: &mut Writer<'_>, value: Option<&[u8]>| {
            value.into_iter().for_each(|value| writer.shortbytes(value));
        };
        short(&mut writer, self.content_type);
        short(&mut writer, self.content_encoding);
        self.headers.iter().for_each(|headers| writer.longstr(headers));
        self.delivery_mode.iter().for_each(|mode| writer.octet(mode));
        self.priority.iter().for_each(|priority| writer.octet(priority));
        short(&mut writer, self.correlation_id);
        short(&mut writer, self.reply_to);
        short(&mut writer, self.expiration);
        short(&mut writer, self.message_id);
        self.timestamp.iter().for_each(|seconds| writer.longlong(seconds));
        short(&mut writer, self.kind);
        short(&mut writer, self.user_id);
        short(&mut writer, self.app_id);
        short(&mut writer, self.cluster_id);
    }

    /// Flags and fields in a buffer of their own.
    ///
    /// # Panics
    /// As [`Properties::encode`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    fn flags(&self) -> u16 {
        let present = [
            (CONTENT_TYPE, self.content_type.is_some()),
            (CONTENT_ENCODING, self.content_encoding.is_some()),
            (HEADERS, self.headers.is_some()),
            (DELIVERY_MODE, self.delivery_mode.is_some()),
            (PRIORITY, self.priority.is_some()),
            (CORRELATION_ID, self.correlation_id.is_some()),
            (REPLY_TO, self.reply_to.is_some()),
            (EXPIRATION, self.expiration.is_some()),
            (MESSAGE_ID, self.message_id.is_some()),
            (TIMESTAMP, self.timestamp.is_some()),
            (TYPE, self.kind.is_some()),
            (USER_ID, self.user_id.is_some()),
            (APP_ID, self.app_id.is_some()),
            (CLUSTER_ID, self.cluster_id.is_some()),
        ];
        present.iter().fold(0, |flags, (flag, is_set)| if *is_set { flags | flag } else { flags })
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        let mut text = |name: &str, value: Option<&[u8]>| {
            value.into_iter().for_each(|value| {
                map.entry(&name, &Text(value));
            });
        };
        text("content-type", self.content_type);
        text("content-encoding", self.content_encoding);
        text("correlation-id", self.correlation_id);
        text("reply-to", self.reply_to);
        text("expiration", self.expiration);
        text("message-id", self.message_id);
        text("type", self.kind);
        text("user-id", self.user_id);
        text("app-id", self.app_id);
        text("cluster-id", self.cluster_id);
        self.headers.iter().for_each(|headers| {
            map.entry(&"headers", &table::Table::decode(headers));
        });
        self.delivery_mode.iter().for_each(|mode| {
            map.entry(&"delivery-mode", mode);
        });
        self.priority.iter().for_each(|priority| {
            map.entry(&"priority", priority);
        });
        self.timestamp.iter().for_each(|seconds| {
            map.entry(&"timestamp", seconds);
        });
        map.finish()
    }
}

/// What a broker has to know of the properties of every message it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan<'a> {
    /// The delivery mode; see [`PERSISTENT`].
    pub delivery_mode: Option<u8>,
    /// The priority.
    pub priority: Option<u8>,
    /// The bytes of the headers' table, checked, without its length.
    pub headers: Option<&'a [u8]>,
    /// Where answers go.
    pub reply_to: Option<&'a [u8]>,
    /// How long the message is worth something, in milliseconds as decimal digits.
    pub expiration: Option<&'a [u8]>,
    /// Who published it.
    pub user_id: Option<&'a [u8]>,
}

impl<'a> Scan<'a> {
    /// Whether the message is to survive a restart.
    #[inline]
    pub const fn is_persistent(&self) -> bool {
        matches!(self.delivery_mode, Some(PERSISTENT))
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, Flaw> {
        let flags = flags(reader)?;
        let mut scan = Self::default();
        if flags & (CONTENT_TYPE | CONTENT_ENCODING) != 0 {
            short(reader, flags, CONTENT_TYPE)?;
            short(reader, flags, CONTENT_ENCODING)?;
        }
        scan.headers = headers(reader, flags)?;
        scan.delivery_mode = octet(reader, flags, DELIVERY_MODE)?;
        scan.priority = octet(reader, flags, PRIORITY)?;
        // Most messages have nothing behind the priority.
        if flags & (PRIORITY - 1) != 0 {
            short(reader, flags, CORRELATION_ID)?;
            scan.reply_to = short(reader, flags, REPLY_TO)?;
            scan.expiration = short(reader, flags, EXPIRATION)?;
            short(reader, flags, MESSAGE_ID)?;
            longlong(reader, flags, TIMESTAMP)?;
            short(reader, flags, TYPE)?;
            scan.user_id = short(reader, flags, USER_ID)?;
            short(reader, flags, APP_ID)?;
            short(reader, flags, CLUSTER_ID)?;
        }
        Ok(scan)
    }
}

/// Checks property flags and fields in one pass, as a broker does with every message; costs next to nothing when
/// there are none, or only a delivery mode.
///
/// # Errors
/// [`Malformed::Properties`], and [`Malformed::Table`] for the headers.
#[inline]
pub fn scan(raw: &[u8]) -> Result<Scan<'_>, Malformed> {
    const MODE: u8 = (DELIVERY_MODE >> 8) as u8;
    match *raw {
        [0, 0] => Ok(Scan::default()),
        [MODE, 0, mode] => Ok(Scan { delivery_mode: Some(mode), ..Scan::default() }),
        _ => scan_fields(raw),
    }
}

fn scan_fields(raw: &[u8]) -> Result<Scan<'_>, Malformed> {
    let mut reader = Reader::new(raw);
    let scan = Scan::read(&mut reader).map_err(malformed)?;
    end(&reader)?;
    scan.headers.map_or(Ok(()), table::check)?;
    Ok(scan)
}

#[inline]
fn flags(reader: &mut Reader<'_>) -> Result<u16, Flaw> {
    let flags = reader.short()?;
    if flags & UNDEFINED == 0 { Ok(flags) } else { Err(Flaw::Short) }
}

#[inline]
fn short<'a>(reader: &mut Reader<'a>, flags: u16, flag: u16) -> Result<Option<&'a [u8]>, Flaw> {
    if flags & flag == 0 { Ok(None) } else { reader.shortbytes().map(Some) }
}

#[inline]
fn octet(reader: &mut Reader<'_>, flags: u16, flag: u16) -> Result<Option<u8>, Flaw> {
    if flags & flag == 0 { Ok(None) } else { reader.octet().map(Some) }
}

#[inline]
fn longlong(reader: &mut Reader<'_>, flags: u16, flag: u16) -> Result<Option<u64>, Flaw> {
    if flags & flag == 0 { Ok(None) } else { reader.longlong().map(Some) }
}

#[inline]
fn headers<'a>(reader: &mut Reader<'a>, flags: u16) -> Result<Option<&'a [u8]>, Flaw> {
    if flags & HEADERS == 0 { Ok(None) } else { reader.longstr().map(Some) }
}

#[inline]
const fn end(reader: &Reader<'_>) -> Result<(), Malformed> {
    if reader.is_empty() { Ok(()) } else { Err(Malformed::Properties) }
}

#[cold]
const fn malformed(_: Flaw) -> Malformed {
    Malformed::Properties
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    fn all(headers: &[u8]) -> Properties<'_> {
        Properties {
            content_type: Some(b"text/plain"),
            content_encoding: Some(b"gzip"),
            headers: Some(headers),
            delivery_mode: Some(PERSISTENT),
            priority: Some(9),
            correlation_id: Some(b"correlation"),
            reply_to: Some(b"answers"),
            expiration: Some(b"60000"),
            message_id: Some(b"\xff any bytes"),
            timestamp: Some(1_700_000_000),
            kind: Some(b"type"),
            user_id: Some(b"guest"),
            app_id: Some(b"app"),
            cluster_id: Some(b""),
        }
    }

    #[test]
    fn all_properties_survive_and_each_alone_does() {
        let headers = Table::new().with("x", 1i32).to_bytes();
        let all = all(&headers);
        let raw = all.to_bytes();
        assert_eq!(&raw[..2], &[0xff, 0xfc]);
        assert_eq!(Properties::decode(&raw), Ok(all));
        let alone = Properties { timestamp: Some(7), ..Default::default() };
        assert_eq!(alone.to_bytes(), [0, 0x40, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(Properties::decode(&alone.to_bytes()), Ok(alone));
        assert_eq!(Properties::default().to_bytes(), NONE);
    }

    #[test]
    fn a_scan_finds_what_decoding_finds() {
        let headers = Table::new().with("x", 1i32).to_bytes();
        let raw = all(&headers).to_bytes();
        let scan = scan(&raw).unwrap();
        assert!(scan.is_persistent());
        assert_eq!(scan.priority, Some(9));
        assert_eq!(scan.headers, Some(headers.as_slice()));
        assert_eq!(scan.reply_to, Some(b"answers".as_slice()));
        assert_eq!(scan.expiration, Some(b"60000".as_slice()));
        assert_eq!(scan.user_id, Some(b"guest".as_slice()));
    }

    #[test]
    fn common_property_lists_are_scanned_without_a_walk_to_the_same_end() {
        assert_eq!(scan(NONE), scan_fields(NONE));
        assert_eq!(scan(&[0x10, 0, 2]), scan_fields(&[0x10, 0, 2]));
        assert!(scan(&[0x10, 0, 2]).unwrap().is_persistent());
        assert!(!scan(&[0x10, 0, 7]).unwrap().is_persistent());
        assert_eq!(scan(&[0x18, 0, 1, 5]).unwrap().priority, Some(5));
    }

    #[test]
    fn truncated_properties_and_leftovers_are_refused() {
        let headers = Table::new().with("x", "y").to_bytes();
        let mut raw = all(&headers).to_bytes();
        for len in 0..raw.len() {
            assert_eq!(scan(&raw[..len]), Err(Malformed::Properties), "{len} bytes");
            assert_eq!(Properties::decode(&raw[..len]), Err(Malformed::Properties));
        }
        raw.push(0);
        assert_eq!(scan(&raw), Err(Malformed::Properties));
        assert_eq!(scan(&[0x10, 0]), Err(Malformed::Properties));
        assert_eq!(scan(&[0, 0, 0]), Err(Malformed::Properties));
    }

    #[test]
    fn flags_that_mean_nothing_are_refused() {
        assert_eq!(scan(&[0, 1]), Err(Malformed::Properties));
        assert_eq!(scan(&[0, 2]), Err(Malformed::Properties));
        assert_eq!(scan(&[0, 1, 0, 0]), Err(Malformed::Properties));
    }

    #[test]
    fn malformed_headers_are_refused() {
        let raw = Properties { headers: Some(b"\x01kZx"), ..Default::default() }.to_bytes();
        let unknown = Err(Malformed::Table(crate::TableFlaw::UnknownType(b'Z')));
        assert_eq!(scan(&raw).map(|_| ()), unknown);
        assert_eq!(Properties::decode(&raw).map(|_| ()), unknown);
    }

    #[test]
    fn a_content_header_too_short_is_an_unknown_frame() {
        let payload = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0];
        let header = ContentHeader::decode(&payload).unwrap();
        assert_eq!((header.is_basic(), header.body_len, header.properties), (true, 9, NONE));
        let refused = ContentHeader::decode(&payload[..4]).unwrap_err();
        assert_eq!(refused.to_string(), "type 2, all octets = <<0,60,0,0>>: unknown_frame");
    }

    #[test]
    fn the_debug_text_names_what_is_there() {
        let properties = Properties { kind: Some(b"t"), priority: Some(1), ..Default::default() };
        assert_eq!(format!("{properties:?}"), r#"{"type": "t", "priority": 1}"#);
    }
}
