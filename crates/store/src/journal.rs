//! The write-ahead log of one shard: where records get their place, and when they are written and synced.
//!
//! ```text
//!   append ──► filling ──(file full)──► closed        places are known from here on
//!                 │                        │
//!                 └──────── take ──────────┘           at most one JournalWrite in flight
//!                            │
//!                      written ──► synced              everything that came meanwhile is the next write
//! ```
//!
//! When to take: at once if somebody waits for a ticket; otherwise after a short delay or by size. Files are
//! created, or recycled under a fresh epoch, by the write that first needs them.
//!
//! The journal knows nothing of queues: which file has live messages is told to it by the store.

use std::collections::VecDeque;

use stdx::{Random, Time};

use crate::background::Job;
use crate::batch::{BATCH_HEADER_BYTES, Batch, padded};
use crate::header::{HEADER_BYTES, Header, Magic};
use crate::index::FileLife;
use crate::journal_write::{JournalWrite, Step, Written};
use crate::options::Options;
use crate::paths;
use crate::queue_id::QueueId;
use crate::record::{Kind, Record, Seal};
use crate::ticket::{Synced, Ticket};

/// Where the first batch of a journal file starts.
pub(crate) const JOURNAL_HEADER_PAGE: u32 = 4096;

/// How many files wait to be used, if the disk has room.
const RESERVE_FILES: usize = 2;
/// How many more full files than usual there may be before those that publish have to wait.
const FILES_BEHIND_MAX: usize = 4;
/// Buffers larger than this are given back to the allocator.
const POOLED_BYTES_MAX: usize = 8 << 20;
/// One buffer being filled, one being written.
const POOLED_MAX: usize = 2;

/// One journal file that is in use.
#[derive(Debug)]
pub(crate) struct JournalFile {
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) seal: Seal,
    first_batch: u64,
    /// Batches from here to `first_batch` were cut off by the recovery that began this file.
    void_from: u64,
    /// Where the next batch goes.
    tail: u32,
    /// Messages of all queues that lie here and are not settled.
    pub(crate) live: u64,
    /// The last note in here, or 0.
    pub(crate) last_note: u64,
    is_created: bool,
    /// Below this every byte was written at least once.
    filled: u32,
    /// Length on disk.
    bytes: u32,
    is_dirty: bool,
}

impl JournalFile {
    /// A file of an earlier run: it is read, and never written again.
    pub(crate) fn sealed(header: &Header, bytes: u32) -> Self {
        Self {
            number: header.number,
            epoch: header.epoch,
            seal: header.seal(),
            first_batch: header.first,
            void_from: header.second,
            tail: bytes,
            live: 0,
            last_note: 0,
            is_created: true,
            filled: bytes,
            bytes,
            is_dirty: false,
        }
    }

    fn fresh(number: u64, epoch: u64, first_batch: u64, void_from: u64) -> Self {
        Self {
            number,
            epoch,
            seal: Seal::new(epoch, number),
            first_batch,
            void_from,
            tail: JOURNAL_HEADER_PAGE,
            live: 0,
            last_note: 0,
            is_created: false,
            filled: 0,
            bytes: 0,
            is_dirty: false,
        }
    }

    fn header(&self, shard: usize) -> Header {
        Header {
            magic: Magic::Journal,
            epoch: self.epoch,
            owner: shard as u64,
            number: self.number,
            first: self.first_batch,
            second: self.void_from,
            third: 0,
            span: 0,
        }
    }
}

/// A journal file that waits to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spare {
    pub(crate) path: String,
    /// Every byte was written before; else its room is only reserved.
    pub(crate) is_filled: bool,
}

/// Settles of consecutive messages that become one record.
#[derive(Debug)]
struct Run {
    queue: QueueId,
    first: u64,
    last: u64,
}

/// Where a new run of the broker goes on; see the recovery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restart {
    pub(crate) file: u64,
    pub(crate) first_batch: u64,
    pub(crate) void_from: u64,
    /// Whole files lie behind the torn tail. Were the files before them retired and the power lost before there is a
    /// file that calls them void, they would come back.
    pub(crate) has_void_files: bool,
    pub(crate) synced: Synced,
}

/// The journal of one shard.
#[derive(Debug)]
pub(crate) struct Journal {
    shard: usize,
    options: Options,
    random: Random,
    /// Oldest first; the last one is being written.
    files: VecDeque<JournalFile>,
    filling: Batch,
    closed: Vec<Batch>,
    closed_bytes: usize,
    run: Option<Run>,
    pool: Vec<Vec<u8>>,
    pub(crate) spares: Vec<Spare>,
    /// The disk had no room for another spare file.
    is_reserve_failed: bool,
    /// A spare file is being made.
    is_reserving: bool,
    /// The number in the name of the last file that was reserved.
    last_fresh: u64,
    appended_bytes: u64,
    synced: Synced,
    /// File and offset below which everything was written.
    written: (u64, u32),
    is_in_flight: bool,
    /// A write for which the disk had no room; nothing is written before it.
    stalled: Option<JournalWrite>,
    /// Somebody waits for what was appended since the last sync was taken.
    is_awaited: bool,
    /// The first file of this run must be there before one of an earlier run goes.
    begins_at_once: bool,
    unsynced_bytes: usize,
    write_at: Option<Time>,
    sync_at: Option<Time>,
}

impl Journal {
    pub(crate) fn new(
        shard: usize,
        options: &Options,
        seed: u64,
        mut files: VecDeque<JournalFile>,
        restart: Restart,
    ) -> Self {
        let mut random = Random::new(seed);
        let epoch = random.next_u64();
        let file = JournalFile::fresh(restart.file, epoch, restart.first_batch, restart.void_from);
        // With void files behind the torn tail, the next file is begun at once, with an empty batch.
        let begins_at_once = restart.has_void_files;
        let filling = Batch {
            number: restart.first_batch,
            file: file.number,
            offset: file.tail,
            seal: file.seal,
            bytes: vec![0; if begins_at_once { BATCH_HEADER_BYTES } else { 0 }],
        };
        files.push_back(file);
        Self {
            shard,
            options: options.clone(),
            random,
            files,
            filling,
            closed: Vec::new(),
            closed_bytes: 0,
            run: None,
            pool: Vec::new(),
            spares: Vec::new(),
            is_reserve_failed: false,
            is_reserving: false,
            last_fresh: restart.file,
            appended_bytes: 0,
            synced: restart.synced,
            written: (restart.file, 0),
            is_in_flight: false,
            stalled: None,
            is_awaited: begins_at_once,
            begins_at_once,
            unsynced_bytes: 0,
            write_at: None,
            sync_at: None,
        }
    }

    pub(crate) const fn synced(&self) -> Synced {
        self.synced
    }

    /// The file that is being written, as extents know it.
    pub(crate) fn current(&self) -> FileLife {
        let file = self.files.back().expect("a journal always has a file that is being written");
        FileLife { number: file.number, seal: file.seal }
    }

    pub(crate) fn current_number(&self) -> u64 {
        self.filling.file
    }

    pub(crate) fn current_mut(&mut self) -> &mut JournalFile {
        self.files.back_mut().expect("a journal always has a file that is being written")
    }

    pub(crate) fn file_mut(&mut self, number: u64) -> Option<&mut JournalFile> {
        if number == self.filling.file {
            return self.files.back_mut();
        }
        let at = self.files.binary_search_by_key(&number, |file| file.number).ok()?;
        self.files.get_mut(at)
    }

    /// The oldest file, unless it is the one being written.
    pub(crate) fn oldest_sealed(&self) -> Option<&JournalFile> {
        if self.files.len() > 1 { self.files.front() } else { None }
    }

    /// How many files are full.
    pub(crate) fn sealed_count(&self) -> usize {
        self.files.len() - 1
    }

    /// Whether the oldest file can be used again.
    pub(crate) fn is_oldest_reusable(&self) -> bool {
        self.oldest_sealed().is_some_and(|file| file.bytes == self.options.journal_file_bytes)
            && self.spares.len() < self.options.spare_files_max
    }

    /// Whether everything that goes to this file was written.
    pub(crate) const fn is_complete(&self, file: u64) -> bool {
        file < self.written.0
    }

    /// Whether files of earlier runs may be retired.
    pub(crate) const fn may_retire(&self) -> bool {
        !self.begins_at_once || self.written.1 > 0
    }

    /// The file that is being written, if it lies on the disk.
    pub(crate) fn current_path(&self) -> Option<String> {
        let file = self.files.back().filter(|file| file.is_created)?;
        Some(paths::journal_file(self.shard, file.number))
    }

    /// Forgets the oldest file, which is gone from the disk or has become this spare file.
    pub(crate) fn drop_oldest(&mut self, spare: Option<Spare>) {
        assert!(self.files.len() > 1, "the file being written is never dropped");
        let file = self.files.pop_front().expect("there is more than one");
        assert!(file.live == 0, "a journal file with live messages is never dropped");
        spare.into_iter().for_each(|spare| self.add_spare(spare));
    }

    /// There is one more file to go on in.
    pub(crate) fn add_spare(&mut self, spare: Spare) {
        self.spares.push(spare);
        self.is_reserve_failed = false;
    }

    /// What [`plan_reserve`](Self::plan_reserve) asked for is done.
    pub(crate) fn reserved(&mut self, spare: Spare) {
        self.is_reserving = false;
        self.add_spare(spare);
    }

    /// There was no room for what [`plan_reserve`](Self::plan_reserve) asked for.
    pub(crate) const fn not_reserved(&mut self) {
        self.is_reserving = false;
        self.is_reserve_failed = true;
    }

    /// The disk has no room for another file.
    pub(crate) const fn set_reserve_failed(&mut self) {
        self.is_reserve_failed = true;
    }

    /// How much more goes into the file that is being written.
    fn room(&self) -> u64 {
        u64::from(self.capacity()).saturating_sub(u64::from(self.filling.tail()))
    }

    /// Bytes of a journal file before the copy of its header.
    const fn capacity(&self) -> u32 {
        self.options.journal_file_bytes - HEADER_BYTES as u32
    }

    /// Whether fewer files wait to be used than there should: one in which settles find room on a full disk, and one
    /// that the next start finds. A journal that is hardly used needs none.
    fn wants_reserve(&self) -> bool {
        self.is_used() && self.spares.len() < RESERVE_FILES
    }

    fn is_used(&self) -> bool {
        self.files.len() > 1 || self.room() < u64::from(self.capacity()) / 2
    }

    /// Makes room before it is needed.
    pub(crate) fn plan_reserve(&mut self) -> Option<Job> {
        if self.is_reserving || !self.wants_reserve() {
            return None;
        }
        self.is_reserving = true;
        // A name is used once, because a disk may remember what was behind it.
        self.last_fresh += 1;
        Some(Job::Reserve {
            path: paths::fresh_file(self.shard, self.last_fresh),
            bytes: self.options.journal_file_bytes,
            dir: paths::shard_dir(self.shard),
        })
    }

    /// Whether those that publish have to wait: the next file is not reserved, or retiring does not keep up.
    pub(crate) fn is_crowded(&self) -> bool {
        let is_short_of_room = self.room() < u64::from(self.capacity()) / 4;
        (self.wants_reserve() && is_short_of_room) || self.is_long()
    }

    /// Whether retiring does not keep up.
    pub(crate) fn is_long(&self) -> bool {
        self.sealed_count() > self.options.journal_files_max + FILES_BEHIND_MAX
    }

    /// Whether the disk is full, and what room is left is needed for settles. It stays so until there is another file:
    /// an attempt that is under way is no reason to take in more.
    pub(crate) fn is_full(&self) -> bool {
        self.is_reserve_failed && self.wants_reserve() && {
            let is_short_of_room = self.room() < u64::from(self.capacity()) / 4;
            self.spares.is_empty() || is_short_of_room
        }
    }

    /// A spare file whose room something else needs more. There is none left for messages until there is more room.
    pub(crate) fn give_up_spare(&mut self) -> Option<String> {
        self.is_reserve_failed = true;
        self.spares.pop().map(|spare| spare.path)
    }

    /// Spare files that a journal at rest does not need.
    pub(crate) fn take_surplus(&mut self) -> Vec<String> {
        let kept = if self.is_used() { RESERVE_FILES } else { 0 };
        let surplus = self.spares.split_off(kept.min(self.spares.len()));
        surplus.into_iter().map(|spare| spare.path).collect()
    }

    /// Bytes of all records since the start.
    pub(crate) const fn appended_bytes(&self) -> u64 {
        self.appended_bytes
    }

    /// Whether a message at this place was written, so that it can be read.
    pub(crate) fn is_written(&self, file: u64, offset: u32) -> bool {
        (file, offset) < self.written
    }

    /// Appends a record; says in which file and where it lies.
    pub(crate) fn append(&mut self, record: &Record<'_>) -> u32 {
        self.flush_run();
        self.place(record)
    }

    /// Appends a settle, together with those before it where that is possible.
    pub(crate) fn settle(&mut self, queue: QueueId, seq: u64) {
        match &mut self.run {
            Some(run) if run.queue == queue && run.last.wrapping_add(1) == seq => run.last = seq,
            _ => {
                self.flush_run();
                self.run = Some(Run { queue, first: seq, last: seq });
            }
        }
    }

    fn flush_run(&mut self) {
        if let Some(Run { queue, first, last }) = self.run.take() {
            let end = last.to_le_bytes();
            let payload: &[u8] = if first == last { &[] } else { &end };
            self.place(&Record { kind: Kind::Settle, queue, seq: first, payload });
        }
    }

    fn place(&mut self, record: &Record<'_>) -> u32 {
        let needed = self.filling.bytes.len().max(BATCH_HEADER_BYTES) + record.bytes();
        let is_first = self.filling.bytes.is_empty() && self.filling.offset == JOURNAL_HEADER_PAGE;
        let end = self.filling.offset as usize + padded(needed);
        if end > self.capacity() as usize && !is_first {
            self.roll();
        }
        self.appended_bytes += record.bytes() as u64;
        if self.filling.bytes.is_empty() {
            self.filling.bytes.resize(BATCH_HEADER_BYTES, 0);
        }
        let offset = self.filling.tail();
        record.append(self.filling.seal, offset, &mut self.filling.bytes);
        offset
    }

    /// Goes on in the next file.
    fn roll(&mut self) {
        self.close_batch();
        let epoch = self.random.next_u64();
        let (number, batch) = (self.filling.file + 1, self.filling.number);
        let file = JournalFile::fresh(number, epoch, batch, batch);
        self.filling.file = number;
        self.filling.offset = file.tail;
        self.filling.seal = file.seal;
        self.files.push_back(file);
    }

    /// Ends the batch that is being filled, if there is anything in it.
    fn close_batch(&mut self) {
        if self.filling.bytes.is_empty() {
            return;
        }
        let end = self.filling.offset + padded(self.filling.bytes.len()) as u32;
        let next = Batch {
            number: self.filling.number + 1,
            file: self.filling.file,
            offset: end,
            seal: self.filling.seal,
            bytes: self.pool.pop().unwrap_or_default(),
        };
        let batch = std::mem::replace(&mut self.filling, next);
        let file = self.files.back_mut().expect("the batch has a file");
        file.tail = end;
        self.closed_bytes += batch.bytes.len();
        self.closed.push(batch);
    }

    /// The ticket of the record that was appended last.
    pub(crate) const fn ticket(&self) -> Ticket {
        Ticket::of_batch(self.filling.number)
    }

    /// Somebody waits for what was appended last.
    pub(crate) const fn set_awaited(&mut self) {
        self.is_awaited = true;
    }

    /// The ticket that covers everything appended so far.
    pub(crate) fn ticket_of_all(&mut self) -> Ticket {
        self.flush_run();
        let is_empty = self.filling.bytes.is_empty();
        Ticket::of_batch(self.filling.number - u64::from(is_empty))
    }

    /// Bytes that were appended and are not part of a write yet.
    pub(crate) const fn unwritten_bytes(&self) -> usize {
        self.closed_bytes + self.filling.bytes.len()
    }

    /// Everything is written and synced.
    pub(crate) const fn is_clean(&self) -> bool {
        !self.is_in_flight
            && self.stalled.is_none()
            && self.run.is_none()
            && self.unwritten_bytes() == 0
            && self.unsynced_bytes == 0
    }

    /// An empty batch that bears witness that everything before it was synced. Not needed when nothing was
    /// written in this run.
    pub(crate) fn append_witness(&mut self) {
        if self.written.1 > 0 && self.filling.bytes.is_empty() {
            let end = self.filling.offset as usize + padded(BATCH_HEADER_BYTES);
            if end > self.capacity() as usize {
                self.roll();
            }
            self.filling.bytes.resize(BATCH_HEADER_BYTES, 0);
        }
    }

    /// When [`take`](Self::take) will have something that it does not have yet.
    pub(crate) fn timeout(&self) -> Option<Time> {
        if self.is_in_flight || self.stalled.is_some() {
            return None;
        }
        [self.write_at, self.sync_at].into_iter().flatten().min()
    }

    /// The next write, if one is due. `is_urgent` asks for everything, synced.
    pub(crate) fn take(&mut self, now: Time, is_urgent: bool) -> Option<JournalWrite> {
        if self.is_in_flight || self.stalled.is_some() {
            return None;
        }
        self.flush_run();
        let unwritten = self.unwritten_bytes();
        let unsynced = unwritten + self.unsynced_bytes;
        if unsynced == 0 {
            (self.write_at, self.sync_at, self.is_awaited) = (None, None, false);
            return None;
        }
        let (write_delay_ms, sync_delay_ms) =
            (self.options.write_delay_ms, self.options.sync_delay_ms);
        let sync_at = *self.sync_at.get_or_insert_with(|| now.plus_millis(sync_delay_ms));
        if unwritten > 0 {
            self.write_at.get_or_insert_with(|| now.plus_millis(write_delay_ms));
        }
        let is_synced =
            is_urgent || self.is_awaited || now >= sync_at || unsynced >= self.options.sync_bytes;
        let is_due = is_synced
            || unwritten >= self.options.write_bytes
            || self.write_at.is_some_and(|at| now >= at);
        is_due.then(|| self.write(is_synced))
    }

    fn write(&mut self, is_synced: bool) -> JournalWrite {
        self.close_batch();
        self.unsynced_bytes += self.closed_bytes;
        self.closed_bytes = 0;
        let batches = std::mem::take(&mut self.closed);
        let mut steps = VecDeque::with_capacity(batches.len() + 2);
        for mut batch in batches {
            batch.finish(self.synced.through().batch());
            self.steps_for(batch, &mut steps);
        }
        let mut sync = Vec::new();
        if is_synced {
            for file in self.files.iter_mut().filter(|file| file.is_dirty) {
                file.is_dirty = false;
                sync.push(paths::journal_file(self.shard, file.number));
            }
            self.unsynced_bytes = 0;
            (self.is_awaited, self.sync_at) = (false, None);
        }
        self.write_at = None;
        self.is_in_flight = true;
        JournalWrite {
            steps,
            sync,
            through: Ticket::of_batch(self.filling.number - 1),
            written: (self.filling.file, self.filling.offset),
            buffers: Vec::new(),
        }
    }

    fn steps_for(&mut self, batch: Batch, steps: &mut VecDeque<Step>) {
        let at = self.files.binary_search_by_key(&batch.file, |file| file.number);
        let file = &mut self.files[at.expect("files with unwritten batches are kept")];
        let end = batch.offset + batch.bytes.len() as u32;
        let path = paths::journal_file(self.shard, file.number);
        if !file.is_created {
            let is_regular = end + HEADER_BYTES as u32 <= self.options.journal_file_bytes;
            let spare = if is_regular { self.spares.pop() } else { None };
            let is_filled = spare.as_ref().is_some_and(|spare| spare.is_filled);
            file.is_created = true;
            file.bytes = self.options.journal_file_bytes.max(end + HEADER_BYTES as u32);
            file.filled = if is_filled { file.bytes } else { JOURNAL_HEADER_PAGE };
            steps.push_back(Step::Create {
                path: path.clone(),
                spare: spare.map(|spare| spare.path),
                dir: paths::shard_dir(self.shard),
                header: file.header(self.shard).encode(),
                bytes: file.bytes,
                is_regular,
            });
        }
        let step = self.options.fill_step_bytes;
        let ahead = file.filled.max(end);
        let fill_end = file.bytes - HEADER_BYTES as u32;
        if ahead < fill_end && ahead - end < step / 2 {
            file.filled = ahead.saturating_add(step).min(fill_end);
            steps.push_back(Step::Fill { path: path.clone(), from: ahead, to: file.filled });
        }
        file.is_dirty = true;
        steps.push_back(Step::Write { path, offset: batch.offset, bytes: batch.bytes });
    }

    /// Takes back a write for which the disk had no room.
    pub(crate) fn stall(&mut self, write: JournalWrite) {
        self.is_in_flight = false;
        self.stalled = Some(write);
    }

    /// The write for which the disk had no room, to try it again.
    pub(crate) fn take_stalled(&mut self) -> Option<JournalWrite> {
        let mut write = self.stalled.take()?;
        write.use_spare(&mut self.spares);
        self.is_in_flight = true;
        Some(write)
    }

    /// Whether a write waits for room on the disk.
    pub(crate) const fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Somebody wants to read what was appended: it is written without delay.
    pub(crate) fn set_wanted(&mut self) {
        self.write_at = Some(Time::ZERO);
    }

    /// Takes note of a write that ended well.
    pub(crate) fn complete(&mut self, written: Written) {
        self.is_in_flight = false;
        self.written = written.written;
        if let Some(synced) = written.synced {
            assert!(synced >= self.synced, "a journal is never less synced than before");
            self.synced = synced;
        }
        for mut buffer in written.buffers {
            if self.pool.len() < POOLED_MAX && buffer.capacity() <= POOLED_BYTES_MAX {
                buffer.clear();
                self.pool.push(buffer);
            }
        }
    }
}
