//! What the disk was asked for, and how long it took.

/// Operations of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// How many.
    pub count: u64,
    /// How many bytes they have moved; 0 for those that move none.
    pub bytes: u64,
    /// How long they took together, in nanoseconds.
    pub ns: u64,
}

/// What disk threads with one task have done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Their task: `journal`, which confirms wait for; `read`, which consumers wait for; `background`.
    pub lane: &'static str,
    /// What they have read.
    pub reads: Operations,
    /// What they have written.
    pub writes: Operations,
    /// How often they have waited until what was written is safe.
    pub syncs: Operations,
    /// How many of these took how long. A place counts those that took no longer than its bound, and longer than the bound
    /// before; the last place has those that took longer than all bounds.
    pub sync_counts: [u64; Self::PLACES],
}

impl DiskUse {
    /// Bounds of the time that syncs take, in microseconds.
    pub const SYNC_BOUNDS_US: [u64; 16] = [
        50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 10_000_000,
    ];
    /// How many places there are.
    pub const PLACES: usize = Self::SYNC_BOUNDS_US.len() + 1;

    /// What all tasks have done of one kind.
    pub(crate) fn sum(uses: &[Self], of: fn(&Self) -> Operations) -> Operations {
        uses.iter().map(of).fold(Operations::default(), |sum, one| Operations {
            count: sum.count + one.count,
            bytes: sum.bytes + one.bytes,
            ns: sum.ns + one.ns,
        })
    }

    /// The place of a sync that took so long.
    pub fn place_of(ns: u64) -> usize {
        Self::SYNC_BOUNDS_US.partition_point(|bound_us| bound_us * 1_000 < ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_has_its_place() {
        for (ns, place) in [(0, 0), (50_000, 0), (50_001, 1), (1_000_000, 4), (u64::MAX, 16)] {
            assert_eq!(DiskUse::place_of(ns), place, "{ns}");
        }
    }
}
