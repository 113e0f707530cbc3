//! Which messages of a segment are not settled, on disk: the file `<number>.live` beside the segment.
//!
//! ```text
//!   ┌──────────────┬────────────────────────────────────────────────┐
//!   │ header, 64 B │ set of distances from the first sequence number │     a Roaring bitmap in its portable form
//!   └──────────────┴────────────────────────────────────────────────┘
//! ```
//!
//! The file is a copy for the day on which the settle records are gone from the journal; until then all messages of
//! the segment are live but for those records. It is replaced as a whole: written under another name, synced,
//! renamed.

use message::QueueId;
use roaring::RoaringBitmap;

use crate::header::{HEADER_BYTES, Header, Magic};

/// What is live in one segment, on its way to or from the disk.
#[derive(Debug)]
pub(crate) struct LiveFile {
    pub(crate) queue: QueueId,
    /// Of the segment.
    pub(crate) number: u64,
    /// That of the segment: the set never applies to another segment of the same name.
    pub(crate) epoch: u64,
    pub(crate) live: RoaringBitmap,
    pub(crate) live_bytes: u64,
}

/// The portable form of a set.
pub(crate) fn encode_set(set: &RoaringBitmap, to: &mut Vec<u8>) {
    set.serialize_into(to).expect("memory takes what is written to it");
}

/// The set in these bytes, which a checksum has vouched for.
pub(crate) fn parse_set(bytes: &[u8]) -> Option<RoaringBitmap> {
    RoaringBitmap::deserialize_from(bytes).ok()
}

impl LiveFile {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        encode_set(&self.live, &mut bytes);
        let header = Header {
            magic: Magic::Live,
            epoch: self.epoch,
            owner: self.queue.number(),
            number: self.number,
            first: self.live.len(),
            second: u64::from(crc32c::crc32c(&bytes[HEADER_BYTES..])),
            third: self.live_bytes,
            span: 0,
        };
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        bytes
    }

    /// The set in a file, or `None` when it is damaged.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = Header::parse(Magic::Live, bytes)?;
        let body = &bytes[HEADER_BYTES..];
        let is_whole = u64::from(crc32c::crc32c(body)) == header.second;
        let live = if is_whole { parse_set(body) } else { None }?;
        Some(Self {
            queue: QueueId::from_number(header.owner),
            number: header.number,
            epoch: header.epoch,
            live,
            live_bytes: header.third,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_comes_back_from_its_file_and_damage_is_seen() {
        let live: RoaringBitmap = (0..100).chain(200..9000).collect();
        let file =
            LiveFile { queue: QueueId::new(1, 0), number: 2, epoch: 3, live, live_bytes: 70 };
        let mut bytes = file.encode();
        let back = LiveFile::parse(&bytes).expect("it is whole");
        assert_eq!((back.live, back.live_bytes), (file.live, 70));
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(LiveFile::parse(&bytes).is_none());
        assert!(LiveFile::parse(&bytes[..80]).is_none());
    }
}
