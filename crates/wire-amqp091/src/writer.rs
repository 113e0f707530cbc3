//! Appends the fields of a method to a buffer.

use crate::table::Table;

/// A buffer, and how many bits of its last octet are used.
///
/// The functions bear the names of the specification's domains, because the method table names them, and all
/// take references, because it cannot tell numbers from tables.
#[derive(Debug)]
pub(crate) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    bits_used: u32,
}

impl<'o> Writer<'o> {
    #[inline]
    pub(crate) const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, bits_used: 0 }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.bits_used = 0;
        self.out.extend_from_slice(bytes);
    }

    /// Consecutive bits share an octet, the first in its lowest bit (specification §4.2.5.2).
    #[inline]
    pub(crate) fn bit(&mut self, bit: &bool) {
        if self.bits_used.is_multiple_of(8) {
            self.out.push(0);
            self.bits_used = 0;
        }
        if let Some(octet) = self.out.last_mut() {
            *octet |= u8::from(*bit).wrapping_shl(self.bits_used);
        }
        self.bits_used = self.bits_used.saturating_add(1);
    }

    #[inline]
    pub(crate) fn octet(&mut self, value: &u8) {
        self.put(&[*value]);
    }

    #[inline]
    pub(crate) fn short(&mut self, value: &u16) {
        self.put(&value.to_be_bytes());
    }

    #[inline]
    pub(crate) fn long(&mut self, value: &u32) {
        self.put(&value.to_be_bytes());
    }

    #[inline]
    pub(crate) fn longlong(&mut self, value: &u64) {
        self.put(&value.to_be_bytes());
    }

    /// # Panics
    /// When `bytes` are more than 255: names are checked where they enter, so a longer one is our own mistake.
    #[inline]
    pub(crate) fn shortbytes(&mut self, bytes: &[u8]) {
        self.octet(&short_len(bytes));
        self.put(bytes);
    }

    #[inline]
    pub(crate) fn shortstr(&mut self, text: &str) {
        self.shortbytes(text.as_bytes());
    }

    /// # Panics
    /// When `bytes` are 4 GiB or more.
    #[inline]
    pub(crate) fn longstr(&mut self, bytes: &[u8]) {
        self.long(&long_len(bytes.len()));
        self.put(bytes);
    }

    #[inline]
    pub(crate) fn secret(&mut self, bytes: &[u8]) {
        self.longstr(bytes);
    }

    pub(crate) fn table(&mut self, table: &Table) {
        self.bits_used = 0;
        table.encode(self.out);
    }
}

/// The length octet of a short string.
///
/// # Panics
/// When `bytes` are more than 255.
#[inline]
pub(crate) fn short_len(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).expect("a short string has at most 255 bytes")
}

/// The length field of a long string, a table or a frame.
///
/// # Panics
/// When `len` is 4 GiB or more.
#[inline]
pub(crate) fn long_len(len: usize) -> u32 {
    u32::try_from(len).expect("a length field has 32 bits")
}

/// Leaves room for a 32-bit length, lets `write` append, and puts in how much that was.
#[inline]
pub(crate) fn with_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let place = out.len();
    out.extend_from_slice(&[0; 4]);
    let start = out.len();
    write(out);
    let len = long_len(out.len().saturating_sub(start));
    if let Some(bytes) = out.get_mut(place..start) {
        bytes.copy_from_slice(&len.to_be_bytes());
    }
}
