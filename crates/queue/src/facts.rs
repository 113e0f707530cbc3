//! What is known of single messages, beyond that they are there.

use message::Message;

/// What a queue knows of a message, to be kept beside the message and handed back after a restart: see
/// [`Queue::restore`](crate::Queue::restore).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The lane that it is in.
    pub lane: u8,
    /// Its place.
    pub seq: u64,
    /// Its length in bytes.
    pub length: u32,
    /// The length of its body.
    pub body_len: u32,
    /// When its own time to live is over, in milliseconds since 1970; 0 for never.
    pub expires_at_ms: u64,
    /// Before when it is not delivered, in milliseconds since 1970; 0 for no such time.
    pub deliver_at_ms: u64,
    /// How often it has failed.
    pub delivery_count: u32,
    /// How often it was handed to a client and came back.
    pub acquired_count: u32,
}

impl Facts {
    /// What there is to be known of a message that is about to be enqueued. `None` when there is nothing.
    pub fn of(message: &Message, lane: u8, seq: u64) -> Option<Self> {
        if !message.has_fields() {
            return None;
        }
        let expires_at_ms = message.expires_at_ms().unwrap_or(0);
        let deliver_at_ms = message.deliver_at_ms().unwrap_or(0);
        let is_something = expires_at_ms != 0 || deliver_at_ms != 0;
        is_something.then(|| Self {
            lane,
            seq,
            length: u32::try_from(message.len_bytes()).expect("a message has at most 1 GiB"),
            body_len: u32::try_from(message.body_len()).expect("so has its body"),
            expires_at_ms,
            deliver_at_ms,
            ..Self::default()
        })
    }
}
