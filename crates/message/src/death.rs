//! How a message left queues before it came here: its deaths.

use bytes::BufMut;

use crate::fields::{self, Fields};
use crate::name::Name;

/// What a message's deaths take at most. Beyond it the oldest lose their routing keys first, and go next.
pub(crate) const DEATHS_BYTES_MAX: usize = 40 * 1024;

/// Why a message left a queue without having been accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// A consumer said that it cannot be worked on.
    Rejected = 1,
    /// Its time was over.
    Expired = 2,
    /// The queue was too long.
    MaxLength = 3,
    /// It was given back too often.
    DeliveryLimit = 4,
}

impl Reason {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Rejected),
            2 => Some(Self::Expired),
            3 => Some(Self::MaxLength),
            4 => Some(Self::DeliveryLimit),
            _ => None,
        }
    }
}

/// Where and why a message died: its first death, or its last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeathPlace {
    /// The queue that it left.
    pub queue: Name,
    /// Why.
    pub reason: Reason,
    /// The exchange through which it had come there.
    pub exchange: Vec<u8>,
}

/// All that is known of a message's deaths in one queue for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// The queue that it left.
    pub queue: Name,
    /// Why.
    pub reason: Reason,
    /// How often.
    pub count: u64,
    /// The first time, in seconds since 1970.
    pub time_s: u64,
    /// The exchange through which it had come there the first time.
    pub exchange: Vec<u8>,
    /// The routing keys with which it had come there the first time, those that only the broker knew of left out.
    pub routing_keys: Vec<Vec<u8>>,
    /// The time to live that the message had of its own, in milliseconds.
    pub original_ttl_ms: Option<u64>,
}

/// A message's deaths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deaths {
    /// The first.
    pub first: DeathPlace,
    /// The last.
    pub last: DeathPlace,
    /// Most recent first; each queue and reason once.
    pub entries: Vec<Death>,
}

impl Deaths {
    /// The deaths of a message that had died as `before` says, after one more. `death.count` is not looked at.
    #[must_use]
    pub fn after(before: Option<Self>, death: Death) -> Self {
        let place = DeathPlace {
            queue: death.queue.clone(),
            reason: death.reason,
            exchange: death.exchange.clone(),
        };
        let Some(mut deaths) = before else {
            let entries = vec![Death { count: 1, ..death }];
            return Self { first: place.clone(), last: place, entries };
        };
        let is_same = |known: &Death| known.queue == death.queue && known.reason == death.reason;
        let entry = match deaths.entries.iter().position(is_same) {
            Some(at) => {
                let known = deaths.entries.remove(at);
                Death { count: known.count.saturating_add(1), ..known }
            }
            None => Death { count: 1, ..death },
        };
        deaths.entries.insert(0, entry);
        deaths.last = place;
        deaths
    }

    /// Whether a message that goes to `queue` would run in a circle that nobody but the broker turns: it has been there
    /// already, and no consumer has rejected it since.
    pub fn is_cycle(&self, queue: &str) -> bool {
        let Some(at) = self.entries.iter().position(|death| death.queue.as_str() == queue) else {
            return false;
        };
        self.entries[..=at].iter().all(|death| death.reason != Reason::Rejected)
    }

    /// The deaths cut down to what a message has room for.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        write_place(out, &self.first);
        write_place(out, &self.last);
        let mut room = DEATHS_BYTES_MAX - (out.len() - start);
        // What every entry needs is set aside first, the rest goes to the routing keys of the most recent ones.
        let bare_bytes = |death: &Death| death.bare_bytes();
        let mut bare: usize = self.entries.iter().map(bare_bytes).sum();
        for death in &self.entries {
            let own = death.bare_bytes();
            if own > room {
                break;
            }
            bare -= own;
            let keys_bytes = death.keys_bytes();
            let has_room = own + keys_bytes + bare <= room;
            death.write(out, if has_room { &death.routing_keys } else { &[] });
            room -= own + if has_room { keys_bytes } else { 0 };
        }
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        let first = read_place(&mut fields)?;
        let last = read_place(&mut fields)?;
        let mut entries = Vec::new();
        while !fields.is_empty() {
            entries.push(Death::read(&mut fields)?);
        }
        Some(Self { first, last, entries })
    }
}

impl Death {
    /// Reason, count, time, own time to live, number of keys, two names with their lengths.
    fn bare_bytes(&self) -> usize {
        1 + 8 + 8 + 9 + 2 + 2 + self.queue.as_str().len() + self.exchange.len()
    }

    fn keys_bytes(&self) -> usize {
        self.routing_keys.iter().map(|key| 1 + key.len()).sum()
    }

    fn write(&self, out: &mut Vec<u8>, routing_keys: &[Vec<u8>]) {
        out.put_u8(self.reason as u8);
        out.put_u64_le(self.count);
        out.put_u64_le(self.time_s);
        out.put_u8(self.original_ttl_ms.is_some().into());
        out.put_u64_le(self.original_ttl_ms.unwrap_or(0));
        fields::put_short(out, self.queue.as_str().as_bytes());
        fields::put_short(out, &self.exchange);
        out.put_u16_le(u16::try_from(routing_keys.len()).expect("keys that fit are few"));
        routing_keys.iter().for_each(|key| fields::put_short(out, key));
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let reason = Reason::from_number(fields.u8()?)?;
        let (count, time_s) = (fields.u64()?, fields.u64()?);
        let (has_ttl, ttl_ms) = (fields.u8()?, fields.u64()?);
        let queue = read_name(fields)?;
        let exchange = fields.short()?.to_vec();
        let key_count = fields.u16()?;
        let keys = (0..key_count).map(|_| fields.short().map(<[u8]>::to_vec));
        let routing_keys = keys.collect::<Option<Vec<_>>>()?;
        let original_ttl_ms = (has_ttl != 0).then_some(ttl_ms);
        Some(Self { queue, reason, count, time_s, exchange, routing_keys, original_ttl_ms })
    }
}

fn write_place(out: &mut Vec<u8>, place: &DeathPlace) {
    out.put_u8(place.reason as u8);
    fields::put_short(out, place.queue.as_str().as_bytes());
    fields::put_short(out, &place.exchange);
}

fn read_place(fields: &mut Fields<'_>) -> Option<DeathPlace> {
    let reason = Reason::from_number(fields.u8()?)?;
    let queue = read_name(fields)?;
    Some(DeathPlace { queue, reason, exchange: fields.short()?.to_vec() })
}

fn read_name(fields: &mut Fields<'_>) -> Option<Name> {
    Name::new(std::str::from_utf8(fields.short()?).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(queue: &'static str, reason: Reason, keys: &[&str]) -> Death {
        Death {
            queue: Name::fixed(queue),
            reason,
            count: 0,
            time_s: 1_700_000_000,
            exchange: b"ex".to_vec(),
            routing_keys: keys.iter().map(|key| key.as_bytes().to_vec()).collect(),
            original_ttl_ms: Some(5),
        }
    }

    #[test]
    fn the_same_death_again_is_counted_and_comes_first() {
        let deaths = Deaths::after(None, death("a", Reason::Expired, &["k"]));
        let deaths = Deaths::after(Some(deaths), death("b", Reason::Rejected, &["l"]));
        let deaths = Deaths::after(Some(deaths), death("a", Reason::Expired, &["m"]));
        let seen: Vec<_> = deaths.entries.iter().map(|d| (d.queue.as_str(), d.count)).collect();
        assert_eq!(seen, [("a", 2), ("b", 1)]);
        assert_eq!(deaths.entries[0].routing_keys, [b"k"]);
        assert_eq!((deaths.first.queue.as_str(), deaths.last.queue.as_str()), ("a", "a"));
    }

    #[test]
    fn a_circle_is_one_that_no_consumer_has_turned() {
        let deaths = Deaths::after(None, death("a", Reason::Expired, &[]));
        assert!(deaths.is_cycle("a") && !deaths.is_cycle("b"));
        let deaths = Deaths::after(Some(deaths), death("b", Reason::Rejected, &[]));
        assert!(!deaths.is_cycle("a") && !deaths.is_cycle("b"));
    }

    #[test]
    fn deaths_come_back_as_they_were() {
        let deaths = Deaths::after(None, death("a", Reason::MaxLength, &["k", ""]));
        let deaths = Deaths::after(Some(deaths), death("b", Reason::DeliveryLimit, &[]));
        let mut bytes = Vec::new();
        deaths.write(&mut bytes);
        assert_eq!(Deaths::read(&bytes), Some(deaths));
        for len in 1..bytes.len() {
            let cut = Deaths::read(&bytes[..len]);
            assert!(cut.is_none_or(|cut| cut.entries.len() < 2), "{len} bytes");
        }
    }

    #[test]
    fn too_many_deaths_lose_old_keys_first_and_old_entries_next() {
        let long = "k".repeat(200);
        let mut deaths = Deaths::after(None, death("first", Reason::Expired, &[long.as_str(); 50]));
        for number in 0..10 {
            let queue = Name::new(&format!("queue {number}")).unwrap();
            let one = Death { queue, ..death("", Reason::Expired, &[long.as_str(); 50]) };
            deaths = Deaths::after(Some(deaths), one);
        }
        let mut bytes = Vec::new();
        deaths.write(&mut bytes);
        assert!(bytes.len() <= DEATHS_BYTES_MAX);
        let read = Deaths::read(&bytes).unwrap();
        assert_eq!(read.entries.len(), deaths.entries.len());
        assert_eq!(read.entries[0], deaths.entries[0]);
        assert_eq!(read.entries[10].routing_keys.len(), 0);
        for number in 0..2_000 {
            let queue = Name::new(&format!("another queue {number}")).unwrap();
            deaths =
                Deaths::after(Some(deaths), Death { queue, ..death("", Reason::Expired, &[]) });
        }
        bytes.clear();
        deaths.write(&mut bytes);
        assert!(bytes.len() <= DEATHS_BYTES_MAX);
        let read = Deaths::read(&bytes).unwrap();
        assert_eq!(read.first.queue.as_str(), "first");
        assert_eq!(read.entries[..], deaths.entries[..read.entries.len()]);
    }
}
