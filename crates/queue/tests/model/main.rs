//! A queue does what a much simpler one does: random operations on both, compared after every step.
//!
//! The simple one ([`simple::Model`]) keeps messages in a map by their places and knows nothing of windows, tails, slots
//! or rotations. A seed that fails prints its operations.

mod messages;
mod pair;
mod simple;

use std::panic::{AssertUnwindSafe, catch_unwind};

use messages::Messages;
use pair::Pair;
use stdx::Random;

const SEEDS: u64 = 2_000;
const OPERATIONS: usize = 200;

#[test]
fn a_queue_behaves_like_a_list_whatever_is_done_to_it() {
    let large = Messages::large();
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let mut pair = Pair::new(Messages::new(&large), &mut random);
        let ran = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..OPERATIONS {
                pair.step(&mut random);
            }
            pair.drain(&mut random);
        }));
        if ran.is_err() {
            println!("{}", pair.history());
            panic!("seed {seed} fails; its operations are above");
        }
    }
}
