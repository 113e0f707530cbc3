//! Room for the journal, before it is needed.
//!
//! ```text
//!   being written         waiting to be used
//!   ┌──────────────┐   ┌─────────┐  ┌─────────┐
//!   │ ██████░░░░░░ │   │ spare   │  │ spare   │ ◄── retired files, or room that was reserved
//!   └──────────────┘   └─────────┘  └─────────┘
//!          └ a quarter    └ for settles on a full disk, and for the next start
//!            for settles
//! ```
//!
//! Who drains a full disk settles, and that needs room before it gives any back.

use crate::background::Job;
use crate::header::HEADER_BYTES;
use crate::journal::Journal;
use crate::paths;

/// How many files wait to be used, if the disk has room.
const RESERVE_FILES: usize = 2;
/// How many more full files than usual there may be before those that publish have to wait.
const FILES_BEHIND_MAX: usize = 4;

/// A journal file that waits to be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spare {
    pub(crate) path: String,
    /// Every byte was written before; else its room is only reserved.
    pub(crate) is_filled: bool,
}

impl Journal {
    /// There is one more file to go on in.
    pub(crate) fn add_spare(&mut self, spare: Spare) {
        self.spares.push(spare);
        self.is_reserve_failed = false;
    }

    /// What [`plan_reserve`](Self::plan_reserve) asked for is done.
    pub(crate) fn reserved(&mut self, spare: Spare) {
        self.is_reserving = false;
        self.add_spare(spare);
    }

    /// There was no room for what [`plan_reserve`](Self::plan_reserve) asked for.
    pub(crate) const fn not_reserved(&mut self) {
        self.is_reserving = false;
        self.set_reserve_failed();
    }

    /// The disk has no room for another file.
    pub(crate) const fn set_reserve_failed(&mut self) {
        self.is_reserve_failed = true;
    }

    /// How much more goes into the file that is being written.
    fn room(&self) -> u64 {
        u64::from(self.capacity()).saturating_sub(u64::from(self.filling.tail()))
    }

    /// Bytes of a journal file before the copy of its header.
    pub(crate) const fn capacity(&self) -> u32 {
        self.options.journal_file_bytes - HEADER_BYTES as u32
    }

    /// Whether fewer files wait to be used than there should: one in which settles find room on a full disk, and one
    /// that the next start finds. A journal that is hardly used needs none.
    fn wants_reserve(&self) -> bool {
        self.is_used() && self.spares.len() < RESERVE_FILES
    }

    fn is_used(&self) -> bool {
        self.files.len() > 1 || self.room() < u64::from(self.capacity()) / 2
    }

    /// Makes room before it is needed.
    pub(crate) fn plan_reserve(&mut self) -> Option<Job> {
        if self.is_reserving || !self.wants_reserve() {
            return None;
        }
        self.is_reserving = true;
        // A name is used once, because a disk may remember what was behind it.
        self.last_fresh += 1;
        Some(Job::Reserve {
            path: paths::fresh_file(self.shard, self.last_fresh),
            bytes: self.options.journal_file_bytes,
            dir: paths::shard_dir(self.shard),
        })
    }

    /// Whether those that publish have to wait: the next file is not reserved, or retiring does not keep up.
    pub(crate) fn is_crowded(&self) -> bool {
        let is_short_of_room = self.room() < u64::from(self.capacity()) / 4;
        (self.wants_reserve() && is_short_of_room) || self.is_long()
    }

    /// Whether retiring does not keep up.
    pub(crate) fn is_long(&self) -> bool {
        self.sealed_count() > self.options.journal_files_max + FILES_BEHIND_MAX
    }

    /// Whether the disk is full, and what room is left is needed for settles. It stays so until there is another file:
    /// an attempt that is under way is no reason to take in more.
    pub(crate) fn is_full(&self) -> bool {
        self.is_reserve_failed && self.wants_reserve() && {
            let is_short_of_room = self.room() < u64::from(self.capacity()) / 4;
            self.spares.is_empty() || is_short_of_room
        }
    }

    /// A spare file whose room something else needs more. There is none left for messages until there is more room.
    pub(crate) fn give_up_spare(&mut self) -> Option<String> {
        self.is_reserve_failed = true;
        self.spares.pop().map(|spare| spare.path)
    }

    /// Spare files that a journal at rest does not need.
    pub(crate) fn take_surplus(&mut self) -> Vec<String> {
        let kept = if self.is_used() { RESERVE_FILES } else { 0 };
        let surplus = self.spares.split_off(kept.min(self.spares.len()));
        surplus.into_iter().map(|spare| spare.path).collect()
    }
}
