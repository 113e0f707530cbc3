//! Background work: what may take its time. A store does one piece after the other.
//!
//! ```text
//!   push_job ──► waits until everything that was appended before is synced ──► Submission ──► complete_job
//!                                                                                   │
//!                                              no room on the disk: given up, planned again later ┘
//! ```
//!
//! Why the wait: a segment or a journal file must not go before the records that say why are synced; else a
//! message that was moved to another queue could be missing in both.
//! The order matters too: journal files are recycled one after the other, so what a settle or forget record asks for
//! has happened before that record goes away.

use std::io;

use stdx::Time;

use crate::compact::{Compacted, Compaction};
use crate::disk::Disk;
use crate::fault::{Blame, Fault, FaultKind};
use crate::paths;
use crate::queue_id::QueueId;
use crate::reading::{Unreadable, join_neighbours};
use crate::reserve::Spare;
use crate::retire::{Retired, Retirement};
use crate::seeded::{Bug, is_seeded};
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::submission::Submission;
use crate::ticket::Ticket;

/// So many queues are removed by one job at most: others wait for it.
const REMOVED_QUEUES_MAX: usize = 256;

/// One piece of background work.
#[derive(Debug)]
pub(crate) enum Job {
    Retire(Retirement),
    Compact(Compaction),
    /// Makes room for a journal file before it is needed.
    Reserve {
        path: String,
        bytes: u32,
        dir: String,
    },
    Recycle {
        shard: usize,
        file: u64,
        fate: Fate,
    },
    RemoveSegments {
        queue: QueueId,
        numbers: Vec<u64>,
    },
    RemoveQueues {
        queues: Vec<QueueId>,
    },
    RemoveSpare {
        path: String,
    },
    Save(Snapshot),
}

/// What becomes of a journal file that is not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Spare,
    Removed,
    /// Some messages could not be read back; the file is kept for whoever wants to look at it.
    Quarantined,
}

/// A job that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) job: Job,
    pub(crate) after: Ticket,
    pub(crate) after_read: u64,
}

/// A job that is done, or given up.
#[derive(Debug)]
pub(crate) enum Finished {
    Retired(Retired),
    Compacted(Box<Compacted>),
    Reserved(Spare),
    Recycled { spare: Option<Spare> },
    Saved { last_note: u64 },
    Removed,
    Short(Short),
}

/// What a full disk leaves to do.
#[derive(Debug)]
pub(crate) enum Short {
    /// Retiring was given up; these sets were not written, or perhaps not, and these segments are to go.
    Retire {
        live: Vec<(QueueId, u64)>,
        file: u64,
        written: Vec<(QueueId, Vec<u64>)>,
    },
    /// It is planned again some time.
    Planned,
    Reserve,
    Save,
    /// Even what frees room can need some.
    Again(Job),
}

impl Job {
    pub(crate) fn execute(self, disk: &mut dyn Disk) -> Result<Finished, Fault> {
        match self {
            Self::Retire(retirement) => retire(disk, retirement),
            Self::Compact(compaction) => or_short(
                compaction.execute(disk).map(|done| Finished::Compacted(Box::new(done))),
                || Short::Planned,
            ),
            Self::Reserve { path, bytes, dir } => {
                or_short(reserve(disk, path, bytes, &dir), || Short::Reserve)
            }
            Self::Save(snapshot) => {
                let last_note = snapshot.last_note;
                let saved = snapshot.save(disk).map(|()| Finished::Saved { last_note });
                or_short(saved, || Short::Save)
            }
            Self::Recycle { shard, file, fate } => {
                or_short(recycle(disk, shard, file, fate), || {
                    Short::Again(Self::Recycle { shard, file, fate })
                })
            }
            Self::RemoveSegments { queue, numbers } => {
                let removed = remove_segments(disk, queue, &numbers).map(|()| Finished::Removed);
                or_short(removed, || Short::Again(Self::RemoveSegments { queue, numbers }))
            }
            Self::RemoveQueues { queues } => {
                let removed = remove_queues(disk, &queues).map(|()| Finished::Removed);
                or_short(removed, || Short::Again(Self::RemoveQueues { queues }))
            }
            Self::RemoveSpare { path } => {
                let removed = if_present(disk.remove(&path)).writing(&path);
                or_short(removed.map(|()| Finished::Removed), || Short::Planned)
            }
        }
    }
}

/// A full disk is no fault: nothing was promised that depends on this work.
fn or_short(
    result: Result<Finished, Fault>,
    short: impl FnOnce() -> Short,
) -> Result<Finished, Fault> {
    match result {
        Err(fault) if fault.kind == FaultKind::NoSpace => Ok(Finished::Short(short())),
        result => result,
    }
}

fn retire(disk: &mut dyn Disk, mut retirement: Retirement) -> Result<Finished, Fault> {
    let (file, planned_in) = (retirement.file, retirement.planned_in);
    let mut retired = Retired { file, planned_in, copies: Vec::new(), lost: Vec::new() };
    match retirement.copy(disk, &mut retired) {
        Ok(()) => Ok(Finished::Retired(retired)),
        Err(fault) if fault.kind == FaultKind::NoSpace => {
            let live = retirement.live.iter().map(|file| (file.queue, file.number)).collect();
            let written = retired.copies.into_iter().map(|(queue, segments)| {
                (queue, segments.into_iter().map(|(segment, _)| segment.number).collect())
            });
            Ok(Finished::Short(Short::Retire { live, file, written: written.collect() }))
        }
        Err(fault) => Err(fault),
    }
}

/// Makes a spare journal file out of nothing: its room is reserved, its bytes were never written.
fn reserve(disk: &mut dyn Disk, path: String, bytes: u32, dir: &str) -> Result<Finished, Fault> {
    let allocated = disk.allocate(&path, u64::from(bytes)).writing(&path);
    if allocated.is_err() {
        // A start would take what there is for a spare file of the wrong length; the room is needed before that.
        disk.remove(&path).ok();
    }
    allocated?;
    disk.sync(&path).syncing(&path)?;
    disk.sync_dir(dir).syncing(dir)?;
    Ok(Finished::Reserved(Spare { path, is_filled: false }))
}

fn recycle(disk: &mut dyn Disk, shard: usize, file: u64, fate: Fate) -> Result<Finished, Fault> {
    let path = paths::journal_file(shard, file);
    let mut spare = None;
    match fate {
        Fate::Spare => {
            let name = paths::spare_file(shard, file);
            disk.rename(&path, &name).writing(&path)?;
            spare = Some(Spare { path: name, is_filled: true });
        }
        Fate::Removed => disk.remove(&path).writing(&path)?,
        Fate::Quarantined => disk.rename(&path, &format!("{path}.damaged")).writing(&path)?,
    }
    let dir = paths::shard_dir(shard);
    disk.sync_dir(&dir).syncing(&dir)?;
    Ok(Finished::Recycled { spare })
}

/// Removes segments and, only when that survives a power loss, their sets of live messages: without them, settled
/// messages would come back.
pub(crate) fn remove_segments(
    disk: &mut dyn Disk,
    queue: QueueId,
    numbers: &[u64],
) -> Result<(), Fault> {
    let dir = paths::queue_dir(queue);
    for number in numbers {
        let path = paths::segment_file(queue, *number);
        if_present(disk.remove(&path)).writing(&path)?;
    }
    if !is_seeded(Bug::LiveSetRemovedFirst) {
        if_present(disk.sync_dir(&dir)).syncing(&dir)?;
    }
    for number in numbers {
        let path = paths::live_file(queue, *number);
        if_present(disk.remove(&path)).writing(&path)?;
    }
    Ok(())
}

fn remove_queues(disk: &mut dyn Disk, queues: &[QueueId]) -> Result<(), Fault> {
    queues.iter().try_for_each(|queue| remove_queue(disk, *queue))?;
    disk.sync_dir(paths::QUEUES).syncing(paths::QUEUES)
}

fn remove_queue(disk: &mut dyn Disk, queue: QueueId) -> Result<(), Fault> {
    let dir = paths::queue_dir(queue);
    let names = match disk.list(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names.reading(&dir)?,
    };
    for name in names {
        let path = format!("{dir}/{name}");
        if_present(disk.remove(&path)).writing(&path)?;
    }
    if_present(disk.remove_dir(&dir)).writing(&dir)
}

fn if_present(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

impl Store {
    /// Queues a job that starts when everything appended so far is synced and all reads asked for are done.
    pub(crate) fn push_job(&mut self, job: Job) {
        let after = self.journal.ticket_of_all();
        self.jobs.push_back(Queued { job, after, after_read: self.last_read });
    }

    /// Queues a job that waits for nothing: it touches no file that a record speaks of, and those that publish may be
    /// waiting for it.
    pub(crate) fn push_prompt_job(&mut self, job: Job) {
        let after = self.journal.synced().through();
        self.jobs.push_front(Queued { job, after, after_read: 0 });
    }

    /// Queues the removal of a queue's directory; those that are asked for one after the other are one job.
    pub(crate) fn push_removal(&mut self, queue: QueueId) {
        let last = self.jobs.pop_back();
        let mut queues = Vec::new();
        match last {
            Some(Queued { job: Job::RemoveQueues { queues: before }, .. })
                if before.len() < REMOVED_QUEUES_MAX =>
            {
                queues = before;
            }
            other => self.jobs.extend(other),
        }
        queues.push(queue);
        self.push_job(Job::RemoveQueues { queues });
    }

    /// The next job, when it may start.
    pub(crate) fn poll_job(&mut self, now: Time) -> Option<Submission> {
        if self.is_job_in_flight {
            return None;
        }
        self.plan(now);
        if self.is_short && self.is_front_held {
            return None;
        }
        self.is_front_held = false;
        let next = self.jobs.front()?;
        let is_read_pending =
            self.reads.first_key_value().is_some_and(|(read, _)| *read <= next.after_read);
        let is_synced =
            self.journal.synced().covers(next.after) || is_seeded(Bug::RemovedBeforeSettle);
        if !is_synced || is_read_pending {
            return None;
        }
        self.is_job_in_flight = true;
        self.jobs.pop_front().map(|queued| Submission::background(queued.job))
    }

    pub(crate) fn complete_job(&mut self, finished: Finished) {
        self.is_job_in_flight = false;
        match finished {
            Finished::Retired(retired) => self.switch(retired),
            Finished::Compacted(compacted) => self.switch_compacted(*compacted),
            Finished::Reserved(spare) => self.journal.reserved(spare),
            Finished::Recycled { spare } => self.journal.drop_oldest(spare),
            Finished::Saved { last_note } => self.covered_note = last_note,
            Finished::Removed => {}
            Finished::Short(short) => self.give_up(short),
        }
    }

    /// The disk is full. What was begun is undone, and planned again some time.
    fn give_up(&mut self, short: Short) {
        self.is_short = true;
        match short {
            Short::Retire { live, file, written } => {
                // A whole journal file needs more room than what was alive in one.
                self.journal.set_reserve_failed();
                for (queue, number) in live {
                    let queue = self.index.get_mut(queue);
                    if let Some(segment) = queue.and_then(|queue| queue.segment_mut(number)) {
                        segment.dirty_since = Some(file);
                    }
                }
                for (queue, numbers) in written.into_iter().filter(|(_, all)| !all.is_empty()) {
                    self.push_job(Job::RemoveSegments { queue, numbers });
                }
            }
            Short::Planned => {}
            Short::Reserve => self.journal.not_reserved(),
            Short::Save => {
                self.snapshot_note = self.covered_note;
                self.note_bytes = self.options.snapshot_note_bytes.max(self.snapshot_bytes);
                // A journal file whose notes are not saved cannot go, and with it all others: a file that waits to be
                // used is worth less than that.
                if let Some(path) = self.journal.give_up_spare() {
                    self.push_prompt_job(Job::RemoveSpare { path });
                }
            }
            Short::Again(job) => {
                // What comes behind it may rely on it.
                let after = self.journal.synced().through();
                self.jobs.push_front(Queued { job, after, after_read: 0 });
                self.is_front_held = true;
            }
        }
    }

    /// Lets the index name the segments instead of the journal file.
    fn switch(&mut self, retired: Retired) {
        let Retired { file, planned_in, copies, lost } = retired;
        let is_damaged = !lost.is_empty();
        self.report(lost);
        for (id, segments) in copies {
            // A queue that was forgotten meanwhile has queued the removal of its directory.
            let Some(queue) = self.index.get_mut(id) else { continue };
            let numbers = queue.replace_journal(file, segments, !is_damaged, planned_in);
            if !numbers.is_empty() {
                self.push_job(Job::RemoveSegments { queue: id, numbers });
            }
        }
        if let Some(oldest) = self.journal.file_mut(file) {
            oldest.live = 0;
        }
        self.push_recycle(file, is_damaged);
    }

    /// Lets the index name the compacted segment instead of those that it was made of.
    pub(crate) fn switch_compacted(&mut self, compacted: Compacted) {
        let Compacted { queue: id, mut sources, segment, losses, planned_in } = compacted;
        if let Some(queue) = self.index.get_mut(id) {
            let lost: Vec<(u64, u32)> =
                losses.messages.iter().map(|lost| (lost.seq, lost.length.unwrap_or(0))).collect();
            let copy = segment.as_ref().map(|(segment, keys)| (segment, keys));
            let is_empty = queue.replace_segments(&sources, copy, &lost, planned_in);
            if let Some((segment, _)) = segment.filter(|_| is_empty) {
                sources.push(segment.number);
            }
            self.push_job(Job::RemoveSegments { queue: id, numbers: sources });
        }
        self.damage.extend(losses.damage);
        self.report(losses.messages);
    }

    pub(crate) fn push_recycle(&mut self, file: u64, is_damaged: bool) {
        let fate = if is_damaged {
            Fate::Quarantined
        } else if self.journal.is_oldest_reusable() && !self.is_draining && !self.is_at_rest() {
            Fate::Spare
        } else {
            Fate::Removed
        };
        self.push_job(Job::Recycle { shard: self.shard, file, fate });
    }

    /// Tells about messages that could not be read back, neighbours together.
    pub(crate) fn report(&mut self, lost: Vec<Unreadable>) {
        join_neighbours(lost, "messages do not match their checksums", &mut self.damage);
    }
}
