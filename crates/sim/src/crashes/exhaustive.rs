//! All short sequences of operations, with the power lost at every call of the disk, and again at every call of the
//! recovery from that.
//!
//! ```text
//!   n operations: 10ⁿ sequences. Of each, the crash points of its last operation are explored;
//!   those of the others belong to the shorter sequences.
//! ```

use stdx::Random;
use store::Options;

use crate::SimDisk;
use crate::crashes::explorer::{Again, Explorer};
use crate::crashes::figures::Figures;
use crate::crashes::world::{Nth, World, small};

/// One operation of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    PublishAwaited,
    Publish,
    AckOldest,
    AckNewest,
    Purge,
    /// A message that fills the journal file.
    Roll,
    /// Everything is written and synced, and all work in the background is done.
    Settle,
    DeleteQueue,
    Note,
    Snapshot,
}

const OPERATIONS: [Operation; 10] = [
    Operation::PublishAwaited,
    Operation::Publish,
    Operation::AckOldest,
    Operation::AckNewest,
    Operation::Purge,
    Operation::Roll,
    Operation::Settle,
    Operation::DeleteQueue,
    Operation::Note,
    Operation::Snapshot,
];

/// After so long, everything is written and synced.
const SETTLE_MS: u64 = 1000;
/// Rounds after which the background must have come to its end.
const ROUNDS_MAX: usize = 100;

/// All sequences of up to so many operations, by number, shortest first.
#[derive(Clone, Copy, Debug)]
pub struct Sequences {
    ops_max: u32,
}

impl Sequences {
    /// All sequences of 1 to `ops_max` operations.
    pub const fn new(ops_max: u32) -> Self {
        Self { ops_max }
    }

    /// How many there are.
    pub fn count(self) -> u64 {
        (1..=self.ops_max).map(|ops| (OPERATIONS.len() as u64).pow(ops)).sum()
    }

    fn nth(mut number: u64) -> Vec<Operation> {
        let base = OPERATIONS.len() as u64;
        let mut ops = 1;
        while number >= base.pow(ops) {
            number -= base.pow(ops);
            ops += 1;
        }
        (0..ops).rev().map(|at| OPERATIONS[(number / base.pow(at) % base) as usize]).collect()
    }
}

/// Explores one sequence.
///
/// # Panics
/// A promise is broken.
pub fn exhaust(number: u64) -> Figures {
    let sequence = Sequences::nth(number);
    let mut world = World::new(number, SimDisk::new());
    world.options = Options { journal_files_max: 0, ..small() };
    world.open(1).expect("the power is on");
    world.add_queue();
    let mut explorer = Explorer::new(Random::new(number), 1, Again::EachCall);
    explorer.figures.workloads = 1;
    let (last, before) = sequence.split_last().expect("a sequence is not empty");
    for operation in before {
        operate(&mut world, *operation, &mut |_| {});
    }
    operate(&mut world, *last, &mut |world| explorer.lose_power(world));
    explorer.lose_power(&world);
    explorer.figures
}

fn operate(world: &mut World, operation: Operation, watch: &mut dyn FnMut(&World)) {
    let queue = world.queues[0];
    match operation {
        Operation::PublishAwaited => world.enqueue(queue, 20, true),
        Operation::Publish => world.enqueue(queue, 20, false),
        Operation::AckOldest => world.settle(queue, Nth::Oldest),
        Operation::AckNewest => world.settle(queue, Nth::Newest),
        Operation::Purge => world.purge(queue, &[]),
        Operation::Roll => {
            let length = world.options.journal_file_bytes as usize - 4096 - 100;
            world.enqueue(queue, length, true);
        }
        Operation::Settle => return settle(world, watch),
        Operation::DeleteQueue => {
            world.forget(queue);
            world.add_queue();
        }
        Operation::Note => world.note(),
        Operation::Snapshot => world.snapshot(),
    }
    act(world, watch);
}

/// What is due at once is executed.
fn act(world: &mut World, watch: &mut dyn FnMut(&World)) {
    world.submit();
    let under_way = std::mem::take(&mut world.in_flight);
    world.perform(under_way, watch).expect("the power is on");
}

fn settle(world: &mut World, watch: &mut dyn FnMut(&World)) {
    world.now = world.now.plus_millis(SETTLE_MS);
    for _ in 0..ROUNDS_MAX {
        act(world, watch);
        world.submit();
        if world.in_flight.is_empty() {
            return;
        }
    }
    panic!("there is no end to the work in the background");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sequence_has_one_number() {
        let count = Sequences::new(3).count();
        assert_eq!(count, 10 + 100 + 1000);
        let mut all: Vec<String> =
            (0..count).map(|number| format!("{:?}", Sequences::nth(number))).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len() as u64, count);
    }
}
