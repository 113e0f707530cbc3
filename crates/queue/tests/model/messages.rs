//! Messages to put into queues. Each is told from all others by where its bytes lie.

use message::{Address, Arena, Format, Message};
use stdx::Random;

const LARGE_BYTES: usize = 512 * 1024;

/// A source of messages, small and large. The large ones share their bytes, so that a queue can be larger than its
/// window at no cost.
pub(crate) struct Messages {
    arena: Arena,
    large: Vec<Message>,
}

impl Messages {
    /// A source that hands out these large messages, which [`Messages::large`] makes.
    pub(crate) fn new(large: &[Message]) -> Self {
        Self { arena: Arena::new(), large: large.to_vec() }
    }

    /// Two large messages.
    pub(crate) fn large() -> Vec<Message> {
        let mut arena = Arena::new();
        (0..2).map(|_| message(&mut arena, LARGE_BYTES)).collect()
    }

    /// A message of any size.
    pub(crate) fn any(&mut self, random: &mut Random) -> Message {
        match random.below(4) {
            0 => self.large[random.below(2) as usize].clone(),
            1 => message(&mut self.arena, random.below(2_000) as usize),
            _ => self.small(),
        }
    }

    /// A small message.
    pub(crate) fn small(&mut self) -> Message {
        message(&mut self.arena, 8)
    }
}

fn message(arena: &mut Arena, len: usize) -> Message {
    let address = Address {
        exchange: b"",
        routing_key: b"q",
        is_persistent: true,
        priority: 0,
        format: Format::Amqp091,
    };
    arena.message(&address, &[0, 0], &vec![7; len])
}
