//! An extent: where the messages of one queue lie in one file, and which of them are settled.
//!
//! ```text
//!   entries   0   1   2   3   4   5   6          seq = first_seq + delta, ascending
//!   settled   x   x   .   x   .   .   .          one bit each
//!                     ▲ cursor: everything before it is settled
//! ```
//!
//! Settling in order moves the cursor; settling out of order is a binary search. The bit of an entry of a
//! segment has the number of the message in the segment, so entries of segments are never moved. Entries of a
//! journal file are: what lies before the cursor is cut away from time to time, so that a queue that is emptied
//! as fast as it is filled keeps working in the same few pages of memory.

use crate::record::Seal;
use crate::settled::Bits;

/// Settled entries are cut away from an extent when they are at least this many.
const CUT_MIN: usize = 4096;

/// The file of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The journal file with this number.
    Journal(u64),
    /// The segment of the queue that starts with this sequence number.
    Segment(u64),
}

/// Where one message lies. `length` is that of the message, without the header of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) seq: u64,
    pub(crate) offset: u32,
    pub(crate) length: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    delta: u32,
    offset: u32,
    length: u32,
}

/// The messages of one queue in one file.
#[derive(Debug)]
pub(crate) struct Extent {
    pub(crate) place: Place,
    pub(crate) epoch: u64,
    /// The seal that belongs to `epoch` and the file.
    pub(crate) seal: Seal,
    first_seq: u64,
    entries: Vec<Entry>,
    settled: Bits,
    cursor: usize,
    live: usize,
    /// The journal file that was current when a message of this segment was settled and its bits on disk
    /// do not say so yet.
    pub(crate) dirty_since: Option<u64>,
}

impl Extent {
    pub(crate) fn new(place: Place, epoch: u64, seal: Seal, first_seq: u64) -> Self {
        Self {
            place,
            epoch,
            seal,
            first_seq,
            entries: Vec::new(),
            settled: Bits::default(),
            cursor: 0,
            live: 0,
            dirty_since: None,
        }
    }

    /// Starts over in another file; only for an extent of which nothing is live.
    pub(crate) fn restart(&mut self, place: Place, epoch: u64, seal: Seal, first_seq: u64) {
        assert!(self.live == 0, "live messages are never dropped from the index");
        self.entries.clear();
        self.settled.clear();
        self.cursor = 0;
        self.dirty_since = None;
        (self.place, self.epoch, self.seal, self.first_seq) = (place, epoch, seal, first_seq);
    }

    /// How many messages are not settled.
    pub(crate) const fn live(&self) -> usize {
        self.live
    }

    /// How many messages the extent names, settled ones included.
    pub(crate) const fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) const fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// The last sequence number named here, or the first one when there is none.
    pub(crate) fn last_seq(&self) -> u64 {
        self.first_seq + self.entries.last().map_or(0, |entry| u64::from(entry.delta))
    }

    /// Whether the distance to `seq` fits into an entry.
    pub(crate) fn reaches(&self, seq: u64) -> bool {
        seq.checked_sub(self.first_seq).is_some_and(|delta| u32::try_from(delta).is_ok())
    }

    /// Names one more message, after all others.
    pub(crate) fn push(&mut self, spot: Spot) {
        let delta = u32::try_from(spot.seq - self.first_seq).expect("the caller asked `reaches`");
        self.settled.push();
        self.entries.push(Entry { delta, offset: spot.offset, length: spot.length });
        self.live += 1;
    }

    fn spot(&self, at: usize) -> Spot {
        let entry = &self.entries[at];
        Spot {
            seq: self.first_seq + u64::from(entry.delta),
            offset: entry.offset,
            length: entry.length,
        }
    }

    /// The entry of a message, settled or not. In a run without gaps this is a subtraction.
    pub(crate) fn find(&self, seq: u64) -> Option<usize> {
        let delta = u32::try_from(seq.checked_sub(self.first_seq)?).ok()?;
        let guess = delta.checked_sub(self.entries.first()?.delta)? as usize;
        match self.entries.get(guess) {
            Some(entry) if entry.delta == delta => Some(guess),
            _ => self.entries.binary_search_by_key(&delta, |entry| entry.delta).ok(),
        }
    }

    pub(crate) fn is_live(&self, at: usize) -> bool {
        !self.settled.contains(at)
    }

    /// Settles the message; says how long it was, or `None` when it was settled already.
    pub(crate) fn settle(&mut self, at: usize) -> Option<u32> {
        if !self.settled.insert(at) {
            return None;
        }
        self.live -= 1;
        let length = self.entries[at].length;
        if at == self.cursor {
            self.cursor = self.settled.first_absent(at, self.entries.len());
            self.cut();
        }
        Some(length)
    }

    fn cut(&mut self) {
        let is_worth_it = self.cursor >= CUT_MIN && self.cursor * 2 >= self.entries.len();
        if is_worth_it && matches!(self.place, Place::Journal(_)) {
            let cut = self.settled.cut(self.cursor);
            self.entries.drain(..cut);
            self.cursor -= cut;
        }
    }

    /// The live messages from `seq` on, in order.
    pub(crate) fn live_from(&self, seq: u64) -> impl Iterator<Item = Spot> + '_ {
        let delta = seq.saturating_sub(self.first_seq);
        let start = self.entries.partition_point(|entry| u64::from(entry.delta) < delta);
        (start.max(self.cursor)..self.entries.len())
            .filter(|at| self.is_live(*at))
            .map(|at| self.spot(at))
    }

    /// The settled bits, one per entry.
    pub(crate) const fn settled(&self) -> &Bits {
        &self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(seqs: impl IntoIterator<Item = u64>) -> Extent {
        let mut extent = Extent::new(Place::Journal(1), 0, Seal::new(0, 1), 10);
        for seq in seqs {
            extent.push(Spot { seq, offset: seq as u32, length: 1 });
        }
        extent
    }

    #[test]
    fn settled_messages_are_found_once() {
        let mut extent = extent([10, 11, 14, 20]);
        let at = extent.find(14).expect("14 is there");
        assert_eq!(extent.settle(at), Some(1));
        assert_eq!(extent.settle(at), None);
        assert_eq!(extent.find(12), None);
        assert_eq!(extent.find(9), None);
        assert_eq!(extent.live_from(11).map(|spot| spot.seq).collect::<Vec<_>>(), [11, 20]);
    }

    #[test]
    fn a_queue_emptied_as_it_is_filled_keeps_little_memory() {
        let mut extent = extent([10]);
        for seq in 11..200_000 {
            extent.push(Spot { seq, offset: 0, length: 1 });
            let at = extent.find(seq - 1).expect("the message before is there");
            assert!(extent.settle(at).is_some());
        }
        assert!(extent.len() <= 2 * CUT_MIN);
        assert_eq!(extent.live_from(0).map(|spot| spot.seq).collect::<Vec<_>>(), [199_999]);
    }
}
