//! A queue's ledger: what is known of single messages beyond their bytes, and must survive a restart.
//!
//! ```text
//!   store queue of the messages     │ 7 │ 8 │ 9 │ …
//!   store queue of the ledger       │ note on 8 │ note on 9 │ note on 8 │      the last note on a message counts
//! ```
//!
//! A message's own deadline, the time before which it must not be delivered, and how often it came back are written
//! here, once for each message that has any of it: most have none. A start reads the ledgers, not the messages. A note is
//! a record like a message, in a store queue of its own, so that it is journaled, kept and compacted as messages are.
//! It rests on no sync of its own: it comes into the journal behind its message.
//!
//! ```text
//!   0      1        9          13          17             25              33               37              41
//!   │ lane │ number │ length   │ body len  │ expires at   │ deliver at    │ delivery count │ acquired count │
//! ```

use std::collections::BTreeMap;

use message::QueueId;
use queue::Facts;

use crate::broker::Broker;
use crate::remains::Leftover;

/// The length of a note.
const NOTE_BYTES: usize = 41;

/// Which notes of a queue are alive.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    next_note: u64,
    /// The number of the last note on a message, by the message's number.
    noted: BTreeMap<u64, u64>,
}

impl Ledger {
    /// What a start found: the notes that count, by the numbers of their messages.
    pub(crate) const fn recovered(next_note: u64, noted: BTreeMap<u64, u64>) -> Self {
        Self { next_note, noted }
    }

    /// Memory that it takes.
    pub(crate) fn resident_bytes(&self) -> usize {
        /// A node of the map is two thirds full.
        const NOTED_BYTES: usize = 24;
        self.noted.len() * NOTED_BYTES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.noted.is_empty()
    }

    /// Keeps what is noted of the messages in `kept` only. Returns the numbers and lengths of these notes, and all others.
    fn keep(&mut self, kept: impl Iterator<Item = u64>) -> (Vec<(u64, u32)>, Self) {
        let mut gone = Self { next_note: 0, noted: std::mem::take(&mut self.noted) };
        let found = kept.filter_map(|seq| Some((seq, gone.noted.remove(&seq)?)));
        self.noted = found.collect();
        (self.noted.values().map(|&note| (note, NOTE_BYTES as u32)).collect(), gone)
    }

    /// Drops about `count` of what is noted of messages that are gone. Returns whether any is left.
    pub(crate) fn drop_some(&mut self, count: usize) -> bool {
        (0..count).all(|_| self.noted.pop_last().is_some())
    }
}

/// A note on a message.
pub(crate) fn to_bytes(facts: &Facts) -> [u8; NOTE_BYTES] {
    let mut bytes = [0; NOTE_BYTES];
    bytes[0] = facts.lane;
    bytes[1..9].copy_from_slice(&facts.seq.to_le_bytes());
    bytes[9..13].copy_from_slice(&facts.length.to_le_bytes());
    bytes[13..17].copy_from_slice(&facts.body_len.to_le_bytes());
    bytes[17..25].copy_from_slice(&facts.expires_at_ms.to_le_bytes());
    bytes[25..33].copy_from_slice(&facts.deliver_at_ms.to_le_bytes());
    bytes[33..37].copy_from_slice(&facts.delivery_count.to_le_bytes());
    bytes[37..41].copy_from_slice(&facts.acquired_count.to_le_bytes());
    bytes
}

/// What [`to_bytes`] wrote; `None` for anything else.
pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Facts> {
    let bytes: &[u8; NOTE_BYTES] = bytes.try_into().ok()?;
    let long = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("it is inside"));
    let short = |at: usize| u32::from_le_bytes(*bytes[at..].first_chunk().expect("it is inside"));
    Some(Facts {
        lane: bytes[0],
        seq: long(1),
        length: short(9),
        body_len: short(13),
        expires_at_ms: long(17),
        deliver_at_ms: long(25),
        delivery_count: short(33),
        acquired_count: short(37),
    })
}

impl Broker {
    /// Writes what is known of a message, if the queue survives a restart, in the place of what was known before. A
    /// store that is full takes no notes: a count is then lost with the process, as the message's place is kept.
    pub(crate) fn note_facts(&mut self, id: QueueId, facts: &Facts) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        if !hosted.definition.is_durable || self.store.is_full() {
            return;
        }
        let ledger_id = hosted.definition.ledger_id();
        let ledger = &mut hosted.ledger;
        let note = ledger.next_note;
        ledger.next_note += 1;
        self.store.enqueue(ledger_id, note, &to_bytes(facts), false);
        if let Some(before) = ledger.noted.insert(facts.seq, note) {
            self.store.settle(ledger_id, before, NOTE_BYTES as u32);
        }
    }

    /// A message is gone, and with it what is noted of it.
    pub(crate) fn strike_facts(&mut self, id: QueueId, seq: u64) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        if let Some(note) = hosted.ledger.noted.remove(&seq) {
            self.store.settle(hosted.definition.ledger_id(), note, NOTE_BYTES as u32);
        }
    }

    /// All messages of a queue but those in `kept` are gone.
    pub(crate) fn strike_all_but(&mut self, id: QueueId, kept: impl Iterator<Item = u64>) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        let (notes, gone) = hosted.ledger.keep(kept);
        self.store.purge(hosted.definition.ledger_id(), &notes);
        self.drop_slowly(Leftover::Notes(gone));
    }
}

/// What a ledger says.
#[derive(Debug)]
pub(crate) struct Found {
    /// What is known of each message that lives.
    pub(crate) facts: Vec<Facts>,
    /// The notes that count, by the numbers of their messages.
    pub(crate) noted: BTreeMap<u64, u64>,
    /// Those that do not, and their lengths: overtaken by a later one, on a message that is gone, or not readable.
    pub(crate) void: Vec<(u64, u32)>,
}

/// Reads the notes of a store queue.
pub(crate) fn read(notes: &[(u64, impl AsRef<[u8]>)], is_alive: impl Fn(u8, u64) -> bool) -> Found {
    let mut void = Vec::new();
    let mut living: Vec<(u64, Facts)> = Vec::with_capacity(notes.len());
    for (note, bytes) in notes {
        let bytes = bytes.as_ref();
        match from_bytes(bytes).filter(|facts| is_alive(facts.lane, facts.seq)) {
            Some(facts) => living.push((*note, facts)),
            None => void.push((*note, bytes.len() as u32)),
        }
    }
    // Later notes on a message stand first, so that what follows the first one has been overtaken. Sorting what is mostly
    // sorted costs a fraction of a map that grows.
    living.sort_unstable_by_key(|&(note, facts)| (facts.seq, std::cmp::Reverse(note)));
    living.dedup_by(|later, kept| {
        let is_overtaken = later.1.seq == kept.1.seq;
        if is_overtaken {
            void.push((later.0, NOTE_BYTES as u32));
        }
        is_overtaken
    });
    let noted = living.iter().map(|(note, facts)| (facts.seq, *note)).collect();
    Found { facts: living.into_iter().map(|(_, facts)| facts).collect(), noted, void }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(seq: u64, delivery_count: u32) -> Facts {
        Facts {
            lane: 2,
            seq,
            length: 300,
            body_len: 200,
            expires_at_ms: u64::MAX,
            deliver_at_ms: 7,
            delivery_count,
            acquired_count: 9,
        }
    }

    #[test]
    fn a_note_returns_from_its_bytes() {
        let bytes = to_bytes(&facts(1 << 40, 3));
        assert_eq!(from_bytes(&bytes), Some(facts(1 << 40, 3)));
        assert_eq!(from_bytes(&bytes[1..]), None);
    }

    #[test]
    fn of_a_purged_queue_only_what_is_noted_of_kept_messages_stays() {
        let noted = (0..100).map(|seq| (seq, 1_000 + seq)).collect();
        let mut ledger = Ledger::recovered(2_000, noted);
        let (notes, mut gone) = ledger.keep([7, 50, 300].into_iter());
        assert_eq!(notes, [(1_007, NOTE_BYTES as u32), (1_050, NOTE_BYTES as u32)]);
        assert_eq!(ledger.noted, BTreeMap::from([(7, 1_007), (50, 1_050)]));
        assert_eq!((ledger.next_note, gone.noted.len()), (2_000, 98));
        assert!(gone.drop_some(90));
        assert!(!gone.drop_some(90));
    }

    #[test]
    fn the_last_note_on_a_living_message_counts() {
        let notes = [(5, facts(1, 1)), (6, facts(2, 1)), (7, facts(1, 2)), (8, facts(3, 1))];
        let notes: Vec<_> = notes.iter().map(|(n, facts)| (*n, to_bytes(facts))).collect();
        let mut found = read(&notes, |lane, seq| lane == 2 && seq != 3);
        assert_eq!(found.facts, [facts(1, 2), facts(2, 1)]);
        assert_eq!(found.noted, BTreeMap::from([(1, 7), (2, 6)]));
        found.void.sort_unstable();
        assert_eq!(found.void, [(5, 41), (8, 41)]);
    }
}
