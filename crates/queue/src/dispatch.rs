//! Whose turn it is.
//!
//! Consumers that have credit stand in a rotation. The first one takes the next message and goes to the end; one
//! that has used up its credit or its window leaves, and comes back when it gets some. So consumers of a
//! queue share evenly, none waits behind one that is stuck, and a step costs the same with one or a thousand.

use crate::delivery::{Delivery, cost_bytes};
use crate::queue::Queue;

impl Queue {
    /// Hands at most `limit` messages to consumers, until either runs out. Each delivery goes to `take`, in order.
    pub fn dispatch(&mut self, limit: usize, mut take: impl FnMut(Delivery)) {
        for _ in 0..limit {
            let Some(&key) = self.rotation.front() else { return };
            let Some(entry) = self.ready.pop() else { return };
            let taker = &mut self.takers[key];
            taker.window_bytes -= cost_bytes(entry.message.len_bytes());
            self.blocked_count += usize::from(taker.is_blocked());
            let settles = taker.consumer.settles;
            if settles {
                taker.unsettled_count += 1;
            }
            let consumer = taker.consumer.id;
            taker.is_waiting = taker.may_take();
            if !taker.is_waiting {
                self.rotation.pop_front();
            } else if self.rotation.len() > 1 {
                self.rotation.rotate_left(1);
            }
            take(self.hand_over(entry, consumer, settles, settles.then_some(key)));
        }
    }

    /// Whether [`Queue::dispatch`] has something to do.
    pub fn can_dispatch(&self) -> bool {
        self.ready.has_next() && !self.rotation.is_empty()
    }
}
