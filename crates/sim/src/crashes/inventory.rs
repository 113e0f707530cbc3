//! Everything that can be found in a directory, damaged or not.

use std::collections::{BTreeMap, BTreeSet};

use stdx::Time;
use store::{Damage, Disk, Fault, Options, QueueId, Recovered, Store, open_with};

use crate::crashes::model::Body;

/// What a directory holds.
#[derive(Clone, Debug)]
pub(crate) struct Inventory {
    pub(crate) live: BTreeMap<(QueueId, u64), Body>,
    /// Numbers of the notes, those that a snapshot stands for included.
    pub(crate) notes: BTreeSet<u64>,
    pub(crate) damage: Vec<Damage>,
    /// Messages that came more than once.
    pub(crate) twice: Vec<(QueueId, u64)>,
}

impl Inventory {
    /// Opens a directory of a [`World`](crate::crashes::World), and reads all of it.
    pub(crate) fn of(
        disk: &mut dyn Disk,
        shards: usize,
        seed: u64,
        options: &Options,
    ) -> Result<Self, Fault> {
        let Recovered { mut stores, snapshot, notes, queues, damage } =
            open_with(disk, shards, seed, options)?;
        let number =
            |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("notes are numbers"));
        let noted = snapshot.map_or(0, |bytes| number(&bytes));
        let notes = (1..=noted).chain(notes.iter().map(|note| number(note))).collect();
        let mut inventory = Self { live: BTreeMap::new(), notes, damage, twice: Vec::new() };
        for queue in queues {
            inventory.read(disk, &mut stores[queue.id.shard(shards)], queue.id);
        }
        Ok(inventory)
    }

    fn read(&mut self, disk: &mut dyn Disk, store: &mut Store, queue: QueueId) {
        let mut from = 0;
        loop {
            store.read(queue, from, 2000);
            while let Some(submission) = store.poll_submission(Time::ZERO) {
                store.complete(submission.execute(disk)).expect("the power is on");
            }
            self.damage.extend(std::iter::from_fn(|| store.poll_damage()));
            let loaded = store.poll_loaded().expect("a read has an answer");
            if loaded.next_seq == from {
                return;
            }
            from = loaded.next_seq;
            for (seq, bytes) in loaded.messages {
                if self.live.insert((queue, seq), Body::of(&bytes)).is_some() {
                    self.twice.push((queue, seq));
                }
            }
        }
    }
}
