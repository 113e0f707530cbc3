//! What the broker adds to a message's properties, and what it takes away, when it shows the message to somebody.
//!
//! A message keeps the property bytes of its producer as long as it lives. How it died, and how often it was delivered, is
//! known beside them, and put among the headers on the way out.

use broker::Reader;
use message::{Death, Deaths, Headers, Message, Reason, Value};
use queue::Delivery;
use wire_amqp091::limits::properties_max;
use wire_amqp091::table::Pairs;
use wire_amqp091::{FieldValue, Properties, Rewrite, Table};

use crate::arguments::{RawHeaders, value};

const X_DEATH: &str = "x-death";
const X_DELAY: &str = "x-delay";
const FIRST_DEATH: [&str; 3] =
    ["x-first-death-queue", "x-first-death-reason", "x-first-death-exchange"];
const LAST_DEATH: [&str; 3] =
    ["x-last-death-queue", "x-last-death-reason", "x-last-death-exchange"];

/// The property bytes of a message that somebody is shown in a frame of at most `frame_max` bytes (0: any), if they are not its own.
#[inline]
pub(crate) fn shown(message: &Message, counts: Counts, frame_max: u32) -> Option<Vec<u8>> {
    if !message.has_fields() && counts == Counts::default() {
        return None;
    }
    show(message, counts, frame_max)
}

/// How often a delivered message was delivered before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// And the work on it failed.
    pub(crate) delivery_count: u32,
    /// In whatever way that ended.
    pub(crate) acquired_count: u32,
}

/// Whether a client is told that it may have had this message before. What a consumer has rejected was delivered, and
/// stays so wherever it goes.
#[inline]
pub(crate) fn is_redelivered(delivery: &Delivery) -> bool {
    delivery.is_redelivered || is_delivered(&delivery.message)
}

/// Whether a consumer has had it in some queue and rejected it.
#[inline]
pub(crate) fn is_delivered(message: &Message) -> bool {
    message.has_died() && was_rejected(message)
}

fn was_rejected(message: &Message) -> bool {
    let is_delivered =
        |death: &Death| matches!(death.reason, Reason::Rejected | Reason::DeliveryLimit);
    message.deaths().is_some_and(|deaths| deaths.entries.iter().any(is_delivered))
}

fn show(message: &Message, counts: Counts, frame_max: u32) -> Option<Vec<u8>> {
    let own = message.properties();
    let mut deaths = message.deaths();
    let is_timeless = deaths.is_some();
    let mut with = additions(message, deaths.as_ref(), counts);
    if with.is_empty() {
        return None;
    }
    // No client takes a frame that is too long. Where the producer's headers alone are, nothing is won by saying less.
    let room = properties_max(frame_max);
    let room = if own.len() > room { usize::MAX } else { room };
    // A message whose properties make no sense is shown as it is.
    let apply = |with: &Table| {
        Rewrite { with: Some(with), is_timeless, ..Rewrite::default() }.apply(own).ok()
    };
    let whole = apply(&with)?;
    if whole.len() <= room {
        return Some(whole);
    }
    if let Some(deaths) = &mut deaths {
        deaths.entries.truncate(1);
        deaths.entries.iter_mut().for_each(|death| death.routing_keys.clear());
        with = additions(message, Some(deaths), counts);
    }
    let last_death = apply(&with).filter(|bytes| bytes.len() <= room);
    last_death.or_else(|| apply(&Table::new()))
}

/// The headers that say what the broker knows of a message.
fn additions(message: &Message, deaths: Option<&Deaths>, counts: Counts) -> Table {
    let mut with = Table::new();
    if let Some(deaths) = deaths {
        push_deaths(&mut with, deaths);
    }
    if let Some(delay) = delay(message) {
        with.push(X_DELAY, delay);
    }
    if counts.acquired_count > 0 {
        with.push("x-acquired-count", i64::from(counts.acquired_count));
    }
    if counts.delivery_count > 0 {
        with.push("x-delivery-count", i64::from(counts.delivery_count));
    }
    with
}

fn push_deaths(headers: &mut Table, deaths: &Deaths) {
    for (names, place) in [(FIRST_DEATH, &deaths.first), (LAST_DEATH, &deaths.last)] {
        let [queue, reason, exchange] = names;
        headers.push(queue, text(place.queue.as_str().as_bytes()));
        headers.push(reason, text(reason_word(place.reason).as_bytes()));
        headers.push(exchange, text(&place.exchange));
    }
    let entries = deaths.entries.iter().map(|death| FieldValue::Table(entry(death))).collect();
    headers.push(X_DEATH, FieldValue::Array(entries));
}

/// One entry of `x-death`, its fields in RabbitMQ's order.
fn entry(death: &Death) -> Table {
    let mut entry = Table::new();
    if let Some(ttl_ms) = death.original_ttl_ms {
        entry.push("original-expiration", text(ttl_ms.to_string().as_bytes()));
    }
    let keys = death.routing_keys.iter().map(|key| text(key)).collect();
    entry.push("count", i64::try_from(death.count).unwrap_or(i64::MAX));
    entry.push("reason", text(reason_word(death.reason).as_bytes()));
    entry.push("queue", text(death.queue.as_str().as_bytes()));
    entry.push("time", FieldValue::Timestamp(death.time_s));
    entry.push("exchange", text(&death.exchange));
    entry.push("routing-keys", FieldValue::Array(keys));
    entry
}

fn text(bytes: &[u8]) -> FieldValue {
    FieldValue::LongString(bytes.to_vec())
}

/// RabbitMQ's word for why a message has died.
pub const fn reason_word(reason: Reason) -> &'static str {
    match reason {
        Reason::Rejected => "rejected",
        Reason::Expired => "expired",
        Reason::MaxLength => "maxlen",
        Reason::DeliveryLimit => "delivery_limit",
    }
}

/// The header by which a producer had its message delayed, negated: whoever publishes it again so does not delay it
/// again.
fn delay(message: &Message) -> Option<FieldValue> {
    let delayed_ms = i64::try_from(message.delayed_ms()?).ok()?;
    Some(FieldValue::I64(-delayed_ms))
}

/// A header as the producer set it.
fn own_header(message: &Message, name: &str) -> Option<FieldValue> {
    let headers = Properties::decode(message.properties()).ok()?.headers?;
    let mut pairs = Pairs::new(headers).filter_map(Result::ok);
    let (_, raw) = pairs.find(|(key, _)| *key == name.as_bytes())?;
    raw.decode().ok()
}

/// How messages of this protocol are read where they lie.
pub const READER: Reader = Reader { header_of, property_of };

/// A property of a message, by the name that hashing exchanges have for it.
fn property_of(message: &Message, name: &str) -> Option<Value> {
    RawHeaders { table: None, properties: message.properties() }.property(name)
}

/// A header of a message as consumers see it, which is how exchanges see it when it goes on from a queue.
fn header_of(message: &Message, name: &str) -> Option<Value> {
    if message.has_fields() {
        if message.has_died()
            && (name == X_DEATH || FIRST_DEATH.contains(&name) || LAST_DEATH.contains(&name))
        {
            let mut headers = Table::new();
            push_deaths(&mut headers, &message.deaths()?);
            return headers.value(name.as_bytes()).map(value);
        }
        if name == X_DELAY && message.delayed_ms().is_some() {
            return delay(message).as_ref().map(value);
        }
    }
    own_header(message, name).as_ref().map(value)
}

#[cfg(test)]
mod tests {
    use message::{Address, Arena, Name, Readdress};

    use super::*;

    fn dead(properties: &Properties<'_>, delayed_ms: Option<u64>) -> Message {
        let address = Address {
            expires_at_ms: Some(1_700_000_000_005),
            ..Address::new(b"", b"q", 1_700_000_000_000)
        };
        let message = Arena::new().message(&address, &properties.to_bytes(), b"body");
        let death = Death {
            queue: Name::fixed("q"),
            reason: Reason::Expired,
            count: 1,
            time_s: 1_700_000_000,
            exchange: Vec::new(),
            routing_keys: vec![b"q".to_vec(), b"cc".to_vec()],
            original_ttl_ms: Some(5),
        };
        let deaths = Deaths::after(None, death);
        message.readdressed(&Readdress {
            exchange: b"dlx",
            routing_key: b"q",
            received_at_ms: 1_700_000_000_005,
            expires_at_ms: None,
            deliver_at_ms: None,
            delayed_ms,
            held_ttl_ms: None,
            cc: &[b"cc"],
            bcc: &[],
            deaths: Some(&deaths),
        })
    }

    #[test]
    fn a_dead_letter_tells_how_it_died() {
        let headers = Table::new().with("b", 1).with(X_DEATH, "of my own").to_bytes();
        let properties =
            Properties { headers: Some(&headers), expiration: Some(b"5"), ..Properties::default() };
        let message = dead(&properties, Some(7));
        let bytes = shown(&message, Counts::default(), 0).unwrap();
        let shown = Properties::decode(&bytes).unwrap();
        assert_eq!(shown.expiration, None);
        let table = Table::decode(shown.headers.unwrap()).unwrap();
        assert_eq!(table.len(), 9);
        assert_eq!(table.value(b"x-last-death-reason"), Some(&"expired".into()));
        assert_eq!(table.value(b"x-delay"), Some(&FieldValue::I64(-7)));
        let FieldValue::Array(entries) = table.value(b"x-death").unwrap() else { panic!("a list") };
        let [FieldValue::Table(entry)] = &entries[..] else { panic!("one table") };
        let names: Vec<_> = entry.iter().map(|(name, _)| String::from_utf8_lossy(name)).collect();
        let order = "original-expiration count reason queue time exchange routing-keys";
        assert_eq!(names.join(" "), order);
    }

    #[test]
    fn no_header_frame_is_too_long_because_of_what_the_broker_adds() {
        let own = |length: usize| {
            let headers = Table::new().with("b", text(&vec![b'x'; length])).to_bytes();
            Properties { headers: Some(&headers), expiration: Some(b"5"), ..Properties::default() }
                .to_bytes()
        };
        let counts = Counts { delivery_count: 3, acquired_count: 3 };
        let room = properties_max(8_192);
        let mut seen = Vec::new();
        for length in 7_000..=room {
            let bytes = own(length);
            let message = dead(&Properties::decode(&bytes).unwrap(), None);
            let shown = shown(&message, counts, 8_192).unwrap();
            assert!(bytes.len() > room || shown.len() <= room, "{length}: {}", shown.len());
            let shown = Properties::decode(&shown).unwrap();
            assert_eq!(shown.expiration, None, "{length}");
            let table = Table::decode(shown.headers.unwrap()).unwrap();
            let keys = match table.value(b"x-death") {
                Some(FieldValue::Array(entries)) => match &entries[..] {
                    [FieldValue::Table(entry)] => match entry.value(b"routing-keys") {
                        Some(FieldValue::Array(keys)) => Some(keys.len()),
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            };
            if seen.last() != Some(&keys) {
                seen.push(keys);
            }
        }
        assert_eq!(seen, [Some(2), Some(0), None, Some(2)]);
    }

    #[test]
    fn what_cannot_be_rewritten_is_shown_as_it_is() {
        let mut deep = Table::new();
        (0..70).for_each(|_| deep = Table::new().with("t", FieldValue::Table(deep.clone())));
        let headers = deep.to_bytes();
        let bytes = Properties { headers: Some(&headers), ..Properties::default() }.to_bytes();
        let message = Arena::new().message(&Address::new(b"", b"q", 1), &bytes, b"");
        let counts = Counts { delivery_count: 1, acquired_count: 1 };
        assert_eq!(shown(&message, counts, 0), None);
    }

    #[test]
    fn the_core_sees_the_headers_that_consumers_see() {
        let headers = Table::new().with("b", 1).with(X_DEATH, "of my own").to_bytes();
        let properties = Properties { headers: Some(&headers), ..Properties::default() };
        let message = dead(&properties, None);
        assert_eq!(header_of(&message, "b"), Some(Value::I32(1)));
        assert_eq!(header_of(&message, "x-first-death-queue"), Some(Value::text("q")));
        assert!(matches!(header_of(&message, "x-death"), Some(Value::Array(_))));
        assert_eq!(header_of(&message, "c"), None);
        let bytes = properties.to_bytes();
        let alive = Arena::new().message(&Address::new(b"", b"q", 1), &bytes, b"");
        assert_eq!(header_of(&alive, "x-death"), Some(Value::text("of my own")));
        assert_eq!(shown(&alive, Counts::default(), 0), None);
    }

    #[test]
    fn a_message_without_a_story_is_shown_as_it_is() {
        let alive = Arena::new().message(&Address::new(b"", b"q", 1), &[0, 0], b"");
        assert_eq!(shown(&alive, Counts::default(), 0), None);
        let counts = Counts { delivery_count: 0, acquired_count: 2 };
        let bytes = shown(&alive, counts, 0).unwrap();
        let headers = Properties::decode(&bytes).unwrap().headers.unwrap();
        let table = Table::decode(headers).unwrap();
        assert_eq!(table, Table::new().with("x-acquired-count", 2_i64));
    }
}
