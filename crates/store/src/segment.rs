//! A segment: messages of one queue that outlived their journal file. Written once, as a whole.
//!
//! ```text
//!   ┌──────────────┬────────┬────────┬─────┬───────────────┬──────┬───────────────────────────┬──────────────┐
//!   │ header, 64 B │ record │ record │ ... │ entry ... crc │ keys │ keys length, spilled, crc │ header again │
//!   └──────────────┴────────┴────────┴─────┴───────────────┴──────┴───────────────────────────┴──────────────┘
//!                                records end     table      which sequence numbers there are, as a set
//! ```
//!
//! A start reads the header and the keys. The [table](crate::table) is read when messages are.

use roaring::RoaringBitmap;

use crate::disk::Disk;
use crate::extent::Spot;
use crate::fault::{Blame, Fault};
use crate::header::{HEADER_BYTES, Header, Magic};
use crate::live::{encode_set, parse_set};
use crate::paths;
use crate::queue_id::QueueId;
use crate::record::{Kind, RECORD_HEADER_BYTES, Record, Seal, u32_at};
use crate::set_draft::SetDraft;
use crate::table::{ENTRY_BYTES, Table, TableSource};

/// Behind the keys: their length, the number of spilled messages, a checksum over both and the keys.
const KEYS_TRAILER_BYTES: usize = 12;
/// No segment is longer: offsets have 32 bits and one message has at most 1 GiB.
const SEGMENT_BYTES_MAX: u64 = u32::MAX as u64;

/// A segment that lies on the disk, as its header describes it.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) queue: QueueId,
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) first_seq: u64,
    /// From the first to the last sequence number that it speaks for.
    pub(crate) span: u32,
    pub(crate) messages: u32,
    pub(crate) records_end: u32,
}

impl Segment {
    /// Bytes of all its messages.
    pub(crate) const fn message_bytes(&self) -> u64 {
        let headers = RECORD_HEADER_BYTES as u64 * self.messages as u64;
        self.records_end as u64 - HEADER_BYTES as u64 - headers
    }

    pub(crate) fn seal(&self) -> Seal {
        Seal::new(self.epoch, self.number)
    }

    pub(crate) fn last_seq(&self) -> u64 {
        self.first_seq + u64::from(self.span)
    }

    /// Where its table is.
    fn table_source(&self) -> TableSource {
        TableSource {
            path: paths::segment_file(self.queue, self.number),
            queue: self.queue,
            seal: self.seal(),
            first_seq: self.first_seq,
            last_seq: self.last_seq(),
            messages: self.messages,
            records_end: self.records_end,
        }
    }

    const fn header(&self) -> Header {
        Header {
            magic: Magic::Segment,
            epoch: self.epoch,
            owner: self.queue.number(),
            number: self.number,
            first: self.messages as u64,
            second: self.records_end as u64,
            third: self.first_seq,
            span: self.span,
        }
    }
}

/// A segment in the making.
#[derive(Debug)]
pub(crate) struct SegmentDraft {
    queue: QueueId,
    number: u64,
    epoch: u64,
    first_seq: u64,
    bytes: Vec<u8>,
    table: Table,
    keys: SetDraft,
    spilled: u32,
}

impl SegmentDraft {
    pub(crate) fn new(queue: QueueId, number: u64, epoch: u64, first_seq: u64) -> Self {
        Self {
            queue,
            number,
            epoch,
            first_seq,
            bytes: vec![0; HEADER_BYTES],
            table: Table::default(),
            keys: SetDraft::default(),
            spilled: 0,
        }
    }

    /// Whether one more message of this length and number still fits.
    pub(crate) const fn has_room(&self, seq: u64, length: usize, bytes_max: u32) -> bool {
        let next = self.bytes.len() + RECORD_HEADER_BYTES + length;
        next <= bytes_max as usize && seq - self.first_seq <= u32::MAX as u64
    }

    /// Adds a message, after all others.
    pub(crate) fn push(&mut self, seq: u64, payload: &[u8], is_spilled: bool) {
        let offset = self.bytes.len() as u32;
        let kind = if is_spilled { Kind::Spill } else { Kind::Enqueue };
        let record = Record { kind, queue: self.queue, seq, payload };
        record.append(Seal::new(self.epoch, self.number), offset, &mut self.bytes);
        self.table.push(Spot { seq, offset, length: payload.len() as u32, is_spilled });
        let delta = u32::try_from(seq - self.first_seq).expect("the caller asked `has_room`");
        self.keys.push(delta);
        self.spilled += u32::from(is_spilled);
    }

    /// The last message in it.
    pub(crate) fn last_seq(&self) -> u64 {
        self.table.spots().last().map_or(self.first_seq, |spot| spot.seq)
    }

    /// The bytes of the file, and what the index needs to know of it. It speaks for everything up to `last_seq`.
    pub(crate) fn finish(mut self, last_seq: u64) -> (Vec<u8>, Segment, RoaringBitmap) {
        let records_end = self.bytes.len() as u32;
        let segment = Segment {
            queue: self.queue,
            number: self.number,
            epoch: self.epoch,
            first_seq: self.first_seq,
            span: u32::try_from(last_seq - self.first_seq).expect("the caller asked `has_room`"),
            messages: self.table.spots().len() as u32,
            records_end,
        };
        let seal = segment.seal();
        self.table.encode(seal, self.first_seq, records_end, &mut self.bytes);
        let mut keys = self.keys.finish();
        keys.optimize();
        let keys_at = self.bytes.len();
        encode_set(&keys, &mut self.bytes);
        let keys_length = (self.bytes.len() - keys_at) as u32;
        for number in [keys_length, self.spilled] {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
        let crc = seal.checksum(keys_at as u32, &self.bytes[keys_at..]);
        self.bytes.extend_from_slice(&crc.to_le_bytes());
        let header = segment.header().encode();
        self.bytes[..HEADER_BYTES].copy_from_slice(&header);
        self.bytes.extend_from_slice(&header);
        (self.bytes, segment, keys)
    }
}

/// A segment as recovery found it.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) segment: Segment,
    /// Which sequence numbers there are, as distances from the first, without those that are gone with the start;
    /// and the bytes of those messages.
    pub(crate) keys: RoaringBitmap,
    pub(crate) key_bytes: u64,
    /// Some of it does not match its checksum.
    pub(crate) is_damaged: bool,
}

/// Opens the segment of a queue with this number, or says `None` when neither of its headers can be read.
pub(crate) fn open_segment(
    disk: &mut dyn Disk,
    queue: QueueId,
    number: u64,
) -> Result<Option<Opened>, Fault> {
    let path = &paths::segment_file(queue, number);
    let length = disk.len(path).reading(path)?;
    let is_ours = |header: &Header| {
        let table_bytes = header.first.saturating_mul(ENTRY_BYTES as u64);
        header.owner == queue.number()
            && header.number == number
            && header.second
                >= (HEADER_BYTES as u64)
                    .saturating_add(header.first.saturating_mul(RECORD_HEADER_BYTES as u64))
            && header.second.saturating_add(table_bytes) <= SEGMENT_BYTES_MAX
    };
    let found = Header::find(disk, path, length, Magic::Segment, is_ours)?;
    let Some((header, is_copy)) = found else { return Ok(None) };
    let segment = Segment {
        queue,
        number,
        epoch: header.epoch,
        first_seq: header.third,
        span: header.span,
        messages: header.first as u32,
        records_end: header.second as u32,
    };
    let keys = read_keys(disk, path, length, &segment)?;
    let is_damaged = is_copy || keys.is_none();
    if let Some((keys, 0)) = keys {
        let key_bytes = segment.message_bytes();
        return Ok(Some(Opened { segment, keys, key_bytes, is_damaged }));
    }
    // What was spilled is gone, and only the table says which messages that were.
    let (table, is_whole) = Table::load(disk, &segment.table_source())?;
    let (mut keys, mut key_bytes) = (RoaringBitmap::new(), 0);
    for spot in table.spots().iter().filter(|spot| !spot.is_spilled) {
        keys.insert((spot.seq - segment.first_seq) as u32);
        key_bytes += u64::from(spot.length);
    }
    Ok(Some(Opened { segment, keys, key_bytes, is_damaged: is_damaged || !is_whole }))
}

/// The keys and how many messages were spilled, or `None` when they are damaged.
fn read_keys(
    disk: &mut dyn Disk,
    path: &str,
    length: u64,
    segment: &Segment,
) -> Result<Option<(RoaringBitmap, u32)>, Fault> {
    let start = u64::from(segment.records_end) + u64::from(segment.messages) * 12 + 4;
    let end = length.saturating_sub(HEADER_BYTES as u64);
    let Some(size) = end.checked_sub(start).and_then(|size| usize::try_from(size).ok()) else {
        return Ok(None);
    };
    let mut bytes = vec![0; size];
    let read = disk.read(path, start, &mut bytes).reading(path)?;
    let Some(keys_length) = read.checked_sub(KEYS_TRAILER_BYTES).filter(|_| read == size) else {
        return Ok(None);
    };
    let crc = segment.seal().checksum(start as u32, &bytes[..size - 4]);
    let is_whole =
        crc == u32_at(&bytes, size - 4) && u32_at(&bytes, keys_length) as usize == keys_length;
    let keys = if is_whole { parse_set(&bytes[..keys_length]) } else { None };
    Ok(keys.map(|keys| (keys, u32_at(&bytes, keys_length + 4))))
}
