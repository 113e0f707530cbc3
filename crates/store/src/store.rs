//! The store of one shard: verbs in, submissions out.
//!
//! ```text
//!   enqueue settle forget note ──► index (at once) + journal (in memory)
//!                                        │ poll_submission, at the end of a turn
//!                                        ▼
//!                                 Submission ── disk ──► Completion
//!                                                           │ complete
//!                                 synced, poll_loaded ◄─────┘
//! ```
//!
//! It knows nothing of what a message or a note means, of exchanges, consumers or protocols.

use std::collections::{BTreeMap, VecDeque};

use stdx::{Random, Time};

use crate::background::{Job, Queued};
use crate::extent::{Place, Spot};
use crate::fault::{Damage, Fault};
use crate::index::Index;
use crate::journal::Journal;
use crate::journal_write::Journaled;
use crate::options::Options;
use crate::queue_id::QueueId;
use crate::queue_index::Gone;
use crate::reading::{Loaded, Reading};
use crate::reads::{Tables, Wanted};
use crate::record::{Kind, RECORD_HEADER_BYTES, Record};
use crate::seeded::{Bug, is_seeded};
use crate::snapshot::Snapshot;
use crate::submission::{Completion, Outcome, Submission};
use crate::ticket::{Synced, Ticket};

/// A purge that keeps more messages takes several records.
const KEPT_PER_RECORD_MAX: usize = 64 << 10;

/// The store of one shard.
///
/// All verbs act on the index at once and on the disk later. Order is kept: what was called first is on the disk
/// first, and after a crash everything up to some call is there and nothing behind it.
#[derive(Debug)]
pub struct Store {
    pub(crate) shard: usize,
    pub(crate) options: Options,
    pub(crate) random: Random,
    pub(crate) journal: Journal,
    pub(crate) index: Index,
    pub(crate) jobs: VecDeque<Queued>,
    pub(crate) is_job_in_flight: bool,
    /// The first job waits for room on the disk.
    pub(crate) is_front_held: bool,
    /// Reads that were asked for and are not loaded.
    pub(crate) reads: BTreeMap<u64, u64>,
    pub(crate) last_read: u64,
    pub(crate) readings: VecDeque<Reading>,
    /// Reads of messages that are not written yet.
    pub(crate) parked: Vec<Wanted>,
    pub(crate) tables: Tables,
    pub(crate) loaded: VecDeque<Loaded>,
    pub(crate) damage: VecDeque<Damage>,
    /// Number of the last note, of the last one in a snapshot that was asked for, and in one that is on disk.
    pub(crate) last_note: u64,
    pub(crate) snapshot_note: u64,
    pub(crate) covered_note: u64,
    pub(crate) note_bytes: usize,
    /// How large the last snapshot was.
    pub(crate) snapshot_bytes: usize,
    /// Every journal file is to be retired.
    pub(crate) is_draining: bool,
    is_closing: bool,
    is_witnessed: bool,
    is_faulted: bool,
    /// The disk was full a moment ago: what needs room waits until `retry_at`.
    pub(crate) is_short: bool,
    retry_at: Option<Time>,
    pub(crate) sweep_at: Option<Time>,
    /// Bytes that the journal had been given at the last sweep.
    pub(crate) swept_bytes: u64,
    /// Nothing was stored between the last two sweeps.
    pub(crate) is_idle_for_long: bool,
    /// The last sweep found everything as the one before it had: another one is of no use until something happens.
    pub(crate) is_swept: bool,
    /// Queues that the last sweep has found to have segments, and that were not looked at yet.
    pub(crate) uncompacted: Vec<QueueId>,
}

impl Store {
    pub(crate) fn new(
        shard: usize,
        options: &Options,
        random: Random,
        journal: Journal,
        index: Index,
    ) -> Self {
        Self {
            shard,
            options: options.clone(),
            random,
            journal,
            index,
            jobs: VecDeque::new(),
            is_job_in_flight: false,
            is_front_held: false,
            reads: BTreeMap::new(),
            last_read: 0,
            readings: VecDeque::new(),
            parked: Vec::new(),
            tables: Tables::default(),
            loaded: VecDeque::new(),
            damage: VecDeque::new(),
            last_note: 0,
            snapshot_note: 0,
            covered_note: 0,
            note_bytes: 0,
            snapshot_bytes: 0,
            is_draining: false,
            is_closing: false,
            is_witnessed: false,
            is_faulted: false,
            is_short: false,
            retry_at: None,
            sweep_at: None,
            swept_bytes: 0,
            is_idle_for_long: false,
            is_swept: false,
            uncompacted: Vec::new(),
        }
    }

    /// The shard among all shards.
    pub const fn shard(&self) -> usize {
        self.shard
    }

    /// Stores a message. `seq` is above every earlier one of this queue. `is_awaited` when somebody waits for
    /// the ticket: then the next write is due at once and synced.
    ///
    /// # Panics
    /// When `seq` is not above the earlier ones, or the message is longer than 1 GiB.
    pub fn enqueue(
        &mut self,
        queue: QueueId,
        seq: u64,
        message: &[u8],
        is_awaited: bool,
    ) -> Ticket {
        self.append_message(Kind::Enqueue, queue, seq, message);
        if is_awaited {
            self.journal.set_awaited();
        }
        self.journal.ticket()
    }

    fn append_message(&mut self, kind: Kind, queue: QueueId, seq: u64, message: &[u8]) {
        let offset = self.journal.append(&Record { kind, queue, seq, payload: message });
        let file = self.journal.current();
        let entry = self.index.queue(queue);
        assert!(seq >= entry.next_seq, "sequence numbers of a queue only grow");
        let (length, is_spilled) = (message.len() as u32, kind == Kind::Spill);
        entry.push(file, Spot { seq, offset, length, is_spilled });
        self.journal.current_mut().live += 1;
    }

    /// Stores a message that need not survive a restart: memory is short. Otherwise as [`enqueue`](Self::enqueue).
    ///
    /// # Panics
    /// As [`enqueue`](Self::enqueue).
    pub fn spill(&mut self, queue: QueueId, seq: u64, message: &[u8]) {
        self.append_message(Kind::Spill, queue, seq, message);
    }

    /// Whether there is no room for further messages. Then [`enqueue`](Self::enqueue) and [`spill`](Self::spill)
    /// are not to be called; everything else may be.
    pub fn is_full(&self) -> bool {
        self.journal.is_stalled() || self.journal.is_full()
    }

    /// Whether the store cannot keep up, so that those who enqueue should wait.
    pub fn is_crowded(&self) -> bool {
        self.journal.is_crowded() && !self.is_full()
    }

    /// The message, which was `length` bytes long, is gone. Nothing happens when there is no such message.
    pub fn settle(&mut self, queue: QueueId, seq: u64, length: u32) {
        let current = self.journal.current_number();
        let Some(entry) = self.index.get_mut(queue) else { return };
        let Some(gone) = entry.settle(seq, length, current) else { return };
        self.account(queue, gone);
        self.journal.settle(queue, seq);
    }

    /// Every message of the queue is gone, except those in `keep`: their numbers and lengths.
    pub fn purge(&mut self, queue: QueueId, keep: &[(u64, u32)]) {
        let mut keep = keep.to_vec();
        keep.sort_unstable();
        let current = self.journal.current_number();
        let Some(entry) = self.index.get_mut(queue) else { return };
        let all_gone = entry.purge(&keep, current);
        if all_gone.is_empty() {
            return;
        }
        let last_seq = entry.next_seq.saturating_sub(1);
        self.append_purge(queue, last_seq, &keep);
        let mut emptied = Vec::new();
        for gone in all_gone {
            match gone.place {
                Place::Segment(number) if gone.is_emptied => emptied.push(number),
                _ => self.account(queue, gone),
            }
        }
        if !emptied.is_empty() {
            self.push_job(Job::RemoveSegments { queue, numbers: emptied });
        }
    }

    /// What a purge keeps may take several records: each speaks for a range of sequence numbers.
    fn append_purge(&mut self, queue: QueueId, last_seq: u64, keep: &[(u64, u32)]) {
        let mut parts = keep.chunks(KEPT_PER_RECORD_MAX).peekable();
        let mut from = 0_u64;
        loop {
            let part = parts.next().unwrap_or_default();
            let kept = part.iter().map(|(seq, _)| *seq);
            let kept = kept.filter(|_| !is_seeded(Bug::PurgeForgetsKept));
            let payload: Vec<u8> =
                std::iter::once(from).chain(kept).flat_map(u64::to_le_bytes).collect();
            let is_last = parts.peek().is_none();
            let seq =
                if is_last { last_seq } else { part.last().map_or(last_seq, |(seq, _)| *seq) };
            self.journal.append(&Record { kind: Kind::Purge, queue, seq, payload: &payload });
            from = seq + 1;
            if is_last {
                return;
            }
        }
    }

    /// The queue is gone, and its identity is never used again. Call it when the note that deletes the queue is
    /// synced, and after recovery for every recovered queue that the metadata does not know.
    pub fn forget(&mut self, queue: QueueId) {
        let Some(entry) = self.index.remove(queue) else { return };
        for extent in &entry.extents {
            if let Place::Journal(number) = extent.place()
                && let Some(file) = self.journal.file_mut(number)
            {
                file.live -= extent.live();
            }
        }
        self.journal.append(&Record { kind: Kind::Forget, queue, seq: 0, payload: &[] });
        if entry.has_directory {
            self.push_removal(queue);
        }
    }

    pub(crate) fn account(&mut self, queue: QueueId, gone: Gone) {
        match gone.place {
            Place::Journal(number) => {
                let file = self.journal.file_mut(number).expect("live messages keep their file");
                file.live -= gone.count;
            }
            Place::Segment(number) if gone.is_emptied || is_seeded(Bug::LiveSegmentRemoved) => {
                self.push_job(Job::RemoveSegments { queue, numbers: vec![number] });
            }
            Place::Segment(_) => {}
        }
    }

    /// Stores a change of metadata. Only the store of shard 0 keeps metadata, so that the changes of a data
    /// directory have one order.
    ///
    /// # Panics
    /// On the store of another shard.
    pub fn note(&mut self, bytes: &[u8]) -> Ticket {
        assert!(self.shard == 0, "metadata is kept by the store of shard 0");
        self.last_note += 1;
        self.note_bytes += bytes.len() + RECORD_HEADER_BYTES;
        let queue = QueueId::from_number(0);
        let seq = self.last_note;
        self.journal.append(&Record { kind: Kind::Note, queue, seq, payload: bytes });
        self.journal.current_mut().last_note = seq;
        self.journal.set_awaited();
        self.journal.ticket()
    }

    /// Whether a [`snapshot`](Self::snapshot) would let journal files go, or make the next start shorter.
    pub fn wants_snapshot(&self) -> bool {
        let holds_file = self.is_oldest_due()
            && self.journal.oldest_sealed().is_some_and(|file| file.last_note > self.snapshot_note);
        // A snapshot is written as a whole: were it written after so many bytes however large it is, a million queues would be
        // written a hundred times.
        let note_bytes_max = self.options.snapshot_note_bytes.max(self.snapshot_bytes);
        let is_wanted = holds_file || self.note_bytes >= note_bytes_max;
        is_wanted && !self.is_short && self.last_note > self.snapshot_note
    }

    /// Stores the metadata with all notes so far applied.
    pub fn snapshot(&mut self, bytes: Vec<u8>) {
        self.snapshot_note = self.last_note;
        self.note_bytes = 0;
        self.snapshot_bytes = bytes.len();
        let last_note = self.last_note;
        self.push_job(Job::Save(Snapshot { last_note, bytes: Some(bytes), notes: Vec::new() }));
    }

    /// How far the journal is known to be synced.
    pub const fn synced(&self) -> Synced {
        self.journal.synced()
    }

    /// Live messages of a queue and their bytes.
    pub fn live(&self, queue: QueueId) -> (u64, u64) {
        self.index.get(queue).map_or((0, 0), |entry| (entry.live_count, entry.live_bytes))
    }

    /// The next answer to a [`read`](Self::read).
    pub fn poll_loaded(&mut self) -> Option<Loaded> {
        self.loaded.pop_front()
    }

    /// Whether [`poll_loaded`](Self::poll_loaded) has something. A read of what the store does not have is answered without
    /// the disk.
    pub fn has_loaded(&self) -> bool {
        !self.loaded.is_empty()
    }

    /// The next piece of damage found since the start.
    pub fn poll_damage(&mut self) -> Option<Damage> {
        self.damage.pop_front()
    }

    /// What the disk should do next. Call it at the end of each turn, and at [`poll_timeout`](Self::poll_timeout),
    /// until it gives `None`. Everything that was awaited since the last write of the journal goes into one.
    pub fn poll_submission(&mut self, now: Time) -> Option<Submission> {
        if self.is_faulted {
            return None;
        }
        if self.is_closing && !self.is_witnessed && self.journal.is_clean() {
            self.is_witnessed = true;
            self.journal.append_witness();
        }
        self.look_for_room(now);
        if !self.is_short
            && let Some(write) = self.journal.take_stalled()
        {
            return Some(Submission::journal(write));
        }
        if let Some(write) = self.journal.take(now, self.is_closing) {
            return Some(Submission::journal(write));
        }
        if let Some(reading) = self.readings.pop_front() {
            return Some(Submission::read(reading));
        }
        if self.is_closing { None } else { self.poll_job(now) }
    }

    /// What found no room on the disk is tried again after a while.
    fn look_for_room(&mut self, now: Time) {
        if !self.is_short {
            return;
        }
        let delay_ms = self.options.retry_delay_ms;
        let retry_at = *self.retry_at.get_or_insert_with(|| now.plus_millis(delay_ms));
        if now >= retry_at {
            (self.is_short, self.retry_at) = (false, None);
        }
    }

    /// Bytes that were handed in and are not written.
    pub const fn pending_bytes(&self) -> usize {
        self.journal.unwritten_bytes()
    }

    /// When to call [`poll_submission`](Self::poll_submission) although nothing happened.
    pub fn poll_timeout(&self) -> Option<Time> {
        let retry_at = self.is_short.then(|| self.retry_at.unwrap_or(Time::ZERO));
        // While work is under way, its end is when to ask again.
        let is_at_work =
            self.is_job_in_flight || !self.jobs.is_empty() || self.is_closing || self.is_short;
        let sweep_at = self.sweep_at.filter(|_| !is_at_work);
        [self.journal.timeout(), retry_at, sweep_at].into_iter().flatten().min()
    }

    /// Takes note of what the disk did.
    ///
    /// # Errors
    /// The node must stop: this store gives out no further submission, and nothing is synced any more.
    pub fn complete(&mut self, completion: Completion) -> Result<(), Fault> {
        let result = match completion.outcome {
            Outcome::Journal(result) => result.map(|journaled| self.complete_write(journaled)),
            Outcome::Background(result) => result.map(|finished| self.complete_job(*finished)),
            Outcome::Read(result) => result.map(|read| self.complete_read(read)),
        };
        self.is_faulted |= result.is_err();
        result
    }

    fn complete_write(&mut self, journaled: Journaled) {
        match journaled {
            Journaled::Written(written) => {
                self.journal.complete(written);
                self.unpark();
            }
            Journaled::Short(write) => {
                self.is_short = true;
                self.journal.stall(write);
            }
        }
    }

    /// Shutdown: everything is written and synced without delay. Go on polling until [`is_idle`](Self::is_idle).
    pub const fn close(&mut self) {
        self.is_closing = true;
    }

    /// Everything is synced, nothing is in flight, and nothing but background work would be submitted.
    pub fn is_idle(&self) -> bool {
        let is_closed = self.is_witnessed || !self.is_closing;
        is_closed && self.journal.is_clean() && !self.is_job_in_flight && self.reads.is_empty()
    }
}
