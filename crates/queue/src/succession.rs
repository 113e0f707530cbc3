//! Which consumer is the active one, of a queue that only one may take from at a time.
//!
//! ```text
//!               first to come, or next in rank                  one of a higher rank comes (Foremost)
//!   waiting ──────────────────────────────────→ active ───────────────────────────────────────────→ retiring
//!      ↑                                                                                               │
//!      └──────────────────────────────── it has settled all that it has ──────────────────────────────┘
//! ```
//!
//! The next in rank is the one with the highest priority, and of those the one that came first. When the active one is
//! cancelled the next takes over at once, even if the other has not settled what it has; that is what RabbitMQ does.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::num::NonZeroU64;

/// Which of a queue's consumers may take messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All.
    #[default]
    All,
    /// One, until it goes.
    One,
    /// One, until it goes or one of a higher priority comes. Then it gets nothing more, and when it has settled what it
    /// has the other one takes over.
    Foremost,
}

/// Who may take over, first the one that is next.
pub(crate) type Rank = (Reverse<i32>, NonZeroU64, usize);

/// Who may take, and who is next.
#[derive(Debug, Default)]
pub(crate) struct Succession {
    pub(crate) sharing: Sharing,
    /// The active consumer, retiring or not. `None` when all may take.
    pub(crate) active: Option<usize>,
    /// All consumers, unless all may take.
    pub(crate) ranks: BTreeSet<Rank>,
}

impl Succession {
    /// Whoever should be active.
    pub(crate) fn foremost(&self) -> Option<usize> {
        self.ranks.first().map(|&(_, _, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use message::{Address, Arena, ClientId, Settlement};

    use super::*;
    use crate::{Busy, Consumer, ConsumerId, DeliveryId, Queue};

    const NOW_MS: u64 = 1_700_000_000_000;

    fn id(number: u32) -> ConsumerId {
        ConsumerId { client: ClientId::new(1, 0), number }
    }

    fn consumer(number: u32, priority: i32) -> Consumer {
        Consumer {
            id: id(number),
            credit_max: None,
            settles: true,
            is_exclusive: false,
            priority,
            timeout_ms: None,
        }
    }

    fn queue(sharing: Sharing, consumers: &[(u32, i32)]) -> Queue {
        let mut queue = Queue::new();
        queue.set_sharing(sharing);
        for &(number, priority) in consumers {
            queue.consume(consumer(number, priority)).expect("nobody is exclusive");
        }
        queue
    }

    /// Puts a message in; says who gets it.
    fn send(queue: &mut Queue) -> Option<(u32, DeliveryId)> {
        let message = Arena::new().message(&Address::new(b"", b"q", 0), b"", b"x");
        queue.enqueue(message, false, NOW_MS);
        let mut deliveries = Vec::new();
        queue.dispatch(1, NOW_MS, &mut deliveries);
        let delivery = deliveries.pop()?;
        Some((delivery.consumer.number, delivery.id?))
    }

    #[test]
    fn the_first_to_come_is_active_until_it_goes() {
        let mut queue = queue(Sharing::One, &[(1, 0), (2, 0), (3, 5)]);
        assert_eq!(send(&mut queue).expect("there is an active one").0, 1);
        queue.cancel(id(1));
        assert_eq!(send(&mut queue).expect("the highest is next").0, 3);
        queue.cancel(id(3));
        assert_eq!(send(&mut queue).expect("the last one is left").0, 2);
        queue.cancel(id(2));
        assert_eq!(queue.active_consumer(), None);
    }

    #[test]
    fn a_higher_one_takes_over_when_the_active_one_has_nothing_left() {
        let mut queue = queue(Sharing::Foremost, &[(1, 0)]);
        let (_, delivery) = send(&mut queue).expect("there is an active one");
        queue.consume(consumer(2, 1)).expect("nobody is exclusive");
        assert_eq!(send(&mut queue), None);
        assert_eq!(queue.active_consumer(), Some(id(1)));
        queue.settle(delivery, Settlement::Accept, NOW_MS);
        assert_eq!(queue.active_consumer(), Some(id(2)));
        assert!(queue.can_dispatch());
    }

    #[test]
    fn one_of_equal_rank_does_not_take_over() {
        let mut queue = queue(Sharing::Foremost, &[(1, 3), (2, 3)]);
        assert_eq!(send(&mut queue).expect("there is an active one").0, 1);
    }

    #[test]
    fn one_that_retires_is_active_again_if_nobody_succeeds_it() {
        let mut queue = queue(Sharing::Foremost, &[(1, 0)]);
        let (_, delivery) = send(&mut queue).expect("there is an active one");
        queue.consume(consumer(2, 1)).expect("nobody is exclusive");
        queue.cancel(id(2));
        assert_eq!(send(&mut queue), None, "it settles first");
        queue.settle(delivery, Settlement::Accept, NOW_MS);
        assert!(queue.can_dispatch());
        assert_eq!(queue.active_consumer(), Some(id(1)));
    }

    #[test]
    fn nobody_has_such_a_queue_for_itself() {
        let mut queue = queue(Sharing::One, &[]);
        let exclusive = Consumer { is_exclusive: true, ..consumer(1, 0) };
        assert_eq!(queue.consume(exclusive), Err(Busy));
    }
}
