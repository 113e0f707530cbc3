//! Reading a whole data directory, every byte that means something, and changing none of them.
//!
//! ```text
//!   ReadOnly(disk) ─► recover, as a start would ─► what recovery says is damaged
//!                          │
//!                          └─► both headers of each file, and of each segment the keys, the table, every record
//! ```
//!
//! What a start does with a directory is decided by the code that does it, so the two cannot disagree. What that code
//! would remove is hidden from it instead, and nothing that it could write reaches the disk.
//! It knows nothing of what may be done about damage.

use std::collections::VecDeque;

use roaring::RoaringBitmap;
use stdx::Random;

use crate::disk::Disk;
use crate::extent::Extent;
use crate::fault::{Blame, Damage, Fault};
use crate::format::read_format;
use crate::header::{HEADER_BYTES, Header, Magic};
use crate::options::Options;
use crate::paths;
use crate::queue_id::QueueId;
use crate::read_only::ReadOnly;
use crate::reading::{Runs, Unreadable, join_neighbours};
use crate::record::RECORD_HEADER_BYTES;
use crate::recovery::{Recovered, RecoveredQueue, recover};
use crate::segment::open_segment;
use crate::segment_extent::SegmentExtent;
use crate::store::Store;
use crate::table::{Table, TableSource};

/// What a whole data directory holds.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// With how many shards it was written; 0 for an empty directory.
    pub shards: usize,
    /// Files that mean something, and their bytes.
    pub files: u64,
    /// The bytes of these files.
    pub file_bytes: u64,
    /// The last snapshot of the metadata.
    pub snapshot: Option<Vec<u8>>,
    /// The notes behind that snapshot, in order.
    pub notes: Vec<Vec<u8>>,
    /// The queues that left something on disk, in the order of their ids.
    pub queues: Vec<RecoveredQueue>,
    /// Messages that are not settled and can be read.
    pub messages: u64,
    /// Their bytes.
    pub message_bytes: u64,
    /// What is not as it was written.
    pub damage: Vec<Damage>,
}

/// Reads everything in a data directory, and changes nothing there.
///
/// # Errors
/// The directory cannot be read, or is not one of ours; the fault says why and what to do.
pub fn check(disk: &mut dyn Disk, options: &Options) -> Result<Checked, Fault> {
    let disk = &mut ReadOnly::new(disk);
    let Some(shards) = read_format(disk)? else { return Ok(Checked::default()) };
    let (files, file_bytes) = count_files(disk, shards)?;
    // No file is begun, so it does not matter what epochs would come from.
    let Recovered { stores, snapshot, notes, queues, damage } =
        recover(disk, shards, Random::new(0), options)?;
    let mut checked = Checked {
        shards,
        files,
        file_bytes,
        snapshot,
        notes,
        queues,
        damage,
        ..Checked::default()
    };
    for queue in &checked.queues {
        checked.messages += queue.live_count;
        checked.message_bytes += queue.live_bytes;
    }
    for store in &stores {
        checked.check_journal(disk, store.shard)?;
        checked.check_segments(disk, store)?;
    }
    Ok(checked)
}

/// How many files there are that a start reads, and their bytes.
fn count_files(disk: &mut dyn Disk, shards: usize) -> Result<(u64, u64), Fault> {
    let mut dirs = vec![paths::METADATA.to_owned()];
    dirs.extend((0..shards).map(paths::shard_dir));
    for name in list_if_present(disk, paths::QUEUES)? {
        let queue = paths::number_of(&name, "").map(QueueId::from_number);
        dirs.extend(queue.map(paths::queue_dir));
    }
    let (mut files, mut bytes) = (1, disk.len(paths::FORMAT).reading(paths::FORMAT)?);
    for dir in dirs {
        for name in list_if_present(disk, &dir)? {
            let endings = [".snap", ".copy", ".log", ".seg", ".live"];
            if endings.iter().any(|ending| paths::number_of(&name, ending).is_some()) {
                let path = format!("{dir}/{name}");
                files += 1;
                bytes += disk.len(&path).reading(&path)?;
            }
        }
    }
    Ok((files, bytes))
}

fn list_if_present(disk: &mut dyn Disk, dir: &str) -> Result<Vec<String>, Fault> {
    match disk.list(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names.reading(dir),
    }
}

impl Checked {
    /// Journal files were read by recovery, but for the copies of their headers.
    fn check_journal(&mut self, disk: &mut dyn Disk, shard: usize) -> Result<(), Fault> {
        let dir = paths::shard_dir(shard);
        for name in disk.list(&dir).reading(&dir)? {
            if paths::number_of(&name, ".log").is_some() {
                self.check_copy(disk, format!("{dir}/{name}"), Magic::Journal, None)?;
            }
        }
        Ok(())
    }

    fn check_segments(&mut self, disk: &mut dyn Disk, store: &Store) -> Result<(), Fault> {
        for queue in store.index.iter() {
            for extent in &queue.extents {
                if let Extent::Segment(segment) = extent {
                    self.check_segment(disk, queue.id, segment, &store.options)?;
                }
            }
        }
        Ok(())
    }

    /// The copy of a header is read only when the header is damaged, which recovery reports. Is it as good?
    fn check_copy(
        &mut self,
        disk: &mut dyn Disk,
        path: String,
        magic: Magic,
        messages: Option<(QueueId, u64, u64)>,
    ) -> Result<(), Fault> {
        let length = disk.len(&path).reading(&path)?;
        let (mut first, mut copy) = ([0; HEADER_BYTES], [0; HEADER_BYTES]);
        disk.read(&path, 0, &mut first).reading(&path)?;
        let last = length.saturating_sub(HEADER_BYTES as u64);
        disk.read(&path, last, &mut copy).reading(&path)?;
        if Header::parse(magic, &first).is_some() && first != copy {
            let reason = "the copy of the header at the end of the file is damaged".to_owned();
            self.damage.push(Damage { path, messages, reason });
        }
        Ok(())
    }

    fn check_segment(
        &mut self,
        disk: &mut dyn Disk,
        queue: QueueId,
        segment: &SegmentExtent,
        options: &Options,
    ) -> Result<(), Fault> {
        let source = segment.table_source(queue);
        let messages = Some((queue, source.first_seq, source.last_seq));
        self.check_copy(disk, source.path.clone(), Magic::Segment, messages)?;
        let (table, is_whole) = Table::load(disk, &source)?;
        let keys = open_segment(disk, queue, segment.number)?.map(|opened| opened.keys);
        if !is_whole {
            let reason = "the table of a segment is damaged; its records were scanned";
            self.damage.push(Damage::of_segment(&source, reason));
        } else if !is_gapless(&table, &source) || keys != Some(keys_of(&table, &source)) {
            let reason = "the table of a segment does not fit to its keys or its records";
            self.damage.push(Damage::of_segment(&source, reason));
        }
        let lost = unreadable(disk, &table, &source, options)?;
        let (mut live, settled): (Vec<_>, Vec<_>) =
            lost.into_iter().partition(|lost| segment.is_live(lost.seq));
        let unlisted = segment.live_from(0).filter(|seq| table.find(*seq).is_none());
        live.extend(unlisted.map(|seq| Unreadable {
            path: source.path.clone(),
            queue,
            seq,
            length: None,
        }));
        live.sort_unstable_by_key(|lost| lost.seq);
        self.messages -= live.len() as u64;
        let lost_bytes: u64 = live.iter().map(|lost| u64::from(lost.length.unwrap_or(0))).sum();
        self.message_bytes = self.message_bytes.saturating_sub(lost_bytes);
        let mut damage = VecDeque::new();
        join_neighbours(live, "messages do not match their checksums", &mut damage);
        join_neighbours(settled, "settled messages do not match their checksums", &mut damage);
        self.damage.extend(damage);
        Ok(())
    }
}

/// Whether the places in a table follow each other from the first record to the end of the last one.
fn is_gapless(table: &Table, source: &TableSource) -> bool {
    let mut end = HEADER_BYTES as u64;
    table.spots().iter().all(|spot| {
        let is_next = u64::from(spot.offset) == end;
        end += RECORD_HEADER_BYTES as u64 + u64::from(spot.length);
        is_next
    }) && end == u64::from(source.records_end)
}

/// What a start takes for the keys of a segment with this table.
fn keys_of(table: &Table, source: &TableSource) -> RoaringBitmap {
    let kept = table.spots().iter().filter(|spot| !spot.is_spilled);
    kept.map(|spot| (spot.seq - source.first_seq) as u32).collect()
}

/// Reads every message that a table names, settled or not; says which ones do not validate.
fn unreadable(
    disk: &mut dyn Disk,
    table: &Table,
    source: &TableSource,
    options: &Options,
) -> Result<Vec<Unreadable>, Fault> {
    let mut runs = Runs::new(options.read_run_bytes);
    for spot in table.spots() {
        runs.push(*spot, false, || (source.path.clone(), source.seal));
    }
    let mut lost = Vec::new();
    for run in runs.finish() {
        run.read(disk, source.queue, &mut Vec::new(), &mut lost)?;
    }
    Ok(lost)
}
