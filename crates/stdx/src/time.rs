//! Time as a number that somebody hands in: the shells read clocks, the machines only compare.

/// A moment, in microseconds since an origin that the shell chose (the start of the process, or of the
/// simulated world). Only differences between moments of one run mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    micros: u64,
}

impl Time {
    /// The origin.
    pub const ZERO: Self = Self { micros: 0 };

    /// A moment `micros` microseconds after the origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self { micros }
    }

    /// A moment `millis` milliseconds after the origin.
    pub const fn from_millis(millis: u64) -> Self {
        Self { micros: millis.saturating_mul(1_000) }
    }

    /// Microseconds since the origin.
    pub const fn micros(self) -> u64 {
        self.micros
    }

    /// Milliseconds since the origin, rounded down.
    pub const fn millis(self) -> u64 {
        self.micros / 1_000
    }

    /// The moment `millis` milliseconds later; saturates at the end of time.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self { micros: self.micros.saturating_add(millis.saturating_mul(1_000)) }
    }

    /// The moment `micros` microseconds later; saturates at the end of time.
    #[must_use]
    pub const fn plus_micros(self, micros: u64) -> Self {
        Self { micros: self.micros.saturating_add(micros) }
    }

    /// Microseconds from `earlier` to `self`, or 0 when `earlier` is later.
    pub const fn micros_since(self, earlier: Self) -> u64 {
        self.micros.saturating_sub(earlier.micros)
    }
}
