//! Messages to put into queues. Each small one is told from all others by its body.

use bytes::Bytes;
use message::{HEADER_BYTES, Message};
use stdx::Random;

const LARGE_BYTES: usize = 512 * 1024;
/// A message's head as it lies on disk: layout, format, persistent, no names or properties, the body right behind.
const HEAD: [u8; HEADER_BYTES] = [1, 1, 1, 0, 0, 0, 0, 0, HEADER_BYTES as u8, 0, 0, 0];

/// A source of messages, small and large. The large ones share their bytes, so that a queue can be larger than its
/// window at no cost.
pub(crate) struct Messages {
    large: Vec<Message>,
    last: u64,
}

impl Messages {
    /// A source that hands out these large messages, which [`Messages::large`] makes.
    pub(crate) fn new(large: &[Message]) -> Self {
        Self { large: large.to_vec(), last: 0 }
    }

    /// Two large messages.
    pub(crate) fn large() -> Vec<Message> {
        (0..2).map(|number| message(LARGE_BYTES, number)).collect()
    }

    /// A message of any size.
    pub(crate) fn any(&mut self, random: &mut Random) -> Message {
        self.last += 1;
        match random.below(4) {
            0 => self.large[random.below(2) as usize].clone(),
            1 => message(random.below(2_000) as usize, self.last),
            _ => message(8, self.last),
        }
    }

    /// A small message, one like the other.
    pub(crate) fn small() -> Message {
        message(8, 0)
    }
}

fn message(len: usize, number: u64) -> Message {
    let mut bytes = HEAD.to_vec();
    bytes.extend(number.to_le_bytes());
    bytes.resize(HEADER_BYTES + len.max(8), 7);
    Message::from_bytes(Bytes::from(bytes)).expect("a head and a body are a message")
}
