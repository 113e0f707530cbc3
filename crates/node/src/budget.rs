//! A shard's share of the memory that the node may take.
//!
//! ```text
//!              held ≥ max
//!   within ───────────────→ exceeded
//!      ↑                       │
//!      └── held < 95 % of max ─┘
//! ```
//!
//! It is a last resort. Queues leave long backlogs on disk, and connections have bounds of their own; what makes up the
//! budget is many of them at once.

/// The budget goes on again when so many hundredths of it are held: an alarm that flickers helps nobody.
const EXCEEDED_ENDS_PERCENT: usize = 95;

/// The budget of one shard.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes_max: usize,
    is_exceeded: bool,
}

impl Budget {
    /// A budget of `bytes_max` bytes. None at all (0) is always exceeded, which is how RabbitMQ's operators stop all
    /// publishers.
    pub(crate) const fn new(bytes_max: usize) -> Self {
        Self { bytes_max, is_exceeded: false }
    }

    /// `bytes` are held. Returns whether that has changed anything.
    pub(crate) const fn look(&mut self, bytes: usize) -> bool {
        let before = self.is_exceeded;
        self.is_exceeded = if before {
            bytes >= self.bytes_max / 100 * EXCEEDED_ENDS_PERCENT
        } else {
            bytes >= self.bytes_max
        };
        self.is_exceeded != before
    }

    /// Whether too much is held.
    pub(crate) const fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }

    /// From the next look on, so much may be held.
    pub(crate) const fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// How much may be held.
    pub(crate) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exceeded_budget_is_kept_again_only_well_below_it() {
        let mut budget = Budget::new(1_000);
        let looks = [999, 1_000, 999, 950, 949, 951, 1_001].map(|bytes| {
            budget.look(bytes);
            budget.is_exceeded()
        });
        assert_eq!(looks, [false, true, true, true, false, false, true]);
    }

    #[test]
    fn a_budget_of_nothing_is_always_exceeded() {
        let mut budget = Budget::new(0);
        assert!(budget.look(0));
        assert!(!budget.look(0));
        assert!(budget.is_exceeded());
    }
}
