//! Disks that fail, or are full, at every call of a workload.
//!
//! ```text
//!   a workload of n calls, run n times:
//!     sync k fails             the store stops, and nothing is asked of the disk or confirmed any more
//!     no room at call k        nobody stops; whatever was accepted is still there
//!     no room from call k on   the same, and everything goes on when there is room again
//! ```

use stdx::{Random, Time};
use store::{FaultKind, Store};

use crate::SimDisk;
use crate::crashes::world::{Stopped, World};
use crate::disk::Full;

/// Verbs of a workload, before and after the disk is mended.
const STEPS: u64 = 120;
/// Rounds after which the background must have come to its end.
const ROUNDS_MAX: usize = 1000;

/// A world, and what became of it.
fn run(
    seed: u64,
    shards: usize,
    break_disk: impl FnOnce(&mut SimDisk),
) -> (World, Option<Stopped>) {
    let mut disk = SimDisk::new();
    break_disk(&mut disk);
    let mut world = World::new(seed, disk);
    let outcome = match world.open(shards) {
        Ok(()) => world.run(STEPS),
        Err(fault) => Err(Stopped::Fault(fault)),
    };
    (world, outcome.err())
}

/// What a process does that has heard of a fault: it ends, and starts again with or without a loss of power.
fn start_again(world: &mut World, shards: usize) {
    world.crash();
    world.open(shards).expect("a directory can be opened after a crash");
    world.run(STEPS / 4).expect("the disk works");
    world.crash();
    world.open(shards).expect("a directory can be opened after a crash");
}

/// Lets each sync of a workload fail, one at a time; says how many there were.
///
/// # Panics
/// A promise is broken.
pub fn fail_each_sync(seed: u64) -> u64 {
    let shards = 1 + (seed % 2) as usize;
    // A disk on which a sync fails that never comes runs the same way as one on which it does.
    let (world, stopped) = run(seed, shards, |disk| disk.fail_sync = Some(u64::MAX));
    assert!(stopped.is_none(), "the disk works: {stopped:?}");
    let count = world.disk.syncs();
    for sync in 1..=count {
        let (mut world, stopped) = run(seed, shards, |disk| disk.fail_sync = Some(sync));
        let Some(Stopped::Fault(fault)) = stopped else { panic!("sync {sync} fails in silence") };
        assert_eq!(fault.kind, FaultKind::Sync, "sync {sync}: {fault}");
        world.check_stopped();
        start_again(&mut world, shards);
    }
    count
}

/// Lets the disk be full at each call that needs room, once and from then on; says how many calls there were.
///
/// # Panics
/// A promise is broken.
pub fn fill_at_each_call(seed: u64) -> u64 {
    let shards = 1 + (seed % 2) as usize;
    let (world, stopped) = run(seed, shards, |disk| disk.full = Some(Full::At(0..0)));
    assert!(stopped.is_none(), "the disk works: {stopped:?}");
    let count = world.disk.roomy_calls();
    for call in 1..=count {
        for end in [call + 1, u64::MAX] {
            fill(seed, shards, Full::At(call..end));
        }
    }
    count
}

/// Lets a disk have room for so many bytes only, and then for more.
///
/// # Panics
/// A promise is broken.
pub fn fill_up(seed: u64) {
    let mut random = Random::new(seed);
    fill(seed, 1 + (seed % 2) as usize, Full::Beyond((20 << 10) + random.below(60 << 10)));
}

fn fill(seed: u64, shards: usize, full: Full) {
    let (mut world, stopped) = run(seed, shards, |disk| disk.full = Some(full.clone()));
    match stopped {
        None => {}
        Some(Stopped::Fault(fault)) if world.stores.is_empty() => {
            assert_eq!(fault.kind, FaultKind::NoSpace, "{full:?}: {fault}");
            world.crash();
            world.disk.full = None;
            world.open(shards).expect("there is room again");
        }
        Some(stopped) => panic!("{full:?} stops a store: {stopped:?}"),
    }
    world.audit();
    world.disk.full = None;
    world.rest(&full);
    world.run(STEPS).expect("there is room again");
    world.rest(&full);
    start_again(&mut world, shards);
}

impl World {
    /// A store that has told of a fault asks nothing more of the disk.
    fn check_stopped(&mut self) {
        let is_stopped =
            |store: &mut Store| store.poll_submission(Time::from_millis(u64::MAX / 4000)).is_none();
        let is_any_stopped = self.stores.iter_mut().any(is_stopped);
        assert!(self.stores.is_empty() || is_any_stopped, "a store goes on after a failed sync");
    }

    /// With room on the disk everything is written and synced in good time, and no store is full.
    fn rest(&mut self, full: &Full) {
        for _ in 0..ROUNDS_MAX {
            self.now = self.now.plus_millis(1000);
            self.submit();
            let under_way = std::mem::take(&mut self.in_flight);
            if under_way.is_empty() {
                let is_full = self.stores.iter().any(Store::is_full);
                assert!(!is_full, "{full:?}: a store stays full");
                return;
            }
            self.perform(under_way, &mut |_| {}).expect("the disk works");
        }
        panic!("{full:?}: there is no end to the work in the background");
    }
}
