//! Queues whose consumers are outrun: they take fast, and those that publish are faster.
//!
//! ```text
//!   thousands wait, and would be gone within a second at the rate at which they are taken  ──→ outrun
//!   thousands wait, and would not be gone           ──→ probed: outrun for a moment, once a second at most
//!   few are left, or consumers have become slow     ──→ not any more
//! ```
//!
//! The probe is there because of those that are slow only because they are not heard: a consumer that takes a million a second from
//! an idle shard takes a hundred thousand from one that is busy with a producer. How fast it is shows when the producer waits.
//!
//! Consumers with a small prefetch have to be heard again and again, and a producer that is heard as often puts in a hundred
//! times as much. Who publishes to such a queue is held back for as long as its consumers catch up, which is moments. Those
//! that take their time hold nobody back but for a probe: a backlog is what their users asked for.

use std::collections::BTreeSet;

use message::QueueId;
use queue::Queue;

use crate::broker::Broker;
use crate::mail::Mail;
use crate::publisher::Publisher;

/// So many messages wait when consumers begin to be outrun.
const BEGINS_COUNT: u64 = 10_000;
/// And so few when they have caught up.
const ENDS_COUNT: u64 = 2_500;
/// How far back it is looked how fast messages are taken.
const WINDOW_MS: u64 = 8;
/// Within how long what waits has to be gone.
const CATCH_UP_MS: u64 = 1_000;

/// How far one probe is from the next.
const PROBE_INTERVAL_MS: u64 = 1_000;

/// How fast the consumers of a queue take.
#[derive(Debug, Default)]
pub(crate) struct Uptake {
    pub(crate) is_outrun: bool,
    /// They count as outrun until it is known how fast they are then.
    is_probed: bool,
    next_probe_ms: u64,
    since_ms: u64,
    count: u64,
    /// How many were taken per [`CATCH_UP_MS`] when that was last reckoned.
    catch_up_count: u64,
}

impl Uptake {
    /// So many messages were taken.
    #[inline]
    pub(crate) const fn count(&mut self, count: usize) {
        self.count += count as u64;
    }

    /// Looks again. Returns whether the answer has changed.
    #[inline]
    pub(crate) fn look(&mut self, queue: &Queue, now_ms: u64) -> bool {
        if now_ms < self.since_ms {
            // The clock was set back. What is left of a probe is not worth keeping.
            *self = Self { is_outrun: self.is_outrun, since_ms: now_ms, ..Self::default() };
        }
        let elapsed_ms = now_ms.saturating_sub(self.since_ms);
        if elapsed_ms >= WINDOW_MS {
            self.catch_up_count = self.count.saturating_mul(CATCH_UP_MS) / elapsed_ms;
            self.is_probed = false;
            (self.since_ms, self.count) = (now_ms, 0);
        }
        let count = queue.ready_count();
        let is_much = count > if self.is_outrun { ENDS_COUNT } else { BEGINS_COUNT };
        // Those who take without acknowledging are only ever held up by their sockets.
        let is_outrun = is_much && queue.unsettled_count() > 0 && {
            self.is_probed || count <= self.catch_up_count || self.begin_probe(now_ms)
        };
        std::mem::replace(&mut self.is_outrun, is_outrun) != is_outrun
    }

    /// Begins a probe, if anything is taken at all and the last one is long enough ago.
    fn begin_probe(&mut self, now_ms: u64) -> bool {
        self.is_probed = self.catch_up_count > 0 && now_ms >= self.next_probe_ms;
        if self.is_probed {
            self.next_probe_ms = now_ms + PROBE_INTERVAL_MS;
            (self.since_ms, self.count) = (now_ms, 0);
        }
        self.is_probed
    }
}

/// The queues of all shards whose consumers are outrun.
#[derive(Debug, Default)]
pub(crate) struct Outrun(BTreeSet<QueueId>);

impl Broker {
    /// Whether consumers of any queue are outrun.
    #[inline]
    pub fn is_any_outrun(&self) -> bool {
        !self.outrun.0.is_empty()
    }

    /// Whether the last message of a conversation went to a queue whose consumers are outrun.
    pub fn is_outrun_by(&self, publisher: &Publisher) -> bool {
        publisher.last_queues().iter().any(|queue| self.outrun.0.contains(queue))
    }

    /// Looks whether the consumers of a queue that lives here are outrun, and tells everybody.
    #[inline]
    pub(crate) fn look_for_outrun(&mut self, id: QueueId) {
        let Some(hosted) = self.queues.get_mut(id) else { return };
        if hosted.uptake.look(&hosted.queue, self.now_ms) {
            let is_outrun = hosted.uptake.is_outrun;
            self.tell_outrun(id, is_outrun);
        }
    }

    /// Tells everybody that the consumers of a queue are outrun, or are not any more.
    pub(crate) fn tell_outrun(&mut self, queue: QueueId, is_outrun: bool) {
        self.hear_outrun(queue, is_outrun);
        for other in self.others() {
            self.post(other, Mail::Outrun { queue, is_outrun });
        }
    }

    pub(crate) fn hear_outrun(&mut self, queue: QueueId, is_outrun: bool) {
        if is_outrun {
            self.outrun.0.insert(queue);
        } else {
            self.outrun.0.remove(&queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use message::{Address, Arena, ClientId};
    use queue::{Consumer, ConsumerId};

    use super::*;

    const ID: ConsumerId = ConsumerId { client: ClientId::new(1, 0), number: 1 };

    fn filled(count: usize, settles: bool) -> Queue {
        let (mut arena, mut queue) = (Arena::new(), Queue::new());
        let consumer = Consumer {
            id: ID,
            credit_max: None,
            settles,
            is_exclusive: false,
            priority: 0,
            timeout_ms: None,
        };
        queue.consume(consumer).expect("it is alone");
        queue.credit(ID, 1 << 40);
        for _ in 0..count {
            let message = arena.message(&Address::new(b"", b"q", 0), b"", b"");
            queue.enqueue(message, false, 0);
        }
        queue
    }

    fn take(queue: &mut Queue, uptake: &mut Uptake, count: usize) {
        uptake.count(queue.dispatch(count, 0, &mut Vec::new()));
    }

    #[test]
    fn those_that_take_fast_are_outrun_until_little_is_left() {
        let (mut queue, mut uptake) = (filled(20_000, true), Uptake::default());
        assert!(!uptake.look(&queue, 1_000), "nobody has taken anything yet");
        take(&mut queue, &mut uptake, 500);
        assert!(!uptake.look(&queue, 1_007), "it is too early to tell");
        assert!(uptake.look(&queue, 1_010) && uptake.is_outrun);
        take(&mut queue, &mut uptake, 16_000);
        assert!(!uptake.look(&queue, 1_018) && uptake.is_outrun);
        take(&mut queue, &mut uptake, 1_500);
        assert!(uptake.look(&queue, 1_026) && !uptake.is_outrun);
    }

    #[test]
    fn those_that_do_not_acknowledge_are_not() {
        let (mut queue, mut uptake) = (filled(20_000, false), Uptake::default());
        for now_ms in (1_000..1_080).step_by(10) {
            take(&mut queue, &mut uptake, 1_000);
            assert!(!uptake.look(&queue, now_ms));
        }
    }

    #[test]
    fn those_that_take_their_time_are_asked_for_a_moment_in_a_second() {
        let (mut queue, mut uptake) = (filled(20_000, true), Uptake::default());
        let mut outrun_ms = 0;
        for now_ms in 1_000..4_000 {
            take(&mut queue, &mut uptake, usize::from(now_ms % 8 == 0));
            uptake.look(&queue, now_ms);
            outrun_ms += u64::from(uptake.is_outrun);
        }
        assert!((WINDOW_MS..=4 * WINDOW_MS).contains(&outrun_ms), "{outrun_ms}");
    }

    #[test]
    fn a_clock_that_is_set_back_ends_a_probe() {
        let (mut queue, mut uptake) = (filled(20_000, true), Uptake::default());
        for now_ms in [1_000_000, 1_000_010, 1_000_011] {
            take(&mut queue, &mut uptake, 1);
            uptake.look(&queue, now_ms);
        }
        assert!(uptake.is_probed);
        take(&mut queue, &mut uptake, 1);
        assert!(uptake.look(&queue, 1_000) && !uptake.is_outrun, "it ends, and it tells so");
    }

    #[test]
    fn those_that_are_fast_once_they_are_heard_are_found_out() {
        let (mut queue, mut uptake) = (filled(200_000, true), Uptake::default());
        uptake.look(&queue, 1_000);
        for now_ms in 1_001..1_100 {
            // Ten thousand a second are taken while a producer is heard as well, and a million otherwise.
            let count = if uptake.is_outrun { 1_000 } else { 10 };
            take(&mut queue, &mut uptake, count);
            uptake.look(&queue, now_ms);
        }
        assert!(uptake.is_outrun && !uptake.is_probed);
    }
}
