//! What there is to say of a message besides its place, as one number.
//!
//! ```text
//!   0      16     24         25              26       27
//!   | head | lane | stored   | redelivered   | read   | always set
//! ```
//!
//! What holds a message is copied several times on the message's way. That is faster when it was written in few pieces,
//! because a processor cannot hand a wide load what several narrow stores have just written.

use std::num::{NonZeroU32, NonZeroU64};

/// Of a message: how much of it is not its body, its lane, and flags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag(NonZeroU32);

const LANE_SHIFT: u32 = 16;
const STORED: u32 = 1 << 24;
const REDELIVERED: u32 = 1 << 25;
const READ: u32 = 1 << 26;
const SET: NonZeroU32 = NonZeroU32::new(1 << 27).expect("it is a bit");

impl Tag {
    #[inline]
    pub(crate) const fn new(head: u16, lane: u8, is_stored: bool) -> Self {
        let stored = if is_stored { STORED } else { 0 };
        Self(SET).with(head as u32 | (lane as u32) << LANE_SHIFT | stored)
    }

    #[inline]
    const fn with(self, bits: u32) -> Self {
        match NonZeroU32::new(self.0.get() | bits) {
            Some(number) => Self(number),
            None => unreachable!(),
        }
    }

    /// The one that was once put beside a length.
    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(SET).with(bits)
    }

    /// Itself in the lower half, and a length above it.
    #[inline]
    pub(crate) const fn beside(self, length: u32) -> NonZeroU64 {
        match NonZeroU64::new(self.0.get() as u64 | (length as u64) << 32) {
            Some(number) => number,
            None => unreachable!(),
        }
    }

    /// The same, of a message that was read: it shares its memory with whatever was read along.
    pub(crate) const fn read(self) -> Self {
        self.with(READ)
    }

    /// The same, of a message that was delivered before if `is_redelivered`.
    pub(crate) const fn redelivered(self, is_redelivered: bool) -> Self {
        if is_redelivered { self.with(REDELIVERED) } else { self }
    }

    #[inline]
    pub(crate) const fn head(self) -> u16 {
        self.0.get() as u16
    }

    #[inline]
    pub(crate) const fn lane(self) -> u8 {
        (self.0.get() >> LANE_SHIFT) as u8
    }

    /// Whether the store has it, and must hear when it is gone.
    #[inline]
    pub(crate) const fn is_stored(self) -> bool {
        self.0.get() & STORED != 0
    }

    /// Whether a consumer has had it before.
    #[inline]
    pub(crate) const fn is_redelivered(self) -> bool {
        self.0.get() & REDELIVERED != 0
    }

    #[inline]
    pub(crate) const fn was_read(self) -> bool {
        self.0.get() & READ != 0
    }
}
