//! The alarm: what a node is short of. While it is on, those that publish are held back, and nobody else.
//!
//! ```text
//!   shell:      free space ─────────┐
//!   this shard: store, memory ──────┼──→ Alarm ──→ front-ends
//!   other shards: mail ─────────────┘
//! ```
//!
//! Consumers are what ends a shortage, so that nothing that they do ever waits for it. Who decides when a level is too
//! low or too high is the node's; what a client is told of it is the front-end's.

use crate::broker::Broker;
use crate::signal::Fact;

/// What the node is short of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    /// A shard holds more than its share of memory.
    pub is_memory_short: bool,
    /// The file system of the data directory has less room than it should.
    pub is_space_low: bool,
    /// A shard's store has no room for further messages: those that have to be kept there are rejected.
    pub is_store_full: bool,
}

impl Alarm {
    /// Whether the node is short of anything.
    #[inline]
    pub const fn is_on(self) -> bool {
        self.is_memory_short || self.is_space_low || self.is_store_full
    }

    /// Whether the node is short of room on disk.
    pub const fn is_disk_short(self) -> bool {
        self.is_space_low || self.is_store_full
    }

    /// Whether the next message may still come in. With a full store it may, unless memory is short too: a producer
    /// that waits for its confirm shall hear that the message was rejected, rather than nothing.
    pub const fn takes_one_more(self) -> bool {
        !self.is_on() || (self.is_store_full && !self.is_memory_short)
    }
}

impl Broker {
    /// What the node is short of, as far as this shard knows.
    #[inline]
    pub const fn alarm(&self) -> Alarm {
        self.alarm
    }

    /// Whether this shard's store has no room for further messages.
    pub fn is_store_full(&self) -> bool {
        self.store.is_full()
    }

    /// Whether this shard's store cannot keep up with what it is given, so that those who publish should wait.
    pub fn is_store_crowded(&self) -> bool {
        self.store.is_crowded()
    }

    /// Looks what is short. `is_space_low` is the shell's, who tells every shard; `is_memory_short` is said of this
    /// shard, and of its store it knows itself: the other shards are told.
    pub fn look_for_shortage(&mut self, is_space_low: bool, is_memory_short: bool) {
        self.is_space_low = is_space_low;
        self.signals.of_mut(Fact::MemoryShort).set(is_memory_short);
        self.signals.of_mut(Fact::StoreFull).set(self.store.is_full());
        self.sound();
    }

    /// Another shard has news of itself.
    pub(crate) const fn hear_signal(&mut self, fact: Fact, is_true: bool) {
        self.signals.of_mut(fact).heard(is_true);
        self.sound();
    }

    const fn sound(&mut self) {
        self.alarm = Alarm {
            is_memory_short: self.signals.of(Fact::MemoryShort).is_anywhere(),
            is_space_low: self.is_space_low,
            is_store_full: self.signals.of(Fact::StoreFull).is_anywhere(),
        };
    }
}
