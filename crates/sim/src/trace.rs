//! A fingerprint of all that happened: the same seed has the same one, or something in the world is not seeded.

use crate::agenda::Event;
use stdx::Time;

/// The fingerprint so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    hash: u64,
    pub(crate) event_count: u64,
}

impl Trace {
    pub(crate) const fn hash(self) -> u64 {
        self.hash
    }

    pub(crate) fn note(&mut self, at: Time, event: &Event) {
        self.event_count += 1;
        self.word(at.micros());
        match event {
            Event::Turn { shard } => self.words(1, *shard as u64),
            Event::Mail { from, to, batch } => {
                self.words(2, (from << 8 | to) as u64);
                self.word(batch.len() as u64);
            }
            Event::Execute { shard, submission } => {
                self.words(3, (shard << 8 | submission.lane() as usize) as u64);
            }
            Event::Completed { shard, .. } => self.words(4, *shard as u64),
            Event::ToNode { connection, bytes } => {
                self.words(5, *connection);
                self.bytes(bytes);
            }
            Event::HangUp { connection } => self.words(6, *connection),
            Event::ToClient { connection, bytes } => {
                self.words(7, *connection);
                self.bytes(bytes);
            }
            Event::Closed { connection } => self.words(8, *connection),
            Event::Moved { to, connection, .. } => {
                self.words(10, *to as u64);
                self.word(*connection);
            }
            Event::Act { client } => self.words(9, *client as u64),
        }
    }

    fn words(&mut self, kind: u64, value: u64) {
        self.word(kind);
        self.word(value);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.word(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.word(u64::from(*byte)));
    }

    /// One step of FNV-1a, a word at a time.
    const fn word(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x0100_0000_01B3).rotate_left(23);
    }
}
