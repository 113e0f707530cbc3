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
        if !reader.is_empty() {
            return Err(Malformed::Properties);
        }
        properties.headers.map_or(Ok(()), table::check)?;
        Ok(properties)
    }

    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Flaw> {
        let flags = reader.short()?;
        if flags & UNDEFINED != 0 {
            return Err(Flaw::Short);
        }
        let has = |flag| flags & flag != 0;
        let short = |reader: &mut Reader<'a>, flag| {
            if has(flag) { reader.shortbytes().map(Some) } else { Ok(None) }
        };
        Ok(Self {
            content_type: short(reader, CONTENT_TYPE)?,
            content_encoding: short(reader, CONTENT_ENCODING)?,
            headers: if has(HEADERS) { Some(reader.longstr()?) } else { None },
            delivery_mode: if has(DELIVERY_MODE) { Some(reader.octet()?) } else { None },
            priority: if has(PRIORITY) { Some(reader.octet()?) } else { None },
            correlation_id: short(reader, CORRELATION_ID)?,
            reply_to: short(reader, REPLY_TO)?,
            expiration: short(reader, EXPIRATION)?,
            message_id: short(reader, MESSAGE_ID)?,
            timestamp: if has(TIMESTAMP) { Some(reader.longlong()?) } else { None },
            kind: short(reader, TYPE)?,
            user_id: short(reader, USER_ID)?,
            app_id: short(reader, APP_ID)?,
            cluster_id: short(reader, CLUSTER_ID)?,
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
    /// All properties, when there are others than those two.
    pub more: Option<Properties<'a>>,
}

impl Scan<'_> {
    /// Whether the message is to survive a restart.
    #[inline]
    pub const fn is_persistent(&self) -> bool {
        matches!(self.delivery_mode, Some(PERSISTENT))
    }
}

/// Checks property flags and fields once, as a broker does with every message; costs next to nothing when there
/// are no properties besides delivery mode and priority.
///
/// # Errors
/// [`Malformed::Properties`], and [`Malformed::Table`] for the headers.
#[inline]
pub fn scan(raw: &[u8]) -> Result<Scan<'_>, Malformed> {
    const MODE: u8 = (DELIVERY_MODE >> 8) as u8;
    const MODE_AND_PRIORITY: u8 = ((DELIVERY_MODE | PRIORITY) >> 8) as u8;
    match *raw {
        [0, 0] => Ok(Scan::default()),
        [MODE, 0, mode] => Ok(Scan { delivery_mode: Some(mode), ..Scan::default() }),
        [MODE_AND_PRIORITY, 0, mode, priority] => {
            Ok(Scan { delivery_mode: Some(mode), priority: Some(priority), more: None })
        }
        _ => {
            let all = Properties::decode(raw)?;
            Ok(Scan { delivery_mode: all.delivery_mode, priority: all.priority, more: Some(all) })
        }
    }
}

#[cold]
const fn malformed(_: Flaw) -> Malformed {
    Malformed::Properties
}
