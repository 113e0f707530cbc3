//! Data directories as earlier versions wrote them, in `tests/golden`: what stands there is read by every later version.

mod contents;
mod life;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use message::Message;
use metadata::{Change, Definitions};
use sim::SimDisk;
use stdx::Time;
use store::{Disk, QueueId, Recovered, Store, check, open_with};

use contents::{SHARDS, changes, live, options, queues};

fn golden(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(format!("v{version}"))
}

/// Copies a directory onto a simulated disk.
fn load(disk: &mut SimDisk, root: &Path, dir: &str) {
    for entry in fs::read_dir(root.join(dir)).expect("the directory is there") {
        let name = entry.expect("it can be listed").file_name();
        let name = name.to_str().expect("names are hexadecimal numbers");
        let path = if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") };
        let full = root.join(&path);
        if full.is_dir() {
            disk.create_dir(&path).expect("the power is on");
            load(disk, root, &path);
        } else {
            let bytes = fs::read(full).expect("the file can be read");
            disk.write(&path, 0, &bytes).expect("the power is on");
        }
    }
}

/// Everything that is live in a queue.
fn read(store: &mut Store, disk: &mut SimDisk, queue: QueueId) -> BTreeMap<u64, Bytes> {
    let (mut found, mut from) = (BTreeMap::new(), 0);
    loop {
        store.read(queue, from, 1000);
        while let Some(submission) = store.poll_submission(Time::ZERO) {
            store.complete(submission.execute(disk)).expect("the power is on");
        }
        assert_eq!(store.poll_damage(), None);
        let loaded = store.poll_loaded().expect("a read has an answer");
        found.extend(loaded.messages);
        if loaded.next_seq == from {
            return found;
        }
        from = loaded.next_seq;
    }
}

fn definitions(snapshot: Option<&[u8]>, notes: &[Vec<u8>]) -> Vec<Change> {
    let bytes = snapshot.expect("there is a snapshot");
    let mut changes = Change::list_from_bytes(bytes).expect("the snapshot can be read");
    changes.extend(notes.iter().map(|note| Change::from_bytes(note).expect("a note can be read")));
    changes
}

/// The directory of a version, on a simulated disk.
fn copy(version: u32) -> SimDisk {
    let mut disk = SimDisk::new();
    load(&mut disk, &golden(version), "");
    disk
}

/// Opens a directory with so many shards, and holds it against what was put into it.
fn look(mut disk: SimDisk, shards: usize) {
    let recovered = open_with(&mut disk, shards, 1, &options()).expect("it can be opened");
    let Recovered { mut stores, snapshot, notes, queues: found, damage } = recovered;
    assert_eq!(damage, []);
    assert_eq!(definitions(snapshot.as_deref(), &notes), changes());
    let found: Vec<QueueId> = found.iter().map(|queue| queue.id).collect();
    assert_eq!(found, queues().map(|(id, _)| id), "a queue that was forgotten is gone");
    for (queue, name) in queues() {
        let messages = read(&mut stores[queue.shard(shards)], &mut disk, queue);
        let expected = live(queue);
        assert_eq!(messages.keys().copied().collect::<Vec<_>>(), expected, "{name}");
        for (seq, bytes) in messages {
            let message = Message::from_bytes(bytes).expect("it is a message");
            assert_eq!(message.parts().routing_key, name.as_bytes());
            assert_eq!(message.body(), contents::body(queue, seq));
        }
    }
}

#[test]
fn a_directory_of_version_1_is_read_as_it_was_written() {
    look(copy(1), SHARDS);
}

#[test]
fn a_directory_of_version_1_is_read_with_another_number_of_shards() {
    look(copy(1), 1);
    look(copy(1), 5);
}

#[test]
fn a_check_finds_a_directory_of_version_1_clean() {
    let mut disk = copy(1);
    let checked = check(&mut disk, &options()).expect("it can be checked");
    assert_eq!(checked.damage, []);
    assert_eq!(checked.shards, SHARDS);
    let count: usize = queues().map(|(id, _)| live(id).len()).iter().sum();
    assert_eq!(checked.messages, count as u64);
    let mut definitions_now = Definitions::new();
    definitions(checked.snapshot.as_deref(), &checked.notes)
        .iter()
        .for_each(|change| definitions_now.apply(change));
    for (queue, name) in queues() {
        let found = definitions_now.queue_by_id(queue).expect("it is declared");
        assert_eq!(found.name.as_str(), name);
    }
}

#[test]
fn a_directory_of_version_1_has_every_kind_of_file() {
    let disk = copy(1);
    for ending in [".log", ".seg", ".live", ".snap", ".copy", "format"] {
        assert!(disk.paths().any(|path| path.ends_with(ending)), "there is no {ending}");
    }
    for shard in 0..SHARDS {
        let dir = format!("journal/{shard}/");
        assert!(disk.paths().any(|path| path.starts_with(&dir) && path.ends_with(".log")));
    }
}

/// Another directory with the same contents; it is kept if `GOLDEN_DIR` says where: see `tests/golden/README.md`.
#[test]
fn the_life_that_left_version_1_can_be_lived_again() {
    let disk = life::live();
    if let Some(target) = std::env::var_os("GOLDEN_DIR").map(PathBuf::from) {
        save(&disk, &target);
    }
    look(disk, SHARDS);
}

fn save(disk: &SimDisk, target: &Path) {
    fs::create_dir(target).expect("GOLDEN_DIR can be made and is not there yet");
    for path in disk.paths() {
        match disk.bytes(path) {
            Some(bytes) => fs::write(target.join(path), bytes).expect("it can be written"),
            None => fs::create_dir(target.join(path)).expect("it can be made"),
        }
    }
}
