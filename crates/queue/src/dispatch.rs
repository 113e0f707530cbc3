//! Whose turn it is.
//!
//! Consumers that have credit stand in a rotation. The first one takes the next message and goes to the end; one
//! that has used up its credit or its window leaves, and comes back when it gets some. So consumers of a
//! queue share evenly, none waits behind one that is stuck, and a step costs the same with one or a thousand.

use crate::delivery::{Delivery, cost_bytes};
use crate::queue::Queue;
use crate::unsettled::TakerKey;

impl Queue {
    /// Hands at most `limit` messages to consumers, until either runs out. Each delivery goes to `take`, in order.
    pub fn dispatch(&mut self, limit: usize, now_ms: u64, mut take: impl FnMut(Delivery)) {
        self.now_ms = now_ms;
        for _ in 0..limit {
            if self.has_too_many_unsettled() {
                return;
            }
            let Some(&key) = self.rotation.front() else { return };
            let Some(entry) = self.ready.pop() else { return };
            let taker = &mut self.takers[key];
            taker.window_bytes -= cost_bytes(entry.message.len_bytes());
            self.blocked_count += usize::from(taker.is_blocked());
            let holder = taker.consumer.settles.then(|| TakerKey {
                slot: u32::try_from(key).expect("fewer than 2^32 consumers"),
                serial: taker.serial,
            });
            taker.unsettled_count += u32::from(holder.is_some());
            let consumer = taker.consumer.id;
            taker.is_waiting = taker.may_take();
            if !taker.is_waiting {
                self.rotation.pop_front();
            } else if self.rotation.len() > 1 {
                self.rotation.rotate_left(1);
            }
            take(self.hand_over(entry, consumer, holder.is_some(), holder));
        }
    }

    /// Whether [`Queue::dispatch`] has something to do.
    pub fn can_dispatch(&self) -> bool {
        self.ready.has_next() && !self.rotation.is_empty() && !self.has_too_many_unsettled()
    }

    /// Whether consumers must settle before they get more, whatever their credit.
    fn has_too_many_unsettled(&self) -> bool {
        self.unsettled.len() >= self.room.unsettled_count
    }
}
