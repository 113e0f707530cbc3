//! A segment: messages of one queue that outlived their journal file. Written once, as a whole.
//!
//! ```text
//!   ┌──────────────┬────────┬────────┬─────┬────────────┬────────────┬─────┬─────┐
//!   │ header, 64 B │ record │ record │ ... │ entry      │ entry      │ ... │ crc │
//!   └──────────────┴────────┴────────┴─────┴────────────┴────────────┴─────┴─────┘
//!                                    records end         12 bytes each: delta, offset, length
//! ```
//!
//! The entries at the end are all that a restart reads. When they are damaged, the records are scanned.

use crate::disk::Disk;
use crate::extent::{Extent, Place, Spot};
use crate::fault::{Blame, Fault};
use crate::header::{HEADER_BYTES, Header, Magic};
use crate::queue_id::QueueId;
use crate::record::{Kind, Record, Seal, u32_at};
use crate::scan::{Found, Records};

const ENTRY_BYTES: usize = 12;
/// No segment is longer: offsets have 32 bits and one message has at most 1 GiB.
const SEGMENT_BYTES_MAX: u64 = u32::MAX as u64;

/// A segment that lies on the disk: its name and where each message is.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) queue: QueueId,
    pub(crate) first_seq: u64,
    pub(crate) epoch: u64,
    pub(crate) spots: Vec<Spot>,
}

impl Segment {
    pub(crate) fn seal(&self) -> Seal {
        Seal::new(self.epoch, self.first_seq)
    }

    /// The extent that names all messages, none of them settled.
    pub(crate) fn extent(&self) -> Extent {
        let place = Place::Segment(self.first_seq);
        let mut extent = Extent::new(place, self.epoch, self.seal(), self.first_seq);
        self.spots.iter().for_each(|spot| extent.push(*spot));
        extent
    }
}

/// A segment in the making.
#[derive(Debug)]
pub(crate) struct SegmentDraft {
    segment: Segment,
    bytes: Vec<u8>,
}

impl SegmentDraft {
    pub(crate) fn new(queue: QueueId, first_seq: u64, epoch: u64) -> Self {
        let bytes = vec![0; HEADER_BYTES];
        Self { segment: Segment { queue, first_seq, epoch, spots: Vec::new() }, bytes }
    }

    /// Whether one more message of this length and number still fits.
    pub(crate) const fn has_room(&self, seq: u64, length: usize, bytes_max: u32) -> bool {
        self.bytes.len() + length <= bytes_max as usize
            && seq - self.segment.first_seq <= u32::MAX as u64
    }

    pub(crate) fn push(&mut self, seq: u64, payload: &[u8]) {
        let offset = self.bytes.len() as u32;
        let record = Record { kind: Kind::Enqueue, queue: self.segment.queue, seq, payload };
        record.append(self.segment.seal(), offset, &mut self.bytes);
        self.segment.spots.push(Spot { seq, offset, length: payload.len() as u32 });
    }

    /// The bytes of the file, and what the index needs to know of it.
    pub(crate) fn finish(mut self) -> (Vec<u8>, Segment) {
        let Segment { queue, first_seq, epoch, spots } = &self.segment;
        let records_end = self.bytes.len();
        for spot in spots {
            let delta = (spot.seq - first_seq) as u32;
            for number in [delta, spot.offset, spot.length] {
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        let crc = self.segment.seal().checksum(records_end as u32, &self.bytes[records_end..]);
        self.bytes.extend_from_slice(&crc.to_le_bytes());
        let header = Header {
            magic: Magic::Segment,
            epoch: *epoch,
            owner: queue.number(),
            number: *first_seq,
            first: spots.len() as u64,
            second: records_end as u64,
        };
        self.bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        (self.bytes, self.segment)
    }
}

/// A segment as recovery found it.
#[derive(Debug)]
pub(crate) enum Opened {
    Whole(Segment),
    /// The entries were damaged; these messages were found among the records.
    Scanned(Segment),
    /// The header is damaged: nothing can be said about the content.
    Unreadable,
}

/// Reads the entries of the segment `path`, which must be that of this queue and sequence number.
pub(crate) fn open_segment(
    disk: &mut dyn Disk,
    path: &str,
    queue: QueueId,
    first_seq: u64,
) -> Result<Opened, Fault> {
    let length = disk.len(path).reading(path)?;
    let mut bytes = [0; HEADER_BYTES];
    disk.read(path, 0, &mut bytes).reading(path)?;
    let header = Header::parse(Magic::Segment, &bytes).filter(|header| {
        header.owner == queue.number()
            && header.number == first_seq
            && (HEADER_BYTES as u64..=length).contains(&header.second)
    });
    let Some(header) = header.filter(|_| length <= SEGMENT_BYTES_MAX) else {
        return Ok(Opened::Unreadable);
    };
    let mut segment = Segment { queue, first_seq, epoch: header.epoch, spots: Vec::new() };
    let records_end = header.second as usize;
    let mut footer = vec![0; length as usize - records_end];
    let read = disk.read(path, header.second, &mut footer).reading(path)?;
    footer.truncate(read);
    if read_entries(&mut segment, &footer, header.first, records_end) {
        return Ok(Opened::Whole(segment));
    }
    let mut records = vec![0; records_end - HEADER_BYTES];
    let read = disk.read(path, HEADER_BYTES as u64, &mut records).reading(path)?;
    scan_records(&mut segment, &records[..read]);
    Ok(Opened::Scanned(segment))
}

fn read_entries(segment: &mut Segment, footer: &[u8], count: u64, records_end: usize) -> bool {
    let Some(crc_at) = footer.len().checked_sub(4) else { return false };
    let crc = segment.seal().checksum(records_end as u32, &footer[..crc_at]);
    if crc != u32_at(footer, crc_at) || (crc_at / ENTRY_BYTES) as u64 != count {
        return false;
    }
    segment.spots = footer[..crc_at]
        .chunks_exact(ENTRY_BYTES)
        .map(|entry| Spot {
            seq: segment.first_seq + u64::from(u32_at(entry, 0)),
            offset: u32_at(entry, 4),
            length: u32_at(entry, 8),
        })
        .collect();
    true
}

fn scan_records(segment: &mut Segment, bytes: &[u8]) {
    for found in Records::new(segment.seal(), HEADER_BYTES as u32, bytes) {
        let Found::Record(offset, record) = found else { continue };
        let is_next = segment.spots.last().is_none_or(|last| record.seq > last.seq);
        let delta = record.seq.checked_sub(segment.first_seq);
        let fits = is_next && delta.is_some_and(|delta| u32::try_from(delta).is_ok());
        if record.kind == Kind::Enqueue && record.queue == segment.queue && fits {
            let length = record.payload.len() as u32;
            segment.spots.push(Spot { seq: record.seq, offset, length });
        }
    }
}
