//! The messages of one queue in one journal file, and which of them are settled.
//!
//! ```text
//!   entries   0   1   2   3   4   5   6          seq = first_seq + delta, ascending
//!   settled   x   x   .   x   .   .   .          one bit each
//!                     ▲ cursor: everything before it is settled
//! ```
//!
//! Settling in order moves the cursor; settling out of order is a binary search. What lies before the cursor is cut
//! away from time to time, so that a queue that is emptied as fast as it is filled keeps working in the same few
//! pages of memory.

use crate::bits::Bits;
use crate::extent::Spot;
use crate::record::Seal;

/// Settled entries are cut away from an extent when they are at least this many.
const CUT_MIN: usize = 4096;
/// This bit of a length says that the message is gone at the next start. No message is longer than 1 GiB.
const SPILLED: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
struct Entry {
    delta: u32,
    offset: u32,
    /// With [`SPILLED`].
    length: u32,
}

/// The messages of one queue in one journal file.
#[derive(Debug)]
pub(crate) struct JournalExtent {
    pub(crate) file: u64,
    /// What the checksums in that file start from.
    pub(crate) seal: Seal,
    first_seq: u64,
    entries: Vec<Entry>,
    settled: Bits,
    cursor: usize,
    live: usize,
}

impl JournalExtent {
    pub(crate) fn new(file: u64, seal: Seal, first_seq: u64) -> Self {
        Self {
            file,
            seal,
            first_seq,
            entries: Vec::new(),
            settled: Bits::default(),
            cursor: 0,
            live: 0,
        }
    }

    /// Starts over in another file; only for an extent of which nothing is live.
    pub(crate) fn restart(&mut self, file: u64, seal: Seal, first_seq: u64) {
        assert!(self.live == 0, "live messages are never dropped from the index");
        self.entries.clear();
        self.settled.clear();
        self.cursor = 0;
        (self.file, self.seal, self.first_seq) = (file, seal, first_seq);
    }

    /// How many messages are not settled.
    pub(crate) const fn live(&self) -> usize {
        self.live
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
        let length = spot.length | if spot.is_spilled { SPILLED } else { 0 };
        self.entries.push(Entry { delta, offset: spot.offset, length });
        self.live += 1;
    }

    fn spot(&self, at: usize) -> Spot {
        let entry = &self.entries[at];
        Spot {
            seq: self.first_seq + u64::from(entry.delta),
            offset: entry.offset,
            length: entry.length & !SPILLED,
            is_spilled: entry.length & SPILLED != 0,
        }
    }

    /// The entry of a message, settled or not. In a run without gaps this is a subtraction.
    fn find(&self, seq: u64) -> Option<usize> {
        let delta = u32::try_from(seq.checked_sub(self.first_seq)?).ok()?;
        let guess = delta.checked_sub(self.entries.first()?.delta)? as usize;
        match self.entries.get(guess) {
            Some(entry) if entry.delta == delta => Some(guess),
            _ => self.entries.binary_search_by_key(&delta, |entry| entry.delta).ok(),
        }
    }

    pub(crate) fn is_live(&self, seq: u64) -> bool {
        self.find(seq).is_some_and(|at| !self.settled.contains(at))
    }

    /// Settles the message; says how long it was, or `None` when it is not here, or was settled already.
    pub(crate) fn settle(&mut self, seq: u64) -> Option<u32> {
        let at = self.find(seq)?;
        if !self.settled.insert(at) {
            return None;
        }
        self.live -= 1;
        let length = self.entries[at].length & !SPILLED;
        if at == self.cursor {
            self.cursor = self.settled.first_absent(at, self.entries.len());
            self.cut();
        }
        Some(length)
    }

    fn cut(&mut self) {
        let is_worth_it = self.cursor >= CUT_MIN && self.cursor * 2 >= self.entries.len();
        if is_worth_it {
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
            .filter(|at| !self.settled.contains(*at))
            .map(|at| self.spot(at))
    }

    /// Settles everything but `keep`, numbers and lengths of messages.
    pub(crate) fn purge(&mut self, keep: &[(u64, u32)]) {
        let mut left = Self::new(self.file, self.seal, self.first_seq);
        for (seq, _) in keep {
            if let Some(at) = self.find(*seq).filter(|at| !self.settled.contains(*at)) {
                left.push(self.spot(at));
            }
        }
        *self = left;
    }

    /// Settles everything from `first` to `last` that is not in `keep`, which is sorted; says how many bytes went.
    pub(crate) fn settle_range(&mut self, first: u64, last: u64, keep: &[u64]) -> u64 {
        if first == last && keep.is_empty() {
            // Looking for the end of the range would pass over all that is settled behind it.
            return self.settle(first).map_or(0, u64::from);
        }
        let going: Vec<Spot> = self
            .live_from(first)
            .take_while(|spot| spot.seq <= last)
            .filter(|spot| keep.binary_search(&spot.seq).is_err())
            .collect();
        for spot in &going {
            self.settle(spot.seq);
        }
        going.iter().map(|spot| u64::from(spot.length)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(seq: u64) -> Spot {
        Spot { seq, offset: seq as u32, length: 1, is_spilled: false }
    }

    fn extent(seqs: impl IntoIterator<Item = u64>) -> JournalExtent {
        let mut extent = JournalExtent::new(1, Seal::new(0, 1), 10);
        seqs.into_iter().for_each(|seq| extent.push(spot(seq)));
        extent
    }

    #[test]
    fn settled_messages_are_found_once() {
        let mut extent = extent([10, 11, 14, 20]);
        assert_eq!(extent.settle(14), Some(1));
        assert_eq!(extent.settle(14), None);
        assert_eq!(extent.settle(12), None);
        assert_eq!(extent.settle(9), None);
        assert_eq!(extent.live_from(11).map(|spot| spot.seq).collect::<Vec<_>>(), [11, 20]);
    }

    #[test]
    fn a_spilled_message_is_told_apart_and_keeps_its_length() {
        let mut extent = extent([10]);
        extent.push(Spot { is_spilled: true, length: 7, ..spot(11) });
        let spilled: Vec<bool> = extent.live_from(0).map(|spot| spot.is_spilled).collect();
        assert_eq!(spilled, [false, true]);
        assert_eq!(extent.settle(11), Some(7));
    }

    #[test]
    fn a_queue_emptied_as_it_is_filled_keeps_little_memory() {
        let mut extent = extent([10]);
        for seq in 11..200_000 {
            extent.push(spot(seq));
            assert!(extent.settle(seq - 1).is_some());
        }
        assert!(extent.entries.len() <= 2 * CUT_MIN);
        assert_eq!(extent.live_from(0).map(|spot| spot.seq).collect::<Vec<_>>(), [199_999]);
    }
}
