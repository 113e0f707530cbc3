//! A broker with a bug on purpose is found out. Run with `cargo test -p sim --features seeded-bugs --test seeded_bugs`.

use sim::{SimDisk, run_seed};

#[test]
fn a_confirm_before_the_sync_is_found_out() {
    // A confirm also says that what was settled before it is on disk, so that other promises break too.
    let mut failures = (0..300).filter_map(|seed| run_seed(seed, SimDisk::new()).err());
    let found = failures.find(|failure| failure.broken.starts_with("nothing confirmed is lost"));
    assert!(found.is_some(), "a broker that confirms before it syncs loses messages");
}
