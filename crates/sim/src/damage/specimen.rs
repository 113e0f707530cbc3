//! A directory to be injured, and what it holds.

use stdx::Random;
use store::Options;

use crate::SimDisk;
use crate::crashes::{Inventory, World, small};
use crate::damage::chart::Chart;

/// Verbs of one life.
const STEPS: u64 = 300;

/// A directory, and what is known of it.
#[derive(Debug)]
pub(super) struct Specimen {
    pub(super) disk: SimDisk,
    /// The same disk at earlier moments.
    pub(super) earlier: Vec<SimDisk>,
    pub(super) shards: usize,
    pub(super) options: Options,
    pub(super) chart: Chart,
    /// What recovery finds when nothing is injured.
    pub(super) whole: Inventory,
}

impl Specimen {
    /// A directory after one or two lives, the last of which ended in order or by a kill.
    pub(super) fn grow(random: &mut Random) -> Self {
        let shards = 1 + random.below(2) as usize;
        let options = Options {
            journal_files_max: random.below(3) as usize,
            spare_files_max: 1 + random.below(3) as usize,
            // Sweeps leave little that is half settled, and few spare files.
            sweep_delay_ms: if random.chance(1, 4) { 4 } else { 10_000 },
            ..small()
        };
        let mut world = World::new(random.next_u64(), SimDisk::new());
        world.options = options.clone();
        world.open(shards).expect("the power is on");
        if random.chance(1, 2) {
            world.run(random.below(STEPS)).expect("the power is on");
            world.crash();
            world.open(shards).expect("the power is on");
        }
        let mut earlier = Vec::new();
        for _ in 0..4 {
            world.run(STEPS / 4).expect("the power is on");
            let turns = if random.chance(2, 3) { random.below(60) } else { 0 };
            world.catch_up(turns).expect("the power is on");
            if random.chance(1, 4) {
                world.rest().expect("the power is on");
            }
            earlier.push(world.disk.clone());
        }
        if random.chance(3, 4) {
            world.close().expect("the power is on");
        }
        let disk = world.disk.survivor(|_| crate::disk::Survives::Whole);
        let chart = Chart::of(&disk);
        let whole = Inventory::of(&mut disk.clone(), shards, random.next_u64(), &options);
        let whole = whole.expect("a directory can be opened after a crash");
        assert_eq!(whole.damage, [], "a crash is no damage");
        Self { disk, earlier, shards, options, chart, whole }
    }
}
