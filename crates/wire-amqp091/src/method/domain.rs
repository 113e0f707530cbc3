//! The types of methods' fields, under the names that the specification gives them.
#![allow(non_camel_case_types)]

use std::fmt;

use crate::table::Table;

/// One of up to eight booleans in an octet.
pub type bit = bool;
/// An octet.
pub type octet = u8;
/// Two octets.
pub type short = u16;
/// Four octets.
pub type long = u32;
/// Eight octets.
pub type longlong = u64;
/// At most 255 bytes of UTF-8. The specification does not name an encoding; RabbitMQ refuses others.
pub type shortstr<'a> = &'a str;
/// At most 255 bytes, whatever they are: what RabbitMQ does not look into because it comes with every message.
pub type shortbytes<'a> = &'a [u8];
/// Bytes.
pub type longstr<'a> = &'a [u8];
/// Bytes that must not appear in a log.
pub type secret<'a> = &'a [u8];
/// A field table.
pub type table = Table;

/// How a field's value appears in the debug text of a method.
pub(crate) mod show {
    use super::{Text, fmt, table};

    pub(crate) fn bit(value: &bool) -> impl fmt::Debug {
        *value
    }

    pub(crate) fn octet(value: &u8) -> impl fmt::Debug {
        *value
    }

    pub(crate) fn short(value: &u16) -> impl fmt::Debug {
        *value
    }

    pub(crate) fn long(value: &u32) -> impl fmt::Debug {
        *value
    }

    pub(crate) fn longlong(value: &u64) -> impl fmt::Debug {
        *value
    }

    pub(crate) fn shortstr(value: &str) -> impl fmt::Debug {
        value
    }

    pub(crate) fn shortbytes(value: &[u8]) -> impl fmt::Debug {
        Text(value)
    }

    pub(crate) fn longstr(value: &[u8]) -> impl fmt::Debug {
        Text(value)
    }

    pub(crate) fn secret(_: &[u8]) -> impl fmt::Debug {
        Text(b"...")
    }

    pub(crate) fn table(value: &table) -> impl fmt::Debug {
        value
    }
}

/// Bytes that are text more often than not.
pub(crate) struct Text<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}
