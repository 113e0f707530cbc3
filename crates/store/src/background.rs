//! Work that nobody waits for, one piece at a time and in order.
//!
//! ```text
//!   settle, forget ─► remove segment, remove queue ─┐
//!   snapshot       ─► save ─────────────────────────┼─► queue of jobs ─► one in flight
//!   roll           ─► retire ─► recycle ────────────┘
//! ```
//!
//! A job waits until the journal is synced up to the moment at which it was made: what it takes away must not
//! come back, and what replaces it must be there. A job that takes a file away also waits for the reads of it.
//! The next journal file is retired only when there is no other job, so what a settle or forget record asks for
//! has happened before that record goes away.

use std::io;

use crate::disk::Disk;
use crate::extent::Place;
use crate::fault::{Blame, Damage, Fault};
use crate::paths;
use crate::queue_id::QueueId;
use crate::reading::Unreadable;
use crate::retire::{Retired, Retirement, Survivors};
use crate::settled::SettledFile;
use crate::snapshot::Snapshot;
use crate::store::Store;
use crate::submission::Submission;
use crate::ticket::Ticket;

/// One piece of background work.
#[derive(Debug)]
pub(crate) enum Job {
    Retire(Retirement),
    Recycle { shard: usize, file: u64, fate: Fate },
    RemoveSegment { queue: QueueId, first_seq: u64 },
    RemoveQueue { queue: QueueId },
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
    job: Job,
    after: Ticket,
    after_read: u64,
}

/// A job that is done.
#[derive(Debug)]
pub(crate) enum Finished {
    Retired(Retired),
    Recycled { spare: Option<String> },
    Saved { last_note: u64 },
    Removed,
}

impl Job {
    pub(crate) fn execute(self, disk: &mut dyn Disk) -> Result<Finished, Fault> {
        match self {
            Self::Retire(retirement) => retirement.execute(disk).map(Finished::Retired),
            Self::Recycle { shard, file, fate } => recycle(disk, shard, file, fate),
            Self::RemoveSegment { queue, first_seq } => {
                remove_segment(disk, queue, first_seq)?;
                Ok(Finished::Removed)
            }
            Self::RemoveQueue { queue } => {
                remove_queue(disk, queue)?;
                Ok(Finished::Removed)
            }
            Self::Save(snapshot) => {
                snapshot.save(disk)?;
                Ok(Finished::Saved { last_note: snapshot.last_note })
            }
        }
    }
}

fn recycle(disk: &mut dyn Disk, shard: usize, file: u64, fate: Fate) -> Result<Finished, Fault> {
    let path = paths::journal_file(shard, file);
    let mut spare = None;
    match fate {
        Fate::Spare => {
            let name = paths::spare_file(shard, file);
            disk.rename(&path, &name).writing(&path)?;
            spare = Some(name);
        }
        Fate::Removed => disk.remove(&path).writing(&path)?,
        Fate::Quarantined => disk.rename(&path, &format!("{path}.damaged")).writing(&path)?,
    }
    let dir = paths::shard_dir(shard);
    disk.sync_dir(&dir).syncing(&dir)?;
    Ok(Finished::Recycled { spare })
}

/// Removes a segment and, only when that survives a power loss, its settled bits: without them, its messages
/// would come back.
pub(crate) fn remove_segment(
    disk: &mut dyn Disk,
    queue: QueueId,
    first_seq: u64,
) -> Result<(), Fault> {
    let (path, dir) = (paths::segment_file(queue, first_seq), paths::queue_dir(queue));
    if_present(disk.remove(&path)).writing(&path)?;
    if_present(disk.sync_dir(&dir)).syncing(&dir)?;
    let path = paths::settled_file(queue, first_seq);
    if_present(disk.remove(&path)).writing(&path)
}

fn remove_queue(disk: &mut dyn Disk, queue: QueueId) -> Result<(), Fault> {
    let dir = paths::queue_dir(queue);
    let names = match disk.list(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names.reading(&dir)?,
    };
    for name in names {
        let path = format!("{dir}/{name}");
        disk.remove(&path).writing(&path)?;
    }
    disk.remove_dir(&dir).writing(&dir)?;
    disk.sync_dir(paths::QUEUES).syncing(paths::QUEUES)
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

    /// The next job, when it may start.
    pub(crate) fn poll_job(&mut self) -> Option<Submission> {
        if self.is_job_in_flight {
            return None;
        }
        if self.jobs.is_empty() {
            self.plan_retirement();
        }
        let next = self.jobs.front()?;
        let is_read_pending = self.reads.first().is_some_and(|read| *read <= next.after_read);
        if !self.journal.synced().covers(next.after) || is_read_pending {
            return None;
        }
        self.is_job_in_flight = true;
        self.jobs.pop_front().map(|queued| Submission::background(queued.job))
    }

    /// Whether the oldest journal file should go, were it not for notes in it.
    pub(crate) fn is_oldest_due(&self) -> bool {
        self.journal.oldest_sealed().is_some_and(|file| {
            let is_crowded = self.journal.sealed_count() > self.options.journal_files_max;
            self.is_draining || file.live == 0 || is_crowded
        })
    }

    fn plan_retirement(&mut self) {
        if !self.journal.may_retire() {
            return;
        }
        let Some(oldest) = self.journal.oldest_sealed() else { return };
        let is_needed =
            oldest.last_note > self.covered_note || !self.journal.is_complete(oldest.number);
        if is_needed || !self.is_oldest_due() {
            return;
        }
        let (file, seal) = (oldest.number, oldest.seal);
        let survivors = self.survivors(file);
        let settled = self.take_dirty(file);
        if survivors.is_empty() && settled.is_empty() {
            self.push_recycle(file, false);
            return;
        }
        let retirement = Retirement {
            file,
            path: paths::journal_file(self.shard, file),
            seal,
            survivors,
            settled,
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
            for extent in queue.extents.iter().filter(|e| e.place == Place::Journal(file)) {
                let spots: Vec<_> = extent.live_from(0).collect();
                if !spots.is_empty() {
                    queue.has_directory = true;
                    all.push(Survivors { queue: queue.id, spots });
                }
            }
        }
        all
    }

    /// The settled bits of segments that were settled by records in this file.
    fn take_dirty(&mut self, file: u64) -> Vec<SettledFile> {
        let mut all = Vec::new();
        for queue in self.index.iter_mut() {
            for extent in &mut queue.extents {
                let Place::Segment(first_seq) = extent.place else { continue };
                if extent.dirty_since.is_some_and(|since| since <= file) {
                    extent.dirty_since = None;
                    all.push(SettledFile {
                        queue: queue.id.number(),
                        first_seq,
                        epoch: extent.epoch,
                        bits: extent.settled().clone(),
                    });
                }
            }
        }
        all
    }

    fn push_recycle(&mut self, file: u64, is_damaged: bool) {
        let fate = if is_damaged {
            Fate::Quarantined
        } else if self.journal.is_oldest_reusable() && !self.is_draining {
            Fate::Spare
        } else {
            Fate::Removed
        };
        self.push_job(Job::Recycle { shard: self.shard, file, fate });
    }

    pub(crate) fn complete_job(&mut self, finished: Finished) {
        self.is_job_in_flight = false;
        match finished {
            Finished::Retired(retired) => self.switch(retired),
            Finished::Recycled { spare } => self.journal.drop_oldest(spare),
            Finished::Saved { last_note } => self.covered_note = last_note,
            Finished::Removed => {}
        }
    }

    /// Lets the index name the segments instead of the journal file.
    fn switch(&mut self, retired: Retired) {
        let Retired { file, planned_in, copies, bad } = retired;
        let is_damaged = !bad.is_empty();
        self.report(bad);
        for (id, segments) in copies {
            // A queue that was forgotten meanwhile has queued the removal of its directory.
            let Some(queue) = self.index.get_mut(id) else { continue };
            for first_seq in queue.replace(Place::Journal(file), &segments, planned_in) {
                self.push_job(Job::RemoveSegment { queue: id, first_seq });
            }
        }
        if let Some(oldest) = self.journal.file_mut(file) {
            oldest.live = 0;
        }
        self.push_recycle(file, is_damaged);
    }

    /// Tells about messages that could not be read back.
    pub(crate) fn report(&mut self, bad: Vec<Unreadable>) {
        self.damage.extend(bad.into_iter().map(|bad| Damage {
            path: bad.path,
            messages: Some((bad.queue, bad.seq, bad.seq)),
            reason: "a message does not match its checksum".to_owned(),
        }));
    }
}
