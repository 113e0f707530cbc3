//! Deliveries that take too long.
//!
//! Whoever holds a message longer than it may loses it: the message goes back to the queue, and its consumer ends. A queue
//! does not keep its deliveries by their ages, because most queues have thousands that are settled within milliseconds.
//! It knows the moment before which none can be overdue, and goes through all of them only then: once, however many steps
//! that takes.

use crate::consumer::ConsumerId;
use crate::delivery::DeliveryId;
use crate::queue::Queue;

/// A delivery that was not settled in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overdue {
    /// Which, to be settled in the place of whoever has it.
    pub id: DeliveryId,
    /// The consumer that has it. `None` if that one is gone, or the message was fetched outside of any.
    pub consumer: Option<ConsumerId>,
    /// How long it may take.
    pub timeout_ms: u64,
}

/// When to look for overdue deliveries.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Before that none is overdue. `None` when there is nothing to wait for.
    look_at_ms: Option<u64>,
    /// The queue's own timeout when that was found out.
    timeout_ms: Option<u64>,
    /// The shortest that any of its consumers has had for itself.
    own_min_ms: Option<u64>,
    /// A look that is not over.
    look: Option<Look>,
}

/// How far a look at all deliveries has come.
#[derive(Clone, Copy, Debug)]
struct Look {
    began_at_ms: u64,
    next_slot: u32,
    /// When the first of those is due that were passed.
    due_at_ms: Option<u64>,
}

impl Watch {
    /// A consumer has a timeout for itself.
    pub(crate) fn note(&mut self, timeout_ms: Option<u64>) {
        self.own_min_ms = self.own_min_ms.into_iter().chain(timeout_ms).min();
    }
}

impl Queue {
    /// When to ask [`Queue::overdue`] next, in milliseconds since 1970.
    pub const fn next_overdue_ms(&self) -> Option<u64> {
        self.watch.look_at_ms
    }

    /// Sees to it that somebody looks when what has just been handed over may be overdue.
    pub(crate) fn watch_deliveries(&mut self) {
        let timeout_ms = self.timeout_ms();
        if timeout_ms.is_none() && self.watch.own_min_ms.is_none() {
            // What is out by then is looked at if there is a timeout again.
            self.watch.timeout_ms = None;
            return;
        }
        if timeout_ms != self.watch.timeout_ms {
            self.watch.timeout_ms = timeout_ms;
            self.watch.look_at_ms = Some(self.now_ms);
            self.watch.look = None;
        } else if self.watch.look_at_ms.is_none() && self.unsettled.len() > 0 {
            let shortest_ms = self.watch.own_min_ms.into_iter().chain(timeout_ms).min();
            self.watch.look_at_ms = shortest_ms.map(|ms| self.now_ms.saturating_add(ms));
        }
    }

    /// Whether [`Queue::overdue`] may find something.
    #[inline]
    pub fn may_be_overdue(&self, now_ms: u64) -> bool {
        self.watch.look_at_ms.is_some_and(|look_at_ms| look_at_ms <= now_ms)
    }

    /// At most `limit` of the deliveries that should have been settled by now. The caller settles them, and asks again if
    /// [`Queue::may_be_overdue`] still says so: the next call goes on where this one has ended.
    pub fn overdue(&mut self, now_ms: u64, limit: usize) -> Vec<Overdue> {
        let mut found = Vec::new();
        if !self.may_be_overdue(now_ms) {
            return found;
        }
        let queue_ms = self.timeout_ms();
        let begun = self.watch.look.take();
        let mut look = begun.unwrap_or(Look { began_at_ms: now_ms, next_slot: 0, due_at_ms: None });
        for (id, holder, delivered_at_ms) in self.unsettled.with_ages(look.next_slot) {
            if found.len() >= limit {
                look.next_slot = id.slot.get();
                self.watch.look = Some(look);
                return found;
            }
            let consumer = holder.and_then(|holder| self.takers.consumer(holder));
            let own_ms = consumer.and_then(|consumer| consumer.timeout_ms);
            let Some(timeout_ms) = own_ms.or(queue_ms) else { continue };
            let due_at_ms = delivered_at_ms.saturating_add(timeout_ms);
            if due_at_ms <= now_ms {
                let consumer = consumer.map(|consumer| consumer.id);
                found.push(Overdue { id, consumer, timeout_ms });
            } else {
                look.due_at_ms = look.due_at_ms.into_iter().chain([due_at_ms]).min();
            }
        }
        // What was handed over since a look of several steps began may lie where it had been already.
        let since_ms = self.watch.own_min_ms.into_iter().chain(queue_ms).min();
        let since_ms = since_ms.filter(|_| begun.is_some() && self.unsettled.len() > found.len());
        let since_ms = since_ms.map(|timeout_ms| look.began_at_ms.saturating_add(timeout_ms));
        self.watch.look_at_ms = look.due_at_ms.into_iter().chain(since_ms).min();
        found
    }

    /// How long whoever has no timeout for itself may take to settle a delivery.
    fn timeout_ms(&self) -> Option<u64> {
        self.ready.ruled.as_ref().and_then(|ruled| ruled.rules.consumer_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use message::{Address, Arena, ClientId, Settlement};

    use super::*;
    use crate::{Consumer, Rules};

    const START_MS: u64 = 1_700_000_000_000;

    fn queue(timeout_ms: Option<u64>, messages: usize) -> Queue {
        let mut queue = Queue::new();
        queue.set_rules(&Rules { consumer_timeout_ms: timeout_ms, ..Rules::default() });
        for _ in 0..messages {
            let message = Arena::new().message(&Address::new(b"", b"q", 0), b"", b"x");
            queue.enqueue(message, false, START_MS);
        }
        queue
    }

    fn consumer(number: u32, timeout_ms: Option<u64>) -> Consumer {
        Consumer {
            id: ConsumerId { client: ClientId::new(1, 0), number },
            credit_max: Some(1),
            settles: true,
            is_exclusive: false,
            priority: 0,
            timeout_ms,
        }
    }

    fn dispatch(queue: &mut Queue, now_ms: u64) -> Vec<DeliveryId> {
        let mut deliveries = Vec::new();
        queue.dispatch(10, now_ms, &mut deliveries);
        deliveries.iter().filter_map(|delivery| delivery.id).collect()
    }

    #[test]
    fn a_delivery_is_overdue_when_its_time_is_over_and_not_before() {
        let mut queue = queue(Some(5_000), 1);
        queue.consume(consumer(1, None)).expect("it is alone");
        let ids = dispatch(&mut queue, START_MS);
        assert_eq!(queue.overdue(START_MS + 4_999, 10), []);
        queue.overdue(START_MS + 5_000, 10);
        let due_ms = queue.next_overdue_ms().expect("it is not overdue yet");
        assert!(due_ms < START_MS + 6_000, "within a second");
        assert_eq!(queue.overdue(due_ms - 1, 10), []);
        let consumer = Some(ConsumerId { client: ClientId::new(1, 0), number: 1 });
        let found = queue.overdue(due_ms, 10);
        assert_eq!(found, [Overdue { id: ids[0], consumer, timeout_ms: 5_000 }]);
    }

    #[test]
    fn without_a_timeout_nothing_is_overdue() {
        let mut queue = queue(None, 1);
        queue.consume(consumer(1, None)).expect("it is alone");
        dispatch(&mut queue, START_MS);
        assert_eq!(queue.next_overdue_ms(), None);
        assert_eq!(queue.overdue(u64::MAX, 10), []);
    }

    #[test]
    fn a_consumers_own_timeout_goes_before_the_queues() {
        let mut queue = queue(Some(60_000), 2);
        queue.consume(consumer(1, Some(1_000))).expect("nobody is exclusive");
        queue.consume(consumer(2, None)).expect("nobody is exclusive");
        let ids = dispatch(&mut queue, START_MS);
        assert!(queue.next_overdue_ms().is_some_and(|at_ms| at_ms <= START_MS + 1_000));
        let found = queue.overdue(START_MS + 2_000, 10);
        assert_eq!(found.iter().map(|overdue| overdue.id).collect::<Vec<_>>(), [ids[0]]);
        queue.cancel(ConsumerId { client: ClientId::new(1, 0), number: 1 });
        queue.settle(ids[0], Settlement::Requeue, START_MS + 2_000);
        let next_ms = queue.next_overdue_ms().expect("the other one has a timeout too");
        assert!((START_MS + 60_000..START_MS + 61_000).contains(&next_ms));
    }

    #[test]
    fn a_timeout_that_is_set_later_holds_for_what_is_out_already() {
        let mut queue = queue(None, 1);
        queue.consume(consumer(1, None)).expect("it is alone");
        let ids = dispatch(&mut queue, START_MS);
        let now_ms = START_MS + 10_000;
        queue.set_rules(&Rules { consumer_timeout_ms: Some(1_000), ..Rules::default() });
        dispatch(&mut queue, now_ms);
        assert_eq!(queue.next_overdue_ms(), Some(now_ms));
        assert_eq!(queue.overdue(now_ms, 10).len(), ids.len());
    }

    #[test]
    fn what_does_not_fit_within_the_limit_is_found_the_next_time() {
        let mut queue = queue(Some(1_000), 3);
        (0..3)
            .for_each(|number| queue.consume(consumer(number, None)).expect("nobody is exclusive"));
        dispatch(&mut queue, START_MS);
        let now_ms = START_MS + 2_000;
        let mut count = 0;
        while queue.may_be_overdue(now_ms) {
            let found = queue.overdue(now_ms, 2);
            count += found.len();
            for overdue in found {
                queue.settle(overdue.id, Settlement::Accept, now_ms);
            }
        }
        assert_eq!(count, 3);
        assert_eq!(queue.next_overdue_ms(), None);
    }

    #[test]
    fn many_that_are_overdue_together_are_looked_at_once() {
        const COUNT: usize = 200_000;
        let mut queue = queue(Some(1_000), COUNT);
        for _ in 0..COUNT {
            queue.fetch(ClientId::new(1, 0), true, START_MS);
        }
        queue.dispatch(1, START_MS, &mut Vec::new());
        let (mut now_ms, mut count) = (START_MS + 2_000, 0);
        while queue.may_be_overdue(now_ms) {
            // None is settled, so that each step passes all those before it if it does not go on behind them.
            let found = queue.overdue(now_ms, 20);
            count += found.len();
            now_ms += u64::from(count == COUNT / 2);
        }
        assert_eq!(count, COUNT, "each is found once");
    }

    #[test]
    fn what_is_handed_over_during_a_look_is_looked_at_in_its_time() {
        let mut queue = queue(Some(1_000), 4);
        let fetch = |queue: &mut Queue, now_ms| {
            let delivery = queue.fetch(ClientId::new(1, 0), true, now_ms);
            delivery.and_then(|delivery| delivery.id).expect("there is one")
        };
        for _ in 0..3 {
            fetch(&mut queue, START_MS);
        }
        queue.dispatch(1, START_MS, &mut Vec::new());
        let now_ms = START_MS + 2_000;
        for overdue in queue.overdue(now_ms, 2) {
            queue.settle(overdue.id, Settlement::Accept, now_ms);
        }
        let late = fetch(&mut queue, now_ms);
        for overdue in queue.overdue(now_ms, 2) {
            queue.settle(overdue.id, Settlement::Accept, now_ms);
        }
        let next_ms = queue.next_overdue_ms().expect("one is out");
        assert!(next_ms <= now_ms + 2_000);
        assert_eq!(queue.overdue(now_ms + 2_000, 2).len(), 1);
        assert!(matches!(queue.settle(late, Settlement::Accept, now_ms), crate::Settled::Gone(_)));
    }

    #[test]
    fn a_timeout_that_comes_back_holds_for_what_is_out_already() {
        let mut queue = queue(Some(1_000), 1);
        queue.consume(consumer(1, None)).expect("it is alone");
        let ids = dispatch(&mut queue, START_MS);
        let look_at_ms = queue.next_overdue_ms().expect("there is a timeout");
        queue.set_rules(&Rules::default());
        dispatch(&mut queue, look_at_ms);
        assert_eq!(queue.overdue(look_at_ms, 10), []);
        let now_ms = START_MS + 10_000;
        queue.set_rules(&Rules { consumer_timeout_ms: Some(1_000), ..Rules::default() });
        dispatch(&mut queue, now_ms);
        assert_eq!(queue.overdue(now_ms, 10).len(), ids.len());
    }

    #[test]
    fn what_a_consumer_left_behind_is_overdue_too_and_nobody_has_it() {
        let mut queue = queue(Some(1_000), 2);
        queue.consume(consumer(1, None)).expect("it is alone");
        dispatch(&mut queue, START_MS);
        queue.cancel(ConsumerId { client: ClientId::new(1, 0), number: 1 });
        queue.fetch(ClientId::new(2, 0), true, START_MS);
        let found = queue.overdue(START_MS + 2_000, 10);
        assert_eq!(found.iter().map(|overdue| overdue.consumer).collect::<Vec<_>>(), [None, None]);
    }
}
