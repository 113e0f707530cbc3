//! What is left of a queue's messages when nobody wants them any more.

use crate::ready::Ready;
use crate::unsettled::Unsettled;

/// Messages that a queue is done with, and that take time to drop: a million of them would stall everybody else. Their
/// owner drops some, does something else, and goes on.
#[derive(Debug)]
pub struct Remains {
    pub(crate) ready: Ready,
    pub(crate) unsettled: Unsettled,
}

impl Remains {
    /// Drops `count` messages, or a few more. Returns whether any are left.
    pub fn drop_some(&mut self, count: usize) -> bool {
        let count = self.ready.drop_some(count);
        self.unsettled.drop_some(count) == 0
    }
}
