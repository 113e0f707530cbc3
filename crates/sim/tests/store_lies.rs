//! The checkers are checked: a disk that only pretends to do one kind of sync is found out, an honest one is not.

use sim::SimDisk;
use sim::crashes::lives;
use sim::disk::Lie;

/// Whether the checker notices something within some lives on a disk with these lies.
fn is_noticed(lies_told: &[Lie]) -> bool {
    (0..300).any(|seed| {
        let mut disk = SimDisk::new();
        disk.lies = lies_told.to_vec();
        std::panic::catch_unwind(|| lives(seed, disk, 300)).is_err()
    })
}

#[test]
fn every_sync_is_needed() {
    std::panic::set_hook(Box::new(|_| {}));
    let lies = [
        Lie::File(".log"),
        Lie::File(".log.new"),
        Lie::File(".spare"),
        Lie::File(".seg.new"),
        Lie::File(".live.new"),
        Lie::File(".fresh"),
        Lie::File(".snap.new"),
        Lie::Dir("journal/"),
        Lie::Dir("queues/"),
        Lie::Dir("queues"),
        Lie::Dir("metadata"),
    ];
    let missed: Vec<Lie> =
        lies.into_iter().filter(|lie| !is_noticed(std::slice::from_ref(lie))).collect();
    let false_alarm = is_noticed(&[]);
    drop(std::panic::take_hook());
    assert!(!false_alarm, "an honest disk is accused");
    assert!(missed.is_empty(), "nobody notices {missed:?}");
}
