//! The numbers by which parts of a node name each other's things.

use serde::{Deserialize, Serialize};

/// A queue, for as long as it lives; a number is never used again.
///
/// The low 8 bits are its *home*: with N shards it lives on shard `home % N`, so that where a queue lives can be
/// told from its number alone, also after a restart with another number of cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueId(u64);

/// The other end of a front-end: a connection. The low 8 bits name the shard that serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientId(u64);

/// Where things live: a node has at most 256 shards.
pub type ShardId = u8;

const HOME_BITS: u32 = 8;

impl QueueId {
    /// The queue with this running number and home.
    ///
    /// # Panics
    /// When `serial` needs more than 56 bits, which no node lives to see.
    pub const fn new(serial: u64, home: ShardId) -> Self {
        assert!(serial >> (u64::BITS - HOME_BITS) == 0, "queue numbers have 56 bits");
        Self(serial << HOME_BITS | home as u64)
    }

    /// The queue with this [`number`](Self::number).
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// All 64 bits as one number, for records on disk.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The running number, without the home.
    pub const fn serial(self) -> u64 {
        self.0 >> HOME_BITS
    }

    /// Where it was declared.
    pub const fn home(self) -> ShardId {
        (self.0 & 0xFF) as u8
    }

    /// Which of `shards` shards it lives on.
    pub const fn shard(self, shards: usize) -> usize {
        self.home() as usize % shards
    }
}

impl ClientId {
    /// The client with this number on a shard.
    ///
    /// # Panics
    /// When `number` needs more than 56 bits, which no node lives to see.
    pub const fn new(number: u64, shard: ShardId) -> Self {
        assert!(number >> (u64::BITS - HOME_BITS) == 0, "client numbers have 56 bits");
        Self(number << HOME_BITS | shard as u64)
    }

    /// The shard that serves it.
    pub const fn shard(self) -> ShardId {
        (self.0 & 0xFF) as u8
    }

    /// Its number on that shard.
    pub const fn number(self) -> u64 {
        self.0 >> HOME_BITS
    }
}
