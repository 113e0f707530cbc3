//! Requests that once were good, changed at random: nothing panics, and each has an answer. The same numbers on every run; the
//! fuzz target looks further with the same check.

mod checks;

use std::fs;
use std::path::Path;

use stdx::Random;

const ROUNDS: usize = 1_500;
const LEN_MAX: usize = 6_000;

/// The seeds of the fuzz target, in the order of their names.
fn originals() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/requests");
    let entries = fs::read_dir(folder).expect("the seeds are in the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a seed").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are seeds");
    paths.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

/// A few changes: a bit, an octet, a piece cut out, doubled or brought from elsewhere.
fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    for _ in 0..=random.below(6) {
        let at = index(random, bytes.len() + 1);
        let to = at + index(random, (bytes.len() - at).min(60) + 1);
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next_u64().to_be_bytes()[0],
            2 => drop(bytes.drain(at..to)),
            3 => bytes.extend_from_within(at..to),
            4 | 5 => {
                let other = &others[index(random, others.len())];
                let from = index(random, other.len() + 1);
                let piece = &other[from..other.len().min(from + 60)];
                drop(bytes.splice(at..to, piece.iter().copied()));
            }
            _ => {}
        }
    }
    bytes.truncate(LEN_MAX);
}

fn index(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).expect("below a usize")
}

#[test]
fn mutated_requests_are_answered_and_never_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (originals, mut random) = (originals(), Random::new(1));
    let mut bytes = Vec::new();
    for round in 0..originals.len() + ROUNDS {
        match originals.get(round) {
            Some(original) => bytes.clone_from(original),
            None => {
                bytes.clone_from(&originals[index(&mut random, originals.len())]);
                mutate(&mut bytes, &originals, &mut random);
            }
        }
        checks::requests(&bytes, &runtime);
    }
}
