//! Messages to put into queues. Each is told from all others by where its bytes lie.

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
}

impl Messages {
    /// A source that hands out these large messages, which [`Messages::large`] makes.
    pub(crate) fn new(large: &[Message]) -> Self {
        Self { large: large.to_vec() }
    }

    /// Two large messages.
    pub(crate) fn large() -> Vec<Message> {
        (0..2).map(|_| message(LARGE_BYTES)).collect()
    }

    /// A message of any size.
    pub(crate) fn any(&self, random: &mut Random) -> Message {
        match random.below(4) {
            0 => self.large[random.below(2) as usize].clone(),
            1 => message(random.below(2_000) as usize),
            _ => Self::small(),
        }
    }

    /// A small message.
    pub(crate) fn small() -> Message {
        message(8)
    }
}

fn message(len: usize) -> Message {
    let mut bytes = HEAD.to_vec();
    bytes.resize(HEADER_BYTES + len, 7);
    Message::from_bytes(Bytes::from(bytes)).expect("a head and a body are a message")
}
