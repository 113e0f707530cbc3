//! All queues of a shard, and where the live messages of each one lie.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::queue_id::QueueId;
use crate::queue_index::QueueIndex;

/// All queues of a shard. They are iterated in the order of their slots, which is the same in every run.
#[derive(Debug, Default)]
pub(crate) struct Index {
    slots: Vec<Option<QueueIndex>>,
    by_id: HashMap<QueueId, usize, BuildHasherDefault<IdHasher>>,
    free: Vec<usize>,
}

impl Index {
    pub(crate) fn get(&self, id: QueueId) -> Option<&QueueIndex> {
        self.by_id.get(&id).and_then(|slot| self.slots[*slot].as_ref())
    }

    pub(crate) fn get_mut(&mut self, id: QueueId) -> Option<&mut QueueIndex> {
        self.by_id.get(&id).and_then(|slot| self.slots[*slot].as_mut())
    }

    /// The queue, made if it is not there.
    pub(crate) fn queue(&mut self, id: QueueId) -> &mut QueueIndex {
        let slot = *self.by_id.entry(id).or_insert_with(|| {
            let slot = self.free.pop().unwrap_or(self.slots.len());
            if slot == self.slots.len() {
                self.slots.push(None);
            }
            slot
        });
        self.slots[slot].get_or_insert_with(|| QueueIndex::new(id))
    }

    pub(crate) fn remove(&mut self, id: QueueId) -> Option<QueueIndex> {
        let slot = self.by_id.remove(&id)?;
        self.free.push(slot);
        self.slots[slot].take()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &QueueIndex> {
        self.slots.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut QueueIndex> {
        self.slots.iter_mut().flatten()
    }
}

/// Spreads queue ids, which are our own running numbers, over a hash table.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}
