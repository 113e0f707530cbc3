//! Handing messages to consumers: the first message to the one whose turn it is.

use crate::delivery::{Delivery, cost_bytes};
use crate::queue::Queue;
use crate::takers::Turn;

impl Queue {
    /// Hands at most `limit` messages to consumers, until either runs out. Each delivery goes to `take`, in order. Returns
    /// how many they were.
    pub fn dispatch(&mut self, limit: usize, now_ms: u64, mut take: impl FnMut(Delivery)) -> usize {
        self.look(now_ms);
        let mut count = 0;
        while count < limit && !self.has_too_many_unsettled() {
            let Some(key) = self.takers.next() else { break };
            if let Some(turn) = self.takers.turn_alone(key) {
                match self.dispatch_alone(key, turn, limit - count, &mut take) {
                    0 => break,
                    taken => count += taken,
                }
                continue;
            }
            let Some(entry) = self.ready.pop() else { break };
            let cost = cost_bytes(entry.message.len_bytes());
            let (consumer, holder) = self.takers.charge(key, cost);
            take(self.hand_over(entry, consumer, holder.is_some(), holder));
            count += 1;
        }
        self.watch_deliveries();
        count
    }

    /// Hands at most `limit` messages to the one consumer that may take any, as long as it may.
    #[inline]
    fn dispatch_alone(
        &mut self,
        key: usize,
        mut turn: Turn,
        limit: usize,
        take: &mut impl FnMut(Delivery),
    ) -> usize {
        let mut count = 0;
        while count < limit && turn.may_take() && !self.has_too_many_unsettled() {
            let Some(entry) = self.ready.pop() else { break };
            turn.charge(cost_bytes(entry.message.len_bytes()));
            take(self.hand_over(entry, turn.consumer, turn.holder.is_some(), turn.holder));
            count += 1;
        }
        self.takers.end_turn(key, &turn);
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
