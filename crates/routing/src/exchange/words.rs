//! The words of a key.

use crate::key::{KEY_BYTES_MAX, KeyRef};

/// The word of a pattern that stands for one word.
pub(crate) const ONE: &[u8] = b"*";
/// The word of a pattern that stands for any number of words.
pub(crate) const ANY_NUMBER: &[u8] = b"#";
/// A key of nothing but dots has one word more than dots.
pub(crate) const WORDS_MAX: usize = KEY_BYTES_MAX + 1;

/// The words of a key, one after the other. The empty key has none.
pub(crate) fn split(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    key.split(|byte| *byte == b'.').filter(|_| !key.is_empty())
}

/// Where a word lies in its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    hash: u64,
    start: u16,
    len: u16,
    /// The position of the first word that is equal to this one: its own, unless words repeat.
    first: u16,
}

/// The words of a routing key, by position.
pub(crate) struct Words<'a> {
    key: &'a [u8],
    cuts: &'a [Cut],
}

impl<'a> Words<'a> {
    /// Cuts a key of at most [`KEY_BYTES_MAX`] bytes, with memory that is lent for it.
    pub(crate) fn cut(key: &'a [u8], memory: &'a mut Vec<Cut>) -> Self {
        memory.clear();
        let mut start = 0;
        for word in split(key) {
            let KeyRef { hash, .. } = KeyRef::new(word);
            let equal = |cut: &Cut| cut.hash == hash && cut.bytes(key) == word;
            let first = memory.iter().position(equal).unwrap_or(memory.len());
            let [start_16, len, first] = [start, word.len(), first]
                .map(|n| u16::try_from(n).expect("a routing key has at most 255 bytes"));
            memory.push(Cut { hash, start: start_16, len, first });
            start += word.len() + 1;
        }
        Self { key, cuts: memory }
    }

    pub(crate) fn len(&self) -> usize {
        self.cuts.len()
    }

    pub(crate) fn at(&self, position: usize) -> KeyRef<'a> {
        let cut = &self.cuts[position];
        KeyRef { hash: cut.hash, bytes: cut.bytes(self.key) }
    }

    /// The position of the first word that is equal to the one at `position`.
    pub(crate) fn first_like(&self, position: usize) -> usize {
        self.cuts[position].first.into()
    }
}

impl Cut {
    fn bytes(self, key: &[u8]) -> &[u8] {
        &key[self.start.into()..][..self.len.into()]
    }
}
