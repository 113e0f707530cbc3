//! When background work is due: room for the journal first, then retiring its oldest file, then compacting.
//!
//! Nothing but room for the journal is planned while something waits, so that a plan sees what the work before it has
//! left.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use stdx::Time;

use crate::background::Job;
use crate::compact::Compaction;
use crate::extent::Extent;
use crate::live::LiveFile;
use crate::paths;
use crate::queue_id::QueueId;
use crate::queue_index::QueueIndex;
use crate::reading::SegmentPart;
use crate::retire::{Retirement, Survivors};
use crate::seeded::{Bug, is_seeded};
use crate::segment_extent::SegmentExtent;
use crate::store::Store;

impl Store {
    /// Plans the next piece of work, if nothing waits; room for the journal is planned whatever waits, because those that
    /// publish may be waiting for it. What needs room on the disk waits while it is full.
    pub(crate) fn plan(&mut self, now: Time) {
        if self.is_short {
            return;
        }
        // A file that is retired can be used again, so when there are many, or the disk has no room for another, that is
        // the better way to room.
        if !self.journal.is_long() && !self.journal.is_full() {
            self.reserve();
        }
        if !self.jobs.is_empty() {
            return;
        }
        self.plan_sweep(now);
        if self.jobs.is_empty() {
            self.plan_retirement();
        }
        if self.jobs.is_empty() {
            self.reserve();
        }
        if self.jobs.is_empty() && !self.is_draining {
            self.plan_compaction();
        }
    }

    /// Has room made for the journal, if there is too little.
    fn reserve(&mut self) {
        if !self.is_draining
            && let Some(job) = self.journal.plan_reserve()
        {
            self.push_prompt_job(job);
        }
    }

    /// Sweeps from time to time, until nothing happens any more.
    fn plan_sweep(&mut self, now: Time) {
        let is_still = self.is_swept && self.journal.appended_bytes() == self.swept_bytes;
        if is_still || self.is_draining {
            self.sweep_at = None;
            return;
        }
        let delay_ms = self.options.sweep_delay_ms;
        let sweep_at = *self.sweep_at.get_or_insert_with(|| now.plus_millis(delay_ms));
        if now >= sweep_at {
            self.sweep_at = Some(now.plus_millis(delay_ms));
            self.sweep();
        }
    }

    /// Whether the oldest journal file should go, were it not for notes in it.
    pub(crate) fn is_oldest_due(&self) -> bool {
        self.journal.oldest_sealed().is_some_and(|file| {
            let is_crowded = self.journal.sealed_count() > self.options.journal_files_max;
            self.is_draining || self.is_at_rest() || file.live == 0 || is_crowded
        })
    }

    /// Whether nothing was stored for at least the time between two sweeps.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.is_idle_for_long && self.journal.appended_bytes() == self.swept_bytes
    }

    fn plan_retirement(&mut self) {
        if !self.journal.may_retire() {
            return;
        }
        let Some(oldest) = self.journal.oldest_sealed() else { return };
        let is_noted = oldest.last_note > self.covered_note && !is_seeded(Bug::NoteRecycled);
        let is_needed = is_noted || !self.journal.is_complete(oldest.number);
        if is_needed || !self.is_oldest_due() {
            return;
        }
        let (file, seal) = (oldest.number, oldest.seal);
        let survivors = self.survivors(file);
        let live = self.take_dirty(file);
        if survivors.is_empty() && live.is_empty() {
            self.push_recycle(file, false);
            return;
        }
        let retirement = Retirement {
            file,
            path: paths::journal_file(self.shard, file),
            seal,
            survivors,
            live,
            random: self.random.fork(),
            segment_bytes: self.options.segment_bytes,
            read_run_bytes: self.options.read_run_bytes,
            planned_in: self.journal.current_number(),
        };
        self.push_job(Job::Retire(retirement));
    }

    fn survivors(&mut self, file: u64) -> Vec<Survivors> {
        let mut all = Vec::new();
        for queue in self.index.iter_mut() {
            // One extent at a time: between two of them there may be a segment, and segments do not overlap.
            for extent in &queue.extents {
                let Extent::Journal(extent) = extent else { continue };
                if extent.file != file || extent.live() == 0 {
                    continue;
                }
                let spots: Vec<_> = extent.live_from(0).collect();
                let first_number = queue.next_segment;
                queue.next_segment += spots.len() as u64;
                queue.has_directory = true;
                all.push(Survivors { queue: queue.id, spots, first_number });
            }
        }
        all
    }

    /// What is live in segments of which messages were settled by records in this file.
    fn take_dirty(&mut self, file: u64) -> Vec<LiveFile> {
        let mut all = Vec::new();
        for queue in self.index.iter_mut() {
            for extent in &mut queue.extents {
                let Extent::Segment(extent) = extent else { continue };
                if extent.dirty_since.is_some_and(|since| since <= file) {
                    extent.dirty_since = None;
                    all.push(extent.live_file(queue.id));
                }
            }
        }
        all
    }

    /// Looks at all segments, to find those that stay sparse or small. If nothing was stored since the last sweep, the
    /// journal is emptied into segments, and spare files that a journal at rest does not need are removed.
    fn sweep(&mut self) {
        let appended = self.journal.appended_bytes();
        self.is_idle_for_long = appended == self.swept_bytes;
        self.swept_bytes = appended;
        self.is_swept = self.is_idle_for_long && self.journal.sealed_count() == 0;
        self.uncompacted.clear();
        for queue in self.index.iter_mut() {
            let mut has_segments = false;
            for extent in &mut queue.extents {
                if let Extent::Segment(segment) = extent {
                    segment.sweep();
                    self.is_swept &= segment.is_rested;
                    has_segments = true;
                }
            }
            if has_segments {
                self.uncompacted.push(queue.id);
            }
        }
        if self.is_idle_for_long {
            let surplus = self.journal.take_surplus();
            self.is_swept &= surplus.is_empty();
            surplus.into_iter().for_each(|path| self.push_job(Job::RemoveSpare { path }));
        }
    }

    /// Plans the next compaction that the last sweep has found worthwhile.
    fn plan_compaction(&mut self) {
        while let Some(id) = self.uncompacted.last() {
            let (id, segment_bytes) = (*id, u64::from(self.options.segment_bytes));
            let queue = self.index.get(id);
            let Some(run) = queue.and_then(|queue| worthwhile_run(&queue.extents, segment_bytes))
            else {
                self.uncompacted.pop();
                continue;
            };
            let job = Job::Compact(self.compaction(id, run));
            return self.push_job(job);
        }
    }

    /// Plans to make one segment of neighbouring ones.
    ///
    /// # Panics
    /// When there is no such queue.
    pub(crate) fn compaction(&mut self, queue: QueueId, run: Run) -> Compaction {
        let queue = self.index.get_mut(queue).expect("segments have a queue");
        let number = queue.next_segment;
        queue.next_segment += 1;
        Compaction {
            queue: queue.id,
            number,
            epoch: self.random.next_u64(),
            first_seq: queue.extents[*run.start()].first_seq(),
            last_seq: queue.extents[*run.end()].last_seq(),
            parts: parts(queue, run, self.options.read_run_bytes),
            planned_in: self.journal.current_number(),
        }
    }
}

fn parts(queue: &QueueIndex, run: Run, read_run_bytes: u32) -> Vec<SegmentPart> {
    let segments = queue.extents.range(run).filter_map(|extent| match extent {
        Extent::Segment(segment) => Some(segment),
        Extent::Journal(_) => None,
    });
    let part = |segment: &SegmentExtent| SegmentPart {
        number: segment.number,
        source: segment.table_source(queue.id),
        table: segment.table.clone(),
        wanted: segment.live_from(0).collect(),
        bytes_max: usize::MAX,
        read_run_bytes,
    };
    segments.map(part).collect()
}

/// Neighbours among the extents of a queue.
pub(crate) type Run = RangeInclusive<usize>;

/// The first neighbouring segments that fit into one and are worth it: one that is sparse, or several that are sparse
/// or small, because files are dear too.
fn worthwhile_run(extents: &VecDeque<Extent>, segment_bytes: u64) -> Option<Run> {
    let mut at = 0;
    while at < extents.len() {
        let run = run_from(extents, at, segment_bytes);
        match run {
            Some((run, is_sparse)) if is_sparse || run.start() < run.end() => return Some(run),
            Some((run, _)) => at = run.end() + 1,
            None => at += 1,
        }
    }
    None
}

/// The longest run of candidates from here on, and whether its first one is sparse.
fn run_from(extents: &VecDeque<Extent>, start: usize, segment_bytes: u64) -> Option<(Run, bool)> {
    let (mut size, mut end) = (0, None);
    for (at, extent) in extents.range(start..).enumerate() {
        let Extent::Segment(segment) = extent else { break };
        let is_small = u64::from(segment.records_end) * 8 < segment_bytes;
        size += segment.live_size();
        let span = segment.last_seq() - extents[start].first_seq();
        let fits = at == 0 || (size <= segment_bytes && u32::try_from(span).is_ok());
        if !(segment.is_rested && (segment.is_sparse() || is_small) && fits) {
            break;
        }
        end = Some(start + at);
    }
    let end = end?;
    let is_sparse = matches!(&extents[start], Extent::Segment(segment) if segment.is_sparse());
    Some((start..=end, is_sparse))
}
