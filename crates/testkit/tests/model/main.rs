//! Random operations, legal and illegal, on a node in memory and on a small model of a broker, which have to agree.
//!
//! ```text
//!                       ┌──▶ Client ⇄ World          what comes is one of the things
//!   generate ──▶ Step ──┤                     ├──▶   that the model says may come
//!                       └──▶ Model (reference)
//! ```
//!
//! Files: `op.rs` what can be done, `generate.rs` what is done, `reference.rs`, `messages.rs` and `shelf.rs` the model,
//! `observing.rs` what came against what had to come, `course.rs` a run of it, and how one that fails is made small.
//!
//! What fails is printed as a transcript, made as short as it gets: with a title above it and the right answer in it, it belongs in
//! `tests/transcripts`.

mod course;
mod generate;
mod messages;
mod observing;
mod op;
mod reference;
mod shelf;

use stdx::Random;
use testkit::{Layout, Transcript};

use course::{Listing, Setting, Tally};

/// Pieces of 3 bytes are slow, and covered by the transcripts.
fn layouts() -> impl Iterator<Item = Layout> {
    Layout::ALL.into_iter().filter(|layout| layout.piece_bytes > 3)
}

/// What has to happen in a run of many seeds: one that never gets there shows nothing.
const HAPPENS: [&str; 20] = [
    "basic.ack",
    "basic.cancel",
    "basic.get-empty",
    "basic.get-ok",
    "basic.nack",
    "basic.recover-ok",
    "basic.return",
    "channel.close",
    "connection.close",
    "dead letter",
    "delivered",
    "delivered again",
    "expired",
    "queue.delete-ok",
    "queue.purge-ok",
    "refused",
    "rejected",
    "too many",
    "tx.commit-ok",
    "tx.rollback-ok",
];

/// The seeds and how many steps are taken with each: these, or as `LEVERET_MODEL=first..end,steps` says when the test is
/// compiled.
fn extent() -> (std::ops::Range<u64>, usize) {
    let asked = option_env!("LEVERET_MODEL").unwrap_or("0..150,80");
    let (seeds, steps) = asked.split_once(',').expect("first..end,steps");
    let (first, end) = seeds.split_once("..").expect("first..end");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    (number(first)..number(end), number(steps) as usize)
}

/// Runs a seed in one layout.
///
/// # Panics
/// When the node and the model do not agree.
fn run(seed: u64, layout: Layout, steps: usize) -> (Tally, Listing) {
    let mut random = Random::new(seed);
    let setting = Setting::random(&mut random, layout);
    match course::explore(setting, &mut random, steps) {
        Ok(it) => it,
        Err(failure) => {
            let whole = failure.steps.len();
            let failure = course::shrink(setting, failure);
            let count = failure.steps.len();
            panic!(
                "seed {seed}, {layout}, {count} of {whole} steps:\n\n{}\n{}\n",
                failure.listing, failure.what
            );
        }
    }
}

#[test]
fn the_node_does_what_a_small_model_does() {
    let (seeds, steps) = extent();
    let mut tally = Tally::new();
    for seed in seeds {
        for layout in layouts() {
            for (what, count) in run(seed, layout, steps).0 {
                *tally.entry(what).or_default() += count;
            }
        }
    }
    let missing: Vec<_> = HAPPENS.iter().filter(|&what| !tally.contains_key(what)).collect();
    assert!(missing.is_empty(), "{missing:?} never happened: {tally:#?}");
}

#[test]
fn what_is_printed_is_a_transcript_that_goes_the_same_way() {
    for seed in 0..8 {
        for layout in layouts() {
            let (_, listing) = run(seed, layout, 80);
            let text = format!("# Seed {seed}.\n{listing}");
            let transcripts = Transcript::parse_all(&text);
            let transcripts = transcripts.unwrap_or_else(|e| panic!("{e:?} in\n{text}"));
            if let Err(failure) = testkit::run(&transcripts[0], layout) {
                panic!("seed {seed}, {layout}, line {}: {failure}\n{text}", failure.line);
            }
        }
    }
}
