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

use std::collections::{BTreeSet, VecDeque};

use stdx::{Random, Time};

use crate::background::{Job, Queued};
use crate::extent::{Place, Spot};
use crate::fault::{Damage, Fault};
use crate::index::{Gone, Index};
use crate::journal::Journal;
use crate::options::Options;
use crate::paths;
use crate::queue_id::QueueId;
use crate::reading::{Loaded, Read, Reading, Runs};
use crate::record::{Kind, RECORD_HEADER_BYTES, Record};
use crate::snapshot::Snapshot;
use crate::submission::{Completion, Outcome, Submission};
use crate::ticket::{Synced, Ticket};

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
    /// Reads that were asked for and are not loaded.
    pub(crate) reads: BTreeSet<u64>,
    pub(crate) last_read: u64,
    readings: VecDeque<Reading>,
    loaded: VecDeque<Loaded>,
    pub(crate) damage: VecDeque<Damage>,
    /// Number of the last note, of the last one in a snapshot that was asked for, and in one that is on disk.
    pub(crate) last_note: u64,
    pub(crate) snapshot_note: u64,
    pub(crate) covered_note: u64,
    pub(crate) note_bytes: usize,
    /// Every journal file is to be retired.
    pub(crate) is_draining: bool,
    is_closing: bool,
    is_witnessed: bool,
    is_faulted: bool,
    is_full: bool,
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
            reads: BTreeSet::new(),
            last_read: 0,
            readings: VecDeque::new(),
            loaded: VecDeque::new(),
            damage: VecDeque::new(),
            last_note: 0,
            snapshot_note: 0,
            covered_note: 0,
            note_bytes: 0,
            is_draining: false,
            is_closing: false,
            is_witnessed: false,
            is_faulted: false,
            is_full: false,
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
        let record = Record { kind: Kind::Enqueue, queue, seq, payload: message };
        let offset = self.journal.append(&record);
        let file = self.journal.current();
        let entry = self.index.queue(queue);
        assert!(seq >= entry.next_seq, "sequence numbers of a queue only grow");
        entry.push(file, Spot { seq, offset, length: message.len() as u32 });
        self.journal.current_mut().live += 1;
        if is_awaited {
            self.journal.set_awaited();
        }
        self.journal.ticket()
    }

    /// Stores a message that need not survive a restart: memory is short. Otherwise as [`enqueue`](Self::enqueue).
    ///
    /// # Panics
    /// As [`enqueue`](Self::enqueue).
    pub fn spill(&mut self, queue: QueueId, seq: u64, message: &[u8]) {
        self.enqueue(queue, seq, message, false);
    }

    /// Whether there is no room for further messages. Then [`enqueue`](Self::enqueue) and [`spill`](Self::spill)
    /// are not to be called; everything else may be.
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// The message, which was `length` bytes long, is gone. Nothing happens when there is no such message.
    pub fn settle(&mut self, queue: QueueId, seq: u64, length: u32) {
        let current = self.journal.current_number();
        let Some(entry) = self.index.get_mut(queue) else { return };
        let Some(gone) = entry.settle(seq, length, current) else { return };
        self.account(queue, gone);
        self.journal.settle(queue, seq);
    }

    /// Every message up to `seq` is gone, except those in `keep`: their numbers and lengths.
    pub fn settle_through(&mut self, queue: QueueId, seq: u64, keep: &[(u64, u32)]) {
        let mut keep: Vec<u64> = keep.iter().map(|(seq, _)| *seq).collect();
        keep.sort_unstable();
        let current = self.journal.current_number();
        let Some(entry) = self.index.get_mut(queue) else { return };
        let all_gone = entry.settle_range(0, seq, &keep, current);
        if all_gone.is_empty() {
            return;
        }
        let payload: Vec<u8> = keep.iter().flat_map(|seq| seq.to_le_bytes()).collect();
        let kind = Kind::SettleThrough;
        self.journal.append(&Record { kind, queue, seq, payload: &payload });
        for gone in all_gone {
            self.account(queue, gone);
        }
    }

    /// The queue is gone, and its identity is never used again. Call it when the note that deletes the queue is
    /// synced, and after recovery for every recovered queue that the metadata does not know.
    pub fn forget(&mut self, queue: QueueId) {
        let Some(entry) = self.index.remove(queue) else { return };
        for extent in &entry.extents {
            if let Place::Journal(number) = extent.place
                && let Some(file) = self.journal.file_mut(number)
            {
                file.live -= extent.live() as u64;
            }
        }
        self.journal.append(&Record { kind: Kind::Forget, queue, seq: 0, payload: &[] });
        if entry.has_directory {
            self.push_job(Job::RemoveQueue { queue });
        }
    }

    fn account(&mut self, queue: QueueId, gone: Gone) {
        match gone.place {
            Place::Journal(number) => {
                let file = self.journal.file_mut(number).expect("live messages keep their file");
                file.live -= gone.count as u64;
            }
            Place::Segment(first_seq) if gone.is_emptied => {
                self.push_job(Job::RemoveSegment { queue, first_seq });
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
        holds_file || self.note_bytes >= self.options.snapshot_note_bytes
    }

    /// Stores the metadata with all notes so far applied.
    pub fn snapshot(&mut self, bytes: Vec<u8>) {
        self.snapshot_note = self.last_note;
        self.note_bytes = 0;
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

    /// Asks for the live messages of a queue from `from_seq` on, in order, up to `bytes_max` bytes but at least
    /// one. The answer comes through [`poll_loaded`](Self::poll_loaded), also when it is empty. Only messages
    /// that were written can be read.
    pub fn read(&mut self, queue: QueueId, from_seq: u64, bytes_max: usize) {
        let mut runs = Runs::new(self.options.read_run_bytes);
        let mut next_seq = from_seq;
        let mut bytes = 0;
        let mut last_place = None;
        let live = self.index.get(queue).into_iter().flat_map(|entry| entry.live_from(from_seq));
        for (extent, spot) in live {
            let is_written = match extent.place {
                Place::Journal(file) => self.journal.is_written(file, spot.offset),
                Place::Segment(_) => true,
            };
            bytes += spot.length as usize;
            if !is_written || (next_seq > from_seq && bytes > bytes_max) {
                break;
            }
            let is_new_file = last_place != Some(extent.place);
            last_place = Some(extent.place);
            runs.push(spot, is_new_file, || (self.path_of(queue, extent.place), extent.seal));
            next_seq = spot.seq + 1;
        }
        let runs = runs.finish();
        if runs.is_empty() {
            self.loaded.push_back(Loaded { queue, messages: Vec::new(), next_seq });
            return;
        }
        self.last_read += 1;
        self.reads.insert(self.last_read);
        self.readings.push_back(Reading { id: self.last_read, queue, runs, next_seq });
    }

    fn path_of(&self, queue: QueueId, place: Place) -> String {
        match place {
            Place::Journal(number) => paths::journal_file(self.shard, number),
            Place::Segment(first_seq) => paths::segment_file(queue, first_seq),
        }
    }

    /// The next answer to a [`read`](Self::read).
    pub fn poll_loaded(&mut self) -> Option<Loaded> {
        self.loaded.pop_front()
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
        if let Some(write) = self.journal.take(now, self.is_closing) {
            return Some(Submission::journal(write));
        }
        if let Some(reading) = self.readings.pop_front() {
            return Some(Submission::read(reading));
        }
        if self.is_closing { None } else { self.poll_job() }
    }

    /// Bytes that were handed in and are not written.
    pub const fn pending_bytes(&self) -> usize {
        self.journal.unwritten_bytes()
    }

    /// When to call [`poll_submission`](Self::poll_submission) although nothing happened.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.journal.timeout()
    }

    /// Takes note of what the disk did.
    ///
    /// # Errors
    /// The node must stop: this store gives out no further submission, and nothing is synced any more.
    pub fn complete(&mut self, completion: Completion) -> Result<(), Fault> {
        let result = match completion.outcome {
            Outcome::Journal(result) => result.map(|written| self.journal.complete(written)),
            Outcome::Background(result) => result.map(|finished| self.complete_job(finished)),
            Outcome::Read(result) => result.map(|read| self.complete_read(read)),
        };
        self.is_faulted |= result.is_err();
        result
    }

    fn complete_read(&mut self, read: Read) {
        let Read { id, mut loaded, bad } = read;
        self.reads.remove(&id);
        let entry = self.index.get(loaded.queue);
        loaded.messages.retain(|(seq, _)| entry.is_some_and(|entry| entry.is_live(*seq)));
        self.loaded.push_back(loaded);
        // What cannot be read is not live: the queue goes on behind it. No record says so, so that it is
        // reported again after a restart, until its file is retired.
        for message in &bad {
            let current = self.journal.current_number();
            let gone = self
                .index
                .get_mut(message.queue)
                .and_then(|q| q.settle(message.seq, message.length, current));
            if let Some(gone) = gone {
                self.account(message.queue, gone);
            }
        }
        self.report(bad);
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
