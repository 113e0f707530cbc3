//! Messages expire, wait, are counted, make room and die as a queue's rules say: random operations on a queue and on a board
//! on which everything is written down, compared whenever nothing is under way.

mod board;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use stdx::Random;
use world::World;

const SEEDS: u64 = 2_000;
const OPERATIONS: usize = 150;

#[test]
fn messages_fare_as_the_rules_say_whatever_is_done() {
    for seed in 0..SEEDS {
        let mut random = Random::new(seed);
        let mut world = World::new(&mut random);
        let ran = catch_unwind(AssertUnwindSafe(|| {
            for _ in 0..OPERATIONS {
                world.step(&mut random);
            }
            world.drain(&mut random);
        }));
        if ran.is_err() {
            println!("{}", world.history());
            panic!("seed {seed} fails; its operations are above");
        }
    }
}
