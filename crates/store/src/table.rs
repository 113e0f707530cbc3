//! Where the messages of a segment lie: the table that stands behind its records.
//!
//! ```text
//!   entry   ┌───────┬────────┬────────┐     delta: sequence number, counted from the first of the segment
//!           │ delta │ offset │ length │     the top bit of length: the message is gone at the next start
//!           └───────┴────────┴────────┘     4 bytes each
//! ```

use crate::disk::Disk;
use crate::extent::Spot;
use crate::fault::{Blame, Fault};
use crate::header::HEADER_BYTES;
use crate::record::{Kind, Seal, u32_at};
use crate::scan::{Found, Records};

/// Bytes of one entry.
pub(crate) const ENTRY_BYTES: usize = 12;
const SPILLED: u32 = 1 << 31;

/// What leads to a table: the name of its file and what the header of that says.
#[derive(Clone, Debug)]
pub(crate) struct TableSource {
    pub(crate) path: String,
    pub(crate) queue: message::QueueId,
    pub(crate) seal: Seal,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) messages: u32,
    pub(crate) records_end: u32,
}

/// The table of one segment, in the order of sequence numbers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    spots: Vec<Spot>,
}

impl Table {
    pub(crate) fn push(&mut self, spot: Spot) {
        self.spots.push(spot);
    }

    pub(crate) fn spots(&self) -> &[Spot] {
        &self.spots
    }

    /// Bytes of those messages for which this is true.
    pub(crate) fn bytes_where(&self, is_counted: impl Fn(u64) -> bool) -> u64 {
        let spots = self.spots.iter().filter(|spot| is_counted(spot.seq));
        spots.map(|spot| u64::from(spot.length)).sum()
    }

    /// Memory that it takes.
    pub(crate) const fn bytes(&self) -> usize {
        self.spots.capacity() * size_of::<Spot>()
    }

    /// Where this message lies. In a segment without gaps this is a subtraction.
    pub(crate) fn find(&self, seq: u64) -> Option<Spot> {
        let first = self.spots.first()?.seq;
        let guess = usize::try_from(seq.checked_sub(first)?).ok()?;
        match self.spots.get(guess) {
            Some(spot) if spot.seq == seq => Some(*spot),
            _ => {
                let at = self.spots.binary_search_by_key(&seq, |spot| spot.seq).ok()?;
                Some(self.spots[at])
            }
        }
    }

    /// The entries and their checksum, which lie at `offset` of the file.
    pub(crate) fn encode(&self, seal: Seal, first_seq: u64, offset: u32, to: &mut Vec<u8>) {
        let start = to.len();
        for spot in &self.spots {
            let delta = (spot.seq - first_seq) as u32;
            let length = spot.length | if spot.is_spilled { SPILLED } else { 0 };
            for number in [delta, spot.offset, length] {
                to.extend_from_slice(&number.to_le_bytes());
            }
        }
        let crc = seal.checksum(offset, &to[start..]);
        to.extend_from_slice(&crc.to_le_bytes());
    }

    fn parse(source: &TableSource, bytes: &[u8]) -> Option<Self> {
        let entries = bytes.len().checked_sub(4)?;
        if source.seal.checksum(source.records_end, &bytes[..entries]) != u32_at(bytes, entries) {
            return None;
        }
        let spots = bytes[..entries].chunks_exact(ENTRY_BYTES).map(|entry| {
            let length = u32_at(entry, 8);
            Spot {
                seq: source.first_seq + u64::from(u32_at(entry, 0)),
                offset: u32_at(entry, 4),
                length: length & !SPILLED,
                is_spilled: length & SPILLED != 0,
            }
        });
        Some(Self { spots: spots.collect() })
    }

    /// Reads a table; whether it was whole. Of a damaged one, the records that validate are found by reading them all.
    pub(crate) fn load(disk: &mut dyn Disk, source: &TableSource) -> Result<(Self, bool), Fault> {
        let path = &source.path;
        let mut bytes = vec![0; source.messages as usize * ENTRY_BYTES + 4];
        let read = disk.read(path, u64::from(source.records_end), &mut bytes).reading(path)?;
        if let Some(table) = Self::parse(source, &bytes[..read]) {
            return Ok((table, true));
        }
        let mut records = vec![0; (source.records_end as usize).saturating_sub(HEADER_BYTES)];
        let read = disk.read(path, HEADER_BYTES as u64, &mut records).reading(path)?;
        Ok((Self::scan(source, &records[..read]), false))
    }

    fn scan(source: &TableSource, bytes: &[u8]) -> Self {
        let mut table = Self::default();
        for found in Records::new(source.seal, HEADER_BYTES as u32, bytes) {
            let Found::Record(offset, record) = found else { continue };
            let is_next = table.spots.last().is_none_or(|last| record.seq > last.seq);
            let is_near = record
                .seq
                .checked_sub(source.first_seq)
                .is_some_and(|delta| u32::try_from(delta).is_ok());
            let is_message = matches!(record.kind, Kind::Enqueue | Kind::Spill);
            if is_message && record.queue == source.queue && is_next && is_near {
                table.push(Spot {
                    seq: record.seq,
                    offset,
                    length: record.payload.len() as u32,
                    is_spilled: record.kind == Kind::Spill,
                });
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_with_and_without_gaps_before_it() {
        let mut table = Table::default();
        for seq in [5, 6, 9, 20] {
            table.push(Spot { seq, offset: seq as u32, length: 1, is_spilled: false });
        }
        assert_eq!(table.find(6).map(|spot| spot.offset), Some(6));
        assert_eq!(table.find(20).map(|spot| spot.offset), Some(20));
        assert_eq!(table.find(7), None);
        assert_eq!(table.find(4), None);
    }
}
