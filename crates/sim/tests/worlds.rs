//! Whole nodes in simulated worlds keep their promises. `cargo xtask sim` runs many more of them.

use sim::{SimDisk, run, run_seed};

#[test]
fn promises_hold_in_fifty_worlds() {
    let summary = run(0, 50).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(
        summary.crashes > 50 && summary.confirmed > 10_000,
        "worlds are full of life: {summary}"
    );
}

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..20 {
        let [first, second] = [0, 1].map(|_| run_seed(seed, SimDisk::new()).expect("it holds"));
        assert_eq!(first, second, "seed {seed} does not repeat");
    }
}
