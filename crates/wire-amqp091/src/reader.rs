//! A walk over the fields of a method, a table or a property list: it hands out values and never leaves its bytes.

use crate::malformed::{Malformed, TableFlaw};
use crate::table::Table;

/// Why a field could not be read; [`Flaw::in_method`] makes it a [`Malformed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The field runs past the end.
    Short,
    /// A short string is not UTF-8.
    Utf8,
    /// A table is malformed inside.
    Table(TableFlaw),
}

impl Flaw {
    #[cold]
    pub(crate) const fn in_method(self, class_id: u16, method_id: u16) -> Malformed {
        match self {
            Self::Short => Malformed::Fields { class_id, method_id },
            Self::Utf8 => Malformed::Utf8,
            Self::Table(flaw) => Malformed::Table(flaw),
        }
    }
}

/// The bytes not yet read, and within the octet read last, the bits not yet handed out.
///
/// The functions bear the names of the specification's domains, because the method table names them.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    bits: u8,
    bits_left: u8,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, bits: 0, bits_left: 0 }
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left.
    #[inline]
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        self.bits_left = 0;
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Flaw::Short)?;
        self.rest = rest;
        Ok(*chunk)
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Flaw> {
        self.bits_left = 0;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Flaw::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Consecutive bits share an octet, the first in its lowest bit (specification §4.2.5.2).
    #[inline]
    pub(crate) fn bit(&mut self) -> Result<bool, Flaw> {
        if self.bits_left == 0 {
            self.bits = self.octet()?;
            self.bits_left = 8;
        }
        let bit = self.bits & 1 != 0;
        self.bits >>= 1;
        self.bits_left = self.bits_left.saturating_sub(1);
        Ok(bit)
    }

    #[inline]
    pub(crate) fn octet(&mut self) -> Result<u8, Flaw> {
        self.chunk::<1>().map(|[octet]| octet)
    }

    #[inline]
    pub(crate) fn short(&mut self) -> Result<u16, Flaw> {
        self.chunk().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn long(&mut self) -> Result<u32, Flaw> {
        self.chunk().map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn longlong(&mut self) -> Result<u64, Flaw> {
        self.chunk().map(u64::from_be_bytes)
    }

    #[inline]
    pub(crate) fn shortbytes(&mut self) -> Result<&'a [u8], Flaw> {
        let len = self.octet()?;
        self.take(usize::from(len))
    }

    #[inline]
    pub(crate) fn shortstr(&mut self) -> Result<&'a str, Flaw> {
        std::str::from_utf8(self.shortbytes()?).map_err(|_| Flaw::Utf8)
    }

    #[inline]
    pub(crate) fn longstr(&mut self) -> Result<&'a [u8], Flaw> {
        let len = self.long()?;
        self.take(usize::try_from(len).map_err(|_| Flaw::Short)?)
    }

    #[inline]
    pub(crate) fn secret(&mut self) -> Result<&'a [u8], Flaw> {
        self.longstr()
    }

    pub(crate) fn table(&mut self) -> Result<Table, Flaw> {
        Table::decode_flawed(self.longstr()?).map_err(Flaw::Table)
    }
}
