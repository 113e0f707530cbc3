//! Whatever bytes of a directory change behind everybody's back: nothing wrong is read, nothing is lost in silence.
//! `cargo xtask sim damage` does this to many more directories.

use sim::damage::{Toll, injure};

#[test]
fn nothing_wrong_is_read_and_nothing_is_lost_in_silence() {
    let toll = (0..40).map(injure).fold(Toll::default(), Toll::plus);
    println!("{toll}");
    assert!(toll.count() > 3000 && toll.repaired > 500, "{toll}");
    assert!(
        toll.injuries[0].iter().all(|count| *count > 0),
        "every kind of file is injured: {toll}"
    );
}
