//! Stores on disks that fail or are full, at each call of a workload.

use sim::SimDisk;
use sim::crashes::{fail_each_sync, fill_and_drain, fill_at_each_call, fill_up, small};
use sim::disk::Survives;
use stdx::Time;
use store::{QueueId, open_with};

#[test]
fn a_failed_sync_stops_the_store_and_loses_nothing_that_was_synced() {
    let syncs: u64 = (0..12).map(fail_each_sync).sum();
    println!("{syncs} syncs failed");
    assert!(syncs > 400, "{syncs} syncs failed");
}

/// After a failed sync the system may show bytes that it has given up on. What a start shows to anybody has to be durable.
#[test]
fn what_a_start_finds_after_a_failed_sync_survives_the_loss_of_power() {
    let queue = QueueId::new(1, 0);
    let mut disk = SimDisk::new();
    let mut store = open_with(&mut disk, 1, 1, &small()).expect("it is empty").stores.remove(0);
    for (seq, is_synced) in [(1, true), (2, false)] {
        store.enqueue(queue, seq, &[7; 100], is_synced);
        // What nobody waits for is written after five milliseconds, and synced after twenty.
        for now in [Time::ZERO, Time::from_millis(6)] {
            while let Some(submission) = store.poll_submission(now) {
                store.complete(submission.execute(&mut disk)).expect("the disk works");
            }
        }
    }
    disk.forget_unsynced();
    let found = open_with(&mut disk, 1, 2, &small()).expect("it can be opened").queues;
    assert_eq!(found[0].live_count, 2);
    let mut disk = disk.survivor(|_| Survives::No);
    let left = open_with(&mut disk, 1, 3, &small()).expect("it can be opened").queues;
    assert_eq!(left, found);
}

#[test]
fn a_full_disk_stops_nobody_and_everything_goes_on_when_there_is_room_again() {
    let calls: u64 = (0..12).map(fill_at_each_call).sum();
    println!("no room at {calls} calls");
    assert!(calls > 400, "no room at {calls} calls");
}

#[test]
fn a_disk_that_fills_up_stops_nobody() {
    let refusals: Vec<u64> = (0..300).map(fill_up).collect();
    let full = refusals.iter().filter(|count| **count > 0).count();
    assert!(full > 200, "{full} disks were full");
}

#[test]
fn what_consumers_take_away_makes_room_for_others() {
    let refusals: Vec<u64> = (0..50).map(fill_and_drain).collect();
    assert!(refusals.iter().all(|count| *count >= 3), "{refusals:?}");
}
