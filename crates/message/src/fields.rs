//! What stands between a message's header and its names: the time it came, and fields that only some messages have.
//!
//! ```text
//!   | received_at_ms u64 | tag u8 | len u16 | bytes … | tag | len | bytes …
//! ```
//!
//! Messages of the first version have none of this, not even the time.

use bytes::BufMut;

use crate::death::Deaths;

/// The time that every message has.
pub(crate) const RECEIVED_BYTES: usize = 8;

const TAG_EXPIRES_AT: u8 = 1;
const TAG_DELIVER_AT: u8 = 2;
const TAG_DELAYED: u8 = 3;
const TAG_CC: u8 = 4;
const TAG_BCC: u8 = 5;
const TAG_DEATHS: u8 = 6;
const TAG_HELD_TTL: u8 = 7;

/// What the fields of a message say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras<'a> {
    pub(crate) received_at_ms: u64,
    pub(crate) expires_at_ms: Option<u64>,
    pub(crate) deliver_at_ms: Option<u64>,
    pub(crate) delayed_ms: Option<u64>,
    pub(crate) held_ttl_ms: Option<u64>,
    pub(crate) cc: &'a [&'a [u8]],
    pub(crate) bcc: &'a [&'a [u8]],
    pub(crate) deaths: Option<&'a Deaths>,
}

/// Bytes that are taken apart from the front. `None` when there are too few.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
}

/// Routing keys of a message.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    fields: Fields<'a>,
}

impl Extras<'_> {
    /// Everything behind the time.
    ///
    /// # Panics
    /// When there are more keys than `KEYS_BYTES_MAX` has room for, which front-ends refuse.
    pub(crate) fn write_fields(&self, out: &mut Vec<u8>) {
        let numbers = [
            (TAG_EXPIRES_AT, self.expires_at_ms),
            (TAG_DELIVER_AT, self.deliver_at_ms),
            (TAG_DELAYED, self.delayed_ms),
            (TAG_HELD_TTL, self.held_ttl_ms),
        ];
        for (tag, number) in numbers {
            if let Some(number) = number {
                put_field(out, tag, |out| out.put_u64_le(number));
            }
        }
        for (tag, keys) in [(TAG_CC, self.cc), (TAG_BCC, self.bcc)] {
            if !keys.is_empty() {
                put_field(out, tag, |out| keys.iter().for_each(|key| put_short(out, key)));
            }
        }
        if let Some(deaths) = self.deaths {
            put_field(out, TAG_DEATHS, |out| deaths.write(out));
        }
    }
}

fn put_field(out: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.put_slice(&[tag, 0, 0]);
    let start = out.len();
    write(out);
    let len = u16::try_from(out.len() - start).expect("fields have limits");
    out[start - 2..start].copy_from_slice(&len.to_le_bytes());
}

/// A string with its length in front.
pub(crate) fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    out.put_u8(u8::try_from(bytes.len()).expect("names and keys have at most 255 bytes"));
    out.put_slice(bytes);
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        Some(taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take(8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
    }

    pub(crate) fn short(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(len.into())
    }

    fn tagged(&mut self) -> Option<(u8, &'a [u8])> {
        let tag = self.u8()?;
        let len = self.u16()?;
        Some((tag, self.take(len.into())?))
    }

    fn find(mut self, tag: u8) -> Option<&'a [u8]> {
        while let Some((found, bytes)) = self.tagged() {
            if found == tag {
                return Some(bytes);
            }
        }
        None
    }
}

/// The fields of a message, to be asked for one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tagged<'a> {
    fields: Fields<'a>,
}

impl<'a> Tagged<'a> {
    /// `bytes` are all behind the time.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { fields: Fields::new(bytes) }
    }

    /// Whether the bytes are fields that make sense. A tag that is not known does: a later version may write more.
    pub(crate) fn are_sound(self) -> bool {
        let mut fields = self.fields;
        while let Some((tag, bytes)) = fields.tagged() {
            let is_sound = match tag {
                TAG_EXPIRES_AT | TAG_DELIVER_AT | TAG_DELAYED | TAG_HELD_TTL => bytes.len() == 8,
                TAG_CC | TAG_BCC => {
                    let mut keys = Fields::new(bytes);
                    while keys.short().is_some() {}
                    keys.is_empty()
                }
                TAG_DEATHS => Deaths::read(bytes).is_some(),
                _ => true,
            };
            if !is_sound {
                return false;
            }
        }
        fields.is_empty()
    }

    fn number(self, tag: u8) -> Option<u64> {
        Fields::new(self.fields.find(tag)?).u64()
    }

    pub(crate) fn expires_at_ms(self) -> Option<u64> {
        self.number(TAG_EXPIRES_AT)
    }

    pub(crate) fn deliver_at_ms(self) -> Option<u64> {
        self.number(TAG_DELIVER_AT)
    }

    pub(crate) fn delayed_ms(self) -> Option<u64> {
        self.number(TAG_DELAYED)
    }

    pub(crate) fn held_ttl_ms(self) -> Option<u64> {
        self.number(TAG_HELD_TTL)
    }

    pub(crate) fn cc(self) -> Keys<'a> {
        Keys { fields: Fields::new(self.fields.find(TAG_CC).unwrap_or_default()) }
    }

    pub(crate) fn bcc(self) -> Keys<'a> {
        Keys { fields: Fields::new(self.fields.find(TAG_BCC).unwrap_or_default()) }
    }

    pub(crate) fn deaths(self) -> Option<Deaths> {
        Deaths::read(self.fields.find(TAG_DEATHS)?)
    }

    pub(crate) fn has_deaths(self) -> bool {
        self.fields.find(TAG_DEATHS).is_some()
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.fields.short()
    }
}
