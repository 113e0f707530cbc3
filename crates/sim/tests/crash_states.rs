//! States that a loss of power may leave: of random workloads, and of every short sequence of operations.
//! `cargo xtask sim crashes` and `cargo xtask sim exhaustive` look at many more.

use sim::SimDisk;
use sim::crashes::{Figures, Sequences, exhaust, explore};
use sim::disk::{Lie, Survives};
use stdx::Time;
use store::{Options, QueueId, Store, open_with};

#[test]
fn nothing_synced_is_lost_in_any_state_of_some_workloads() {
    let figures =
        (0..4).map(|seed| explore(seed, SimDisk::new())).fold(Figures::default(), Figures::plus);
    println!("{figures}");
    assert!(figures.states > 4000 && figures.double > 400 && figures.triple > 40, "{figures}");
}

#[test]
fn nothing_synced_is_lost_in_any_state_of_any_two_operations() {
    let count = Sequences::new(2).count();
    let figures = (0..count).map(exhaust).fold(Figures::default(), Figures::plus);
    println!("{figures}");
    assert!(figures.workloads == count && figures.states > 800, "{figures}");
}

/// A directory with a short journal file that is full, and one behind it, none of whose bytes need survive.
fn two_files(disk: &mut SimDisk, options: &Options, queue: QueueId) {
    let mut store = open_with(disk, 1, 1, options).expect("it is empty").stores.remove(0);
    store.enqueue(queue, 1, &[1; 1000], true);
    run(&mut store, disk);
    store.settle(queue, 1, 1000);
    store.enqueue(queue, 2, &[2; 1500], false);
    run(&mut store, disk);
}

fn run(store: &mut Store, disk: &mut SimDisk) {
    while let Some(submission) = store.poll_submission(Time::from_millis(10)) {
        store.complete(submission.execute(disk)).expect("the disk works");
    }
}

/// What comes after a torn tail is void, and stays so when the files before it have gone.
#[test]
fn what_one_recovery_calls_void_does_not_come_back() {
    let options =
        Options { journal_file_bytes: 6 << 10, journal_files_max: 0, ..sim::crashes::small() };
    let queue = QueueId::new(1, 0);
    for (lost, work) in (0..8).flat_map(|lost| (0..8).map(move |work| (lost, work))) {
        let mut disk = SimDisk::new();
        two_files(&mut disk, &options, queue);
        let mut at = 0;
        let mut disk = disk.survivor(|_| {
            at += 1;
            if at == lost { Survives::No } else { Survives::Whole }
        });
        let mut recovered = open_with(&mut disk, 1, 2, &options).expect("a crash is no damage");
        let store = &mut recovered.stores[0];
        let found = store.live(queue);
        for _ in 0..work {
            let Some(submission) = store.poll_submission(Time::ZERO) else { break };
            store.complete(submission.execute(&mut disk)).expect("the disk works");
        }
        let recovered = open_with(&mut disk, 1, 3, &options).expect("a crash is no damage");
        assert_eq!(recovered.stores[0].live(queue), found, "without change {lost}, after {work}");
    }
}

#[test]
fn a_sync_that_is_not_done_is_found_out_by_losing_power_at_every_call() {
    std::panic::set_hook(Box::new(|_| {}));
    let is_found_out = |lie: &Lie| {
        (0..30).any(|seed| {
            let disk = {
                let mut disk = SimDisk::new();
                disk.lies = vec![lie.clone()];
                disk
            };
            std::panic::catch_unwind(|| explore(seed, disk)).is_err()
        })
    };
    let lies =
        [Lie::File(".log"), Lie::File(".seg.new"), Lie::Dir("queues/"), Lie::Dir("journal/")];
    let missed: Vec<&Lie> = lies.iter().filter(|lie| !is_found_out(lie)).collect();
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "nobody notices {missed:?}");
}
