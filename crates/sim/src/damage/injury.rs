//! One injury: which bytes of which file change, and how.

use std::ops::Range;

use stdx::Random;

use crate::SimDisk;
use crate::damage::specimen::Specimen;

/// What happens to the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wound {
    Flip,
    Truncate,
    Zero,
    /// A block of another place, of the same file or of another one, is written over.
    Misdirected,
    /// What lay there at an earlier moment lies there again, as if a write had never reached the disk.
    Stale,
}

pub(super) const WOUNDS: [Wound; 5] =
    [Wound::Flip, Wound::Truncate, Wound::Zero, Wound::Misdirected, Wound::Stale];

/// Kinds of files, by the end of their names.
pub(super) const FILES: [&str; 8] =
    [".log", ".seg", ".live", ".snap", ".copy", "format", ".spare", ".fresh"];

const DRAWS_MAX: u64 = 4;

/// An injury that changed something.
#[derive(Clone, Debug)]
pub(super) struct Injury {
    pub(super) wound: Wound,
    pub(super) path: String,
    /// Which of [`FILES`].
    pub(super) file: usize,
    /// From the first byte that changed to the last one; without end when the file was cut off there.
    pub(super) range: Range<usize>,
}

impl Injury {
    /// Injures a copy of the disk; `None` when that would change nothing.
    pub(super) fn inflict(specimen: &Specimen, random: &mut Random) -> Option<(SimDisk, Self)> {
        let (file, path) = choose_file(specimen, random)?;
        let before = specimen.disk.bytes(&path)?;
        let wound = WOUNDS[random.below(WOUNDS.len() as u64) as usize];
        let at = choose_place(specimen, &path, before.len(), random)?;
        let mut after = before.to_vec();
        let page_bytes = [512, 4096][random.below(2) as usize];
        let start = at / page_bytes * page_bytes;
        let page = start..before.len().min(start + page_bytes);
        match wound {
            Wound::Flip => after[at] ^= 1 << random.below(8),
            Wound::Truncate => after.truncate(at),
            Wound::Zero => after[page].fill(0),
            Wound::Misdirected => {
                overwrite(&mut after, page, &other_page(specimen, page_bytes, random)?)
            }
            Wound::Stale => {
                let moment = random.below(specimen.earlier.len() as u64) as usize;
                let earlier = specimen.disk.earlier_bytes(&path, &specimen.earlier[moment])?;
                overwrite(&mut after, page, earlier.get(start..)?);
            }
        }
        let start = before.iter().zip(&after).position(|(before, after)| before != after);
        let range = if after.len() < before.len() {
            after.len()..usize::MAX
        } else {
            let start = start?;
            let unchanged = before
                .iter()
                .rev()
                .zip(after.iter().rev())
                .take_while(|(before, after)| before == after);
            start..before.len() - unchanged.count()
        };
        let mut disk = specimen.disk.clone();
        disk.alter(&path, after);
        Some((disk, Self { wound, path, file, range }))
    }
}

/// A file; those that hold most are hit most.
fn choose_file(specimen: &Specimen, random: &mut Random) -> Option<(usize, String)> {
    // Not every directory has files of all kinds.
    (0..DRAWS_MAX).find_map(|_| {
        let file = match random.below(22) {
            0..6 => 0,
            6..11 => 1,
            11..17 => 2,
            at => at as usize - 14,
        };
        let paths: Vec<&str> =
            specimen.disk.paths().filter(|path| path.ends_with(FILES[file])).collect();
        let at = random.below(paths.len().max(1) as u64) as usize;
        paths.get(at).map(|path| (file, (*path).to_owned()))
    })
}

/// A byte of a file. What holds something is hit more often than the void between.
fn choose_place(
    specimen: &Specimen,
    path: &str,
    length: usize,
    random: &mut Random,
) -> Option<usize> {
    if length == 0 {
        return None;
    }
    let mut full: Vec<Range<usize>> = Vec::new();
    full.push(0..length.min(64));
    if random.chance(2, 3) {
        let chart = &specimen.chart;
        let batches = chart.batches.iter().filter(|batch| batch.path == path);
        full.extend(batches.map(|batch| batch.range.clone()));
        let stored = chart.stored.iter().filter(|record| record.path == path);
        full.extend(stored.map(|record| record.range.clone()));
    } else {
        full.push(0..length);
    }
    let full = full[random.below(full.len() as u64) as usize].clone();
    Some(full.start + random.below(full.len() as u64) as usize)
}

/// A page of any file.
fn other_page(specimen: &Specimen, page_bytes: usize, random: &mut Random) -> Option<Vec<u8>> {
    let paths: Vec<&str> = specimen.disk.paths().collect();
    let path = paths[random.below(paths.len() as u64) as usize];
    let bytes = specimen.disk.bytes(path).filter(|bytes| !bytes.is_empty())?;
    let start = random.below(bytes.len().div_ceil(page_bytes) as u64) as usize * page_bytes;
    Some(bytes[start..bytes.len().min(start + page_bytes)].to_vec())
}

fn overwrite(bytes: &mut [u8], page: Range<usize>, with: &[u8]) {
    let length = page.len().min(with.len());
    bytes[page.start..page.start + length].copy_from_slice(&with[..length]);
}
