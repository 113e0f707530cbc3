//! What is seen of a queue by somebody who takes nothing.

use message::Message;

use crate::consumer::ConsumerId;
use crate::queue::Queue;

/// What a queue knows of one of its consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakerState {
    /// Which consumer.
    pub consumer: ConsumerId,
    /// Whether it gets messages, where only one at a time does.
    pub is_active: bool,
    /// Deliveries that it has not settled.
    pub unsettled_count: u64,
    /// Whether it waits for its socket to take what was sent.
    pub is_blocked: bool,
    /// Whether it could take a message at once.
    pub is_willing: bool,
}

impl Queue {
    /// What is known of its consumers, in the order of their names.
    pub fn takers(&self) -> impl Iterator<Item = TakerState> + '_ {
        self.takers.states()
    }

    /// The consumer that has the queue for itself.
    pub fn exclusive_consumer(&self) -> Option<ConsumerId> {
        self.takers.exclusive()
    }

    /// Whether a consumer could take a message at once.
    pub fn has_willing_consumer(&self) -> bool {
        self.takers.is_anyone_willing()
    }

    /// How many ready messages are in memory.
    pub fn warm_count(&self) -> u64 {
        self.ready.lanes().map(|lane| lane.warm_len() as u64).sum()
    }

    /// Bytes of messages that are in memory, ready or not settled, with their heads.
    pub fn warm_bytes(&self) -> usize {
        self.ready.message_bytes() + self.unsettled.message_bytes()
    }

    /// The message that comes next, if it is in memory.
    pub fn front(&self) -> Option<&Message> {
        self.ready.front()
    }

    /// How many messages are ready of each priority, lowest first.
    pub fn lane_counts(&self) -> Vec<u64> {
        let lanes = (0..=u8::MAX).take(self.ready.lane_count());
        lanes.map(|lane| self.ready.lane(lane).map_or(0, |lane| lane.len())).collect()
    }
}
