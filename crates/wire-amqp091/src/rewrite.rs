//! Property bytes with a few things changed, for what a broker itself has to say of a message.

use crate::malformed::Malformed;
use crate::properties::Properties;
use crate::table::{Pairs, Table};
use crate::writer::Writer;

/// What is to be changed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rewrite<'a> {
    /// Headers that are taken out.
    pub without: &'a [&'a [u8]],
    /// Headers that are put in; what the message had under their names is taken out.
    pub with: Option<&'a Table>,
    /// Takes out the expiration.
    pub is_timeless: bool,
    /// The expiration from here on.
    pub expiration: Option<&'a [u8]>,
    /// Where answers go from here on.
    pub reply_to: Option<&'a [u8]>,
}

impl Rewrite<'_> {
    /// The property bytes with these changes. The headers, if they are touched, are sorted by their names, as RabbitMQ
    /// sorts them.
    ///
    /// # Errors
    /// [`Malformed`] as [`Properties::decode`].
    pub fn apply(&self, properties: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut changed = Properties::decode(properties)?;
        let headers = self.headers(changed.headers)?;
        if headers.is_some() {
            changed.headers = headers.as_deref();
        }
        if self.is_timeless {
            changed.expiration = None;
        }
        changed.expiration = self.expiration.or(changed.expiration);
        changed.reply_to = self.reply_to.or(changed.reply_to);
        Ok(changed.to_bytes())
    }

    /// The headers' table, without its length, if it is not as it was.
    fn headers(&self, bytes: Option<&[u8]>) -> Result<Option<Vec<u8>>, Malformed> {
        let is_untouched = self.with.is_none_or(Table::is_empty);
        if is_untouched && (self.without.is_empty() || bytes.is_none()) {
            return Ok(None);
        }
        let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (name, value) in self.with.into_iter().flat_map(Table::iter) {
            let mut bytes = Vec::new();
            value.encode(&mut bytes);
            rows.push((name.to_vec(), bytes));
        }
        for pair in Pairs::new(bytes.unwrap_or_default()) {
            let (name, value) = pair?;
            let is_replaced = self.with.is_some_and(|with| with.value(name).is_some());
            if !is_replaced && !self.without.contains(&name) {
                let mut bytes = Vec::new();
                value.encode(&mut bytes);
                rows.push((name.to_vec(), bytes));
            }
        }
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut out = Vec::new();
        for (name, value) in rows {
            Writer::new(&mut out).shortbytes(&name);
            out.extend_from_slice(&value);
        }
        Ok(Some(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FieldValue;

    fn properties(headers: &Table) -> Vec<u8> {
        let headers = headers.to_bytes();
        let properties = Properties {
            headers: Some(&headers),
            expiration: Some(b"5"),
            reply_to: Some(b"here"),
            message_id: Some(b"m"),
            ..Properties::default()
        };
        properties.to_bytes()
    }

    fn text(text: &str) -> FieldValue {
        FieldValue::LongString(text.as_bytes().to_vec())
    }

    #[test]
    fn what_is_not_named_stays() {
        let headers = Table::new()
            .with("z", text("last"))
            .with("BCC", FieldValue::Array(vec![text("hidden")]))
            .with("a", FieldValue::Array(vec![FieldValue::Table(Table::new().with("k", true))]));
        let rewrite = Rewrite { without: &[b"BCC"], ..Rewrite::default() };
        let bytes = rewrite.apply(&properties(&headers)).unwrap();
        let changed = Properties::decode(&bytes).unwrap();
        let seen = Table::decode(changed.headers.unwrap()).unwrap();
        let names: Vec<_> = seen.iter().map(|(name, _)| name.to_vec()).collect();
        assert_eq!(names, [b"a", b"z"]);
        assert_eq!(seen.value(b"a"), headers.value(b"a"));
        assert_eq!((changed.expiration, changed.reply_to), (Some(&b"5"[..]), Some(&b"here"[..])));
    }

    #[test]
    fn what_is_put_in_takes_the_place_of_what_was_there() {
        let headers = Table::new().with("x-death", text("mine")).with("b", 1);
        let with = Table::new().with("x-death", text("theirs")).with("a", 2);
        let rewrite = Rewrite {
            with: Some(&with),
            is_timeless: true,
            reply_to: Some(b"there"),
            ..Rewrite::default()
        };
        let bytes = rewrite.apply(&properties(&headers)).unwrap();
        let changed = Properties::decode(&bytes).unwrap();
        let seen = Table::decode(changed.headers.unwrap()).unwrap();
        assert_eq!(seen, Table::new().with("a", 2).with("b", 1).with("x-death", text("theirs")));
        assert_eq!((changed.expiration, changed.reply_to), (None, Some(&b"there"[..])));
        assert_eq!(changed.message_id, Some(&b"m"[..]));
    }

    #[test]
    fn a_message_without_headers_gets_some_only_if_there_are_any() {
        let rewrite = Rewrite { without: &[b"BCC"], is_timeless: true, ..Rewrite::default() };
        assert_eq!(rewrite.apply(&[0, 0]).unwrap(), [0, 0]);
        let with = Table::new().with("a", true);
        let rewrite = Rewrite { with: Some(&with), ..Rewrite::default() };
        assert_eq!(rewrite.apply(&[0, 0]).unwrap(), b"\x20\0\0\0\0\x04\x01at\x01");
    }
}
