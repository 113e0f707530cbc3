//! The bytes of one file: what is durable, what a process sees, and what lies between.

use std::sync::{Arc, OnceLock};

/// A change of the bytes of one file.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Bytes { offset: usize, bytes: Arc<[u8]> },
    Length(usize),
}

/// What a crash leaves of one unsynced change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// Nothing.
    No,
    /// All of it.
    Whole,
    /// Of the pages of this length that a write touches, those whose bit is set. What is no write survives whole.
    Pages {
        /// 512 or 4096.
        page_bytes: usize,
        /// One bit per page; the 65th page has the bit of the first.
        kept: u64,
    },
}

/// A file; clones share their bytes until one of them is written to.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) durable: Arc<Vec<u8>>,
    pub(super) current: Arc<Vec<u8>>,
    /// What was written since, each with its place among all unsynced changes of the disk.
    pub(super) unsynced: Vec<(u64, Write)>,
    /// Some of what a process sees will never be durable.
    has_forgotten: bool,
    /// A hash of what a process sees, once somebody has asked for it.
    hash: OnceLock<u64>,
}

impl Write {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Bytes { offset, bytes } => {
                let end = offset + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*offset..end].copy_from_slice(bytes);
            }
            Self::Length(length) => to.resize(*length, 0),
        }
    }

    fn apply_pages(&self, to: &mut Vec<u8>, page_bytes: usize, kept: u64) {
        let Self::Bytes { offset, bytes } = self else { return self.apply(to) };
        let mut start = 0;
        let mut page = 0;
        while start < bytes.len() {
            let page_end = (offset + start) / page_bytes * page_bytes + page_bytes;
            let end = bytes.len().min(page_end - offset);
            if kept >> (page % 64) & 1 == 1 {
                Self::Bytes { offset: offset + start, bytes: bytes[start..end].into() }.apply(to);
            }
            start = end;
            page += 1;
        }
    }
}

impl File {
    /// A file of which everything is durable.
    pub(super) fn settled(bytes: Arc<Vec<u8>>) -> Self {
        Self { durable: Arc::clone(&bytes), current: bytes, ..Self::default() }
    }

    pub(super) fn write(&mut self, place: u64, write: Write) {
        self.hash = OnceLock::new();
        write.apply(Arc::make_mut(&mut self.current));
        self.unsynced.push((place, write));
    }

    /// Whether all that a process sees is durable.
    pub(super) const fn is_durable(&self) -> bool {
        self.unsynced.is_empty() && !self.has_forgotten
    }

    /// A hash of what a process sees.
    pub(super) fn hash(&self) -> u64 {
        *self.hash.get_or_init(|| fold(&self.current))
    }

    /// Makes everything durable that was written since the last sync, or since it was forgotten.
    pub(super) fn sync(&mut self) {
        if !self.has_forgotten {
            self.unsynced.clear();
            self.durable = Arc::clone(&self.current);
            return;
        }
        for (_, write) in self.unsynced.drain(..) {
            write.apply(Arc::make_mut(&mut self.durable));
        }
    }

    /// Takes what was written for clean although it is not durable.
    pub(super) fn forget(&mut self) {
        self.has_forgotten |= !self.unsynced.is_empty();
        self.unsynced.clear();
    }

    /// The bytes after a crash.
    pub(super) fn survivor(&self, survives: &mut dyn FnMut(u64) -> Survives) -> Arc<Vec<u8>> {
        let mut left = Arc::clone(&self.durable);
        for (place, write) in &self.unsynced {
            match survives(*place) {
                Survives::No => {}
                Survives::Whole => write.apply(Arc::make_mut(&mut left)),
                Survives::Pages { page_bytes, kept } => {
                    write.apply_pages(Arc::make_mut(&mut left), page_bytes, kept);
                }
            }
        }
        left
    }
}

/// A quick hash of many bytes; nobody tries to make two alike.
fn fold(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(8);
    let mut hash = bytes.len() as u64;
    let mut mix = |word: u64| {
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    };
    for word in &mut words {
        mix(u64::from_le_bytes(word.try_into().expect("a word has eight bytes")));
    }
    words.remainder().iter().for_each(|byte| mix(u64::from(*byte)));
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_write_leaves_whole_pages() {
        let mut file = File::default();
        file.write(1, Write::Bytes { offset: 500, bytes: vec![1; 600].into() });
        let survivor = file.survivor(&mut |_| Survives::Pages { page_bytes: 512, kept: 0b101 });
        assert_eq!(survivor.len(), 1100);
        assert_eq!((survivor[499], survivor[500], survivor[511]), (0, 1, 1));
        assert_eq!((survivor[512], survivor[1023], survivor[1024]), (0, 0, 1));
    }
}
