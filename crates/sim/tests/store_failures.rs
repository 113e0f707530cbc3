//! Stores on disks that fail or are full, at each call of a workload.

use sim::crashes::{fail_each_sync, fill_and_drain, fill_at_each_call, fill_up};

#[test]
fn a_failed_sync_stops_the_store_and_loses_nothing_that_was_synced() {
    let syncs: u64 = (0..12).map(fail_each_sync).sum();
    println!("{syncs} syncs failed");
    assert!(syncs > 400, "{syncs} syncs failed");
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
