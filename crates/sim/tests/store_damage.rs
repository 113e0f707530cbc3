//! Bytes that rot below what was synced are reported; everything else keeps being served.

use std::collections::BTreeSet;

use sim::SimDisk;
use stdx::{Random, Time};
use store::{Damage, Disk, Fault, FaultKind, Options, QueueId, Recovered, Store, open_with};

const QUEUE: QueueId = QueueId::new(1, 0);
const MESSAGES: u64 = 200;

fn options() -> Options {
    Options {
        journal_file_bytes: 8 << 10,
        journal_files_max: 1,
        fill_step_bytes: 1 << 10,
        segment_bytes: 2 << 10,
        ..Options::default()
    }
}

fn run(store: &mut Store, disk: &mut SimDisk) {
    while let Some(submission) = store.poll_submission(Time::ZERO) {
        store.complete(submission.execute(disk)).expect("the disk works");
    }
}

/// A closed directory with every message from 1 to `MESSAGES`, partly in segments, partly in the journal.
fn written() -> SimDisk {
    let mut disk = SimDisk::new();
    let mut store = open_with(&mut disk, 1, 1, &options()).expect("it is empty").stores.remove(0);
    for seq in 1..=MESSAGES {
        store.enqueue(QUEUE, seq, &[seq as u8; 100], true);
        run(&mut store, &mut disk);
    }
    store.close();
    run(&mut store, &mut disk);
    assert!(store.is_idle());
    disk
}

/// Everything that can be read, and all damage reported on the way.
fn read_all(disk: &mut SimDisk) -> Result<(BTreeSet<u64>, Vec<Damage>), Fault> {
    let Recovered { mut stores, mut damage, .. } = open_with(disk, 1, 2, &options())?;
    let store = &mut stores[0];
    let mut seqs = BTreeSet::new();
    let mut from = 0;
    loop {
        store.read(QUEUE, from, 1000);
        run(store, disk);
        damage.extend(std::iter::from_fn(|| store.poll_damage()));
        let loaded = store.poll_loaded().expect("a read has an answer");
        for (seq, message) in loaded.messages {
            assert_eq!(message, vec![seq as u8; 100]);
            assert!(seqs.insert(seq));
        }
        if loaded.next_seq == from {
            return Ok((seqs, damage));
        }
        from = loaded.next_seq;
    }
}

#[test]
fn one_rotten_byte_costs_at_most_one_message_and_is_reported() {
    let fresh = written();
    let paths: Vec<String> = fresh.paths().map(str::to_owned).collect();
    assert!(paths.iter().any(|path| path.ends_with(".seg")), "the oldest are in segments");
    let mut random = Random::new(1);
    let mut costly = 0;
    for path in paths.iter().filter(|path| path.ends_with(".seg") || path.ends_with(".log")) {
        let length = fresh.clone().len(path).expect("it is there");
        // The header of a file is all or nothing, and has its own test.
        let start = if path.ends_with(".log") { 4096 } else { 64 };
        for _ in 0..100 {
            let mut disk = fresh.clone();
            let offset = start + random.below(length - start);
            disk.rot(path, offset as usize);
            let (seqs, damage) = read_all(&mut disk).expect("one byte does not stop a broker");
            let lost = MESSAGES - seqs.len() as u64;
            assert!(lost <= 1, "{path} at {offset}: {lost} lost");
            assert!(lost == 0 || !damage.is_empty(), "{path} at {offset}: lost in silence");
            costly += lost;
        }
    }
    assert!(costly > 100, "most bytes belong to messages");
}

#[test]
fn a_rotten_header_is_reported_and_the_other_files_are_served() {
    let fresh = written();
    let paths: Vec<String> = fresh.paths().map(str::to_owned).collect();
    for path in paths.iter().filter(|path| path.ends_with(".seg") || path.ends_with(".log")) {
        let mut disk = fresh.clone();
        disk.rot(path, 20);
        let (seqs, damage) = read_all(&mut disk).expect("one file does not stop a broker");
        assert!(!damage.is_empty(), "{path} is lost in silence");
        assert!(seqs.len() as u64 > MESSAGES / 2);
    }
}

#[test]
fn a_directory_of_an_unknown_format_is_refused() {
    let mut disk = written();
    disk.rot("format", 30);
    let fault = read_all(&mut disk).expect_err("the version line is not ours");
    assert!(matches!(fault.kind, FaultKind::UnknownFormat(_)), "{fault}");
    disk.remove("format").expect("the power is on");
    let fault = read_all(&mut disk).expect_err("whose directory is this?");
    assert_eq!(fault.kind, FaultKind::Foreign);
}

#[test]
fn no_bytes_make_recovery_panic() {
    let fresh = written();
    let paths: Vec<String> = fresh.paths().map(str::to_owned).collect();
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let mut disk = fresh.clone();
        for _ in 0..1 + random.below(200) {
            let path = &paths[random.below(paths.len() as u64) as usize];
            let Ok(length @ 1..) = disk.len(path) else { continue };
            if !path.ends_with("format") {
                disk.rot(path, random.below(length) as usize);
            }
        }
        let outcome = read_all(&mut disk);
        assert!(outcome.is_ok() || outcome.is_err_and(|f| f.kind == FaultKind::DamagedSnapshot));
    }
}

#[test]
fn a_read_of_what_the_store_does_not_have_is_answered_without_the_disk() {
    let mut disk = written();
    let mut store = open_with(&mut disk, 1, 2, &options()).expect("it is whole").stores.remove(0);
    assert!(!store.has_loaded());
    store.read(QUEUE, MESSAGES + 1, 1000);
    assert!(store.has_loaded(), "nothing else will happen that makes anybody ask");
    let loaded = store.poll_loaded().expect("a read has an answer");
    assert_eq!((loaded.messages.len(), loaded.next_seq), (0, MESSAGES + 1));
    assert!(!store.has_loaded());
}
