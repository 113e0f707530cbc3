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
use crate::crashes::world::{Nth, Stopped, World};
use crate::disk::Full;

/// Verbs of a workload, before and after the disk is mended.
const STEPS: u64 = 120;
/// More than any disk here has room for.
const MESSAGES_MAX: usize = 1000;
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
            let refusals = fill(seed, shards, Full::At(call..end));
            assert!(refusals > 0, "call {call} finds room");
        }
    }
    count
}

/// Lets a disk have room for so many bytes only, and then for more; says how often there was none.
///
/// # Panics
/// A promise is broken.
pub fn fill_up(seed: u64) -> u64 {
    let mut random = Random::new(seed);
    let bytes_max = (20 << 10) + random.below(40 << 10);
    fill(seed, 1 + (seed % 2) as usize, Full::Beyond(bytes_max))
}

/// Fills up a disk, and makes room by nothing but what consumers do: all messages are settled, and then others can be
/// published. Says how often there was no room.
///
/// # Panics
/// A promise is broken.
pub fn fill_and_drain(seed: u64) -> u64 {
    // Of a journal file a quarter is kept for the records of settlements: it has to be longer than those.
    let full = Full::Beyond(300 << 10);
    let mut world = World::new(seed, SimDisk::new());
    world.options.journal_file_bytes = 24 << 10;
    world.disk.full = Some(full.clone());
    world.open(1).expect("the disk is empty");
    world.run(STEPS).expect("there is room");
    world.snapshot();
    world.rest_with_room(&full);
    for _ in 0..3 {
        world.publish_until_full();
        world.settle_everything();
        world.rest_with_room(&full);
        world.audit();
    }
    let refusals = world.disk.refusals();
    world.disk.full = None;
    start_again(&mut world, 1);
    refusals
}

fn fill(seed: u64, shards: usize, full: Full) -> u64 {
    let (mut world, stopped) = run(seed, shards, |disk| disk.full = Some(full.clone()));
    let refusals = world.disk.refusals();
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
    world.rest_with_room(&full);
    world.run(STEPS).expect("there is room again");
    world.rest_with_room(&full);
    start_again(&mut world, shards);
    refusals
}

impl World {
    /// A store that has told of a fault asks nothing more of the disk.
    fn check_stopped(&mut self) {
        let is_stopped =
            |store: &mut Store| store.poll_submission(Time::from_millis(u64::MAX / 4000)).is_none();
        let is_any_stopped = self.stores.iter_mut().any(is_stopped);
        assert!(self.stores.is_empty() || is_any_stopped, "a store goes on after a failed sync");
    }

    fn publish_until_full(&mut self) {
        for _ in 0..MESSAGES_MAX {
            if self.stores[0].is_full() {
                return;
            }
            if self.queues.is_empty() {
                self.add_queue();
            }
            let at = self.below(self.queues.len() as u64) as usize;
            let queue = self.queues[at];
            let length = self.below(2000) as usize;
            self.enqueue(queue, length, true);
            self.now = self.now.plus_millis(1);
            self.submit();
            let under_way = std::mem::take(&mut self.in_flight);
            self.perform(under_way, &mut |_| {}).expect("a full disk stops nobody");
        }
        panic!("the disk has room for everything");
    }

    fn settle_everything(&mut self) {
        for queue in self.queues.clone() {
            while self.live(queue).is_some() {
                self.settle(queue, Nth::Oldest);
            }
        }
    }

    /// With room on the disk everything is written and synced in good time, and no store is full.
    fn rest_with_room(&mut self, full: &Full) {
        self.rest().expect("the disk works");
        assert!(!self.stores.iter().any(Store::is_full), "{full:?}: a store stays full");
    }
}
