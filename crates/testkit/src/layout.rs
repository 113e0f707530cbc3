//! Under which circumstances a conversation takes place: none of them may show in it.

use std::fmt;

/// Circumstances that a client must not be able to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many shards the node has.
    pub shard_count: usize,
    /// Which shard serves the first client; those that come after it alternate.
    pub first_shard: usize,
    /// How many bytes the node gets at a time; more if very many wait.
    pub piece_bytes: usize,
}

impl Layout {
    /// What every conversation is tried with.
    pub const ALL: [Self; 4] = [
        Self { shard_count: 1, first_shard: 0, piece_bytes: 256 * 1024 },
        Self { shard_count: 2, first_shard: 0, piece_bytes: 256 * 1024 },
        Self { shard_count: 2, first_shard: 1, piece_bytes: 256 * 1024 },
        Self { shard_count: 1, first_shard: 0, piece_bytes: 3 },
    ];
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shard_count, first_shard, piece_bytes } = self;
        write!(
            f,
            "{shard_count} shards, clients from shard {first_shard} on, {piece_bytes} bytes at a time"
        )
    }
}
