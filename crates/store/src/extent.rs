//! An extent: the messages of one queue in one file, and which of them are live.
//!
//! ```text
//!   journal file   where each message lies stands in memory: it was written a moment ago
//!   segment        only which messages are live stands in memory; where they lie stands in the file
//! ```

use crate::journal_extent::JournalExtent;
use crate::segment_extent::SegmentExtent;

/// The file of an extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The journal file with this number.
    Journal(u64),
    /// The segment of the queue with this number.
    Segment(u64),
}

/// Where one message lies. `length` is that of the message, without the header of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) seq: u64,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// It is gone at the next start.
    pub(crate) is_spilled: bool,
}

/// The messages of one queue in one file.
#[derive(Debug)]
pub(crate) enum Extent {
    Journal(JournalExtent),
    Segment(SegmentExtent),
}

impl Extent {
    pub(crate) const fn place(&self) -> Place {
        match self {
            Self::Journal(extent) => Place::Journal(extent.file),
            Self::Segment(extent) => Place::Segment(extent.number),
        }
    }

    pub(crate) const fn first_seq(&self) -> u64 {
        match self {
            Self::Journal(extent) => extent.first_seq(),
            Self::Segment(extent) => extent.first_seq,
        }
    }

    /// The last sequence number that the extent speaks for.
    pub(crate) fn last_seq(&self) -> u64 {
        match self {
            Self::Journal(extent) => extent.last_seq(),
            Self::Segment(extent) => extent.last_seq(),
        }
    }

    /// How many messages are live.
    pub(crate) const fn live(&self) -> u64 {
        match self {
            Self::Journal(extent) => extent.live() as u64,
            Self::Segment(extent) => extent.live_count(),
        }
    }

    pub(crate) fn is_live(&self, seq: u64) -> bool {
        match self {
            Self::Journal(extent) => extent.is_live(seq),
            Self::Segment(extent) => extent.is_live(seq),
        }
    }

    /// The first live message from `seq` on.
    pub(crate) fn first_live(&self, seq: u64) -> Option<u64> {
        match self {
            Self::Journal(extent) => extent.live_from(seq).next().map(|spot| spot.seq),
            Self::Segment(extent) => extent.live_from(seq).next(),
        }
    }
}
