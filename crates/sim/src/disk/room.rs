//! Room on the disk: it may be short at some calls, or for everything beyond a number of bytes.

use std::io;
use std::ops::Range;

use super::SimDisk;
use super::names::Entry;

/// What a name, and what each started block of a file, takes.
const BLOCK_BYTES: u64 = 512;

/// When there is no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Full {
    /// At the calls with these numbers, counted over all that may need room: writing, reserving, renaming, creating.
    At(Range<u64>),
    /// When names and files would take more than so many bytes.
    Beyond(u64),
}

impl SimDisk {
    /// How often something was asked of the disk that may need room.
    pub const fn roomy_calls(&self) -> u64 {
        self.roomy_calls
    }

    /// How often there was no room.
    pub const fn refusals(&self) -> u64 {
        self.refusals
    }

    /// The bytes that all names and files take.
    pub fn used_bytes(&self) -> u64 {
        let cost = |entry: &Entry| match entry {
            Entry::Dir => BLOCK_BYTES,
            Entry::File(number) => {
                let length = self.files[number].current.len() as u64;
                BLOCK_BYTES + length.next_multiple_of(BLOCK_BYTES)
            }
        };
        self.names.values().map(cost).sum()
    }

    /// Takes room for a call after which the file of this path is at least `length` bytes long.
    pub(super) fn take_room(&mut self, path: &str, length: u64) -> io::Result<()> {
        self.roomy_calls += 1;
        let has_room = match &self.full {
            None => true,
            Some(Full::At(calls)) => !calls.contains(&self.roomy_calls),
            Some(Full::Beyond(bytes)) => self.used_bytes() + self.growth(path, length) <= *bytes,
        };
        if has_room {
            return Ok(());
        }
        self.refusals += 1;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    fn growth(&self, path: &str, length: u64) -> u64 {
        let wanted = length.next_multiple_of(BLOCK_BYTES);
        match self.bytes(path) {
            Some(bytes) => {
                wanted.saturating_sub((bytes.len() as u64).next_multiple_of(BLOCK_BYTES))
            }
            None if self.names.contains_key(path) => 0,
            None => BLOCK_BYTES + wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    use store::Disk;

    use super::*;

    fn is_full(result: io::Result<()>) -> bool {
        result.is_err_and(|error| error.kind() == io::ErrorKind::StorageFull)
    }

    #[test]
    fn what_is_removed_gives_room() {
        let mut disk = SimDisk::new();
        disk.full = Some(Full::Beyond(2048));
        disk.write("a", 0, &[1; 1000]).expect("there is room for two blocks and a name");
        assert!(is_full(disk.write("b", 0, &[1; 100])));
        disk.write("a", 0, &[2; 1024]).expect("what is there can be written over");
        disk.remove("a").expect("it is there");
        disk.write("b", 0, &[1; 100]).expect("there is room again");
    }

    #[test]
    fn room_is_short_at_the_calls_that_were_named() {
        let mut disk = SimDisk::new();
        disk.full = Some(Full::At(2..3));
        disk.create_dir("a").expect("the first call");
        assert!(is_full(disk.write("a/b", 0, &[])));
        disk.write("a/b", 0, &[]).expect("the third call");
    }
}
