//! What a producer says in the properties of a message that concerns the broker: deadlines, further routing keys, who it
//! is.

use message::{Address, KEYS_BYTES_MAX, Value};
use wire_amqp091::properties::Scan;
use wire_amqp091::table::{Pairs, RawValue};
use wire_amqp091::{FieldValue, Malformed, Rewrite};

use crate::arguments::value;
use crate::errors::{Expiration, Unfit};

/// The longest time to live that RabbitMQ takes: ten years.
const TTL_MS_MAX: u64 = 315_360_000_000;

/// The longest routing key that there is.
const KEY_BYTES_MAX: usize = 255;

/// Further routing keys, which everybody sees.
const CC: &[u8] = b"CC";

/// Further routing keys, which nobody sees.
const BCC: &[u8] = b"BCC";

/// Before when a message is not to be delivered.
const DELIVER_AT: &[u8] = b"x-deliver-at";

/// What is said of one message.
#[derive(Debug, Default)]
pub(crate) struct Labels<'a> {
    expires_at_ms: Option<u64>,
    /// The expiration as RabbitMQ writes it, if the producer has written it otherwise.
    expiration: Option<String>,
    deliver_at_ms: Option<u64>,
    cc: Vec<&'a [u8]>,
    bcc: Vec<&'a [u8]>,
    /// Whether there is a header that consumers must not see.
    has_hidden: bool,
    /// Where answers go, if the producer could not know.
    pub(crate) reply_to: Option<&'a [u8]>,
}

impl<'a> Labels<'a> {
    /// Reads what the properties of a message say that `user` publishes.
    #[inline]
    pub(crate) fn read(scan: &Scan<'a>, user: &str, now_ms: u64) -> Result<Self, Unfit> {
        if scan.headers.is_none() && scan.expiration.is_none() && scan.user_id.is_none() {
            return Ok(Self::default());
        }
        Self::read_all(scan, user, now_ms)
    }

    fn read_all(scan: &Scan<'a>, user: &str, now_ms: u64) -> Result<Self, Unfit> {
        let mut labels = Self::default();
        if let Some(text) = scan.expiration {
            let ttl_ms = ttl_ms(text)?;
            labels.expires_at_ms = Some(now_ms.saturating_add(ttl_ms));
            labels.expiration = Some(ttl_ms.to_string()).filter(|own| own.as_bytes() != text);
        }
        if let Some(headers) = scan.headers {
            labels.read_headers(headers)?;
        }
        if let Some(user_id) = scan.user_id
            && user_id != user.as_bytes()
        {
            let set = String::from_utf8_lossy(user_id).into_owned();
            return Err(Unfit::User { set, user: user.to_owned() });
        }
        Ok(labels)
    }

    fn read_headers(&mut self, headers: &'a [u8]) -> Result<(), Unfit> {
        let find = |wanted: &[u8]| {
            let mut pairs = Pairs::new(headers).filter_map(Result::ok);
            pairs.find(|(name, _)| *name == wanted).map(|(_, raw)| raw)
        };
        if let Some(raw) = find(CC) {
            keys(&mut self.cc, "CC", raw)?;
        }
        if let Some(raw) = find(BCC) {
            self.has_hidden = true;
            keys(&mut self.bcc, "BCC", raw)?;
        }
        if let Some(raw) = find(DELIVER_AT) {
            self.deliver_at_ms = Some(moment_ms(&raw)?);
        }
        let bytes: usize = self.cc.iter().chain(&self.bcc).map(|key| 1 + key.len()).sum();
        if bytes > KEYS_BYTES_MAX {
            return Err(Unfit::TooManyKeys { bytes_max: KEYS_BYTES_MAX });
        }
        Ok(())
    }

    /// The address of the message.
    pub(crate) fn address<'s>(
        &'s self,
        exchange: &'s [u8],
        routing_key: &'s [u8],
        scan: &Scan<'_>,
        now_ms: u64,
    ) -> Address<'s> {
        Address {
            is_persistent: scan.is_persistent(),
            priority: scan.priority,
            expires_at_ms: self.expires_at_ms,
            deliver_at_ms: self.deliver_at_ms,
            cc: &self.cc,
            bcc: &self.bcc,
            ..Address::new(exchange, routing_key, now_ms)
        }
    }

    /// The property bytes that consumers get, if they are not those that the producer sent.
    ///
    /// # Errors
    /// [`Malformed`] when these make no sense.
    pub(crate) fn rewritten(&self, properties: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        let reply_to = self.reply_to;
        if !self.has_hidden && reply_to.is_none() && self.expiration.is_none() {
            return Ok(None);
        }
        let without: &[&[u8]] = if self.has_hidden { &[BCC] } else { &[] };
        let expiration = self.expiration.as_deref().map(str::as_bytes);
        let rewrite = Rewrite { without, expiration, reply_to, ..Rewrite::default() };
        rewrite.apply(properties).map(Some)
    }
}

/// The keys in a header. RabbitMQ passes over what is not text.
fn keys<'a>(
    keys: &mut Vec<&'a [u8]>,
    header: &'static str,
    raw: RawValue<'a>,
) -> Result<(), Unfit> {
    let Some(items) = raw.items() else {
        return Err(Unfit::NoKeys { header, value: decoded(&raw) });
    };
    for item in items.filter_map(Result::ok).filter(|item| item.tag == b'S') {
        if item.bytes.len() > KEY_BYTES_MAX {
            return Err(Unfit::LongKey { header, bytes: item.bytes.len() });
        }
        keys.push(item.bytes);
    }
    Ok(())
}

/// A moment in milliseconds since 1970: a number of them, or a timestamp, which counts seconds.
fn moment_ms(raw: &RawValue<'_>) -> Result<u64, Unfit> {
    let moment = match decoded(raw) {
        Value::Timestamp(seconds) => seconds.checked_mul(1_000),
        value => value.as_integer().and_then(|ms| u64::try_from(ms).ok()),
    };
    moment.ok_or_else(|| Unfit::Moment { value: decoded(raw) })
}

fn decoded(raw: &RawValue<'_>) -> Value {
    value(&raw.decode().unwrap_or(FieldValue::Void))
}

/// A time to live: decimal digits, as Erlang's `string:to_integer` reads them.
fn ttl_ms(text: &[u8]) -> Result<u64, Unfit> {
    let unfit = |why: Expiration| Unfit::Expiration {
        text: String::from_utf8_lossy(text).into_owned(),
        why,
    };
    let signs = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let digits = text[signs..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Err(unfit(Expiration::NoInteger));
    }
    let (number, rest) = text.split_at(signs + digits);
    if !rest.is_empty() {
        return Err(unfit(Expiration::Leftover(String::from_utf8_lossy(rest).into_owned())));
    }
    let number = std::str::from_utf8(&number[signs..]).unwrap_or("0").trim_start_matches('0');
    let number = if number.is_empty() { "0" } else { number };
    if text[0] == b'-' && number != "0" {
        return Err(unfit(Expiration::Negative(format!("-{number}"))));
    }
    match number.parse() {
        Ok(ms) if ms <= TTL_MS_MAX => Ok(ms),
        _ => Err(unfit(Expiration::TooLarge(number.to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_live_is_a_number_and_nothing_else() {
        for (text, ms) in [("0", 0), ("5", 5), ("+5", 5), ("0005", 5), ("-0", 0)] {
            assert_eq!(ttl_ms(text.as_bytes()), Ok(ms), "{text}");
        }
        assert_eq!(ttl_ms(b"315360000000"), Ok(TTL_MS_MAX));
        let why = |text: &str| match ttl_ms(text.as_bytes()) {
            Err(Unfit::Expiration { why, .. }) => Some(why),
            _ => None,
        };
        for text in ["", "abc", " 5", "-", "+"] {
            assert_eq!(why(text), Some(Expiration::NoInteger), "{text}");
        }
        assert_eq!(why("1.5"), Some(Expiration::Leftover(".5".to_owned())));
        assert_eq!(why("-7"), Some(Expiration::Negative("-7".to_owned())));
        let huge = "99999999999999999999";
        assert_eq!(why(huge), Some(Expiration::TooLarge(huge.to_owned())));
    }
}
