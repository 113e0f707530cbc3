//! A message as one run of bytes.
//!
//! ```text
//!  0        1        2        3          4              5         6             8            12
//!  | layout | format | flags  | priority | exchange_len | key_len | extras_len  | body_start |
//!  | extras | exchange | routing key | property bytes | body …
//! ```
//!
//! Numbers are little-endian. `extras` begins with when the message was received, as milliseconds since 1970, and goes
//! on with tagged [fields](crate::fields) that only some messages have. It is empty in messages of the first version.

use bytes::Bytes;

use crate::death::Deaths;
use crate::fields::{Extras, Keys, RECEIVED_BYTES, Tagged};

/// The length of the fixed header.
pub const HEADER_BYTES: usize = 12;

/// What a message's further routing keys, shown and hidden ones together, take at most: each has a byte more than its
/// length.
pub const KEYS_BYTES_MAX: usize = 16 * 1024;

const LAYOUT: u8 = 1;
const FLAG_PERSISTENT: u8 = 1;
/// The producer has given a priority, which may be 0.
const FLAG_PRIORITY: u8 = 2;

/// Behind the time that a message was received, if it has one.
const RECEIVED_END: usize = HEADER_BYTES + RECEIVED_BYTES;

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
    /// The producer's priority, if it gave one.
    pub priority: Option<u8>,
    /// When it was received, in milliseconds since 1970.
    pub received_at_ms: u64,
    /// When its own time to live is over, in milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
    /// Before when it is not to be delivered, in milliseconds since 1970.
    pub deliver_at_ms: Option<u64>,
    /// Further routing keys that consumers see. With `bcc` at most [`KEYS_BYTES_MAX`].
    pub cc: &'a [&'a [u8]],
    /// Further routing keys that nobody sees.
    pub bcc: &'a [&'a [u8]],
    /// Whose words the property bytes are in.
    pub format: Format,
}

/// A new address for a message that goes on from one place to the next.
#[derive(Clone, Copy, Debug)]
pub struct Readdress<'a> {
    /// The exchange; empty for the default exchange. At most 255 bytes.
    pub exchange: &'a [u8],
    /// The routing key. At most 255 bytes.
    pub routing_key: &'a [u8],
    /// When it goes on, in milliseconds since 1970.
    pub received_at_ms: u64,
    /// When its own time to live is over, in milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
    /// Before when it is not to be delivered, in milliseconds since 1970.
    pub deliver_at_ms: Option<u64>,
    /// How long its producer asked for it to be delayed, in milliseconds, if that is to be shown.
    pub delayed_ms: Option<u64>,
    /// How long its own time to live is, in milliseconds, if that is yet to begin.
    pub held_ttl_ms: Option<u64>,
    /// Further routing keys that consumers see. With `bcc` at most [`KEYS_BYTES_MAX`].
    pub cc: &'a [&'a [u8]],
    /// Further routing keys that nobody sees.
    pub bcc: &'a [&'a [u8]],
    /// How it has died so far. What there is no room for, the oldest, is left out.
    pub deaths: Option<&'a Deaths>,
}

/// The times of a message: see the fields of the same names of [`Readdress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it was received.
    pub received_at_ms: u64,
    /// When its own time to live is over.
    pub expires_at_ms: Option<u64>,
    /// Before when it is not to be delivered.
    pub deliver_at_ms: Option<u64>,
    /// How long its producer asked for it to be delayed.
    pub delayed_ms: Option<u64>,
    /// How long its own time to live is, if that is yet to begin.
    pub held_ttl_ms: Option<u64>,
}

impl<'a> Address<'a> {
    /// A plain address: no priority, no deadline, no further keys.
    pub const fn new(exchange: &'a [u8], routing_key: &'a [u8], received_at_ms: u64) -> Self {
        Self {
            exchange,
            routing_key,
            is_persistent: false,
            priority: None,
            received_at_ms,
            expires_at_ms: None,
            deliver_at_ms: None,
            cc: &[],
            bcc: &[],
            format: Format::Amqp091,
        }
    }
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
        let extras_len = message.exchange_start() - HEADER_BYTES;
        let has_time = extras_len == 0 || extras_len >= RECEIVED_BYTES;
        if !has_time || !message.tagged().are_sound() {
            return Err(Damaged);
        }
        Ok(message)
    }

    /// The same message under another address. Its property bytes, its body, its priority and whether it is persistent
    /// stay as they are.
    #[must_use]
    pub fn readdressed(&self, to: &Readdress<'_>) -> Self {
        let extras = Extras {
            received_at_ms: to.received_at_ms,
            expires_at_ms: to.expires_at_ms,
            deliver_at_ms: to.deliver_at_ms,
            delayed_ms: to.delayed_ms,
            held_ttl_ms: to.held_ttl_ms,
            cc: to.cc,
            bcc: to.bcc,
            deaths: to.deaths,
        };
        let mut blob = Vec::new();
        let names = (to.exchange, to.routing_key);
        let [_, format, flags, priority, ..] = *self.blob else {
            unreachable!("a message has a header")
        };
        write(&mut blob, [LAYOUT, format, flags, priority], names, &extras, self.properties());
        blob.extend_from_slice(self.body());
        Self::sealed(Bytes::from(blob))
    }

    /// The same message, where it was on its way to, at other times.
    #[must_use]
    pub fn retimed(&self, times: &Times) -> Self {
        let (cc, bcc): (Vec<&[u8]>, Vec<&[u8]>) = (self.cc().collect(), self.bcc().collect());
        self.readdressed(&Readdress {
            exchange: self.exchange(),
            routing_key: self.routing_key(),
            received_at_ms: times.received_at_ms,
            expires_at_ms: times.expires_at_ms,
            deliver_at_ms: times.deliver_at_ms,
            delayed_ms: times.delayed_ms,
            held_ttl_ms: times.held_ttl_ms,
            cc: &cc,
            bcc: &bcc,
            deaths: self.deaths().as_ref(),
        })
    }

    /// When what is to happen to it happens.
    pub fn times(&self) -> Times {
        Times {
            received_at_ms: self.received_at_ms(),
            expires_at_ms: self.expires_at_ms(),
            deliver_at_ms: self.deliver_at_ms(),
            delayed_ms: self.delayed_ms(),
            held_ttl_ms: self.held_ttl_ms(),
        }
    }

    /// The same message as if it were received at `now_ms`: its own time to live begins there.
    #[must_use]
    pub fn renewed(&self, now_ms: u64) -> Self {
        let expires_at_ms = self.ttl_ms().map(|ttl_ms| now_ms.saturating_add(ttl_ms));
        self.retimed(&Times { received_at_ms: now_ms, expires_at_ms, ..self.times() })
    }

    /// How long its own time to live is, in milliseconds, if it has begun.
    pub fn ttl_ms(&self) -> Option<u64> {
        self.expires_at_ms().map(|at_ms| at_ms.saturating_sub(self.received_at_ms()))
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

    /// The same message without what stands behind the first `body_len_max` bytes of its body, in memory of its own.
    #[must_use]
    pub fn abridged(&self, body_len_max: usize) -> Self {
        let end = self.body_start() + self.body_len().min(body_len_max);
        Self::sealed(Bytes::copy_from_slice(&self.blob[..end]))
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

    /// Everything before the body, and the body.
    #[inline]
    pub fn head_and_body(&self) -> (&[u8], &[u8]) {
        self.blob.split_at(self.body_start())
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

    /// The producer's priority, if it gave one.
    pub fn own_priority(&self) -> Option<u8> {
        // Messages of the first version lack the flag.
        let is_given = self.blob[2] & FLAG_PRIORITY != 0 || self.blob[3] > 0;
        is_given.then_some(self.blob[3])
    }

    /// When it was received or, if it has been readdressed, when that was, in milliseconds since 1970; 0 for a message
    /// of the first version.
    #[inline]
    pub fn received_at_ms(&self) -> u64 {
        if self.exchange_start() < RECEIVED_END {
            return 0;
        }
        let bytes = self.blob[HEADER_BYTES..RECEIVED_END].try_into();
        u64::from_le_bytes(bytes.expect("the time has eight bytes"))
    }

    /// When its own time to live is over, in milliseconds since 1970.
    pub fn expires_at_ms(&self) -> Option<u64> {
        self.tagged().expires_at_ms()
    }

    /// Before when it is not to be delivered, in milliseconds since 1970.
    pub fn deliver_at_ms(&self) -> Option<u64> {
        self.tagged().deliver_at_ms()
    }

    /// How long its producer asked for it to be delayed, in milliseconds, if that is to be shown.
    pub fn delayed_ms(&self) -> Option<u64> {
        self.tagged().delayed_ms()
    }

    /// How long its own time to live is, in milliseconds, if that is yet to begin.
    pub fn held_ttl_ms(&self) -> Option<u64> {
        self.tagged().held_ttl_ms()
    }

    /// The further routing keys that consumers see.
    pub fn cc(&self) -> Keys<'_> {
        self.tagged().cc()
    }

    /// The further routing keys that nobody sees.
    pub fn bcc(&self) -> Keys<'_> {
        self.tagged().bcc()
    }

    /// How it has died before it came here.
    pub fn deaths(&self) -> Option<Deaths> {
        self.tagged().deaths()
    }

    /// Whether it has died before it came here.
    pub fn has_died(&self) -> bool {
        self.has_fields() && self.tagged().has_deaths()
    }

    /// Whether there is more to say of it than what every message has. If not, it has no deadline, no further keys, no
    /// deaths.
    #[inline]
    pub fn has_fields(&self) -> bool {
        self.exchange_start() > RECEIVED_END
    }

    /// Whether it differs from another one at most in its body and in when it was received.
    pub fn is_like(&self, other: &Self) -> bool {
        are_like_heads(self.head(), other.head())
    }

    /// Wraps bytes that [`write_header`] and its caller have just laid out.
    pub(crate) fn sealed(blob: Bytes) -> Self {
        let message = Self { blob };
        assert!(message.body_start() <= message.blob.len(), "a sealed message is whole");
        message
    }

    fn tagged(&self) -> Tagged<'_> {
        Tagged::new(self.blob.get(RECEIVED_END..self.exchange_start()).unwrap_or_default())
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

/// Whether two [heads](Message::head) differ at most in when their messages were received. No head is like an empty one.
#[inline]
pub fn are_like_heads(a: &[u8], b: &[u8]) -> bool {
    match (a.split_first_chunk::<HEADER_BYTES>(), b.split_first_chunk::<HEADER_BYTES>()) {
        (Some((a, a_rest)), Some((b, b_rest))) if a == b && a_rest.len() == b_rest.len() => {
            let has_time = u16::from_le_bytes([a[6], a[7]]) as usize >= RECEIVED_BYTES;
            let from = if has_time { RECEIVED_BYTES } else { 0 };
            a_rest.get(from..) == b_rest.get(from..)
        }
        _ => false,
    }
}

/// Writes everything that stands before the body.
///
/// # Panics
/// When a name is longer than 255 bytes, the further keys longer than [`KEYS_BYTES_MAX`] or the properties longer than
/// 4 GiB: the front-ends cannot hand in such.
pub(crate) fn write_head(out: &mut Vec<u8>, address: &Address<'_>, properties: &[u8]) {
    let mut flags = if address.is_persistent { FLAG_PERSISTENT } else { 0 };
    if address.priority.is_some() {
        flags |= FLAG_PRIORITY;
    }
    let extras = Extras {
        received_at_ms: address.received_at_ms,
        expires_at_ms: address.expires_at_ms,
        deliver_at_ms: address.deliver_at_ms,
        delayed_ms: None,
        held_ttl_ms: None,
        cc: address.cc,
        bcc: address.bcc,
        deaths: None,
    };
    let start = [LAYOUT, address.format as u8, flags, address.priority.unwrap_or(0)];
    write(out, start, (address.exchange, address.routing_key), &extras, properties);
}

fn write(
    out: &mut Vec<u8>,
    start: [u8; 4],
    (exchange, routing_key): (&[u8], &[u8]),
    extras: &Extras<'_>,
    properties: &[u8],
) {
    let exchange_len = u8::try_from(exchange.len()).expect("an exchange name fits");
    let key_len = u8::try_from(routing_key.len()).expect("a routing key fits");
    let head_at = out.len();
    out.extend_from_slice(&start);
    out.extend_from_slice(&[exchange_len, key_len, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&extras.received_at_ms.to_le_bytes());
    extras.write_fields(out);
    let extras_len = out.len() - head_at - HEADER_BYTES;
    let extras_len = u16::try_from(extras_len).expect("the fields of a message have limits");
    out.extend_from_slice(exchange);
    out.extend_from_slice(routing_key);
    out.extend_from_slice(properties);
    let body_start = u32::try_from(out.len() - head_at).expect("properties fit");
    out[head_at + 6..head_at + 8].copy_from_slice(&extras_len.to_le_bytes());
    out[head_at + 8..head_at + 12].copy_from_slice(&body_start.to_le_bytes());
}

/// Says in the head of a message when it was received.
#[inline]
pub(crate) fn patch_received_at(head: &mut [u8], received_at_ms: u64) {
    head[HEADER_BYTES..RECEIVED_END].copy_from_slice(&received_at_ms.to_le_bytes());
}

/// About how many bytes [`write_head`] will write for an address without fields.
pub(crate) fn head_len(address: &Address<'_>, properties: &[u8]) -> usize {
    RECEIVED_END + address.exchange.len() + address.routing_key.len() + properties.len()
}

/// Whether all that stands before a body is whole and tells when the message was received.
pub(crate) fn tells_time(head: &[u8]) -> bool {
    head.len() >= RECEIVED_END && u16::from_le_bytes([head[6], head[7]]) as usize >= RECEIVED_BYTES
}
