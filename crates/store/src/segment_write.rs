//! Writing files that are there as a whole or not at all: segments, and sets of live messages.

use crate::disk::Disk;
use crate::fault::{Blame, Fault};
use crate::live::LiveFile;
use crate::paths::{self, NEW};
use crate::queue_id::QueueId;
use crate::seeded::{Bug, is_seeded};
use crate::segment::{Segment, SegmentDraft};

use roaring::RoaringBitmap;

/// Writes a segment that speaks for everything up to `last_seq`; its directory is the caller's to sync.
pub(crate) fn write_segment(
    disk: &mut dyn Disk,
    draft: SegmentDraft,
    last_seq: u64,
) -> Result<(Segment, RoaringBitmap), Fault> {
    let (bytes, segment, keys) = draft.finish(last_seq);
    write_whole(disk, &paths::segment_file(segment.queue, segment.number), &bytes)?;
    Ok((segment, keys))
}

/// Replaces the sets of these segments on disk.
pub(crate) fn write_live(disk: &mut dyn Disk, files: &[LiveFile]) -> Result<(), Fault> {
    let mut dirs = std::collections::BTreeSet::new();
    for file in files {
        write_whole(disk, &paths::live_file(file.queue, file.number), &file.encode())?;
        dirs.insert(paths::queue_dir(file.queue));
    }
    dirs.iter().try_for_each(|dir| disk.sync_dir(dir).syncing(dir))
}

/// Writes a file that is there as a whole or not at all; its directory is the caller's to sync. When this fails,
/// nothing of it is left.
pub(crate) fn write_whole(disk: &mut dyn Disk, path: &str, bytes: &[u8]) -> Result<(), Fault> {
    let unfinished = format!("{path}{NEW}");
    let written = write_and_rename(disk, &unfinished, path, bytes);
    if written.is_err() {
        // A start would remove it too, but the room may be needed before.
        disk.remove(&unfinished).ok();
    }
    written
}

fn write_and_rename(
    disk: &mut dyn Disk,
    unfinished: &str,
    path: &str,
    bytes: &[u8],
) -> Result<(), Fault> {
    disk.write(unfinished, 0, bytes).writing(unfinished)?;
    // Of an attempt that failed before there may be more.
    disk.truncate(unfinished, bytes.len() as u64).writing(unfinished)?;
    if !is_seeded(Bug::RenamedUnsynced) {
        disk.sync(unfinished).syncing(unfinished)?;
    }
    disk.rename(unfinished, path).writing(path)
}

/// Makes the directory of a queue.
pub(crate) fn create_queue_dir(disk: &mut dyn Disk, queue: QueueId) -> Result<String, Fault> {
    let dir = paths::queue_dir(queue);
    disk.create_dir(&dir).writing(&dir)?;
    Ok(dir)
}
