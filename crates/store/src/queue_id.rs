//! The name of a queue on disk.

/// A queue for the lifetime of the data directory: `number << 8 | home`. Never used for a second queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(u64);

impl QueueId {
    /// A queue from its running number, below 2⁵⁶, and the home that decides where it lives.
    pub const fn new(number: u64, home: u8) -> Self {
        assert!(number < 1 << 56, "queue numbers have 56 bits");
        Self(number << 8 | home as u64)
    }

    /// The queue with this [`number`](Self::number).
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// All 64 bits as one number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// What decides the shard; it does not change when the number of shards does.
    pub const fn home(self) -> u8 {
        (self.0 & 0xFF) as u8
    }

    /// The shard among `shards` that owns the queue.
    pub const fn shard(self, shards: usize) -> usize {
        self.home() as usize % shards
    }
}
