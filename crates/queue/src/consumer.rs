//! A consumer as a queue sees it: credit and a window.

use std::num::NonZeroU64;

use message::ClientId;

use crate::unsettled::TakerKey;

/// A consumer: a client, and a number that the client's front-end gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId {
    /// Whose consumer it is.
    pub client: ClientId,
    /// The front-end's number for it, unique within the client for the client's whole life.
    pub number: u32,
}

/// How many bytes may be on the way to one consumer before its socket has taken them. Small enough that what
/// is in flight stays in the second-level cache, large enough that a socket write is worth its cost.
pub const WINDOW_BYTES: i64 = 384 * 1024;

/// What a consumer asked for.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Who it is.
    pub id: ConsumerId,
    /// How many unsettled deliveries it wants at most; `None` for no bound.
    pub credit_max: Option<u32>,
    /// Whether it settles its deliveries. If not, a message is gone when it is handed over.
    pub settles: bool,
    /// Whether it must be the queue's only consumer.
    pub is_exclusive: bool,
    /// Those with the highest priority are served first.
    pub priority: i32,
    /// How long it may take to settle a delivery, if not as long as the queue says.
    pub timeout_ms: Option<u64>,
}

/// Why a consumer gets nothing, although it has credit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// It is paused.
    Paused = 1,
    /// Another one is the active one, or is about to be.
    Inactive = 2,
}

/// A consumer and how much it may still take.
#[derive(Debug)]
pub(crate) struct Taker {
    pub(crate) consumer: Consumer,
    /// No other consumer of the queue has it, ever.
    pub(crate) serial: NonZeroU64,
    pub(crate) unsettled_count: u32,
    /// What `unsettled_count` stays below.
    credit_max: u32,
    pub(crate) window_bytes: i64,
    /// Whether it stands in the rotation of those that may take the next message.
    pub(crate) is_waiting: bool,
    /// Why it gets nothing, whatever its credit: a bit for each [`Bar`].
    bars: u8,
}

impl Taker {
    pub(crate) fn new(consumer: Consumer, serial: NonZeroU64) -> Self {
        Self {
            credit_max: consumer.credit_max.unwrap_or(u32::MAX),
            consumer,
            serial,
            unsettled_count: 0,
            window_bytes: WINDOW_BYTES,
            is_waiting: false,
            bars: 0,
        }
    }

    /// Whether it waits for its socket.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.window_bytes <= 0
    }

    #[inline]
    pub(crate) const fn may_take(&self) -> bool {
        self.unsettled_count < self.credit_max && self.bars == 0 && !self.is_blocked()
    }

    /// How many more deliveries it may leave unsettled.
    #[inline]
    pub(crate) const fn credit(&self) -> u32 {
        self.credit_max.saturating_sub(self.unsettled_count)
    }

    /// Under which key it settles, if it does; it stands in the table at `place`.
    #[inline]
    pub(crate) fn key(&self, place: usize) -> Option<TakerKey> {
        self.consumer.settles.then(|| TakerKey {
            slot: u32::try_from(place).expect("fewer than 2^32 consumers"),
            serial: self.serial,
        })
    }

    pub(crate) const fn is_barred(&self, bar: Bar) -> bool {
        self.bars & bar as u8 != 0
    }

    pub(crate) const fn bar(&mut self, bar: Bar) {
        self.bars |= bar as u8;
    }

    pub(crate) const fn unbar(&mut self, bar: Bar) {
        self.bars &= !(bar as u8);
    }
}
