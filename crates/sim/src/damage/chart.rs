//! What lies where in a directory, read by the book: `docs/internals/data-files.md`, and not by the code that wrote it.

use std::ops::Range;

use store::QueueId;

use crate::SimDisk;

const FILE_HEADER_BYTES: usize = 64;
const PAGE_BYTES: usize = 4096;
const BATCH_HEADER_BYTES: usize = 32;
const BATCH_ALIGN: usize = 64;
const RECORD_HEADER_BYTES: usize = 28;

/// What a record means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Enqueue,
    Settle,
    Purge,
    Forget,
    Note,
    Spill,
}

/// A record in a journal file or a segment.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) path: String,
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
    pub(super) queue: QueueId,
    pub(super) seq: u64,
    pub(super) payload: Vec<u8>,
}

/// A batch of a journal file, without padding.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) path: String,
    pub(super) range: Range<usize>,
    pub(super) number: u64,
    pub(super) synced: u64,
    pub(super) records: Vec<Record>,
}

/// What lies where.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart {
    pub(super) batches: Vec<Batch>,
    /// Messages in segments.
    pub(super) stored: Vec<Record>,
}

#[derive(Clone, Copy, Debug)]
struct Seal(u32);

impl Seal {
    fn of(header: &[u8]) -> Self {
        Self(crc32c::crc32c_append(crc32c::crc32c(&header[8..16]), &header[24..32]))
    }

    fn checksum(self, offset: usize, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(self.0 ^ offset as u32, bytes)
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes were taken"))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes were taken")) as usize
}

impl Chart {
    /// Reads an undamaged directory.
    pub(super) fn of(disk: &SimDisk) -> Self {
        let mut chart = Self::default();
        for path in disk.paths() {
            let Some(bytes) = disk.bytes(path) else { continue };
            if path.ends_with(".log") {
                let seal = Seal::of(&bytes[..FILE_HEADER_BYTES]);
                let starts = (PAGE_BYTES..bytes.len()).step_by(BATCH_ALIGN);
                chart.batches.extend(starts.filter_map(|start| batch(path, seal, bytes, start)));
            } else if path.ends_with(".seg") {
                let seal = Seal::of(&bytes[..FILE_HEADER_BYTES]);
                let end = u64_at(bytes, 40) as usize;
                chart.stored.extend(records(path, seal, bytes, FILE_HEADER_BYTES..end));
            }
        }
        chart
    }

    /// All records, those in batches and those in segments.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.batches.iter().flat_map(|batch| &batch.records).chain(&self.stored)
    }

    /// Where the bytes of a message lie; in two places when the directory was left while they were moved.
    pub(super) fn message(&self, queue: QueueId, seq: u64) -> impl Iterator<Item = &Record> {
        self.records().filter(move |record| {
            (record.kind, record.queue, record.seq) == (Kind::Enqueue, queue, seq)
        })
    }

    /// When these bytes of a file are injured: what is void because nothing bears witness that it was synced.
    pub(super) fn unwitnessed(&self, path: &str, injured: &Range<usize>) -> Vec<&Record> {
        let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir);
        let journal = || self.batches.iter().filter(|batch| batch.path.starts_with(dir));
        let is_hit = |batch: &Batch, range: &Range<usize>| {
            batch.path == path && range.start < injured.end && injured.start < range.end
        };
        let is_heard = |batch: &&Batch| {
            let start = batch.range.start;
            let is_cut_off = is_hit(batch, &batch.range) && injured.end == usize::MAX;
            !is_cut_off && !is_hit(batch, &(start..start + BATCH_HEADER_BYTES))
        };
        let witnessed = journal().filter(is_heard).map(|batch| batch.synced).max().unwrap_or(0);
        let is_void = |batch: &&Batch| batch.number > witnessed && is_hit(batch, &batch.range);
        let Some(first) = journal().filter(is_void).map(|batch| batch.number).min() else {
            return Vec::new();
        };
        journal().filter(|batch| batch.number >= first).flat_map(|batch| &batch.records).collect()
    }
}

fn batch(path: &str, seal: Seal, bytes: &[u8], start: usize) -> Option<Batch> {
    let header = bytes.get(start..start + BATCH_HEADER_BYTES)?;
    if &header[24..] != b"LvrtBtch"
        || seal.checksum(start, &header[4..]) as usize != u32_at(header, 0)
    {
        return None;
    }
    let range = start..start + BATCH_HEADER_BYTES + u32_at(header, 4);
    let within = start + BATCH_HEADER_BYTES..range.end;
    Some(Batch {
        path: path.to_owned(),
        number: u64_at(header, 8),
        synced: u64_at(header, 16),
        records: if range.end <= bytes.len() {
            records(path, seal, bytes, within)
        } else {
            Vec::new()
        },
        range,
    })
}

fn records(path: &str, seal: Seal, bytes: &[u8], within: Range<usize>) -> Vec<Record> {
    let mut all = Vec::new();
    let mut start = within.start;
    while start + RECORD_HEADER_BYTES <= within.end {
        let end = start + RECORD_HEADER_BYTES + u32_at(bytes, start + 4);
        let is_whole = end <= within.end
            && seal.checksum(start, &bytes[start + 4..end]) as usize == u32_at(bytes, start);
        let kind = match bytes[start + 8] {
            1 => Kind::Enqueue,
            2 => Kind::Settle,
            3 => Kind::Purge,
            4 => Kind::Forget,
            5 => Kind::Note,
            _ => Kind::Spill,
        };
        if !is_whole {
            break;
        }
        all.push(Record {
            path: path.to_owned(),
            range: start..end,
            kind,
            queue: QueueId::from_number(u64_at(bytes, start + 12)),
            seq: u64_at(bytes, start + 20),
            payload: bytes[start + RECORD_HEADER_BYTES..end].to_vec(),
        });
        start = end;
    }
    all
}

impl Record {
    /// Whether this record settles the message.
    pub(super) fn settles(&self, queue: QueueId, seq: u64) -> bool {
        let is_in_run = || {
            let last = if self.payload.len() == 8 { u64_at(&self.payload, 0) } else { self.seq };
            (self.seq..=last).contains(&seq)
        };
        self.queue == queue
            && match self.kind {
                Kind::Settle => is_in_run(),
                Kind::Purge => seq <= self.seq,
                Kind::Forget => true,
                Kind::Enqueue | Kind::Note | Kind::Spill => false,
            }
    }

    /// Whether an injury changes bytes of this record.
    pub(super) fn is_hit(&self, path: &str, injured: &Range<usize>) -> bool {
        self.path == path && self.range.start < injured.end && injured.start < self.range.end
    }
}
