//! The store survives crashes at every call of the disk, and crashes during the recovery from crashes.

use sim::SimDisk;
use sim::crashes::{Stopped, World, lives};

#[test]
fn nothing_synced_is_lost_and_nothing_settled_returns_wherever_the_power_goes() {
    (0..1500).for_each(|seed| lives(seed, SimDisk::new(), 150));
}

#[test]
fn long_lives_survive_too() {
    (0..60).for_each(|seed| lives(1_000_000 + seed, SimDisk::new(), 3000));
}

#[test]
fn a_small_workload_survives_a_crash_at_every_call() {
    for seed in 0..4 {
        let start = |fail_at| {
            let mut disk = SimDisk::new();
            disk.fail_at = fail_at;
            let mut world = World::new(seed, disk);
            let result = world.open(2).map_err(Stopped::from).and_then(|()| world.run(120));
            (world, result)
        };
        let (world, result) = start(None);
        result.expect("the power is on");
        for call in 0..world.disk.calls() {
            let (mut world, result) = start(Some(call));
            assert!(result.is_err());
            if world.stores.is_empty() {
                world = World::new(seed, world.disk);
            }
            world.crash();
            world.open(2).expect("a directory can be opened after a crash");
        }
    }
}

#[test]
fn a_failed_sync_is_a_fault_and_nothing_is_retried() {
    for seed in 0..200 {
        let mut world = World::new(seed, SimDisk::new());
        world.open(1).expect("the power is on");
        world.disk.fail_sync = Some(world.disk.syncs() + 1 + world.below(40));
        if world.run(400).is_err() {
            assert!(
                world.stores[0].poll_submission(stdx::Time::from_millis(u64::MAX / 4)).is_none()
            );
            world.crash();
            world.open(1).expect("a directory can be opened after a crash");
        }
    }
}
