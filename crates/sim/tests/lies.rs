//! The checkers are checked: a disk that only pretends to sync is found out.

use sim::disk::Lie;
use sim::{SimDisk, run_seed};

#[test]
fn a_journal_that_is_not_synced_loses_what_was_confirmed() {
    let failures: Vec<String> = (0..120)
        .filter_map(|seed| {
            let mut disk = SimDisk::new();
            disk.lies = vec![Lie::File(".log")];
            run_seed(seed, disk).err().map(|failure| failure.broken)
        })
        .collect();
    // Others find that what they declared is gone.
    let losses = failures.iter().filter(|broken| broken.starts_with("nothing confirmed is lost"));
    assert!(losses.count() >= 5, "confirmed messages are missed: {failures:#?}");
}
