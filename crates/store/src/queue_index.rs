//! Where the live messages of one queue lie: its extents, in the order of their sequence numbers.
//!
//! ```text
//!   queue ─► segment 1 │ segment 2 │ journal 7 │ journal 8      oldest first
//! ```
//!
//! An extent without live messages is dropped, except the last one of a journal file, which is reused by the next
//! message.

use std::collections::VecDeque;
use std::mem::take;

use roaring::RoaringBitmap;

use crate::extent::{Extent, Place, Spot};
use crate::journal_extent::JournalExtent;
use crate::queue_id::QueueId;
use crate::record::Seal;
use crate::retire::Copied;
use crate::seeded::{Bug, is_seeded};
use crate::segment::Segment;
use crate::segment_extent::SegmentExtent;
use crate::set_draft::SetDraft;

/// A journal file, as the extents in it know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileLife {
    pub(crate) number: u64,
    pub(crate) seal: Seal,
}

/// What a settle took from one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) place: Place,
    pub(crate) count: u64,
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
    /// Above the number of every segment that was ever planned.
    pub(crate) next_segment: u64,
    /// There is, or may be, a directory with segments.
    pub(crate) has_directory: bool,
}

impl QueueIndex {
    pub(crate) const fn new(id: QueueId) -> Self {
        Self {
            id,
            extents: VecDeque::new(),
            live_count: 0,
            live_bytes: 0,
            next_seq: 0,
            next_segment: 1,
            has_directory: false,
        }
    }

    /// Names one more message, which lies in this journal file.
    pub(crate) fn push(&mut self, file: FileLife, spot: Spot) {
        match self.extents.back_mut() {
            Some(Extent::Journal(last))
                if last.file == file.number && last.live() > 0 && last.reaches(spot.seq) =>
            {
                last.push(spot);
            }
            Some(Extent::Journal(last)) if last.live() == 0 => {
                last.restart(file.number, file.seal, spot.seq);
                last.push(spot);
            }
            _ => {
                let mut extent = JournalExtent::new(file.number, file.seal, spot.seq);
                extent.push(spot);
                self.extents.push_back(Extent::Journal(extent));
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
            if let Extent::Journal(before) = before
                && before.file == file.number
                && before.reaches(spot.seq)
            {
                before.push(spot);
                self.count(spot);
                return;
            }
        }
        let mut extent = JournalExtent::new(file.number, file.seal, spot.seq);
        extent.push(spot);
        self.extents.insert(at, Extent::Journal(extent));
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
        self.extent_of(seq).is_some_and(|at| self.extents[at].is_live(seq))
    }

    /// The segment with this number.
    pub(crate) fn segment_mut(&mut self, number: u64) -> Option<&mut SegmentExtent> {
        self.extents.iter_mut().find_map(|extent| match extent {
            Extent::Segment(segment) if segment.number == number => Some(segment),
            _ => None,
        })
    }

    /// Settles one message of this length while journal file `current` is being written; `None` when there is no
    /// such message.
    pub(crate) fn settle(&mut self, seq: u64, length: u32, current: u64) -> Option<Gone> {
        let at = self.extent_of(seq)?;
        match &mut self.extents[at] {
            Extent::Journal(extent) => {
                let known = extent.settle(seq)?;
                assert_eq!(known, length, "a message keeps its length");
            }
            Extent::Segment(extent) => {
                if !extent.settle(seq, length) {
                    return None;
                }
                extent.dirty_since.get_or_insert(current);
                if extent.live_count() == 0 {
                    // Of a message that cannot be read nobody knows how long it was.
                    self.live_bytes = self.live_bytes.saturating_sub(extent.live_bytes());
                }
            }
        }
        self.live_count -= 1;
        self.live_bytes = self.live_bytes.saturating_sub(u64::from(length));
        let extent = &self.extents[at];
        let gone = Gone { place: extent.place(), count: 1, is_emptied: extent.live() == 0 };
        self.drop_if_empty(at);
        Some(gone)
    }

    /// Settles everything but `keep`, sorted numbers and lengths of messages. What it costs depends on the number of
    /// extents and of kept messages, not on that of settled ones.
    pub(crate) fn purge(&mut self, keep: &[(u64, u32)], current: u64) -> Vec<Gone> {
        let mut all_gone = Vec::new();
        let mut left = VecDeque::new();
        for mut extent in take(&mut self.extents) {
            let before = extent.live();
            let start = keep.partition_point(|(seq, _)| *seq < extent.first_seq());
            let end = keep.partition_point(|(seq, _)| *seq <= extent.last_seq());
            let kept = &keep[start..end];
            match &mut extent {
                Extent::Journal(journal) if !kept.is_empty() => journal.purge(kept),
                Extent::Journal(_) => {
                    let place = extent.place();
                    all_gone.push(Gone { place, count: before, is_emptied: true });
                    continue;
                }
                Extent::Segment(segment) => {
                    segment.purge(kept);
                    segment.dirty_since.get_or_insert(current);
                }
            }
            let (place, live) = (extent.place(), extent.live());
            all_gone.push(Gone { place, count: before - live, is_emptied: live == 0 });
            if live > 0 {
                left.push_back(extent);
            }
        }
        self.extents = left;
        all_gone.retain(|gone| gone.count > 0);
        let live = keep.iter().filter(|(seq, _)| self.is_live(*seq));
        let (count, bytes) = live
            .fold((0, 0), |(count, bytes), (_, length)| (count + 1, bytes + u64::from(*length)));
        (self.live_count, self.live_bytes) = (count, bytes);
        all_gone
    }

    /// Settles everything from `first` to `last` except `keep`, which is sorted, as a journal that is read back says.
    /// The bytes of segments are counted when all is read back: see [`SegmentExtent::set_live_bytes`].
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
            let before = self.extents[at].live();
            match &mut self.extents[at] {
                Extent::Journal(extent) => {
                    self.live_bytes -= extent.settle_range(first, last, keep);
                }
                Extent::Segment(extent) => {
                    if extent.settle_range(first, last, keep) > 0 {
                        extent.dirty_since.get_or_insert(current);
                    }
                    if extent.live_count() == 0 {
                        self.live_bytes -= extent.live_bytes();
                    }
                }
            }
            let extent = &self.extents[at];
            let (place, live) = (extent.place(), extent.live());
            self.live_count -= before - live;
            if live < before {
                all_gone.push(Gone { place, count: before - live, is_emptied: live == 0 });
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
    pub(crate) fn replace_journal(
        &mut self,
        file: u64,
        copies: Vec<Copied>,
        is_whole: bool,
        planned_in: u64,
    ) -> Vec<u64> {
        let is_old = |extent: &Extent| extent.place() == Place::Journal(file);
        let live: u64 = self.extents.iter().filter(|e| is_old(e)).map(Extent::live).sum();
        let copied: u64 = copies.iter().map(|(segment, _)| u64::from(segment.messages)).sum();
        let survival = if is_whole && live == copied {
            // Nothing was settled since, so that nobody has to look at each message: there may be a million.
            let bytes = |segment: &Segment| segment.message_bytes();
            self.live_count -= live;
            self.live_bytes -= copies.iter().map(|(segment, _)| bytes(segment)).sum::<u64>();
            let sets = copies.iter().map(|(segment, keys)| (keys.clone(), bytes(segment)));
            Survival { sets: sets.collect(), ..Survival::default() }
        } else {
            self.survival(file, &copies)
        };
        self.extents.retain(|extent| !is_old(extent));
        self.adopt(copies.into_iter().map(|(segment, _)| segment), survival, planned_in)
    }

    /// Which of the messages in copies of a journal file are still live there, and are not counted any more.
    fn survival(&mut self, file: u64, copies: &[Copied]) -> Survival {
        let mut live = Survival::default();
        for extent in &self.extents {
            let Extent::Journal(extent) = extent else { continue };
            if extent.file != file {
                continue;
            }
            for spot in extent.live_from(0) {
                self.live_count -= 1;
                self.live_bytes -= u64::from(spot.length);
                let is_before = |(segment, _): &Copied| segment.last_seq() < spot.seq;
                while copies.get(live.sets.len()).is_some_and(is_before) {
                    live.finish_segment();
                }
                // What could not be read is in no segment; it was reported.
                let copy = copies.get(live.sets.len());
                if let Some((segment, _)) =
                    copy.filter(|(segment, _)| segment.first_seq <= spot.seq)
                {
                    live.add(segment, spot);
                }
            }
        }
        while live.sets.len() < copies.len() {
            live.finish_segment();
        }
        live
    }

    /// Puts a segment in the place of those from which it was copied; `None` when nothing of them could be read. Says
    /// whether it has no live message.
    pub(crate) fn replace_segments(
        &mut self,
        sources: &[u64],
        segment: Option<(&Segment, &RoaringBitmap)>,
        lost: &[(u64, u32)],
        planned_in: u64,
    ) -> bool {
        let (mut live, mut live_bytes) = (RoaringBitmap::new(), 0);
        let is_old = |extent: &Extent| matches!(extent.place(), Place::Segment(number) if sources.contains(&number));
        for extent in self.extents.iter().filter(|extent| is_old(extent)) {
            let Extent::Segment(old) = extent else { continue };
            self.live_count -= old.live_count();
            self.live_bytes -= old.live_bytes();
            live_bytes += old.live_bytes();
            if let Some((segment, _)) = segment {
                live.extend(old.live_from(0).map(|seq| (seq - segment.first_seq) as u32));
            }
        }
        self.extents.retain(|extent| !is_old(extent));
        let Some((segment, keys)) = segment else { return false };
        for (seq, length) in lost {
            if live.remove((seq - segment.first_seq) as u32) {
                live_bytes -= u64::from(*length);
            }
        }
        let is_touched = live.len() < keys.len() && !is_seeded(Bug::CopyForgetsSettles);
        let mut extent = SegmentExtent::new(segment, live, live_bytes);
        if is_touched {
            extent.dirty_since = Some(planned_in);
        }
        extent.compress();
        let is_empty = extent.live_count() == 0;
        if !is_empty {
            self.insert_segment(extent);
        }
        is_empty
    }

    fn adopt(
        &mut self,
        segments: impl Iterator<Item = Segment>,
        live: Survival,
        planned_in: u64,
    ) -> Vec<u64> {
        let mut emptied = Vec::new();
        for (segment, (set, bytes)) in segments.zip(live.sets) {
            let mut extent = SegmentExtent::new(&segment, set, bytes);
            if extent.live_count() == 0 {
                emptied.push(segment.number);
                continue;
            }
            let is_touched = extent.live_count() < u64::from(segment.messages);
            if is_touched && !is_seeded(Bug::CopyForgetsSettles) {
                extent.dirty_since = Some(planned_in);
            }
            extent.compress();
            self.insert_segment(extent);
        }
        emptied
    }

    /// Adds a segment at its place.
    pub(crate) fn insert_segment(&mut self, extent: SegmentExtent) {
        self.live_count += extent.live_count();
        self.live_bytes += extent.live_bytes();
        self.next_seq = self.next_seq.max(extent.last_seq() + 1);
        let at = self.extents.partition_point(|other| other.first_seq() < extent.first_seq);
        self.extents.insert(at, Extent::Segment(extent));
    }

    /// Takes note of something that was there and is gone with the start.
    pub(crate) fn pass_over(&mut self, seq: u64) {
        self.next_seq = self.next_seq.max(seq + 1);
    }

    fn drop_if_empty(&mut self, at: usize) -> bool {
        let extent = &self.extents[at];
        let is_reusable =
            at + 1 == self.extents.len() && matches!(extent.place(), Place::Journal(_));
        let is_dropped = extent.live() == 0 && !is_reusable;
        if is_dropped {
            self.extents.remove(at);
        }
        is_dropped
    }

    /// The extents that may hold live messages from `seq` on, in order.
    pub(crate) fn extents_from(&self, seq: u64) -> impl Iterator<Item = &Extent> {
        let start = self.extent_of(seq).unwrap_or(0);
        self.extents.range(start..)
    }

    /// The first live message from `seq` on.
    pub(crate) fn first_live(&self, seq: u64) -> Option<u64> {
        self.extents_from(seq).find_map(|extent| extent.first_live(seq))
    }
}

/// What is live in segments that take the place of a journal file, and its bytes.
#[derive(Default)]
struct Survival {
    sets: Vec<(RoaringBitmap, u64)>,
    /// The set of the last segment that was met, which is not the last one of `sets` yet.
    draft: SetDraft,
    draft_bytes: u64,
}

impl Survival {
    fn add(&mut self, segment: &Segment, spot: Spot) {
        self.draft.push((spot.seq - segment.first_seq) as u32);
        self.draft_bytes += u64::from(spot.length);
    }

    /// All of this segment was seen.
    fn finish_segment(&mut self) {
        let (set, bytes) = (take(&mut self.draft).finish(), take(&mut self.draft_bytes));
        self.sets.push((set, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> QueueIndex {
        let mut queue = QueueIndex::new(QueueId::new(1, 0));
        for seq in 1..=9 {
            let number = seq / 5;
            let file = FileLife { number, seal: Seal::new(0, number) };
            queue.push(file, Spot { seq, offset: 0, length: 10, is_spilled: false });
        }
        queue
    }

    fn live(queue: &QueueIndex) -> Vec<u64> {
        let mut from = 0;
        std::iter::from_fn(|| {
            let seq = queue.first_live(from)?;
            from = seq + 1;
            Some(seq)
        })
        .collect()
    }

    #[test]
    fn a_purge_keeps_what_it_is_told_to_keep() {
        let mut queue = queue();
        let gone = queue.purge(&[(2, 10), (7, 10)], 1);
        assert_eq!(gone.iter().map(|gone| gone.count).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(live(&queue), [2, 7]);
        assert_eq!((queue.live_count, queue.live_bytes), (2, 20));
    }

    #[test]
    fn a_range_of_settles_spares_what_lies_outside() {
        let mut queue = queue();
        queue.settle_range(3, 6, &[5], 1);
        assert_eq!(live(&queue), [1, 2, 5, 7, 8, 9]);
        assert_eq!((queue.live_count, queue.live_bytes), (6, 60));
    }

    #[test]
    fn an_extent_without_live_messages_is_dropped() {
        let mut queue = queue();
        let emptied = (1..=4).filter_map(|seq| queue.settle(seq, 10, 1)).last();
        assert_eq!(emptied, Some(Gone { place: Place::Journal(0), count: 1, is_emptied: true }));
        assert_eq!(queue.extents.len(), 1);
        assert_eq!(queue.settle(3, 10, 1), None);
    }

    #[test]
    fn a_segment_in_the_place_of_a_journal_file_knows_what_was_settled_meanwhile() {
        let mut queue = queue();
        let segment = Segment {
            queue: queue.id,
            number: 1,
            epoch: 1,
            first_seq: 1,
            span: 3,
            messages: 4,
            records_end: 1000,
        };
        queue.settle(2, 10, 1);
        let copies = vec![(segment, (0..4).collect())];
        assert!(queue.replace_journal(0, copies, true, 1).is_empty());
        assert_eq!(live(&queue), [1, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((queue.live_count, queue.live_bytes), (8, 80));
        let extent = queue.segment_mut(1).expect("it is there");
        assert_eq!((extent.dirty_since, extent.live_bytes()), (Some(1), 30));
    }
}
