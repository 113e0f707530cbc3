//! Runs every transcript under `tests/transcripts`, in every layout.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use testkit::{Layout, Transcript, run};

/// The transcripts lie at the root of the project, where people look for a specification.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts")
}

/// All files below a directory that end in `.txt`, in order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("the transcripts are there");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a directory can be read").path()).collect();
    paths.sort_unstable();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    found
}

fn all() -> Vec<(String, Transcript)> {
    let mut transcripts = Vec::new();
    for path in files(&root()) {
        let name = path.strip_prefix(root()).expect("it was found there").display();
        let name = format!("tests/transcripts/{name}");
        let text = fs::read_to_string(&path).expect("a transcript is text");
        match Transcript::parse_all(&text) {
            Ok(read) => transcripts.extend(read.into_iter().map(|t| (name.clone(), t))),
            Err(unreadable) => panic!("{name}:{}: {}", unreadable.line, unreadable.what),
        }
    }
    transcripts
}

#[test]
fn every_conversation_goes_as_it_is_written_whatever_the_layout() {
    let mut failures = Vec::new();
    let transcripts = all();
    for (file, transcript) in &transcripts {
        for layout in Layout::ALL {
            if let Err(failure) = run(transcript, layout) {
                let title = &transcript.title;
                let line = failure.line;
                failures.push(format!("{file}:{line}: {failure}\n    in: {title}\n    ({layout})"));
                break;
            }
        }
    }
    println!("{} transcripts, {} layouts each", transcripts.len(), Layout::ALL.len());
    assert!(
        failures.is_empty(),
        "{} went another way:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

#[test]
fn no_two_conversations_have_the_same_title() {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for (file, transcript) in all() {
        let here = format!("{file}:{}", transcript.line);
        if let Some(there) = first.insert(transcript.title.clone(), here.clone()) {
            panic!("{here}: {there} has the title \"{}\" too", transcript.title);
        }
    }
}
