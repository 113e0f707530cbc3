//! A broker with a bug on purpose is found out. Run with `cargo test -p sim --features seeded-bugs --test seeded_bugs`.

use sim::{SimDisk, run_seed};

#[test]
fn a_confirm_before_the_sync_is_found_out() {
    let found = (0..300).find_map(|seed| run_seed(seed, SimDisk::new()).err());
    let failure = found.expect("a broker that confirms before it syncs loses messages");
    assert!(failure.broken.starts_with("nothing confirmed is lost"), "{failure}");
}
