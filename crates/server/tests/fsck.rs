//! `leveret fsck` as a user meets it: what it prints, its exit codes, and what it leaves.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the program is tried on the real file system"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A segment of the queue `dense`.
const SEGMENT: &str = "queues/0000000000000a00/0000000000000001.seg";

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// A data directory with messages.
fn directory() -> TempDir {
    let temporary = tempfile::tempdir().expect("made");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/v1");
    copy(&golden, temporary.path());
    temporary
}

/// Exit code, standard output, standard error.
fn fsck(data_dir: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_leveret"))
        .arg("fsck")
        .arg("--data-dir")
        .arg(data_dir)
        .args(more)
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut all, mut dirs) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let bytes = fs::read(&path).expect("read");
                all.insert(path, bytes);
            }
        }
    }
    all
}

fn rot(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).expect("read");
    bytes[offset] ^= 0x55;
    fs::write(path, bytes).expect("written");
}

#[test]
fn a_whole_directory_is_clean_and_is_not_touched() {
    let directory = directory();
    let before = files(directory.path());
    let (code, out, err) = fsck(directory.path(), &[]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains(": 90 messages of "), "{out}");
    assert!(out.contains(" in 5 of "), "{out}");
    assert!(out.ends_with(" queues; everything is as it was written\n"), "{out}");
    assert!(before == files(directory.path()), "a check changes nothing");
}

#[test]
fn damage_is_named_and_can_be_moved_aside() {
    let directory = directory();
    let segment = directory.path().join(SEGMENT);
    rot(&segment, 150);
    let injured = fs::read(&segment).expect("read");
    let (code, out, _) = fsck(directory.path(), &[]);
    assert_eq!(code, Some(1), "{out}");
    let line = format!(
        "{SEGMENT}: queue 'dense' in vhost '/', messages 2 to 2: messages do not match their checksums\n"
    );
    assert!(out.starts_with(&line), "{out}");
    assert!(out.ends_with(" 1 piece of damage\n"), "{out}");

    let (code, out, err) = fsck(directory.path(), &["--repair"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let aside = directory.path().join("quarantine").join(SEGMENT);
    assert!(out.contains(&format!("moved {SEGMENT} to {}\n", aside.display())), "{out}");
    assert!(out.ends_with("everything is as it was written\n"), "{out}");
    assert_eq!(fs::read(aside).expect("it is kept"), injured);

    for more in [&[][..], &["--repair"][..]] {
        let (code, out, _) = fsck(directory.path(), more);
        assert_eq!(code, Some(0), "{out}");
        assert!(out.contains(": 89 messages of "), "{out}");
    }
}

#[test]
fn what_cannot_be_checked_says_what_to_do() {
    let empty = tempfile::tempdir().expect("made");
    let (code, out, err) = fsck(empty.path(), &[]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("it has no file `format`; name the one"), "{err}");
    assert!(files(empty.path()).is_empty(), "nothing is made there");

    let directory = directory();
    let lock = File::create(directory.path().join("lock")).expect("made");
    lock.lock().expect("locked");
    for more in [&[][..], &["--repair"][..]] {
        let (code, _, err) = fsck(directory.path(), more);
        assert_eq!(code, Some(2));
        assert!(err.contains("is in use by another process; stop that one"), "{err}");
    }
    drop(lock);

    rot(&directory.path().join("format"), 30);
    let (code, _, err) = fsck(directory.path(), &["--repair"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("a format that this version does not know"), "{err}");
}
