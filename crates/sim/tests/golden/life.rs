//! The life that left the directory of version 1.

use message::{Address, Arena, QueueId};
use metadata::Change;
use sim::SimDisk;
use stdx::Time;
use store::{Store, open_with};

use crate::contents::{
    COMPACTED, DENSE, FORGOTTEN, GAPS, GAPS_KEPT, HALF, JOURNAL, JOURNAL_KEPT, SHARDS,
    SNAPSHOT_CHANGES, body, changes, options, queues,
};

/// AMQP 0-9-1: a delivery mode of 2, and nothing else.
const PROPERTIES: [u8; 3] = [0x10, 0x00, 2];
const SEED: u64 = 1;

struct Life {
    disk: SimDisk,
    stores: Vec<Store>,
    now: Time,
}

/// Lives it, to an orderly end.
pub(crate) fn live() -> SimDisk {
    let mut disk = SimDisk::new();
    let stores = open_with(&mut disk, SHARDS, SEED, &options()).expect("it is empty").stores;
    let mut life = Life { disk, stores, now: Time::ZERO };
    life.declare(&changes()[..SNAPSHOT_CHANGES]);
    life.fill();
    life.thin_out();
    life.halve();
    life.end();
    life.disk.survivor(|_| sim::disk::Survives::Whole)
}

impl Life {
    fn declare(&mut self, changes: &[Change]) {
        for change in changes {
            self.stores[0].note(&change.to_bytes());
            self.run();
        }
    }

    fn store(&mut self, queue: QueueId) -> &mut Store {
        &mut self.stores[queue.shard(SHARDS)]
    }

    fn message(queue: QueueId, seq: u64) -> Vec<u8> {
        let name = queues().into_iter().find(|(id, _)| *id == queue).map_or("forgotten", |q| q.1);
        let address = Address {
            is_persistent: true,
            ..Address::new(b"", name.as_bytes(), 1_700_000_000_000)
        };
        let message = Arena::new().message(&address, &PROPERTIES, &body(queue, seq));
        message.as_bytes().to_vec()
    }

    fn length(queue: QueueId, seq: u64) -> u32 {
        Self::message(queue, seq).len() as u32
    }

    fn enqueue(&mut self, queue: QueueId, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            self.store(queue).enqueue(queue, seq, &Self::message(queue, seq), true);
            self.run();
        }
    }

    fn settle(&mut self, queue: QueueId, seqs: impl IntoIterator<Item = u64>) {
        for seq in seqs {
            self.store(queue).settle(queue, seq, Self::length(queue, seq));
        }
        self.wait(500);
    }

    fn purge(&mut self, queue: QueueId, keep: &[u64]) {
        let keep: Vec<_> = keep.iter().map(|seq| (*seq, Self::length(queue, *seq))).collect();
        self.store(queue).purge(queue, &keep);
        self.wait(500);
    }

    fn run(&mut self) {
        for store in &mut self.stores {
            while let Some(submission) = store.poll_submission(self.now) {
                store.complete(submission.execute(&mut self.disk)).expect("the power is on");
            }
        }
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.plus_millis(millis);
        self.run();
    }

    /// Long enough for the journal to be emptied into segments, and for these to be compacted.
    fn rest(&mut self) {
        (0..8).for_each(|_| self.wait(1000));
    }

    /// Fills journal files until what was stored first is in segments.
    fn fill(&mut self) {
        self.enqueue(DENSE, 1..=40);
        self.enqueue(HALF, 1..=60);
        self.enqueue(GAPS, (1..=59).step_by(2));
        self.enqueue(COMPACTED, 1..=200);
        self.rest();
        // What fills the journal of the other shard goes at once.
        self.enqueue(HALF, 61..=400);
        self.settle(HALF, 61..=400);
        self.rest();
    }

    /// Settles so much of what is in segments that they are compacted.
    fn thin_out(&mut self) {
        self.purge(GAPS, &GAPS_KEPT);
        self.settle(COMPACTED, (1..=200).filter(|seq| seq % 20 != 0));
        self.snapshot();
        self.rest();
    }

    /// Settles half of two segments, and goes on until the journal files that say so are gone.
    fn halve(&mut self) {
        self.settle(HALF, (2..=60).step_by(2));
        self.enqueue(HALF, 401..=800);
        self.settle(HALF, 401..=800);
    }

    fn snapshot(&mut self) {
        let changes = &changes()[..SNAPSHOT_CHANGES];
        self.stores[0].snapshot(Change::list_to_bytes(changes));
        self.run();
    }

    /// What is only in the journal.
    fn end(&mut self) {
        self.enqueue(FORGOTTEN, 1..=5);
        self.declare(&changes()[SNAPSHOT_CHANGES..]);
        self.stores[1].forget(FORGOTTEN);
        self.enqueue(JOURNAL, 1..=12);
        self.purge(JOURNAL, &JOURNAL_KEPT);
        for seq in 13..=31 {
            if seq % 3 == 0 {
                self.stores[0].spill(JOURNAL, seq, &Self::message(JOURNAL, seq));
            } else {
                self.enqueue(JOURNAL, [seq]);
            }
        }
        self.settle(JOURNAL, [13, 14, 16, 17, 19, 20, 25, 26, 28]);
        self.stores.iter_mut().for_each(Store::close);
        self.run();
        assert!(self.stores.iter().all(Store::is_idle));
    }
}
