//! A message as one run of bytes.
//!
//! ```text
//!  0        1        2        3          4              5         6             8            12
//!  | layout | format | flags  | priority | exchange_len | key_len | extras_len  | body_start |
//!  | extras | exchange | routing key | property bytes | body …
//! ```
//!
//! Numbers are little-endian. `extras` is room for what is coming (deliver-at, expires-at, deduplication id,
//! group key, provenance): a list of tagged fields, empty today.

use bytes::Bytes;

/// The length of the fixed header.
pub const HEADER_BYTES: usize = 12;

const LAYOUT: u8 = 1;
const FLAG_PERSISTENT: u8 = 1;

/// Which front-end's words the property bytes are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Format {
    /// AMQP 0-9-1: the property flags and fields of a content header.
    Amqp091 = 1,
}

/// Where a message was published to, and what the broker must know of it without reading its properties.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    /// The exchange it was published to; empty for the default exchange. At most 255 bytes.
    pub exchange: &'a [u8],
    /// The routing key. At most 255 bytes.
    pub routing_key: &'a [u8],
    /// Whether the producer asked for it to survive a restart.
    pub is_persistent: bool,
    /// The producer's priority; 0 when it gave none.
    pub priority: u8,
    /// Whose words the property bytes are in.
    pub format: Format,
}

/// A message: immutable, cheap to clone (one count), 32 bytes to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    blob: Bytes,
}

/// The parts of a message.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The exchange that it was published to.
    pub exchange: &'a [u8],
    /// The routing key that it was published with.
    pub routing_key: &'a [u8],
    /// The producer's property bytes, verbatim.
    pub properties: &'a [u8],
    /// The body.
    pub body: &'a [u8],
}

/// Bytes that should have been a message are not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("these bytes are not a message")
    }
}

impl std::error::Error for Damaged {}

impl Message {
    /// Takes over bytes that [`Message::as_bytes`] once gave, for example from a disk.
    ///
    /// # Errors
    /// [`Damaged`] when the lengths in the header do not fit the bytes, or the layout is not known.
    pub fn from_bytes(blob: Bytes) -> Result<Self, Damaged> {
        let [layout, format, ..] = *blob else { return Err(Damaged) };
        if layout != LAYOUT || format != Format::Amqp091 as u8 || blob.len() < HEADER_BYTES {
            return Err(Damaged);
        }
        let message = Self { blob };
        let body_start = message.body_start();
        if message.properties_start() > body_start || body_start > message.blob.len() {
            return Err(Damaged);
        }
        Ok(message)
    }

    /// The whole message, for a disk or another node.
    pub fn as_bytes(&self) -> &[u8] {
        &self.blob
    }

    /// How much memory the bytes take: header, names, properties and body.
    pub fn len_bytes(&self) -> usize {
        self.blob.len()
    }

    /// The same message in memory of its own, which nothing else keeps and which keeps nothing else.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { blob: Bytes::copy_from_slice(&self.blob) }
    }

    /// The exchange that it was published to.
    pub fn exchange(&self) -> &[u8] {
        let start = self.exchange_start();
        &self.blob[start..start + self.exchange_len()]
    }

    /// The routing key that it was published with.
    pub fn routing_key(&self) -> &[u8] {
        let start = self.exchange_start() + self.exchange_len();
        &self.blob[start..start + self.routing_key_len()]
    }

    /// The producer's property bytes, verbatim.
    pub fn properties(&self) -> &[u8] {
        &self.blob[self.properties_start()..self.body_start()]
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.blob[self.body_start()..]
    }

    /// Everything before the body.
    #[inline]
    pub fn head(&self) -> &[u8] {
        &self.blob[..self.body_start()]
    }

    /// All parts at once.
    pub fn parts(&self) -> Parts<'_> {
        let (_, rest) = self.blob.split_at(self.exchange_start());
        let (exchange, rest) = rest.split_at(self.exchange_len());
        let (routing_key, rest) = rest.split_at(self.routing_key_len());
        let (properties, body) = rest.split_at(rest.len() - self.body_len());
        Parts { exchange, routing_key, properties, body }
    }

    /// The body as a slice that shares the message's memory.
    pub fn body_shared(&self) -> Bytes {
        self.blob.slice(self.body_start()..)
    }

    /// The length of the body.
    pub fn body_len(&self) -> usize {
        self.blob.len() - self.body_start()
    }

    /// Whether the producer asked for it to survive a restart.
    pub fn is_persistent(&self) -> bool {
        self.blob[2] & FLAG_PERSISTENT != 0
    }

    /// The producer's priority; 0 when it gave none.
    pub fn priority(&self) -> u8 {
        self.blob[3]
    }

    /// Wraps bytes that [`write_header`] and its caller have just laid out.
    pub(crate) fn sealed(blob: Bytes) -> Self {
        let message = Self { blob };
        assert!(message.body_start() <= message.blob.len(), "a sealed message is whole");
        message
    }

    fn exchange_len(&self) -> usize {
        self.blob[4].into()
    }

    fn routing_key_len(&self) -> usize {
        self.blob[5].into()
    }

    fn exchange_start(&self) -> usize {
        HEADER_BYTES + usize::from(u16::from_le_bytes([self.blob[6], self.blob[7]]))
    }

    fn properties_start(&self) -> usize {
        self.exchange_start() + self.exchange_len() + self.routing_key_len()
    }

    #[inline]
    fn body_start(&self) -> usize {
        match *self.blob {
            [_, _, _, _, _, _, _, _, a, b, c, d, ..] => u32::from_le_bytes([a, b, c, d]) as usize,
            _ => unreachable!("a message has a header"),
        }
    }
}

/// Writes everything that stands before the body.
///
/// # Panics
/// When a name is longer than 255 bytes or the properties longer than 4 GiB: the front-ends cannot hand in such.
pub(crate) fn write_head(out: &mut impl bytes::BufMut, address: &Address<'_>, properties: &[u8]) {
    let exchange_len = u8::try_from(address.exchange.len()).expect("an exchange name fits");
    let key_len = u8::try_from(address.routing_key.len()).expect("a routing key fits");
    let body_start = u32::try_from(head_len(address, properties)).expect("properties fit");
    let flags = if address.is_persistent { FLAG_PERSISTENT } else { 0 };
    let [s0, s1, s2, s3] = body_start.to_le_bytes();
    out.put_slice(&[
        LAYOUT,
        address.format as u8,
        flags,
        address.priority,
        exchange_len,
        key_len,
        0,
        0,
        s0,
        s1,
        s2,
        s3,
    ]);
    out.put_slice(address.exchange);
    out.put_slice(address.routing_key);
    out.put_slice(properties);
}

/// How many bytes [`write_head`] will write.
pub(crate) fn head_len(address: &Address<'_>, properties: &[u8]) -> usize {
    HEADER_BYTES + address.exchange.len() + address.routing_key.len() + properties.len()
}
