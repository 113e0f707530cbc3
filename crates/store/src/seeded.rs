//! Bugs that others have had, to be planted one at a time: only a test that finds a bug proves anything without it.
//!
//! ```text
//!   cargo test -p sim --features seeded-bugs --test seeded_bugs
//! ```
//!
//! Without the feature `seeded-bugs` there is nothing to plant: [`is_seeded`] is a constant, and the compiler leaves
//! out whatever depends on it. Nothing that ships asks for the feature.

#[cfg(feature = "seeded-bugs")]
use std::cell::Cell;

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The broker confirms what is not synced.
    ConfirmBeforeSync,
    /// What was on its way to a client that is gone is not given back.
    UndeliveredForgotten,
    /// One batch more is called synced than was.
    SyncedTooFar,
    /// A sync that failed is tried again, and believed.
    SyncRetried,
    /// A write for which there was no room counts as done.
    FullWriteSkipped,
    /// The name of a journal file is not synced.
    JournalNameUnsynced,
    /// The name of a segment is not synced.
    SegmentNameUnsynced,
    /// The name of a snapshot is not synced before the one before it goes.
    SnapshotNameUnsynced,
    /// A file gets its name before its bytes are synced.
    RenamedUnsynced,
    /// A start relies on bytes that a process has left in memory.
    CacheTrusted,
    /// The first batch of a torn tail counts.
    TornBatchApplied,
    /// Damage below what was synced is taken for a torn tail.
    DamageCutOff,
    /// The next file does not say which batches were cut off.
    VoidForgotten,
    /// Checksums do not depend on the life of a file.
    EpochIgnored,
    /// Checksums of 16 bits.
    ChecksumShort,
    /// The checksum of a record leaves out its payload.
    PayloadUnchecked,
    /// The length of a record is believed before its checksum is.
    LengthBelieved,
    /// The settles of a batch are applied before the messages that they speak of.
    SettleBeforeMessage,
    /// Files are removed before the records that say why are synced.
    RemovedBeforeSettle,
    /// A segment goes with the first message in it.
    LiveSegmentRemoved,
    /// What is live of a segment is forgotten while the segment may still come back.
    LiveSetRemovedFirst,
    /// A journal file goes although no snapshot covers the notes in it.
    NoteRecycled,
    /// What was settled while it was copied comes back.
    CopyForgetsSettles,
    /// A message that need not survive a restart does.
    SpillSurvives,
    /// A queue forgets a dead letter before its target has it.
    DeadForgotten,
    /// An exchange forgets what it has held back before its queues have it.
    HeldForgotten,
    /// A start does not look at what is noted of single messages.
    NotesForgotten,
    /// A start does not know what a queue has had before.
    KeysForgotten,
    /// A purge does not keep what it is told to keep.
    PurgeForgetsKept,
}

#[cfg(feature = "seeded-bugs")]
thread_local! {
    /// A simulation has one thread, and tests beside it shall have bugs of their own.
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Whether this thread is to behave as if it had the bug.
#[cfg(feature = "seeded-bugs")]
pub fn is_seeded(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this thread is to behave as if it had the bug: never.
#[cfg(not(feature = "seeded-bugs"))]
pub const fn is_seeded(_bug: Bug) -> bool {
    false
}

/// From here on this thread has the bug, or none.
#[cfg(feature = "seeded-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}
