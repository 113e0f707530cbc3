//! Opening a data directory.
//!
//! ```text
//!   format ─► metadata snapshot ─► segments, what is live ─► journals, in order ─► stores
//!                                                               │
//!                        written with another number of shards? ┘
//!                        move everything alive to segments, all notes to a snapshot, and open again
//! ```
//!
//! Recovery only ever repeats or finishes what a run would have done, so it can be interrupted at any point and
//! done again. Before it relies on a file or a name it syncs it: a process that was killed may have left bytes in
//! memory that a power loss would still take away.

use std::collections::BTreeMap;

use stdx::{Random, Time};

use crate::background::{Job, remove_segments};
use crate::disk::Disk;
use crate::extent::{Extent, Place, Spot};
use crate::fault::{Blame, Damage, Fault, FaultKind};
use crate::format::{SHARDS_MAX, read_format, write_format};
use crate::header::Header;
use crate::index::Index;
use crate::journal::Journal;
use crate::live::LiveFile;
use crate::options::Options;
use crate::paths;
use crate::queue_id::QueueId;
use crate::queue_index::{FileLife, Gone};
use crate::record::{Kind, Record, u64_at};
use crate::replay::{Apply, Replayed, replay};
use crate::seeded::{Bug, is_seeded};
use crate::segment::{Opened, open_segment};
use crate::segment_extent::SegmentExtent;
use crate::snapshot::{Snapshot, read_if_present};
use crate::store::Store;
use crate::table::Table;

/// What a data directory holds.
#[derive(Debug)]
pub struct Recovered {
    /// One store per shard.
    pub stores: Vec<Store>,
    /// The last snapshot of the metadata.
    pub snapshot: Option<Vec<u8>>,
    /// The notes behind that snapshot, in order.
    pub notes: Vec<Vec<u8>>,
    /// The queues that left something on disk, in the order of their ids. Those that the metadata does not know
    /// are to be handed to [`Store::forget`].
    pub queues: Vec<RecoveredQueue>,
    /// What was stored, and is not readable.
    pub damage: Vec<Damage>,
}

/// A queue that left something on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveredQueue {
    /// The queue.
    pub id: QueueId,
    /// Above every sequence number in the directory.
    pub next_seq: u64,
    /// Messages that are not settled.
    pub live_count: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// The first of them, or `next_seq` when there is none.
    pub first_seq: u64,
}

/// Opens or creates a data directory with the default [`Options`]. `seed` must differ from run to run.
///
/// # Errors
/// The directory cannot be used; the fault says why and what to do.
pub fn open(disk: &mut dyn Disk, shards: usize, seed: u64) -> Result<Recovered, Fault> {
    open_with(disk, shards, seed, &Options::default())
}

/// Opens or creates a data directory. `seed` must differ from run to run: the epochs of files come from it.
///
/// # Errors
/// The directory cannot be used; the fault says why and what to do.
///
/// # Panics
/// When `shards` is 0 or above 256.
pub fn open_with(
    disk: &mut dyn Disk,
    shards: usize,
    seed: u64,
    options: &Options,
) -> Result<Recovered, Fault> {
    assert!((1..=SHARDS_MAX).contains(&shards), "a data directory has 1 to 256 shards");
    let mut random = Random::new(seed);
    let written_with = match read_format(disk)? {
        Some(written_with) => {
            // Nothing else may be there before the file `format` surely is.
            disk.sync_dir("").syncing("")?;
            written_with
        }
        None => {
            write_format(disk, shards)?;
            shards
        }
    };
    let mut recovered = recover(disk, written_with, random.fork(), options)?;
    if written_with != shards {
        let damage = std::mem::take(&mut recovered.damage);
        drain(disk, recovered)?;
        write_format(disk, shards)?;
        recovered = recover(disk, shards, random.fork(), options)?;
        recovered.damage.extend(damage);
    }
    Ok(recovered)
}

/// Moves everything out of the journals, which are then gone.
pub(crate) fn drain(disk: &mut dyn Disk, recovered: Recovered) -> Result<(), Fault> {
    let Recovered { mut stores, snapshot, notes, .. } = recovered;
    let last_note = stores[0].last_note;
    if last_note > stores[0].covered_note {
        Snapshot { last_note, bytes: snapshot, notes }.save(disk)?;
        stores[0].covered_note = last_note;
    }
    for store in &mut stores {
        store.is_draining = true;
        while let Some(submission) = store.poll_submission(Time::ZERO) {
            store.complete(submission.execute(disk))?;
        }
        if store.journal.sealed_count() > 0 {
            // What is due and is not given out waits for room on the disk.
            return Err(Fault::new(FaultKind::NoSpace, &paths::shard_dir(store.shard)));
        }
        let current = store.journal.current_path();
        let spares = std::mem::take(&mut store.journal.spares);
        for path in spares.into_iter().map(|spare| spare.path).chain(current) {
            disk.remove(&path).writing(&path)?;
        }
    }
    Ok(())
}

/// Recovers a directory that was written with this number of shards.
pub(crate) fn recover(
    disk: &mut dyn Disk,
    shards: usize,
    mut random: Random,
    options: &Options,
) -> Result<Recovered, Fault> {
    create_dirs(disk, shards)?;
    let mut damage = Vec::new();
    let snapshot = Snapshot::load(disk, &mut damage)?;
    let mut shards: Vec<Shard> = (0..shards).map(|_| Shard::new(snapshot.last_note)).collect();
    load_segments(disk, &mut shards, &mut damage)?;
    let mut stores = Vec::new();
    let mut notes = snapshot.notes;
    let mut queues = Vec::new();
    for (number, mut shard) in shards.into_iter().enumerate() {
        let replayed = replay(disk, number, options, &mut shard)?;
        shard.count_segments(disk)?;
        damage.extend(replayed.damage.iter().cloned());
        notes.append(&mut shard.notes);
        queues.extend(shard.index.iter().map(|queue| RecoveredQueue {
            id: queue.id,
            next_seq: queue.next_seq,
            live_count: queue.live_count,
            live_bytes: queue.live_bytes,
            first_seq: queue.first_live(0).unwrap_or(queue.next_seq),
        }));
        let covered = (snapshot.last_note, snapshot.bytes.as_ref().map_or(0, Vec::len));
        stores.push(shard.into_store(number, options, random.fork(), replayed, covered));
    }
    queues.sort_unstable_by_key(|queue| queue.id);
    Ok(Recovered { stores, snapshot: snapshot.bytes, notes, queues, damage })
}

fn create_dirs(disk: &mut dyn Disk, shards: usize) -> Result<(), Fault> {
    for dir in [paths::METADATA, paths::JOURNAL, paths::QUEUES] {
        disk.create_dir(dir).writing(dir)?;
    }
    for shard in 0..shards {
        let dir = paths::shard_dir(shard);
        disk.create_dir(&dir).writing(&dir)?;
    }
    for dir in ["", paths::METADATA, paths::JOURNAL, paths::QUEUES] {
        disk.sync_dir(dir).syncing(dir)?;
    }
    Ok(())
}

/// What is known of one shard so far.
struct Shard {
    index: Index,
    notes: Vec<Vec<u8>>,
    note_bytes: usize,
    last_note: u64,
    /// Journal file and last note in it.
    noted: Vec<(u64, u64)>,
    jobs: Vec<Job>,
}

impl Shard {
    fn new(last_note: u64) -> Self {
        let index = Index::default();
        Self {
            index,
            notes: Vec::new(),
            note_bytes: 0,
            last_note,
            noted: Vec::new(),
            jobs: Vec::new(),
        }
    }

    fn gone(&mut self, queue: QueueId, all_gone: &[Gone]) {
        for gone in all_gone {
            if let Place::Segment(number) = gone.place
                && gone.is_emptied
            {
                self.jobs.push(Job::RemoveSegments { queue, numbers: vec![number] });
            }
        }
    }

    fn settle_range(&mut self, file: &Header, queue: QueueId, range: (u64, u64), keep: &[u64]) {
        let Some(entry) = self.index.get_mut(queue) else { return };
        let gone = entry.settle_range(range.0, range.1, keep, file.number);
        entry.pass_over(range.1);
        self.gone(queue, &gone);
    }

    /// Counts the bytes of live messages in segments of which some were settled by the journal.
    fn count_segments(&mut self, disk: &mut dyn Disk) -> Result<(), Fault> {
        for queue in self.index.iter_mut() {
            let id = queue.id;
            for extent in &mut queue.extents {
                let Extent::Segment(segment) = extent else { continue };
                if segment.dirty_since.is_some() {
                    queue.live_bytes -= segment.live_bytes();
                    count_bytes(disk, id, segment)?;
                    queue.live_bytes += segment.live_bytes();
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, file: &Header, record: &Record<'_>) {
        if record.seq > self.last_note {
            self.last_note = record.seq;
            self.note_bytes += record.bytes();
            self.notes.push(record.payload.to_vec());
        }
        self.noted.push((file.number, record.seq));
    }

    fn into_store(
        self,
        number: usize,
        options: &Options,
        mut random: Random,
        replayed: Replayed,
        (covered_note, snapshot_bytes): (u64, usize),
    ) -> Store {
        let Replayed { files, spares, restart, .. } = replayed;
        let mut journal = Journal::new(number, options, random.next_u64(), files, restart);
        journal.spares = spares;
        for extent in self.index.iter().flat_map(|queue| &queue.extents) {
            if let Place::Journal(file) = extent.place() {
                let file = journal.file_mut(file).expect("extents lie in files that were read");
                file.live += extent.live();
            }
        }
        for (file, note) in self.noted {
            let file = journal.file_mut(file).expect("notes lie in files that were read");
            file.last_note = file.last_note.max(note);
        }
        let mut store = Store::new(number, options, random, journal, self.index);
        store.last_note = self.last_note;
        (store.note_bytes, store.snapshot_bytes) = (self.note_bytes, snapshot_bytes);
        (store.covered_note, store.snapshot_note) = (covered_note, covered_note);
        self.jobs.into_iter().for_each(|job| store.push_job(job));
        store
    }
}

impl Apply for Shard {
    fn apply(&mut self, file: &Header, offset: u32, record: &Record<'_>) {
        let Record { kind, queue, seq, payload } = *record;
        match kind {
            Kind::Spill if !is_seeded(Bug::SpillSurvives) => {
                self.index.queue(queue).pass_over(seq);
            }
            Kind::Enqueue | Kind::Spill => {
                let life = FileLife { number: file.number, seal: file.seal() };
                let length = payload.len() as u32;
                let spot = Spot { seq, offset, length, is_spilled: false };
                self.index.queue(queue).insert(life, spot);
            }
            Kind::Settle => {
                let last = if payload.len() == 8 { u64_at(payload, 0) } else { seq };
                self.settle_range(file, queue, (seq, last), &[]);
            }
            Kind::Purge => {
                let mut numbers = payload.chunks_exact(8).map(|seq| u64_at(seq, 0));
                let first = numbers.next().unwrap_or(0);
                let keep: Vec<u64> = numbers.collect();
                self.settle_range(file, queue, (first, seq), &keep);
            }
            Kind::Forget => {
                if self.index.remove(queue).is_some_and(|entry| entry.has_directory) {
                    self.jobs.push(Job::RemoveQueues { queues: vec![queue] });
                }
            }
            Kind::Note => self.note(file, record),
        }
    }

    fn knows(&self, queue: QueueId) -> bool {
        self.index.get(queue).is_some()
    }
}

fn load_segments(
    disk: &mut dyn Disk,
    shards: &mut [Shard],
    damage: &mut Vec<Damage>,
) -> Result<(), Fault> {
    for name in disk.list(paths::QUEUES).reading(paths::QUEUES)? {
        let Some(number) = paths::number_of(&name, "") else { continue };
        let queue = QueueId::from_number(number);
        let shard = queue.shard(shards.len());
        load_queue(disk, queue, &mut shards[shard].index, damage)?;
    }
    Ok(())
}

fn load_queue(
    disk: &mut dyn Disk,
    queue: QueueId,
    index: &mut Index,
    damage: &mut Vec<Damage>,
) -> Result<(), Fault> {
    let dir = paths::queue_dir(queue);
    disk.sync_dir(&dir).syncing(&dir)?;
    let entry = index.queue(queue);
    entry.has_directory = true;
    let names = disk.list(&dir).reading(&dir)?;
    let mut segments = Vec::new();
    for name in &names {
        if let Some(number) = paths::number_of(name, ".seg") {
            entry.next_segment = entry.next_segment.max(number + 1);
            segments.extend(load_segment(disk, queue, number, damage)?);
        }
    }
    for name in &names {
        let is_orphan = paths::number_of(name, ".live")
            .is_some_and(|number| names.binary_search(&format!("{number:016x}.seg")).is_err());
        if is_orphan || name.ends_with(paths::NEW) {
            let path = format!("{dir}/{name}");
            disk.remove(&path).writing(&path)?;
        }
    }
    // Of segments that speak for the same messages, the one with the highest number was made of the others.
    segments.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.number));
    let mut superseded = Vec::new();
    let mut kept: BTreeMap<u64, SegmentExtent> = BTreeMap::new();
    for segment in segments {
        entry.pass_over(segment.last_seq());
        let before = kept.range(..=segment.last_seq()).next_back();
        if before.is_some_and(|(_, before)| before.last_seq() >= segment.first_seq) {
            superseded.push(segment.number);
        } else {
            kept.insert(segment.first_seq, segment);
        }
    }
    for segment in kept.into_values() {
        if segment.live_count() == 0 {
            superseded.push(segment.number);
        } else {
            entry.insert_segment(segment);
        }
    }
    if superseded.is_empty() { Ok(()) } else { remove_segments(disk, queue, &superseded) }
}

fn load_segment(
    disk: &mut dyn Disk,
    queue: QueueId,
    number: u64,
    damage: &mut Vec<Damage>,
) -> Result<Option<SegmentExtent>, Fault> {
    let path = paths::segment_file(queue, number);
    let mut report = |path: &str, messages: Option<(QueueId, u64, u64)>, reason: &str| {
        damage.push(Damage { path: path.to_owned(), messages, reason: reason.to_owned() });
    };
    let Some(opened) = open_segment(disk, queue, number)? else {
        report(&path, None, "both headers of a segment are damaged; its messages are lost");
        return Ok(None);
    };
    let Opened { segment, keys, key_bytes, is_damaged } = opened;
    let range = Some((queue, segment.first_seq, segment.last_seq()));
    if is_damaged {
        report(&path, range, "a segment is damaged outside of its messages");
    }
    let path = paths::live_file(queue, number);
    let bytes = read_if_present(disk, &path)?;
    // A file that belongs elsewhere is damage; one of an earlier segment of this name says nothing of this one.
    let is_here = |file: &LiveFile| file.queue == queue && file.number == number;
    let found = bytes.as_deref().map(|bytes| LiveFile::parse(bytes).filter(is_here));
    let is_of_it = |file: &LiveFile| file.epoch == segment.epoch;
    Ok(Some(match found {
        Some(Some(file)) if is_of_it(&file) => {
            // What was spilled before the start is gone, so the set may name more than there is.
            let live = &file.live & &keys;
            let is_counted = live.len() == file.live.len();
            let mut extent = SegmentExtent::new(&segment, live, file.live_bytes);
            if !is_counted {
                count_bytes(disk, queue, &mut extent)?;
            }
            extent
        }
        Some(None) => {
            report(&path, range, "a set of live messages is damaged; settled ones may come back");
            SegmentExtent::new(&segment, keys, key_bytes)
        }
        _ => SegmentExtent::new(&segment, keys, key_bytes),
    }))
}

/// Counts the bytes of live messages anew, where only the table knows how long each one is.
fn count_bytes(
    disk: &mut dyn Disk,
    queue: QueueId,
    segment: &mut SegmentExtent,
) -> Result<(), Fault> {
    let (table, _) = Table::load(disk, &segment.table_source(queue))?;
    segment.set_live_bytes(table.bytes_where(|seq| segment.is_live(seq)));
    Ok(())
}
