//! The file `format`: what wrote this data directory.
//!
//! ```text
//!   leveret data directory
//!   version 1
//!   shards 4
//!   check 8d2ac3f0          CRC-32C of the lines before
//! ```
//!
//! It is the first thing in a new directory, and the last thing that changes when the number of shards does.

use std::io;

use crate::disk::Disk;
use crate::fault::{Blame, Fault, FaultKind};
use crate::paths::{FORMAT, NEW};
use crate::segment_write::write_whole;

const TITLE: &str = "leveret data directory";
const VERSION: u32 = 1;
/// Far above what a version line needs; anything longer was not written by us.
const BYTES_MAX: u64 = 4096;
/// Queues have 256 homes, so more shards would stay empty.
pub(crate) const SHARDS_MAX: usize = 256;

/// The number of shards that the directory was written with, or `None` when the directory is empty.
pub(crate) fn read_format(disk: &mut dyn Disk) -> Result<Option<usize>, Fault> {
    let length = match disk.len(FORMAT) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return check_empty(disk),
        length => length.reading(FORMAT)?,
    };
    let mut bytes = vec![0; length.min(BYTES_MAX) as usize];
    let read = disk.read(FORMAT, 0, &mut bytes).reading(FORMAT)?;
    let text = String::from_utf8_lossy(&bytes[..read]);
    match parse(&text) {
        Some(shards) => Ok(Some(shards)),
        None => {
            let found = text.chars().take(80).collect();
            Err(Fault::new(FaultKind::UnknownFormat(found), FORMAT))
        }
    }
}

/// Files that start with a dot and a file `lost+found` are none of ours and none of our business, as is whatever
/// the server keeps beside the store: only the names that we would use must be free.
fn check_empty(disk: &mut dyn Disk) -> Result<Option<usize>, Fault> {
    let names = disk.list("").reading("")?;
    let ours = [crate::paths::JOURNAL, crate::paths::QUEUES, crate::paths::METADATA];
    if names.iter().any(|name| ours.contains(&name.as_str())) {
        return Err(Fault::new(FaultKind::Foreign, ""));
    }
    Ok(None)
}

fn parse(text: &str) -> Option<usize> {
    let (body, check) = text.split_at_checked(text.find("check ")?)?;
    if check != check_line(body) {
        return None;
    }
    let mut lines = body.lines();
    let title = lines.next()?;
    let version: u32 = lines.next()?.strip_prefix("version ")?.parse().ok()?;
    let shards: usize = lines.next()?.strip_prefix("shards ")?.parse().ok()?;
    let is_known = title == TITLE && version == VERSION && (1..=SHARDS_MAX).contains(&shards);
    is_known.then_some(shards)
}

/// One flipped bit in the number of shards would make another number of it, and mix up the queues of shards.
fn check_line(body: &str) -> String {
    format!("check {:08x}\n", crc32c::crc32c(body.as_bytes()))
}

/// Writes the file; it is there as a whole when this returns.
pub(crate) fn write_format(disk: &mut dyn Disk, shards: usize) -> Result<(), Fault> {
    let unfinished = format!("{FORMAT}{NEW}");
    match disk.remove(&unfinished) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed.writing(&unfinished)?,
    }
    let body = format!("{TITLE}\nversion {VERSION}\nshards {shards}\n");
    let text = format!("{body}{}", check_line(&body));
    write_whole(disk, FORMAT, text.as_bytes())?;
    disk.sync_dir("").syncing("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_wrote_is_read() {
        let checked = |body: &str| parse(&format!("{body}{}", check_line(body)));
        assert_eq!(checked("leveret data directory\nversion 1\nshards 4\n"), Some(4));
        assert_eq!(checked("leveret data directory\nversion 2\nshards 4\n"), None);
        assert_eq!(checked("leveret data directory\nversion 1\nshards 0\n"), None);
        assert_eq!(checked("something else\nversion 1\nshards 4\n"), None);
        assert_eq!(checked(""), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn no_flipped_bit_makes_another_number_of_shards() {
        let body = "leveret data directory\nversion 1\nshards 4\n";
        let text = format!("{body}{}", check_line(body)).into_bytes();
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&String::from_utf8_lossy(&flipped)), None, "bit {bit}");
        }
    }
}
