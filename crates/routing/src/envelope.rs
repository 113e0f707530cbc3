//! What routing looks at in a message.

use message::Headers;

use crate::binding::ExchangeId;

/// What routing looks at in a message, and what it needs besides.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    /// The routing key, and behind it further ones (`CC`, `BCC`). A message without any goes to bindings that look
    /// at no key.
    pub keys: &'a [&'a [u8]],
    /// The headers and properties; asked only by exchanges that look at them.
    pub headers: &'a dyn Headers,
    /// Any number, for exchanges that choose by chance: routing draws none of its own.
    pub random: u64,
    /// Whether the message is to wait in an exchange that delays. It is not followed further there.
    pub is_delayed: bool,
    /// The exchange that has kept the message until now, and keeps it no longer for having been seen before.
    pub past: Option<ExchangeId>,
}

impl<'a> Envelope<'a> {
    /// A message with these keys and headers, that is not delayed, and for which chance is always the same.
    pub const fn new(keys: &'a [&'a [u8]], headers: &'a dyn Headers) -> Self {
        Self { keys, headers, random: 0, is_delayed: false, past: None }
    }
}
