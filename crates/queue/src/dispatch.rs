//! Handing messages to consumers: the first message to the one whose turn it is.

use crate::delivery::{Delivery, cost_bytes};
use crate::queue::Queue;

impl Queue {
    /// Hands at most `limit` messages to consumers, until either runs out. Each delivery goes to `take`, in order. Returns
    /// how many they were.
    pub fn dispatch(&mut self, limit: usize, now_ms: u64, mut take: impl FnMut(Delivery)) -> usize {
        self.look(now_ms);
        let mut count = 0;
        while count < limit && !self.has_too_many_unsettled() {
            let Some(key) = self.takers.next() else { break };
            let Some(entry) = self.ready.pop() else { break };
            let cost = cost_bytes(entry.message.len_bytes());
            let (consumer, holder) = self.takers.charge(key, cost);
            take(self.hand_over(entry, consumer, holder.is_some(), holder));
            count += 1;
        }
        self.watch_deliveries();
        count
    }

    /// Whether [`Queue::dispatch`] has something to do.
    pub fn can_dispatch(&self) -> bool {
        self.ready.has_next() && self.takers.is_anyone_willing() && !self.has_too_many_unsettled()
    }

    /// Whether consumers must settle before they get more, whatever their credit.
    fn has_too_many_unsettled(&self) -> bool {
        self.unsettled.len() >= self.room.unsettled_count
    }
}
