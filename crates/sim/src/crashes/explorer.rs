//! Loses power at every call of the disk in a workload, and looks at what may be left.
//!
//! ```text
//!   workload ──call──call──call──▶
//!                │     │     └▶ …
//!                │     └▶ survivors ─▶ recover, compare ──┬──▶ crash in the midst of that ─▶ recover …
//!                └▶ …                                     └──▶ work on, crash ─▶ recover …
//! ```

use std::collections::HashSet;

use stdx::Random;
use store::Options;

use crate::SimDisk;
use crate::crashes::figures::Figures;
use crate::crashes::selection::{survivor, survivors};
use crate::crashes::world::{World, small};
use crate::disk::{Call, Survives};

/// Verbs of one workload.
const STEPS: u64 = 250;
/// A crash, one in its recovery, and one in the recovery from that.
const DEPTH_MAX: usize = 3;

/// What led to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Descent {
    Crash,
    InRecovery,
    LaterLife,
}

/// Goes from crash point to crash point.
#[derive(Debug)]
pub(super) struct Explorer {
    pub(super) figures: Figures,
    seen: HashSet<u64>,
    random: Random,
    shards: usize,
    again: Again,
}

/// Which recoveries are crashed again, in their midst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// One in so many, at a random call.
    OneIn(u64),
    /// All, at each call.
    EachCall,
}

impl Explorer {
    pub(super) fn new(random: Random, shards: usize, again: Again) -> Self {
        Self { figures: Figures::default(), seen: HashSet::new(), random, shards, again }
    }

    /// The power goes at this moment.
    pub(super) fn lose_power(&mut self, world: &World) {
        self.figures.points += 1;
        for disk in survivors(&world.disk, &mut self.random) {
            if self.is_first(world, &disk) {
                let random = self.random.fork();
                self.recover(&world.fallen(disk, random), Descent::Crash, 1);
            } else {
                self.figures.same += 1;
            }
        }
    }

    /// Whether such a state was not looked at with as much that surely is on disk.
    fn is_first(&mut self, world: &World, left: &SimDisk) -> bool {
        let generation: u64 = world.models.iter().map(|model| model.generation).sum();
        self.seen.insert(left.fingerprint() ^ generation.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Recovers from what a crash left, compares, and crashes again.
    fn recover(&mut self, fallen: &World, descent: Descent, depth: usize) {
        self.figures.states += 1;
        match (descent, depth) {
            (Descent::LaterLife, _) => self.figures.later += 1,
            (Descent::InRecovery, 2) => self.figures.double += 1,
            (Descent::InRecovery, _) => self.figures.triple += 1,
            (Descent::Crash, _) => {}
        }
        let shards =
            if self.random.chance(1, 32) { 1 + self.random.below(3) as usize } else { self.shards };
        let mut world = fallen.fallen(fallen.disk.clone(), self.random.fork());
        let calls = world.open_on_tape(shards);
        if depth == DEPTH_MAX {
            return;
        }
        let odds = match self.again {
            Again::EachCall if depth == 1 => {
                self.stop_at_each_call(fallen, &calls);
                4
            }
            Again::EachCall => 4,
            Again::OneIn(odds) => odds,
        };
        if self.random.chance(1, odds) {
            let disk = self.stop_in_midst(fallen.disk.clone(), &calls);
            let random = self.random.fork();
            self.recover(&fallen.fallen(disk, random), Descent::InRecovery, depth + 1);
        }
        if self.random.chance(1, odds * 2) {
            self.live_on(world, depth);
        }
    }

    fn stop_at_each_call(&mut self, fallen: &World, calls: &[Call]) {
        let mut disk = fallen.disk.clone();
        for call in calls {
            call.execute(&mut disk).expect("the calls succeeded before");
            for survives in [Survives::No, Survives::Whole] {
                let left = disk.survivor(|_| survives);
                if self.is_first(fallen, &left) {
                    let random = self.random.fork();
                    self.recover(&fallen.fallen(left, random), Descent::InRecovery, 2);
                } else {
                    self.figures.same += 1;
                }
            }
        }
    }

    fn stop_in_midst(&mut self, mut disk: SimDisk, calls: &[Call]) -> SimDisk {
        let end = self.random.below(calls.len() as u64 + 1) as usize;
        for call in &calls[..end] {
            call.execute(&mut disk).expect("the calls succeeded before");
        }
        survivor(&disk, &mut self.random)
    }

    /// Works on after a recovery, and crashes at a random call.
    fn live_on(&mut self, mut world: World, depth: usize) {
        world.disk.fail_at = Some(world.disk.calls() + self.random.below(30));
        let steps = 1 + self.random.below(20);
        let _is_off = world.run(steps);
        let disk = survivor(&world.disk, &mut self.random);
        let random = self.random.fork();
        self.recover(&world.fallen(disk, random), Descent::LaterLife, depth + 1);
    }
}

/// Sizes that vary with the seed.
fn options(random: &mut Random) -> Options {
    Options {
        journal_files_max: random.below(3) as usize,
        spare_files_max: random.below(4) as usize,
        fill_step_bytes: [256, 1 << 10, 4 << 10][random.below(3) as usize],
        ..small()
    }
}

/// Explores the workload of one seed on a disk that is empty, and perhaps not honest: every call of the disk, from
/// the first boot on.
///
/// # Panics
/// A promise is broken.
pub fn explore(seed: u64, disk: SimDisk) -> Figures {
    let mut random = Random::new(seed);
    let shards = 1 + random.below(2) as usize;
    let mut world = World::new(random.next_u64(), disk);
    world.options = options(&mut random);
    let mut explorer = Explorer::new(random.fork(), shards, Again::OneIn(3));
    explorer.figures.workloads = 1;
    let before = world.fallen(world.disk.clone(), random.fork());
    let calls = world.open_on_tape(shards);
    explore_boot(&mut explorer, before, &calls);
    world
        .run_watched(STEPS, &mut |world| explorer.lose_power(world))
        .expect("the power goes only in the mind of the explorer");
    explorer.figures
}

fn explore_boot(explorer: &mut Explorer, mut before: World, calls: &[Call]) {
    for call in calls {
        explorer.lose_power(&before);
        call.execute(&mut before.disk).expect("the calls succeeded before");
    }
    explorer.lose_power(&before);
}
