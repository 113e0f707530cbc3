//! Moving damage aside, so that the rest is whole again.
//!
//! ```text
//!   check ─► damaged? ─► recover ─► snapshot written again ─► damaged segments copied, what is good of them
//!              │ no                                                      │
//!              ▼                        check again ◄─ the rest aside ◄─ journals drained into segments
//! ```
//!
//! Each arrow is work that a store does anyway: a start recovers, compaction copies segments, a change of the number of
//! shards drains journals. So it can be interrupted like them, and done again. The only difference lies beneath: of
//! what that work removes, [`Aside`] keeps the damaged files in `quarantine/`. A file is removed only when what takes its
//! place is synced, so a file goes there only then, too.

use std::collections::BTreeSet;

use stdx::Random;

use crate::aside::Aside;
use crate::check::{Checked, check};
use crate::disk::Disk;
use crate::extent::Extent;
use crate::fault::{Blame, Fault};
use crate::live::LiveFile;
use crate::options::Options;
use crate::paths;
use crate::queue_id::QueueId;
use crate::recovery::{drain, recover};
use crate::segment_write::write_live;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// What a repair found, did and left.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// The directory before.
    pub before: Checked,
    /// Files that were moved: from where, and where they are. Both are relative to the data directory.
    pub moved: Vec<(String, String)>,
    /// The directory after.
    pub after: Checked,
}

/// Checks a data directory and, if something is damaged, moves that aside. What can be read of the messages is there
/// before and after. `seed` must differ from run to run: the epochs of files come from it.
///
/// # Errors
/// The directory cannot be read or written; the fault says why and what to do. It can be opened then, and repaired again.
pub fn repair(disk: &mut dyn Disk, seed: u64, options: &Options) -> Result<Repaired, Fault> {
    let before = check(disk, options)?;
    if before.damage.is_empty() {
        let after = before.clone();
        return Ok(Repaired { before, moved: Vec::new(), after });
    }
    let damaged = before.damage.iter().map(|damage| damage.path.clone()).collect();
    let mut aside = Aside::new(disk, damaged);
    rebuild(&mut aside, before.shards, Random::new(seed), options)?;
    let moved = aside.moved;
    let after = check(disk, options)?;
    Ok(Repaired { before, moved, after })
}

fn rebuild(
    disk: &mut Aside<'_>,
    shards: usize,
    mut random: Random,
    options: &Options,
) -> Result<(), Fault> {
    let mut recovered = recover(disk, shards, random.fork(), options)?;
    let damaged = disk.damaged.clone();
    if damaged.iter().any(|path| path.starts_with(paths::METADATA)) {
        // Where one of the two was damaged there is a good one.
        Snapshot::load(disk, &mut Vec::new())?.save(disk)?;
    }
    for store in &mut recovered.stores {
        copy_segments(disk, store, &damaged)?;
        write_sets(disk, store, &damaged)?;
    }
    drain(disk, recovered)?;
    damaged.iter().try_for_each(|path| move_headless(disk, path))
}

/// The damaged segments among those that hold something live.
fn damaged_segments(store: &Store, damaged: &BTreeSet<String>) -> Vec<(QueueId, usize)> {
    let mut all = Vec::new();
    for queue in store.index.iter() {
        for (at, extent) in queue.extents.iter().enumerate() {
            if let Extent::Segment(segment) = extent
                && damaged.contains(&paths::segment_file(queue.id, segment.number))
            {
                all.push((queue.id, at));
            }
        }
    }
    all
}

/// Puts copies of what is live and good in the place of damaged segments, which [`drain`] removes.
fn copy_segments(
    disk: &mut dyn Disk,
    store: &mut Store,
    damaged: &BTreeSet<String>,
) -> Result<(), Fault> {
    // From the last to the first: a segment of which nothing is left makes those behind it move up.
    for (queue, at) in damaged_segments(store, damaged).into_iter().rev() {
        let compaction = store.compaction(queue, at..=at);
        let compacted = compaction.execute(disk)?;
        store.switch_compacted(compacted);
    }
    Ok(())
}

/// Writes the sets of live messages again that are damaged: what recovery has taken for live.
fn write_sets(
    disk: &mut Aside<'_>,
    store: &Store,
    damaged: &BTreeSet<String>,
) -> Result<(), Fault> {
    let mut sets: Vec<LiveFile> = Vec::new();
    for queue in store.index.iter() {
        for extent in &queue.extents {
            let Extent::Segment(segment) = extent else { continue };
            let path = paths::live_file(queue.id, segment.number);
            if damaged.contains(&path) {
                sets.push(segment.live_file(queue.id));
                disk.damaged.remove(&path);
            }
        }
    }
    write_live(disk, &sets)
}

/// Moves a damaged file that nothing has removed: without a good header, nobody knows what it was.
fn move_headless(disk: &mut Aside<'_>, path: &str) -> Result<(), Fault> {
    let is_file_of_ours = path.ends_with(".seg") || path.ends_with(".log");
    if !is_file_of_ours || !disk.damaged.contains(path) || disk.len(path).is_err() {
        return Ok(());
    }
    disk.remove(path).writing(path)?;
    // The set belongs to that segment and to no other one that may get its number.
    let live = path.strip_suffix(".seg").map(|path| format!("{path}.live"));
    match live {
        Some(live) if disk.len(&live).is_ok() => disk.set_aside(&live).writing(&live),
        _ => Ok(()),
    }
}
