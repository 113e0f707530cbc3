//! What was looked at.

use std::fmt;

/// Counts of what an exploration has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Workloads or sequences of operations.
    pub workloads: u64,
    /// Calls of the disk at which the power went.
    pub points: u64,
    /// States of the disk after a loss of power or a kill, each recovered and compared with the model.
    pub states: u64,
    /// Of these, after a crash in the midst of the recovery from a crash.
    pub double: u64,
    /// Of these, after a crash in the midst of the recovery from a double crash.
    pub triple: u64,
    /// Of these, after a recovery, further work, and another crash.
    pub later: u64,
    /// States that were the same as one that was looked at, and were not counted.
    pub same: u64,
}

impl Figures {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            workloads: self.workloads + other.workloads,
            points: self.points + other.points,
            states: self.states + other.states,
            double: self.double + other.double,
            triple: self.triple + other.triple,
            later: self.later + other.later,
            same: self.same + other.same,
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workloads, points, states, double, triple, later, same } = self;
        write!(
            f,
            "{workloads} workloads: power lost at {points} calls, {states} states recovered and checked, of these \
             {double} after a double crash, {triple} after a triple one, {later} after a crash in a later life; \
             {same} more were the same as others"
        )
    }
}
