//! A message on its way to a consumer.

use std::num::NonZeroU32;

use message::Message;

use crate::consumer::ConsumerId;
use crate::entry::Entry;

/// Names an unsettled delivery within its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryId {
    /// Where the queue keeps it, counted from 1: an absent delivery so needs no room of its own.
    pub(crate) slot: NonZeroU32,
    /// The message's place in the queue: a slot that holds another message by now is not taken for this one. The same
    /// message may come back to the same slot; whoever settles does so once per delivery.
    pub(crate) seq: u64,
}

/// A message handed to a consumer.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Who gets it.
    pub consumer: ConsumerId,
    /// The message.
    pub message: Message,
    /// What to settle it by; `None` when it was settled by being handed over.
    pub id: Option<DeliveryId>,
    /// The lane that it was in.
    pub lane: u8,
    /// Its place in the queue.
    pub seq: u64,
    /// Whether the store still has to hear that it is gone. Only when `id` is `None`.
    pub leaves_store: bool,
    /// Whether a consumer has had it before.
    pub is_redelivered: bool,
    /// How often it has failed before, if the queue counts that.
    pub delivery_count: u32,
    /// How often it was handed to a client before and came back, if the queue counts that.
    pub acquired_count: u32,
}

impl Delivery {
    /// A message of an ordinary queue that is settled by being handed over.
    #[inline]
    pub(crate) fn of(entry: Entry, consumer: ConsumerId) -> Self {
        Self {
            consumer,
            id: None,
            lane: entry.lane(),
            seq: entry.seq,
            leaves_store: entry.is_stored(),
            is_redelivered: entry.is_redelivered(),
            delivery_count: 0,
            acquired_count: 0,
            message: entry.message,
        }
    }
}

/// How much of a consumer's window a message takes: its bytes and what a front-end writes around them.
pub const fn cost_bytes(message_bytes: usize) -> i64 {
    const FRAMING_BYTES: i64 = 48;
    message_bytes as i64 + FRAMING_BYTES
}
