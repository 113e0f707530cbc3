//! The ends of deliveries.

use message::{Reason, Settlement};

use crate::delivery::DeliveryId;
use crate::entry::{Entry, Gone};
use crate::facts::Facts;
use crate::queue::Queue;
use crate::unsettled::Released;

/// What became of a settled delivery.
#[derive(Debug)]
pub enum Settled {
    /// It was settled before, or never existed.
    Unknown,
    /// It is back in the queue. What is known of it has changed, if it is stored and the queue counts deliveries: that is to
    /// be kept beside it.
    Returned(Option<Facts>),
    /// It is gone.
    Gone(Gone),
    /// It has died: [`Queue::poll_dead`] tells of it.
    Dying,
}

impl Queue {
    /// Ends a delivery.
    pub fn settle(&mut self, id: DeliveryId, settlement: Settlement, now_ms: u64) -> Settled {
        self.now_ms = now_ms;
        let Some(released) = self.unsettled.release(id) else { return Settled::Unknown };
        if let Some(holder) = released.taker {
            self.takers.settled(holder);
        }
        match settlement {
            Settlement::Accept => Settled::Gone(released.gone()),
            Settlement::Discard => self.let_die(released, Reason::Rejected),
            Settlement::Requeue | Settlement::Failed => {
                self.ready.put_back(released, true, &self.room);
                Settled::Returned(None)
            }
            Settlement::Undelivered => {
                let was_redelivered = released.was_redelivered;
                self.ready.put_back(released, was_redelivered, &self.room);
                Settled::Returned(None)
            }
        }
    }

    fn let_die(&mut self, released: Released, reason: Reason) -> Settled {
        let gone = released.gone();
        let keeps_dead = self.ready.ruled.as_ref().is_some_and(|ruled| ruled.rules.keeps_dead);
        match released.message {
            Some(message) if keeps_dead => {
                let entry = Entry::new(released.lane, released.seq, message, released.is_stored);
                self.ready.bury(entry, reason);
                Settled::Dying
            }
            _ => Settled::Gone(gone),
        }
    }
}
