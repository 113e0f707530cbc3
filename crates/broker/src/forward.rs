//! Publishing on the broker's own behalf: dead letters, and what an exchange has held back.
//!
//! ```text
//!   source queue ──take──→ forward ──route──→ target queues
//!        ↑                    │ ↑                  │
//!        │                    └─┘ again, if it     │ each has it safe, or rejects it
//!        │                       must not be lost  │
//!        └──────────────── settled there ←─────────┘
//! ```
//!
//! A message stays in its source until all its targets have it safe, wherever they live, so that a crash in between
//! leaves it in one of them, or in both. Whether it is tried again when it goes nowhere is the forward's own word: RabbitMQ
//! calls that the dead-letter strategy `at-least-once`. How much may be under way is bounded; sources wait for the rest.

use std::collections::{BTreeMap, BTreeSet};

use message::{ClientId, Message, Name, QueueId, ShardId};
use queue::DeliveryId;
use store::{Bug, is_seeded};

use crate::broker::Broker;
use crate::publisher::Confirm;

/// How many messages may be under way from one shard.
const UNDER_WAY_MAX: usize = 4096;
/// How many bytes of them.
const UNDER_WAY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long to wait before a message that went nowhere is tried again.
const RETRY_MS: u64 = 1_000;

/// Where a forwarded message comes from, to be settled there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A queue is done with it, and its store is not.
    Dead { queue: QueueId, lane: u8, seq: u64, length: u32, is_stored: bool },
    /// An exchange has held it back: it is out as a delivery.
    Held { queue: QueueId, delivery: DeliveryId },
}

impl Source {
    const fn queue(self) -> QueueId {
        match self {
            Self::Dead { queue, .. } | Self::Held { queue, .. } => queue,
        }
    }
}

/// What is to be done with a message that no queue takes, or that one rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It is dropped, as it would be if its producer had sent it there.
    Once,
    /// It is tried again and again.
    UntilTaken,
}

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) vhost: Name,
    /// Where it goes in.
    pub(crate) exchange: Name,
    pub(crate) message: Message,
    pub(crate) source: Source,
    pub(crate) persistence: Persistence,
    /// The queues that do not get it, whatever their bindings say.
    pub(crate) barred: Vec<QueueId>,
}

#[derive(Debug)]
struct UnderWay {
    forward: Forward,
    left_count: usize,
    is_rejected: bool,
}

/// What is under way from one shard.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    last_number: u64,
    under_way: BTreeMap<u64, UnderWay>,
    bytes: usize,
    /// Those that wait to be tried again.
    retries: BTreeSet<(u64, u64)>,
    /// Queues that have more to send than may be under way.
    stalled: BTreeSet<QueueId>,
}

impl Forwards {
    /// Whether another message may be sent. If not, `queue` is looked at again when there is room.
    pub(crate) fn has_room(&mut self, queue: QueueId) -> bool {
        let has_room = self.under_way.len() < UNDER_WAY_MAX && self.bytes < UNDER_WAY_BYTES_MAX;
        if !has_room {
            self.stalled.insert(queue);
        }
        has_room
    }

    /// When something is to be tried again.
    pub(crate) fn retry_at_ms(&self) -> Option<u64> {
        self.retries.first().map(|&(at_ms, _)| at_ms)
    }
}

/// Who is told what became of a shard's forwards: no connection has this number.
pub(crate) const fn forwarder(shard: ShardId) -> ClientId {
    ClientId::new(0, shard)
}

impl Broker {
    /// Sends a message.
    pub(crate) fn forward(&mut self, forward: Forward) {
        let forwards = &mut self.forwards;
        forwards.last_number += 1;
        forwards.bytes += forward.message.len_bytes();
        let number = forwards.last_number;
        forwards.under_way.insert(number, UnderWay { forward, left_count: 0, is_rejected: false });
        self.dispatch_forward(number);
    }

    /// Routes a message that is under way, anew at each try: what is declared may have changed.
    fn dispatch_forward(&mut self, number: u64) {
        let Some(UnderWay { forward, .. }) = self.forwards.under_way.get(&number) else { return };
        let (vhost, exchange) = (forward.vhost.clone(), forward.exchange.clone());
        let (message, barred) = (forward.message.clone(), forward.barred.clone());
        let was_kept = matches!(forward.source, Source::Held { .. });
        let mut found = self.route_from(&vhost, exchange.as_str(), &message, was_kept);
        found.queues.retain(|queue| !barred.contains(queue));
        let target_count = found.queues.len() + found.relays.len();
        let Some(under_way) = self.forwards.under_way.get_mut(&number) else { return };
        under_way.left_count = target_count;
        under_way.is_rejected = false;
        if target_count == 0 {
            return self.end_try(number, false);
        }
        let is_forgotten = !was_kept && is_seeded(Bug::DeadForgotten);
        let confirm = Confirm { client: forwarder(self.shard), link: 0, number };
        let confirm = Some(confirm).filter(|_| !is_forgotten);
        self.keep(&found.relays, &message, found.delay_ms, confirm);
        for queue in found.queues {
            self.send(queue, message.clone(), confirm);
        }
        if is_forgotten {
            self.end_try(number, true);
        }
    }

    /// One target of each of `first..=last` has answered.
    pub(crate) fn forwarded(&mut self, first: u64, last: u64, is_rejected: bool) {
        for number in first..=last {
            let Some(under_way) = self.forwards.under_way.get_mut(&number) else { continue };
            under_way.is_rejected |= is_rejected;
            under_way.left_count -= 1;
            if under_way.left_count == 0 {
                let is_taken = !under_way.is_rejected;
                self.end_try(number, is_taken);
            }
        }
    }

    /// All targets have answered, or there are none.
    fn end_try(&mut self, number: u64, is_taken: bool) {
        let forwards = &mut self.forwards;
        let Some(UnderWay { forward, .. }) = forwards.under_way.get(&number) else { return };
        if !is_taken && forward.persistence == Persistence::UntilTaken {
            forwards.retries.insert((self.now_ms + RETRY_MS, number));
            return;
        }
        if let Some(UnderWay { forward, .. }) = forwards.under_way.remove(&number) {
            forwards.bytes -= forward.message.len_bytes();
            self.settle_source(forward.source);
        }
        self.resume_stalled();
    }

    /// Tries again what went nowhere, and drops what comes from a queue that is gone.
    pub(crate) fn retry_forwards(&mut self) {
        while let Some(&(at_ms, number)) = self.forwards.retries.first() {
            if at_ms > self.now_ms {
                return;
            }
            self.forwards.retries.pop_first();
            let Some(UnderWay { forward, .. }) = self.forwards.under_way.get(&number) else {
                continue;
            };
            let queue = forward.source.queue();
            if self.hosted(queue).is_some() {
                self.dispatch_forward(number);
            } else if let Some(UnderWay { forward, .. }) = self.forwards.under_way.remove(&number) {
                self.forwards.bytes -= forward.message.len_bytes();
            }
        }
    }

    fn settle_source(&mut self, source: Source) {
        match source {
            Source::Dead { queue, lane, seq, length, is_stored } => {
                self.remove_stored(queue, lane, seq, length, is_stored);
            }
            Source::Held { queue, delivery } => {
                self.settle_here(queue, delivery, message::Settlement::Accept);
            }
        }
    }

    fn resume_stalled(&mut self) {
        let forwards = &mut self.forwards;
        if forwards.under_way.len() <= UNDER_WAY_MAX / 2
            && forwards.bytes <= UNDER_WAY_BYTES_MAX / 2
        {
            for queue in std::mem::take(&mut forwards.stalled) {
                self.mark_dirty(queue);
            }
        }
    }
}
