//! Bytes of a data directory that change behind everybody's back: a flipped bit, a page of zeros, a block that was
//! written somewhere else.
//!
//! ```text
//!   World ─▶ Specimen: a directory, what recovery finds in it, and a Chart of what lies where
//!                │ many times
//!                ▼
//!             Injury ─▶ recover, read everything ─▶ Verdict: is whatever is missing reported?
//! ```
//!
//! Nothing that is read may be wrong, and nothing may be missing in silence, but for what nothing bears witness of:
//! the batches behind the last one that a later batch, which can still be read, calls synced.

mod chart;
mod injury;
mod repairing;
mod specimen;
mod toll;
mod verdict;

use stdx::Random;

pub use toll::Toll;

use injury::Injury;
use specimen::Specimen;

/// Injuries of one directory, each by itself.
const INJURIES: u64 = 250;

/// Makes the directory of one seed, and injures it in many ways.
///
/// # Panics
/// Something wrong is read, or something is missing in silence.
pub fn injure(seed: u64) -> Toll {
    let mut random = Random::new(seed);
    let specimen = Specimen::grow(&mut random);
    let mut toll = Toll { directories: 1, ..Toll::default() };
    for _ in 0..INJURIES {
        let Some((disk, injury)) = Injury::inflict(&specimen, &mut random) else { continue };
        verdict::examine(&specimen, disk, &injury, &mut random, &mut toll);
    }
    toll
}
