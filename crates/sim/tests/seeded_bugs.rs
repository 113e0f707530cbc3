//! Bugs that others have had are planted one at a time, and each is found out by something that runs in every change.
//! Run with `cargo test -p sim --features seeded-bugs --test seeded_bugs`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sim::crashes::{explore, fail_each_sync, fill_at_each_call, lives, small};
use sim::damage::injure;
use sim::{SimDisk, run_seed};
use stdx::Time;
use store::{Bug, Options, QueueId, Store, open_with, plant};

/// What looks for bugs: it panics when it finds one.
type Search = fn(u64);

/// Searches before a bug counts as missed.
const SEARCHES_MAX: u64 = 300;

/// Power lost at every call of the disk, during recovery, and in later lives.
const CRASH_STATES: Search = |seed| {
    explore(seed, SimDisk::new());
};
/// Several lives of one directory.
const LIVES: Search = |seed| lives(seed, SimDisk::new(), 300);
/// Each sync of a workload fails once.
const FAILED_SYNCS: Search = |seed| {
    fail_each_sync(seed);
};
/// There is no room at any call of a workload.
const FULL_DISKS: Search = |seed| {
    fill_at_each_call(seed);
};
/// Bytes that change behind everybody's back.
const INJURIES: Search = |seed| {
    injure(seed);
};
/// Whole nodes.
const WORLDS: Search = |seed| {
    run_seed(seed, SimDisk::new()).unwrap_or_else(|failure| panic!("{failure}"));
};

/// Plants a bug, and says what is broken by it. The search that finds it finds nothing when nothing is planted.
fn find_out(bug: Bug, search: Search) -> String {
    plant(Some(bug));
    let found = (0..SEARCHES_MAX).find_map(|seed| {
        catch_unwind(AssertUnwindSafe(|| search(seed))).err().map(|why| (seed, why))
    });
    plant(None);
    let (seed, why) = found.unwrap_or_else(|| panic!("nobody notices {bug:?}"));
    search(seed);
    let broken = why.downcast_ref::<String>().cloned();
    broken.or_else(|| why.downcast_ref::<&str>().map(|&why| why.to_owned())).unwrap_or_default()
}

#[test]
fn a_confirm_before_the_sync_is_found_out() {
    // A confirm also says that what was settled before it is on disk, so that other promises break too.
    find_out(Bug::ConfirmBeforeSync, |seed| {
        if let Err(failure) = run_seed(seed, SimDisk::new()) {
            assert!(!failure.broken.starts_with("nothing confirmed is lost"), "{failure}");
        }
    });
}

#[test]
fn what_is_not_given_back_by_a_client_that_is_gone_is_found_out() {
    let broken = find_out(Bug::UndeliveredForgotten, WORLDS);
    assert!(broken.contains("nothing confirmed is lost"), "{broken}");
}

#[test]
fn a_sync_that_is_said_to_cover_one_batch_more_is_found_out() {
    find_out(Bug::SyncedTooFar, LIVES);
}

#[test]
fn a_failed_sync_that_is_tried_again_is_found_out() {
    let broken = find_out(Bug::SyncRetried, FAILED_SYNCS);
    assert!(broken.contains("fails in silence"), "{broken}");
}

#[test]
fn a_write_without_room_that_counts_as_done_is_found_out() {
    find_out(Bug::FullWriteSkipped, FULL_DISKS);
}

#[test]
fn the_name_of_a_journal_file_that_is_not_synced_is_found_out() {
    find_out(Bug::JournalNameUnsynced, CRASH_STATES);
}

#[test]
fn the_name_of_a_segment_that_is_not_synced_is_found_out() {
    find_out(Bug::SegmentNameUnsynced, CRASH_STATES);
}

#[test]
fn a_snapshot_that_replaces_another_before_its_name_is_synced_is_found_out() {
    let broken = find_out(Bug::SnapshotNameUnsynced, LIVES);
    assert!(broken.contains("notes in order"), "{broken}");
}

#[test]
fn a_file_that_is_renamed_before_it_is_synced_is_found_out() {
    find_out(Bug::RenamedUnsynced, LIVES);
}

#[test]
fn a_start_that_trusts_what_a_killed_process_left_in_memory_is_found_out() {
    find_out(Bug::CacheTrusted, LIVES);
}

#[test]
fn a_torn_batch_that_counts_is_found_out() {
    let broken = find_out(Bug::TornBatchApplied, CRASH_STATES);
    assert!(broken.contains("a crash is no damage"), "{broken}");
}

#[test]
fn synced_data_that_is_cut_off_in_silence_is_found_out() {
    find_out(Bug::DamageCutOff, INJURIES);
}

#[test]
fn a_start_that_does_not_say_what_it_cut_off_is_found_out() {
    find_out(Bug::VoidForgotten, CRASH_STATES);
}

#[test]
fn bytes_of_an_earlier_life_of_a_file_that_validate_are_found_out() {
    find_out(Bug::EpochIgnored, CRASH_STATES);
}

#[test]
fn a_checksum_of_16_bits_is_found_out() {
    let broken = find_out(Bug::ChecksumShort, |_| change_a_message(twin()));
    assert!(broken.contains("wrong bytes"), "{broken}");
}

#[test]
fn a_checksum_without_the_payload_is_found_out() {
    let broken = find_out(Bug::PayloadUnchecked, |_| change_a_message([1, 0, 0, 0]));
    assert!(broken.contains("wrong bytes"), "{broken}");
}

#[test]
fn a_length_that_is_believed_before_its_checksum_is_found_out() {
    let broken = find_out(Bug::LengthBelieved, INJURIES);
    assert!(broken.contains("out of range"), "{broken}");
}

#[test]
fn a_settle_that_comes_before_its_message_is_found_out() {
    find_out(Bug::SettleBeforeMessage, LIVES);
}

#[test]
fn a_segment_that_goes_before_its_settles_are_synced_is_found_out() {
    find_out(Bug::RemovedBeforeSettle, LIVES);
}

#[test]
fn a_segment_that_goes_while_something_in_it_is_live_is_found_out() {
    find_out(Bug::LiveSegmentRemoved, LIVES);
}

#[test]
fn a_set_of_live_messages_that_goes_before_its_segment_is_found_out() {
    find_out(Bug::LiveSetRemovedFirst, LIVES);
}

#[test]
fn a_journal_file_that_goes_with_notes_that_stand_nowhere_else_is_found_out() {
    find_out(Bug::NoteRecycled, LIVES);
}

#[test]
fn a_copy_that_forgets_what_was_settled_meanwhile_is_found_out() {
    let broken = find_out(Bug::CopyForgetsSettles, |_| settle_during_a_copy());
    assert!(broken.contains("what was settled is back"), "{broken}");
}

#[test]
fn a_spilled_message_that_survives_a_restart_is_found_out() {
    find_out(Bug::SpillSurvives, LIVES);
}

#[test]
fn a_purge_that_forgets_what_it_keeps_is_found_out() {
    find_out(Bug::PurgeForgetsKept, LIVES);
}

#[test]
fn a_dead_letter_that_is_forgotten_before_its_target_has_it_is_found_out() {
    let broken = find_out(Bug::DeadForgotten, WORLDS);
    assert!(broken.contains("nothing confirmed is lost"), "{broken}");
}

#[test]
fn what_an_exchange_forgets_before_its_queues_have_it_is_found_out() {
    let broken = find_out(Bug::HeldForgotten, WORLDS);
    assert!(broken.contains("nothing confirmed is lost"), "{broken}");
}

#[test]
fn a_note_that_is_forgotten_at_a_start_is_found_out() {
    let broken = find_out(Bug::NotesForgotten, WORLDS);
    assert!(broken.contains("before its time"), "{broken}");
}

#[test]
fn a_key_that_is_forgotten_at_a_start_is_found_out() {
    let broken = find_out(Bug::KeysForgotten, WORLDS);
    assert!(broken.contains("one message of each key"), "{broken}");
}

const QUEUE: QueueId = QueueId::new(1, 0);

/// Opens a directory of one shard, empty or not.
fn opened(disk: &mut SimDisk, seed: u64) -> Store {
    let options = Options { journal_files_max: 0, ..small() };
    open_with(disk, 1, seed, &options).expect("it can be opened").stores.remove(0)
}

fn run(store: &mut Store, disk: &mut SimDisk) {
    while let Some(submission) = store.poll_submission(Time::ZERO) {
        store.complete(submission.execute(disk)).expect("the disk works");
    }
}

/// The last four bytes of a message change on the disk.
///
/// # Panics
/// The message is read like that.
fn change_a_message(changes: [u8; 4]) {
    let message = [7; 100];
    let mut disk = SimDisk::new();
    let mut store = opened(&mut disk, 1);
    store.enqueue(QUEUE, 1, &message, true);
    store.close();
    run(&mut store, &mut disk);
    let path = disk.paths().find(|path| path.ends_with(".log")).expect("there is one").to_owned();
    let mut bytes = disk.bytes(&path).expect("it is there").to_vec();
    let start = bytes.windows(100).position(|window| window == message).expect("it was written");
    for (byte, change) in bytes[start + 96..start + 100].iter_mut().zip(changes) {
        *byte ^= change;
    }
    disk.alter(&path, bytes);
    let mut store = opened(&mut disk, 2);
    store.read(QUEUE, 0, 1000);
    run(&mut store, &mut disk);
    let loaded = store.poll_loaded().expect("a read has an answer");
    assert!(loaded.messages.iter().all(|(_, bytes)| *bytes == message[..]), "wrong bytes");
}

/// A change of the last four bytes of anything that leaves the lower half of its checksum alone.
fn twin() -> [u8; 4] {
    let none = crc32c::crc32c(&[0; 4]);
    let is_twin = |change: &u32| (crc32c::crc32c(&change.to_le_bytes()) ^ none) & 0xffff == 0;
    (1..).find(is_twin).expect("there are 65,535 of them").to_le_bytes()
}

/// A message is settled while it is copied from the journal to a segment, and the record that says so goes with its
/// journal file.
///
/// # Panics
/// The message is back after a restart.
fn settle_during_a_copy() {
    let mut disk = SimDisk::new();
    let mut store = opened(&mut disk, 1);
    store.enqueue(QUEUE, 1, &[1; 100], true);
    store.enqueue(QUEUE, 2, &[2; 100], true);
    fill_a_journal_file(&mut store, 3);
    loop {
        let submission = store.poll_submission(Time::ZERO).expect("a full file is retired");
        let completion = submission.execute(&mut disk);
        let is_copied = disk.paths().any(|path| path.ends_with(".seg"));
        if is_copied {
            store.settle(QUEUE, 1, 100);
        }
        store.complete(completion).expect("the disk works");
        if is_copied {
            break;
        }
    }
    for seq in 4..8 {
        fill_a_journal_file(&mut store, seq);
        run(&mut store, &mut disk);
    }
    let live = store.live(QUEUE);
    assert_eq!(opened(&mut disk, 2).live(QUEUE), live, "what was settled is back");
}

fn fill_a_journal_file(store: &mut Store, seq: u64) {
    store.enqueue(QUEUE, seq, &[0; 7000], true);
}
