//! Which of the states that a loss of power may leave are looked at.
//!
//! With n unsynced changes there are 2ⁿ selections, and more with torn writes. All of them for small n; for larger
//! ones those in which bugs hide: prefixes, one missing, one alone, names without bytes, bytes without names, a torn
//! last write, and some of which chance decides.

use stdx::Random;

use crate::SimDisk;
use crate::disk::{Survives, Unsynced};

/// With at most so many changes, every selection is looked at.
const ALL_MAX: usize = 3;
/// Of each kind, at most so many for one crash.
const KIND_MAX: usize = 6;
/// Selections that chance decides on.
const CHANCES: u64 = 3;

/// What survives of each unsynced change, in order.
type Selection = Vec<Survives>;

const fn whole(survives: bool) -> Survives {
    if survives { Survives::Whole } else { Survives::No }
}

/// States of this disk after a crash: at least nothing unsynced, and everything with and without the power gone.
pub(super) fn survivors(disk: &SimDisk, random: &mut Random) -> Vec<SimDisk> {
    let changes = disk.unsynced();
    if changes.is_empty() {
        return vec![disk.kill()];
    }
    let mut all = vec![disk.kill()];
    for selection in selections(&changes, random) {
        all.push(disk.survivor(|place| {
            let at = changes.binary_search_by_key(&place, |change| change.place);
            selection[at.expect("every unsynced change is listed")]
        }));
    }
    all
}

/// One of them.
pub(super) fn survivor(disk: &SimDisk, random: &mut Random) -> SimDisk {
    match random.below(8) {
        0 => disk.kill(),
        1 => disk.survivor(|_| Survives::No),
        2 => disk.survivor(|_| Survives::Whole),
        3 | 4 => {
            let changes = disk.unsynced();
            let end = random.below(changes.len() as u64 + 1) as usize;
            let end = changes.get(end).map_or(u64::MAX, |change| change.place);
            disk.survivor(|place| whole(place < end))
        }
        _ => disk.crash(random),
    }
}

fn selections(changes: &[Unsynced], random: &mut Random) -> Vec<Selection> {
    let count = changes.len();
    let mut all: Vec<Selection> = Vec::new();
    if count <= ALL_MAX {
        all.extend(
            (0..1_u32 << count)
                .map(|bits| (0..count).map(|at| whole(bits >> at & 1 == 1)).collect()),
        );
    } else {
        let mut add = |keep: &dyn Fn(usize) -> bool| {
            all.push((0..count).map(|at| whole(keep(at))).collect());
        };
        add(&|_| false);
        add(&|_| true);
        for end in some(1..count, random) {
            add(&|at| at < end);
        }
        for one in some(0..count, random) {
            add(&|at| at == one);
        }
        for one in some(0..count, random) {
            add(&|at| at != one);
        }
        add(&|at| changes[at].is_name);
        add(&|at| !changes[at].is_name);
        for _ in 0..CHANCES {
            let bits = random.next_u64();
            add(&|at| bits >> (at % 64) & 1 == 1);
        }
    }
    torn(changes, random, &mut all);
    all
}

/// A write that is torn: the last one with all before it, and any one among all others or alone.
fn torn(changes: &[Unsynced], random: &mut Random, all: &mut Vec<Selection>) {
    let writes: Vec<usize> = (0..changes.len()).filter(|at| changes[*at].is_write).collect();
    let Some(last) = writes.last().copied() else { return };
    let any = writes[random.below(writes.len() as u64) as usize];
    for (page_bytes, torn) in [(512, last), (4096, last), (512, any), (4096, any)] {
        let kept = match random.below(3) {
            0 => random.next_u64(),
            1 => (1 << random.below(16)) - 1,
            _ => !((1 << random.below(16)) - 1),
        };
        let is_last = torn == last;
        let is_alone = random.chance(1, 3);
        let survives = |at| match at {
            at if at == torn => Survives::Pages { page_bytes, kept },
            at if is_last => whole(at < torn),
            _ => whole(!is_alone),
        };
        all.push((0..changes.len()).map(survives).collect());
    }
}

/// All of a range, or a few of it.
fn some(range: std::ops::Range<usize>, random: &mut Random) -> Vec<usize> {
    if range.len() <= KIND_MAX {
        return range.collect();
    }
    let (start, length) = (range.start, range.len() as u64);
    (0..KIND_MAX).map(|_| start + random.below(length) as usize).collect()
}
