//! Handing messages to consumers: the first message to the one whose turn it is.
//!
//! Most queues have one consumer that may take anything, one lane, and nothing that came back. Then messages go from the
//! line into the client's list many at a time.

use message::ClientId;

use crate::delivery::{Delivery, DeliveryId, cost_bytes};
use crate::entry::Entry;
use crate::queue::Queue;
use crate::takers::Turn;

/// Where deliveries go: a list for each client.
pub trait DeliveryLists {
    /// The list of a client.
    fn list_of(&mut self, client: ClientId) -> &mut Vec<Delivery>;
}

/// For whoever does not tell clients apart.
impl DeliveryLists for Vec<Delivery> {
    fn list_of(&mut self, _client: ClientId) -> &mut Self {
        self
    }
}

impl Queue {
    /// Hands at most `limit` messages to consumers, until either runs out. They come into the lists of their clients, in
    /// order. Returns how many they were.
    pub fn dispatch(&mut self, limit: usize, now_ms: u64, lists: &mut impl DeliveryLists) -> usize {
        self.look(now_ms);
        let mut count = 0;
        while count < limit && !self.has_too_many_unsettled() {
            let Some(key) = self.takers.next() else { break };
            let mut turn = self.takers.begin_turn(key);
            // Where several may take, each has one message at a time.
            let limit = if self.takers.is_one_willing() { limit - count } else { 1 };
            let list = lists.list_of(turn.consumer.client);
            let taken = if self.ready.is_in_line() {
                self.hand_out_line(&mut turn, limit, list)
            } else {
                self.hand_out(&mut turn, limit, list)
            };
            if taken == 0 {
                break;
            }
            self.takers.end_turn(key, &turn);
            count += taken;
        }
        self.watch_deliveries();
        count
    }

    /// Hands messages to one consumer, from wherever they wait.
    #[inline(never)]
    fn hand_out(&mut self, turn: &mut Turn, limit: usize, list: &mut Vec<Delivery>) -> usize {
        let mut count = 0;
        while count < limit && turn.may_take() && !self.has_too_many_unsettled() {
            let Some(entry) = self.ready.pop() else { break };
            turn.charge(cost_bytes(entry.message.len_bytes()));
            list.push(self.hand_over(entry, turn.consumer, turn.holder.is_some(), turn.holder));
            count += 1;
        }
        count
    }

    /// Hands the first messages of the line to one consumer.
    #[inline]
    fn hand_out_line(&mut self, turn: &mut Turn, limit: usize, list: &mut Vec<Delivery>) -> usize {
        let Self { ready, unsettled, room, now_s, .. } = self;
        let limit = match turn.holder {
            Some(_) => limit.min(room.unsettled_count.saturating_sub(unsettled.len())),
            None => limit,
        };
        let (consumer, holder) = (turn.consumer, turn.holder);
        let wants = |entry: &Entry| {
            let takes = turn.may_take();
            if takes {
                turn.charge(cost_bytes(entry.message.len_bytes()));
            }
            takes
        };
        let hand_over = |entry: Entry| {
            if holder.is_none() {
                return Delivery::of(entry, consumer);
            }
            let message = entry.message.clone();
            let (lane, seq, is_redelivered) = (entry.lane(), entry.seq, entry.is_redelivered());
            let id: DeliveryId = unsettled.hold(entry, holder, *now_s, room);
            Delivery {
                consumer,
                message,
                id: Some(id),
                lane,
                seq,
                leaves_store: false,
                is_redelivered,
                delivery_count: 0,
                acquired_count: 0,
            }
        };
        ready.take_line(limit, wants, list, hand_over)
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
