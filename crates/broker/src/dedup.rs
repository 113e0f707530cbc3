//! Deduplication: a message that a queue has had before is answered as the first one was, and dropped.
//!
//! ```text
//!   key ──known, and in the window?──→ a duplicate: confirmed when the first one is
//!    └──────────── no ──────────────→ enqueued, and remembered
//!
//!   window   │ 17: a │ 18: b │ 19: c │     the last `count_max` keys, none older than `ttl_ms`
//! ```
//!
//! The key is the value of a header that the queue's declaration names. Keys are remembered in a store queue of their own,
//! in the order in which they came, behind the messages that they came with: after a crash a key is known only if its message
//! is there, or was settled.

use std::collections::{BTreeMap, VecDeque};

use message::{Message, QueueId, Value};
use sha2::{Digest, Sha256};
use store::Ticket;

use crate::broker::{Awaited, Broker};
use crate::publisher::Confirm;

/// Of keys longer than this only a digest is kept.
const KEY_BYTES_MAX: usize = 256;

/// What a declaration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The name of the header with the key.
    pub(crate) header: String,
    /// How many keys are remembered at most.
    pub(crate) count_max: usize,
    /// For how long.
    pub(crate) ttl_ms: Option<u64>,
}

#[derive(Debug)]
struct Seen {
    seq: u64,
    at_ms: u64,
    key: Box<[u8]>,
}

/// The keys that a queue remembers.
#[derive(Debug)]
pub(crate) struct Deduplication {
    pub(crate) window: Window,
    next_seq: u64,
    /// Of each key: its number, and what its message's safety rests on.
    known: BTreeMap<Box<[u8]>, (u64, Option<Ticket>)>,
    order: VecDeque<Seen>,
    /// What the keys have together.
    key_bytes: usize,
}

impl Deduplication {
    /// A window that has seen nothing.
    pub(crate) fn new(window: Window) -> Self {
        let (known, order) = (BTreeMap::new(), VecDeque::new());
        Self { window, next_seq: 0, known, order, key_bytes: 0 }
    }

    /// What a start found: numbers and records, in order.
    pub(crate) fn recover(&mut self, next_seq: u64, records: &[(u64, impl AsRef<[u8]>)]) {
        self.next_seq = next_seq;
        for (seq, record) in records {
            if let Some((at, key)) = record.as_ref().split_first_chunk::<8>() {
                self.insert(*seq, u64::from_le_bytes(*at), key.into(), None);
            }
        }
    }

    fn insert(&mut self, seq: u64, at_ms: u64, key: Box<[u8]>, ticket: Option<Ticket>) {
        self.key_bytes += key.len();
        self.known.insert(key.clone(), (seq, ticket));
        self.order.push_back(Seen { seq, at_ms, key });
    }

    /// Memory that the keys take.
    pub(crate) fn resident_bytes(&self) -> usize {
        /// What a key takes besides its bytes, which are kept twice.
        const SEEN_BYTES: usize = 96;
        2 * self.key_bytes + self.order.len() * SEEN_BYTES
    }

    /// Drops about `count` keys of a queue that needs none any more. Returns whether any are left.
    pub(crate) fn drop_some(&mut self, count: usize) -> bool {
        (0..count).all(|_| self.known.pop_last().is_some() | self.order.pop_back().is_some())
    }

    /// Takes out the first key, if it has left the window. Returns its number and the length of its record.
    fn pop_old(&mut self, now_ms: u64) -> Option<(u64, u32)> {
        let first = self.order.front()?;
        let is_old = self.window.ttl_ms.is_some_and(|ttl_ms| first.at_ms + ttl_ms <= now_ms);
        if !is_old && self.order.len() <= self.window.count_max {
            return None;
        }
        let Seen { seq, key, .. } = self.order.pop_front()?;
        self.key_bytes -= key.len();
        if self.known.get(&key).is_some_and(|(of, _)| *of == seq) {
            self.known.remove(&key);
        }
        Some((seq, 8 + key.len() as u32))
    }
}

/// A header's value as a key; `None` for values that name nothing.
fn key_of(value: &Value) -> Option<Box<[u8]>> {
    let tagged = |tag: u8, bytes: &[u8]| {
        let mut key = vec![tag];
        if bytes.len() > KEY_BYTES_MAX {
            key[0] = tag.to_ascii_uppercase();
            key.extend_from_slice(&Sha256::digest(bytes));
        } else {
            key.extend_from_slice(bytes);
        }
        Some(key.into_boxed_slice())
    };
    match value {
        Value::Text(bytes) | Value::Bytes(bytes) => tagged(b't', bytes),
        Value::Bool(truth) => tagged(b'b', &[u8::from(*truth)]),
        Value::Timestamp(seconds) => tagged(b's', &seconds.to_le_bytes()),
        Value::F32(number) => tagged(b'f', &f64::from(*number).to_bits().to_le_bytes()),
        Value::F64(number) => tagged(b'f', &number.to_bits().to_le_bytes()),
        other => other.as_integer().and_then(|number| tagged(b'i', &number.to_le_bytes())),
    }
}

/// What a queue that deduplicates says of a message.
pub(crate) enum Verdict {
    /// It is no duplicate, and this is to be remembered of it.
    Fresh(Option<Box<[u8]>>),
    /// The queue has had it; what its confirm rests on.
    Duplicate(Option<Ticket>),
}

impl Broker {
    /// Whether a queue has had a message.
    pub(crate) fn look_for_duplicate(&mut self, id: QueueId, message: &Message) -> Verdict {
        let (reader, now_ms) = (self.reader, self.now_ms);
        let Some(hosted) = self.queues.get_mut(id) else { return Verdict::Fresh(None) };
        let Some(dedup) = &mut hosted.dedup else { return Verdict::Fresh(None) };
        let dedup_id = hosted.definition.dedup_id();
        while let Some((seq, length)) = dedup.pop_old(now_ms) {
            self.store.settle(dedup_id, seq, length);
        }
        // A dead letter that comes back has not been sent again.
        if message.has_died() {
            return Verdict::Fresh(None);
        }
        let value = (reader.header_of)(message, &dedup.window.header);
        let Some(key) = value.as_ref().and_then(key_of) else { return Verdict::Fresh(None) };
        match dedup.known.get(&key) {
            Some(&(_, ticket)) => Verdict::Duplicate(ticket),
            None => Verdict::Fresh(Some(key)),
        }
    }

    /// Answers the producer of a duplicate as soon as the first one is safe.
    pub(crate) fn confirm_duplicate(&mut self, ticket: Option<Ticket>, confirm: Option<Confirm>) {
        match (confirm, ticket.filter(|&ticket| !self.store.synced().covers(ticket))) {
            (Some(confirm), Some(ticket)) => {
                self.put_in_line(ticket, Awaited::Confirm(confirm, 1));
            }
            (confirm, _) => self.confirm(confirm),
        }
    }

    /// Remembers the key of a message that was enqueued, for as long as the message: on disk, if that is where it is,
    /// which `ticket` says. Returns what the safety of both rests on.
    pub(crate) fn remember_key(
        &mut self,
        id: QueueId,
        key: Box<[u8]>,
        mut ticket: Option<Ticket>,
    ) -> Option<Ticket> {
        let hosted = self.queues.get_mut(id)?;
        let dedup = hosted.dedup.as_mut()?;
        let dedup_id = hosted.definition.dedup_id();
        let (seq, at_ms) = (dedup.next_seq, self.now_ms);
        dedup.next_seq += 1;
        if ticket.is_some() {
            let record = [&at_ms.to_le_bytes()[..], &key].concat();
            ticket = Some(self.store.enqueue(dedup_id, seq, &record, true));
        }
        dedup.insert(seq, at_ms, key, ticket);
        while let Some((seq, length)) = dedup.pop_old(at_ms) {
            self.store.settle(dedup_id, seq, length);
        }
        ticket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_bounded_by_count_and_by_time() {
        let window = Window { header: "id".to_owned(), count_max: 2, ttl_ms: Some(100) };
        let records: Vec<(u64, Vec<u8>)> =
            [(4_u64, 1_000_u64, b'a'), (5, 1_050, b'b'), (6, 1_060, b'c')]
                .map(|(seq, at_ms, key)| (seq, [&at_ms.to_le_bytes()[..], &[key]].concat()))
                .into();
        let mut dedup = Deduplication::new(window);
        dedup.recover(7, &records);
        assert_eq!(dedup.pop_old(1_060), Some((4, 9)), "two are remembered");
        assert_eq!(dedup.pop_old(1_149), None);
        assert_eq!(dedup.pop_old(1_150), Some((5, 9)), "100 ms are over");
        assert_eq!(dedup.known.len(), 1);
        assert_eq!(dedup.next_seq, 7);
    }

    #[test]
    fn whole_numbers_are_the_same_key_whatever_their_width() {
        assert_eq!(key_of(&Value::I8(5)), key_of(&Value::I64(5)));
        assert_ne!(key_of(&Value::I64(5)), key_of(&Value::text("5")));
        assert_eq!(key_of(&Value::Void), None);
        let long = |last: u8| Value::Text([vec![7; KEY_BYTES_MAX], vec![last; 9]].concat());
        assert_eq!(key_of(&long(1)).map(|key| key.len()), Some(33));
    }
}
