//! A binding key or a word of one, with its hash in front.
//!
//! Keys are ordered by hash first: a search through a large ordered map then compares numbers that lie in the
//! map's own nodes, and looks at the bytes of one key only. The hash has no secret. Whoever finds keys that
//! collide gains nothing, because the bytes decide between them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};

/// A binding key: bytes, usually text. Cheap to clone.
#[derive(Clone)]
pub struct Key {
    hash: u64,
    bytes: Bytes,
}

/// Short bytes stand in the key itself, so that a search need not look elsewhere for them.
#[derive(Clone)]
enum Bytes {
    Short { len: u8, bytes: [u8; SHORT_MAX] },
    Long(Arc<[u8]>),
}

/// As much as fits without making a key larger than a long one needs.
const SHORT_MAX: usize = 22;

/// The longest binding or routing key that the protocols in view can carry (an AMQP 0-9-1 short string).
pub(crate) const KEY_BYTES_MAX: usize = 255;

impl Key {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self { hash: hash(bytes), bytes: Bytes::new(bytes) }
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Short { len, bytes } => &bytes[..usize::from(*len)],
            Bytes::Long(bytes) => bytes,
        }
    }

    pub(crate) fn borrowed(&self) -> KeyRef<'_> {
        KeyRef { hash: self.hash, bytes: self.as_bytes() }
    }
}

impl Bytes {
    fn new(bytes: &[u8]) -> Self {
        let mut short = [0; SHORT_MAX];
        match (short.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(bytes);
                Self::Short { len, bytes: short }
            }
            _ => Self::Long(Arc::from(bytes)),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.borrowed() == other.borrowed()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.borrowed().cmp(&other.borrowed())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// A key that somebody else owns, to look for one without making it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyRef<'a> {
    pub(crate) hash: u64,
    pub(crate) bytes: &'a [u8],
}

impl<'a> KeyRef<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { hash: hash(bytes), bytes }
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.compare(key) == Ordering::Equal
    }
}

impl Comparable<Key> for KeyRef<'_> {
    fn compare(&self, key: &Key) -> Ordering {
        // The bytes are looked at only where the hashes agree.
        self.hash.cmp(&key.hash).then_with(|| self.bytes.cmp(key.as_bytes()))
    }
}

/// FNV-1a with 64 bits: short, good for short keys, and the same on every machine and in every release.
fn hash(bytes: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(OFFSET, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}
