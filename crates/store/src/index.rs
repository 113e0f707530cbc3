//! Where every live message lies: per queue, the extents in the order of their sequence numbers.
//!
//! ```text
//!   queue ─► segment 1 │ segment 900 │ journal 7 │ journal 8      oldest first
//! ```
//!
//! An extent without live messages is dropped, except the last one, which is reused by the next message.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::extent::{Extent, Place, Spot};
use crate::queue_id::QueueId;
use crate::record::Seal;
use crate::segment::Segment;

/// A file, as the extents in it know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileLife {
    pub(crate) place: Place,
    pub(crate) epoch: u64,
    pub(crate) seal: Seal,
}

/// What a settle took from one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) place: Place,
    pub(crate) count: usize,
    /// Nothing of this queue is live in that file any longer.
    pub(crate) is_emptied: bool,
}

/// The messages of one queue.
#[derive(Debug)]
pub(crate) struct QueueIndex {
    pub(crate) id: QueueId,
    pub(crate) extents: VecDeque<Extent>,
    pub(crate) live_count: u64,
    pub(crate) live_bytes: u64,
    /// Above every sequence number that was ever seen.
    pub(crate) next_seq: u64,
    /// There is, or may be, a directory with segments.
    pub(crate) has_directory: bool,
}

impl QueueIndex {
    const fn new(id: QueueId) -> Self {
        let extents = VecDeque::new();
        Self { id, extents, live_count: 0, live_bytes: 0, next_seq: 0, has_directory: false }
    }

    /// Names one more message, which lies in this file.
    pub(crate) fn push(&mut self, file: FileLife, spot: Spot) {
        let FileLife { place, epoch, seal } = file;
        match self.extents.back_mut() {
            Some(last) if last.place == place && last.live() > 0 && last.reaches(spot.seq) => {
                last.push(spot);
            }
            Some(last) if last.live() == 0 => {
                last.restart(place, epoch, seal, spot.seq);
                last.push(spot);
            }
            _ => {
                let mut extent = Extent::new(place, epoch, seal, spot.seq);
                extent.push(spot);
                self.extents.push_back(extent);
            }
        }
        self.count(spot);
    }

    /// Names a message that recovery found in a journal file. A segment holds all live messages between its first
    /// and its last one, so those are passed over: they are in the segment, or were settled before it was made.
    pub(crate) fn insert(&mut self, file: FileLife, spot: Spot) {
        let at = self.extents.partition_point(|extent| extent.first_seq() <= spot.seq);
        if at == self.extents.len() && self.extents.back().is_none_or(|e| spot.seq > e.last_seq()) {
            self.push(file, spot);
            return;
        }
        if let Some(before) = at.checked_sub(1).map(|before| &mut self.extents[before]) {
            if spot.seq <= before.last_seq() {
                return;
            }
            if before.place == file.place && before.reaches(spot.seq) {
                before.push(spot);
                self.count(spot);
                return;
            }
        }
        let mut extent = Extent::new(file.place, file.epoch, file.seal, spot.seq);
        extent.push(spot);
        self.extents.insert(at, extent);
        self.count(spot);
    }

    fn count(&mut self, spot: Spot) {
        self.live_count += 1;
        self.live_bytes += u64::from(spot.length);
        self.next_seq = self.next_seq.max(spot.seq + 1);
    }

    /// The extent that would hold this message.
    fn extent_of(&self, seq: u64) -> Option<usize> {
        let front = self.extents.front()?;
        if seq <= front.last_seq() {
            return Some(0);
        }
        let at = self.extents.partition_point(|extent| extent.first_seq() <= seq);
        at.checked_sub(1)
    }

    /// Whether the message is there and not settled.
    pub(crate) fn is_live(&self, seq: u64) -> bool {
        self.extent_of(seq).is_some_and(|at| {
            self.extents[at].find(seq).is_some_and(|entry| self.extents[at].is_live(entry))
        })
    }

    /// Settles one message while journal file `current` is being written; `None` when there is no such message.
    pub(crate) fn settle(&mut self, seq: u64, length: u32, current: u64) -> Option<Gone> {
        let at = self.extent_of(seq)?;
        let extent = &mut self.extents[at];
        let entry = extent.find(seq)?;
        let known = extent.settle(entry)?;
        assert_eq!(known, length, "a message keeps its length");
        extent.dirty_since.get_or_insert(current);
        self.live_count -= 1;
        self.live_bytes -= u64::from(length);
        let gone = Gone { place: extent.place, count: 1, is_emptied: extent.live() == 0 };
        self.drop_if_empty(at);
        Some(gone)
    }

    /// Settles everything from `first` to `last` except `keep`, which is sorted.
    pub(crate) fn settle_range(
        &mut self,
        first: u64,
        last: u64,
        keep: &[u64],
        current: u64,
    ) -> Vec<Gone> {
        let mut all_gone = Vec::new();
        let mut at = self.extent_of(first).unwrap_or(0);
        while at < self.extents.len() && self.extents[at].first_seq() <= last {
            let extent = &mut self.extents[at];
            let going: Vec<Spot> = extent
                .live_from(first)
                .take_while(|spot| spot.seq <= last)
                .filter(|spot| keep.binary_search(&spot.seq).is_err())
                .collect();
            for spot in &going {
                let entry = extent.find(spot.seq).expect("the extent named it");
                extent.settle(entry);
                self.live_bytes -= u64::from(spot.length);
            }
            self.live_count -= going.len() as u64;
            if !going.is_empty() {
                extent.dirty_since.get_or_insert(current);
                let is_emptied = extent.live() == 0;
                all_gone.push(Gone { place: extent.place, count: going.len(), is_emptied });
            }
            if !self.drop_if_empty(at) {
                at += 1;
            }
        }
        all_gone
    }

    /// Puts segments in the place of the journal file from which they were copied. What was settled after the
    /// plan was made, while file `planned_in` or a later one was written, is settled in the segments too. Says
    /// which segments have no live message left.
    pub(crate) fn replace(
        &mut self,
        file: Place,
        segments: &[Segment],
        planned_in: u64,
    ) -> Vec<u64> {
        let mut copies: Vec<Extent> = segments.iter().map(Segment::extent).collect();
        for (segment, copy) in segments.iter().zip(&mut copies) {
            for (entry, spot) in segment.spots.iter().enumerate() {
                if !self.is_live(spot.seq) {
                    copy.settle(entry);
                    copy.dirty_since = Some(planned_in);
                }
            }
        }
        let is_old = |extent: &&Extent| extent.place == file;
        for spot in self.extents.iter().filter(is_old).flat_map(|extent| extent.live_from(0)) {
            self.live_count -= 1;
            self.live_bytes -= u64::from(spot.length);
        }
        self.extents.retain(|extent| extent.place != file);
        let mut emptied = Vec::new();
        for copy in copies {
            if copy.live() == 0 {
                emptied.push(copy.first_seq());
                continue;
            }
            copy.live_from(0).for_each(|spot| self.count(spot));
            let at = self.extents.partition_point(|e| e.first_seq() < copy.first_seq());
            self.extents.insert(at, copy);
        }
        emptied
    }

    /// Adds a segment found on disk, after all others.
    pub(crate) fn push_segment(&mut self, extent: Extent) {
        extent.live_from(0).for_each(|spot| self.count(spot));
        self.next_seq = self.next_seq.max(extent.last_seq() + 1);
        self.extents.push_back(extent);
    }

    fn drop_if_empty(&mut self, at: usize) -> bool {
        let is_reusable =
            at + 1 == self.extents.len() && matches!(self.extents[at].place, Place::Journal(_));
        let is_dropped = self.extents[at].live() == 0 && !is_reusable;
        if is_dropped {
            self.extents.remove(at);
        }
        is_dropped
    }

    /// The live messages from `seq` on, in order, each with the extent that names it.
    pub(crate) fn live_from(&self, seq: u64) -> impl Iterator<Item = (&Extent, Spot)> {
        let start = self.extent_of(seq).unwrap_or(0);
        self.extents
            .range(start..)
            .flat_map(move |extent| extent.live_from(seq).map(move |spot| (extent, spot)))
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: u64) -> FileLife {
        FileLife { place: Place::Journal(number), epoch: 0, seal: Seal::new(0, number) }
    }

    fn queue() -> QueueIndex {
        let mut queue = QueueIndex::new(QueueId::new(1, 0));
        for seq in 1..=9 {
            queue.push(file(seq / 5), Spot { seq, offset: 0, length: 10 });
        }
        queue
    }

    #[test]
    fn a_purge_keeps_what_it_is_told_to_keep() {
        let mut queue = queue();
        let gone = queue.settle_range(0, 8, &[2, 7], 1);
        assert_eq!(gone.iter().map(|gone| gone.count).collect::<Vec<_>>(), [3, 3]);
        let left: Vec<u64> = queue.live_from(0).map(|(_, spot)| spot.seq).collect();
        assert_eq!(left, [2, 7, 9]);
        assert_eq!((queue.live_count, queue.live_bytes), (3, 30));
    }

    #[test]
    fn an_extent_without_live_messages_is_dropped() {
        let mut queue = queue();
        let emptied = (1..=4).filter_map(|seq| queue.settle(seq, 10, 1)).last();
        assert_eq!(emptied, Some(Gone { place: Place::Journal(0), count: 1, is_emptied: true }));
        assert_eq!(queue.extents.len(), 1);
        assert_eq!(queue.settle(3, 10, 1), None);
    }
}
