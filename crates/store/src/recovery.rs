//! Opening a data directory.
//!
//! ```text
//!   format ─► metadata snapshot ─► segments and settled bits ─► journals, in order ─► stores
//!                                                                   │
//!                            written with another number of shards? ┘
//!                            move everything alive to segments, all notes to a snapshot, and open again
//! ```
//!
//! Recovery only ever repeats or finishes what a run would have done, so it can be interrupted at any point and
//! done again. Before it relies on a file or a name it syncs it: a process that was killed may have left bytes in
//! memory that a power loss would still take away.

use stdx::{Random, Time};

use crate::background::{Job, remove_segment};
use crate::disk::Disk;
use crate::extent::{Extent, Place, Spot};
use crate::fault::{Blame, Damage, Fault};
use crate::format::{SHARDS_MAX, read_format, write_format};
use crate::header::Header;
use crate::index::{FileLife, Gone, Index};
use crate::journal::Journal;
use crate::options::Options;
use crate::paths;
use crate::queue_id::QueueId;
use crate::record::{Kind, Record, u64_at};
use crate::replay::{Apply, Replayed, replay};
use crate::segment::{Opened, open_segment};
use crate::settled::SettledFile;
use crate::snapshot::Snapshot;
use crate::store::Store;

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
fn drain(disk: &mut dyn Disk, recovered: Recovered) -> Result<(), Fault> {
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
        assert!(store.journal.sealed_count() == 0, "everything was moved to segments");
        let current = store.journal.current_path();
        for path in std::mem::take(&mut store.journal.spares).into_iter().chain(current) {
            disk.remove(&path).writing(&path)?;
        }
    }
    Ok(())
}

fn recover(
    disk: &mut dyn Disk,
    shards: usize,
    mut random: Random,
    options: &Options,
) -> Result<Recovered, Fault> {
    create_dirs(disk, shards)?;
    let snapshot = Snapshot::load(disk)?;
    let mut damage = Vec::new();
    let mut shards: Vec<Shard> = (0..shards).map(|_| Shard::new(snapshot.last_note)).collect();
    load_segments(disk, &mut shards, &mut damage)?;
    let mut stores = Vec::new();
    let mut notes = snapshot.notes;
    let mut queues = Vec::new();
    for (number, mut shard) in shards.into_iter().enumerate() {
        let replayed = replay(disk, number, options, &mut shard)?;
        damage.extend(replayed.damage.iter().cloned());
        notes.append(&mut shard.notes);
        queues.extend(shard.index.iter().map(|queue| RecoveredQueue {
            id: queue.id,
            next_seq: queue.next_seq,
            live_count: queue.live_count,
            live_bytes: queue.live_bytes,
            first_seq: queue.live_from(0).next().map_or(queue.next_seq, |(_, spot)| spot.seq),
        }));
        stores.push(shard.into_store(number, options, random.fork(), replayed, snapshot.last_note));
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
            if let Place::Segment(first_seq) = gone.place
                && gone.is_emptied
            {
                self.jobs.push(Job::RemoveSegment { queue, first_seq });
            }
        }
    }

    fn settle_range(&mut self, file: &Header, queue: QueueId, range: (u64, u64), keep: &[u64]) {
        let Some(entry) = self.index.get_mut(queue) else { return };
        let gone = entry.settle_range(range.0, range.1, keep, file.number);
        entry.next_seq = entry.next_seq.max(range.1.saturating_add(1));
        self.gone(queue, &gone);
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
        covered_note: u64,
    ) -> Store {
        let Replayed { files, spares, restart, .. } = replayed;
        let mut journal = Journal::new(number, options, random.next_u64(), files, restart);
        journal.spares = spares;
        for extent in self.index.iter().flat_map(|queue| &queue.extents) {
            if let Place::Journal(file) = extent.place {
                let file = journal.file_mut(file).expect("extents lie in files that were read");
                file.live += extent.live() as u64;
            }
        }
        for (file, note) in self.noted {
            let file = journal.file_mut(file).expect("notes lie in files that were read");
            file.last_note = file.last_note.max(note);
        }
        let mut store = Store::new(number, options, random, journal, self.index);
        store.last_note = self.last_note;
        store.note_bytes = self.note_bytes;
        (store.covered_note, store.snapshot_note) = (covered_note, covered_note);
        self.jobs.into_iter().for_each(|job| store.push_job(job));
        store
    }
}

impl Apply for Shard {
    fn apply(&mut self, file: &Header, offset: u32, record: &Record<'_>) {
        let Record { kind, queue, seq, payload } = *record;
        match kind {
            Kind::Enqueue => {
                let place = Place::Journal(file.number);
                let life = FileLife { place, epoch: file.epoch, seal: file.seal() };
                let spot = Spot { seq, offset, length: payload.len() as u32 };
                self.index.queue(queue).insert(life, spot);
            }
            Kind::Settle => {
                let last = if payload.len() == 8 { u64_at(payload, 0) } else { seq };
                self.settle_range(file, queue, (seq, last), &[]);
            }
            Kind::SettleThrough => {
                let keep: Vec<u64> = payload.chunks_exact(8).map(|seq| u64_at(seq, 0)).collect();
                self.settle_range(file, queue, (0, seq), &keep);
            }
            Kind::Forget => {
                if self.index.remove(queue).is_some_and(|entry| entry.has_directory) {
                    self.jobs.push(Job::RemoveQueue { queue });
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
    for name in &names {
        let path = format!("{dir}/{name}");
        let is_orphan = paths::number_of(name, ".settled")
            .is_some_and(|seq| names.binary_search(&format!("{seq:016x}.seg")).is_err());
        if is_orphan || name.ends_with(paths::NEW) {
            disk.remove(&path).writing(&path)?;
        }
    }
    for name in &names {
        let Some(first_seq) = paths::number_of(name, ".seg") else { continue };
        let Some(extent) = load_segment(disk, queue, first_seq, damage)? else { continue };
        if extent.live() > 0 {
            entry.push_segment(extent);
        } else {
            entry.next_seq = entry.next_seq.max(extent.last_seq() + 1);
            remove_segment(disk, queue, first_seq)?;
        }
    }
    Ok(())
}

fn load_segment(
    disk: &mut dyn Disk,
    queue: QueueId,
    first_seq: u64,
    damage: &mut Vec<Damage>,
) -> Result<Option<Extent>, Fault> {
    let path = paths::segment_file(queue, first_seq);
    let mut report = |path: &str, last_seq: u64, reason: &str| {
        let messages = Some((queue, first_seq, last_seq));
        damage.push(Damage { path: path.to_owned(), messages, reason: reason.to_owned() });
    };
    let segment = match open_segment(disk, &path, queue, first_seq)? {
        Opened::Whole(segment) => segment,
        Opened::Scanned(segment) => {
            let last = segment.spots.last().map_or(first_seq, |spot| spot.seq);
            report(&path, last, "the table of a segment is damaged; its records were scanned");
            segment
        }
        Opened::Unreadable => {
            report(&path, first_seq, "the header of a segment is damaged; its messages are lost");
            return Ok(None);
        }
    };
    let mut extent = segment.extent();
    let path = paths::settled_file(queue, first_seq);
    if let Some(bytes) = read_if_present(disk, &path)? {
        match SettledFile::parse(&bytes) {
            Some(file) if file.epoch == segment.epoch && file.bits.len() == extent.len() => {
                for at in (0..extent.len()).filter(|at| file.bits.contains(*at)) {
                    extent.settle(at);
                }
            }
            Some(file) if file.epoch != segment.epoch => {}
            _ => {
                let last = extent.last_seq();
                report(&path, last, "settled bits are damaged; settled messages may come back");
            }
        }
    }
    Ok(Some(extent))
}

fn read_if_present(disk: &mut dyn Disk, path: &str) -> Result<Option<Vec<u8>>, Fault> {
    let length = match disk.len(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        length => length.reading(path)?,
    };
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let read = disk.read(path, 0, &mut bytes).reading(path)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}
