//! The metadata of the data directory up to a note: `metadata/<last note>.snap`.
//!
//! ```text
//!   ┌──────────────┬───┬────────┬──────────┬────────┬────────┬────────┬────────┬─────┐
//!   │ header, 64 B │ 1 │ length │ snapshot │ length │ note   │ length │ note   │ ... │
//!   └──────────────┴───┴────────┴──────────┴────────┴────────┴────────┴────────┴─────┘
//!                    0 and nothing when there is no snapshot; lengths have 64 bits
//! ```
//!
//! Notes beside a snapshot occur only when the number of shards changed: then the journal that held them is gone.

use crate::disk::Disk;
use crate::fault::{Blame, Damage, Fault, FaultKind};
use crate::header::{HEADER_BYTES, Header, Magic};
use crate::paths;
use crate::record::u64_at;
use crate::seeded::{Bug, is_seeded};
use crate::segment_write::write_whole;

/// Metadata up to a note.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Number of the last note that is covered.
    pub(crate) last_note: u64,
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) notes: Vec<Vec<u8>>,
}

impl Snapshot {
    fn encode(&self) -> Vec<u8> {
        let mut file = vec![0; HEADER_BYTES];
        file.push(u8::from(self.bytes.is_some()));
        for part in self.bytes.iter().chain(&self.notes) {
            file.extend_from_slice(&(part.len() as u64).to_le_bytes());
            file.extend_from_slice(part);
        }
        let header = Header {
            magic: Magic::Snapshot,
            epoch: 0,
            owner: 0,
            number: self.last_note,
            first: (file.len() - HEADER_BYTES) as u64,
            second: u64::from(crc32c::crc32c(&file[HEADER_BYTES..])),
            third: 0,
            span: 0,
        };
        file[..HEADER_BYTES].copy_from_slice(&header.encode());
        file
    }

    fn parse(file: &[u8]) -> Option<Self> {
        let header = Header::parse(Magic::Snapshot, file)?;
        let body = &file[HEADER_BYTES..];
        let is_whole =
            body.len() as u64 == header.first && u64::from(crc32c::crc32c(body)) == header.second;
        let (has_bytes, mut rest) = body.split_first().filter(|_| is_whole)?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            let length = usize::try_from(u64_at(rest.get(..8)?, 0)).ok()?;
            let end = length.checked_add(8)?;
            parts.push(rest.get(8..end)?.to_vec());
            rest = &rest[end..];
        }
        let bytes = if *has_bytes == 1 && !parts.is_empty() { Some(parts.remove(0)) } else { None };
        Some(Self { last_note: header.number, bytes, notes: parts })
    }

    /// Replaces whatever snapshot there is.
    pub(crate) fn save(&self, disk: &mut dyn Disk) -> Result<(), Fault> {
        let bytes = self.encode();
        write_whole(disk, &paths::snapshot_copy(self.last_note), &bytes)?;
        write_whole(disk, &paths::snapshot_file(self.last_note), &bytes)?;
        if !is_seeded(Bug::SnapshotNameUnsynced) {
            disk.sync_dir(paths::METADATA).syncing(paths::METADATA)?;
        }
        for name in disk.list(paths::METADATA).reading(paths::METADATA)? {
            if number_of(&name).is_some_and(|number| number < self.last_note) {
                let path = format!("{}/{name}", paths::METADATA);
                disk.remove(&path).writing(&path)?;
            }
        }
        Ok(())
    }

    /// The latest snapshot, or an empty one. What was not finished is removed.
    pub(crate) fn load(disk: &mut dyn Disk, damage: &mut Vec<Damage>) -> Result<Self, Fault> {
        let mut latest = None;
        for name in disk.list(paths::METADATA).reading(paths::METADATA)? {
            let path = format!("{}/{name}", paths::METADATA);
            if name.ends_with(paths::NEW) {
                disk.remove(&path).writing(&path)?;
            } else if let Some(number) = number_of(&name) {
                latest = latest.max(Some(number));
            }
        }
        let Some(number) = latest else { return Ok(Self::default()) };
        let mut found = None;
        for path in [paths::snapshot_file(number), paths::snapshot_copy(number)] {
            // Of a save that was interrupted there may be only one of the two.
            let Some(bytes) = read_if_present(disk, &path)? else { continue };
            match Self::parse(&bytes).filter(|snapshot| snapshot.last_note == number) {
                Some(snapshot) => found = found.or(Some(snapshot)),
                None => damage.push(Damage {
                    path,
                    messages: None,
                    reason: "a snapshot of the metadata does not match its checksum".to_owned(),
                }),
            }
        }
        let path = paths::snapshot_file(number);
        found.ok_or_else(|| Fault::new(FaultKind::DamagedSnapshot, &path))
    }
}

/// The number of a snapshot or of its copy.
fn number_of(name: &str) -> Option<u64> {
    paths::number_of(name, ".snap").or_else(|| paths::number_of(name, ".copy"))
}

/// The bytes of a file, if there is one.
pub(crate) fn read_if_present(disk: &mut dyn Disk, path: &str) -> Result<Option<Vec<u8>>, Fault> {
    let length = match disk.len(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        length => length.reading(path)?,
    };
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let read = disk.read(path, 0, &mut bytes).reading(path)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_with_notes_comes_back_and_damage_is_seen() {
        let notes = vec![b"one".to_vec(), Vec::new()];
        let snapshot = Snapshot { last_note: 7, bytes: Some(b"all".to_vec()), notes };
        let mut file = snapshot.encode();
        let back = Snapshot::parse(&file).expect("it is whole");
        assert_eq!(
            (back.last_note, &back.bytes, &back.notes),
            (7, &snapshot.bytes, &snapshot.notes)
        );
        file[70] ^= 1;
        assert!(Snapshot::parse(&file).is_none());
    }
}
