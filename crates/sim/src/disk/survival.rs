//! What may be on the disk after the power went: the durable part, and any selection of the unsynced changes.
//!
//! ```text
//!   changes, in order    1 write a    2 add name    3 write b    4 length of a    5 rename
//!
//!   a prefix             ■            ■             ■            □                □
//!   reordered            □            ■             □            ■                ■
//!   torn                 ■            ■             ▚            □                □
//! ```

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use stdx::Random;

use super::SimDisk;
use super::file::{File, Survives, Write};
use super::names::{Entry, retain_reachable};

/// An unsynced change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsynced {
    /// Its place in the order of all changes of the disk.
    pub place: u64,
    /// Whether it is a change of bytes, rather than of a name or a length.
    pub is_write: bool,
    /// Whether it is a change of a name.
    pub is_name: bool,
}

impl SimDisk {
    /// Everything that was changed and not synced, in order.
    pub fn unsynced(&self) -> Vec<Unsynced> {
        let name =
            |(place, _): &(u64, _)| Unsynced { place: *place, is_write: false, is_name: true };
        let mut all: Vec<Unsynced> = self.unsynced.iter().map(name).collect();
        for file in self.files.values() {
            all.extend(file.unsynced.iter().map(|(place, write)| Unsynced {
                place: *place,
                is_write: matches!(write, Write::Bytes { .. }),
                is_name: false,
            }));
        }
        all.sort_unstable_by_key(|change| change.place);
        all
    }

    /// The power goes: what was synced stays, and of each unsynced change what `survives` says of its place.
    #[must_use]
    pub fn survivor(&self, mut survives: impl FnMut(u64) -> Survives) -> Self {
        let mut names = self.durable.clone();
        for (place, change) in &self.unsynced {
            if survives(*place) != Survives::No {
                change.apply(Arc::make_mut(&mut names));
            }
        }
        if !self.unsynced.is_empty() {
            retain_reachable(Arc::make_mut(&mut names));
        }
        let mut files = BTreeMap::new();
        for entry in names.values() {
            if let Entry::File(number) = entry {
                let file = &self.files[number];
                let file = if file.is_durable() {
                    Arc::clone(file)
                } else {
                    Arc::new(File::settled(file.survivor(&mut survives)))
                };
                files.insert(*number, file);
            }
        }
        Self {
            files,
            durable: Arc::clone(&names),
            names,
            last_file: self.last_file,
            last_place: self.last_place,
            lies: self.lies.clone(),
            ..Self::default()
        }
    }

    /// The power goes, and chance decides what survives.
    #[must_use]
    pub fn crash(&self, random: &mut Random) -> Self {
        let odds = [0, 2, 5, 8, 10][random.below(5) as usize];
        self.survivor(|_| {
            if random.chance(1, 4) {
                let kept = random.next_u64() | if odds > 5 { random.next_u64() } else { 0 };
                let page_bytes = if random.chance(1, 4) { 4096 } else { 512 };
                Survives::Pages { page_bytes, kept: if odds == 0 { 0 } else { kept } }
            } else if random.chance(odds, 10) {
                Survives::Whole
            } else {
                Survives::No
            }
        })
    }

    /// The process dies, the power stays: what was written is there, and still not synced.
    #[must_use]
    pub fn kill(&self) -> Self {
        Self { fail_at: None, fail_sync: None, full: None, calls: 0, ..self.clone() }
    }

    /// A hash of all names and bytes, and of how much of them is not synced.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (path, entry) in self.names.iter() {
            path.hash(&mut hasher);
            if let Entry::File(number) = entry {
                let file = &self.files[number];
                hasher.write_u64(file.hash());
                hasher.write_usize(file.unsynced.len());
            }
        }
        hasher.write_usize(self.unsynced.len());
        hasher.finish()
    }
}
