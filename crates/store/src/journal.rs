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

use crate::batch::{BATCH_HEADER_BYTES, Batch, padded};
use crate::header::HEADER_BYTES;
use crate::journal_file::{JOURNAL_HEADER_PAGE, JournalFile};
use crate::journal_write::{JournalWrite, Step, Written};
use crate::options::Options;
use crate::paths;
use crate::queue_id::QueueId;
use crate::queue_index::FileLife;
use crate::record::{Kind, Record};
use crate::reserve::Spare;
use crate::ticket::{Synced, Ticket};

/// Buffers larger than this are given back to the allocator.
const POOLED_BYTES_MAX: usize = 8 << 20;
/// One buffer being filled, one being written.
const POOLED_MAX: usize = 2;

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
    pub(crate) shard: usize,
    pub(crate) options: Options,
    random: Random,
    /// Oldest first; the last one is being written.
    pub(crate) files: VecDeque<JournalFile>,
    pub(crate) filling: Batch,
    closed: Vec<Batch>,
    closed_bytes: usize,
    run: Option<Run>,
    pool: Vec<Vec<u8>>,
    pub(crate) spares: Vec<Spare>,
    /// The disk had no room for another spare file.
    pub(crate) is_reserve_failed: bool,
    /// A spare file is being made.
    pub(crate) is_reserving: bool,
    /// The number in the name of the last file that was reserved.
    pub(crate) last_fresh: u64,
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
