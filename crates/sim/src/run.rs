//! Running seeds.

use std::fmt;

use crate::SimDisk;
use crate::world::World;

/// What happened in one world, or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Worlds.
    pub seeds: u64,
    /// Crashes of nodes.
    pub crashes: u64,
    /// Messages that were confirmed.
    pub confirmed: u64,
    /// Deliveries.
    pub delivered: u64,
    /// Events of any kind.
    pub events: u64,
    /// A fingerprint of all that happened: equal seeds give equal fingerprints.
    pub trace: u64,
}

impl Summary {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            seeds: self.seeds + other.seeds,
            crashes: self.crashes + other.crashes,
            confirmed: self.confirmed + other.confirmed,
            delivered: self.delivered + other.delivered,
            events: self.events + other.events,
            trace: self.trace.wrapping_add(other.trace),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, crashes, confirmed, delivered, events, .. } = self;
        write!(
            f,
            "{seeds} seeds: {crashes} crashes, {confirmed} messages confirmed, {delivered} delivered, {events} events"
        )
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In this world.
    pub seed: u64,
    /// Which, and how.
    pub broken: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, broken } = self;
        write!(f, "seed {seed} failed: {broken}\nrepeat it with: {}", repeat_with(*seed))
    }
}

impl std::error::Error for Failure {}

/// The command that runs one seed again.
pub fn repeat_with(seed: u64) -> String {
    format!("cargo xtask sim --first {seed} --seeds 1")
}

/// Runs one world from a disk that is empty, and perhaps not honest.
///
/// # Errors
/// The first promise that was broken.
pub fn run_seed(seed: u64, disk: SimDisk) -> Result<Summary, Failure> {
    let mut world = World::new(seed, disk);
    world.live();
    if let Some(broken) = world.judge.broken() {
        return Err(Failure { seed, broken: broken.to_owned() });
    }
    Ok(Summary {
        seeds: 1,
        crashes: world.crash_count,
        confirmed: world.judge.model.confirmed_count,
        delivered: world.judge.model.delivered_count,
        events: world.trace.event_count,
        trace: world.trace.hash(),
    })
}

/// Runs the worlds of `count` seeds from `first_seed` on.
///
/// # Errors
/// The first promise that was broken.
pub fn run(first_seed: u64, count: u64) -> Result<Summary, Failure> {
    (first_seed..first_seed + count)
        .try_fold(Summary::default(), |sum, seed| Ok(sum.plus(run_seed(seed, SimDisk::new())?)))
}
