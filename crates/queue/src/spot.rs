//! A lane and a place in it, as one number.

/// Orders by lane, and by place within a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot(u64);

const SEQ_BITS: u32 = 56;
const SEQ_MAX: u64 = (1 << SEQ_BITS) - 1;

impl Spot {
    pub(crate) const MAX: Self = Self(u64::MAX);

    /// # Panics
    /// When a place needs more than 56 bits, which no queue lives to see.
    pub(crate) const fn new(lane: u8, seq: u64) -> Self {
        assert!(seq <= SEQ_MAX, "places have 56 bits");
        Self((lane as u64) << SEQ_BITS | seq)
    }

    pub(crate) const fn lane(self) -> u8 {
        (self.0 >> SEQ_BITS) as u8
    }

    pub(crate) const fn seq(self) -> u64 {
        self.0 & SEQ_MAX
    }

    /// As a number.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Out of [`Spot::bits`].
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// What comes directly behind another one.
    pub(crate) const fn after(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The first one of the next lane, if there can be one.
    pub(crate) const fn next_lane(self) -> Option<Self> {
        match self.lane() {
            u8::MAX => None,
            lane => Some(Self::new(lane + 1, 0)),
        }
    }
}
