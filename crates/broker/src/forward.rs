//! Publishing on the broker's own behalf: dead letters, and what an exchange has held back.
//!
//! ```text
//!   source queue ──take──→ forward ──route──→ target queues
//!        ↑                    │ ↑                  │
//!        │                    └─┘ again, if it     │ each has it safe, refuses it,
//!        │                       must not be lost  │ or has no room on disk
//!        └──────────────── settled there ←─────────┘
//! ```
//!
//! A message stays in its source until all its targets have it safe, wherever they live, so that a crash in between
//! leaves it in one of them, or in both. A target whose disk is full is asked again, always. Whether a message is tried
//! again that goes nowhere, or that a queue refuses, is the forward's own word: RabbitMQ calls that the dead-letter
//! strategy `at-least-once`. Targets that have it do not get it again.
//!
//! How much may be under way is bounded, of each source and of all; a source waits for the rest, and what has to be tried
//! again counts against its own source only.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use message::{ClientId, Message, Name, QueueId, ShardId};
use metadata::DeadLetterStrategy;
use queue::DeliveryId;
use store::{Bug, is_seeded};

use crate::broker::Broker;
use crate::publisher::Confirm;

/// How many messages may be under way from one shard.
const UNDER_WAY_MAX: usize = 4096;
/// How many bytes of them.
const UNDER_WAY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How many messages may be under way from one queue, those included that have to be tried again.
const OF_QUEUE_MAX: usize = 1024;
/// How many bytes of them.
const OF_QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long to wait before a message is tried again.
const RETRY_MS: u64 = 1_000;
/// Set in an answer beside the number of the target: its disk is full. Numbers of queues do not reach so far.
const NO_ROOM: u64 = 1 << 63;

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

/// What is to be done with a message that no queue takes, or that one refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It is dropped.
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
    /// A target has refused it in this try.
    is_refused: bool,
    /// A target had no room on its disk in this try.
    is_without_room: bool,
    /// Those that have it.
    taken: Vec<QueueId>,
}

/// What is under way from one queue, or from all.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    count: usize,
    bytes: usize,
}

impl Load {
    const fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    const fn take(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

/// What is under way from one shard.
#[derive(Debug, Default)]
pub(crate) struct Forwards {
    last_number: u64,
    under_way: BTreeMap<u64, UnderWay>,
    /// Of all queues, without what waits to be tried again.
    load: Load,
    /// Of each queue, all of it.
    loads: BTreeMap<QueueId, Load>,
    /// Those that wait to be tried again, by time.
    retries: BTreeSet<(u64, u64)>,
    /// Queues that have more to send than may be under way.
    stalled: BTreeSet<QueueId>,
}

impl Forwards {
    /// Whether another message may be sent. If not, `queue` is looked at again when there is room.
    pub(crate) fn has_room(&mut self, queue: QueueId) -> bool {
        let own = self.loads.get(&queue).copied().unwrap_or_default();
        let has_room = self.load.count < UNDER_WAY_MAX
            && self.load.bytes < UNDER_WAY_BYTES_MAX
            && own.count < OF_QUEUE_MAX
            && own.bytes < OF_QUEUE_BYTES_MAX;
        if !has_room {
            self.stalled.insert(queue);
        }
        has_room
    }

    /// When something is to be tried again.
    pub(crate) fn retry_at_ms(&self) -> Option<u64> {
        self.retries.first().map(|&(at_ms, _)| at_ms)
    }

    /// Bytes of messages that are on their way.
    pub(crate) const fn bytes(&self) -> usize {
        self.load.bytes
    }

    fn add(&mut self, forward: Forward) -> u64 {
        let bytes = forward.message.len_bytes();
        self.load.add(bytes);
        self.loads.entry(forward.source.queue()).or_default().add(bytes);
        self.last_number += 1;
        let (left_count, taken) = (0, Vec::new());
        let (is_refused, is_without_room) = (false, false);
        let under_way = UnderWay { forward, left_count, is_refused, is_without_room, taken };
        self.under_way.insert(self.last_number, under_way);
        self.last_number
    }

    /// Takes out one that is over. It counts in `load` unless it waited to be tried again.
    fn remove(&mut self, number: u64, is_waiting: bool) -> Option<Forward> {
        let UnderWay { forward, .. } = self.under_way.remove(&number)?;
        let (queue, bytes) = (forward.source.queue(), forward.message.len_bytes());
        if !is_waiting {
            self.load.take(bytes);
        }
        if let Some(own) = self.loads.get_mut(&queue) {
            own.take(bytes);
            if own.count == 0 {
                self.loads.remove(&queue);
            }
        }
        Some(forward)
    }

    /// Those of the stalled queues that may go on. Many at once, so that each has something to do.
    fn resumed(&mut self) -> Vec<QueueId> {
        let is_half_free =
            self.load.count <= UNDER_WAY_MAX / 2 && self.load.bytes <= UNDER_WAY_BYTES_MAX / 2;
        if self.stalled.is_empty() || !is_half_free {
            return Vec::new();
        }
        let loads = &self.loads;
        let may_go_on = |queue: &QueueId| {
            loads.get(queue).is_none_or(|own| {
                own.count <= OF_QUEUE_MAX / 2 && own.bytes <= OF_QUEUE_BYTES_MAX / 2
            })
        };
        self.stalled.extract_if(.., may_go_on).collect()
    }
}

/// Who is told what became of a shard's forwards: no connection has this number.
pub(crate) const fn forwarder(shard: ShardId) -> ClientId {
    ClientId::new(0, shard)
}

/// Whether it is the broker itself who is told.
pub(crate) const fn is_forwarder(client: ClientId) -> bool {
    client.number() == 0
}

/// The answer of a target whose disk is full.
pub(crate) const fn without_room(confirm: Confirm) -> Confirm {
    Confirm { link: confirm.link | NO_ROOM, ..confirm }
}

impl Broker {
    /// Sends a message.
    pub(crate) fn forward(&mut self, forward: Forward) {
        let number = self.forwards.add(forward);
        self.dispatch_forward(number);
    }

    /// Routes a message that is under way, anew at each try: what is declared may have changed.
    fn dispatch_forward(&mut self, number: u64) {
        let Some(UnderWay { forward, .. }) = self.forwards.under_way.get(&number) else { return };
        let (vhost, exchange) = (forward.vhost.clone(), forward.exchange.clone());
        let message = forward.message.clone();
        let was_kept = matches!(forward.source, Source::Held { .. });
        let mut found = self.route_from(&vhost, exchange.as_str(), &message, was_kept);
        let Some(under_way) = self.forwards.under_way.get_mut(&number) else { return };
        let UnderWay { forward, taken, .. } = under_way;
        let is_due = |queue: &QueueId| !taken.contains(queue);
        found.queues.retain(|queue| !forward.barred.contains(queue) && is_due(queue));
        found.relays.histories.retain(is_due);
        found.relays.delays.retain(is_due);
        under_way.left_count = found.queues.len() + found.relays.len();
        (under_way.is_refused, under_way.is_without_room) = (false, false);
        if under_way.left_count == 0 {
            let is_taken = !under_way.taken.is_empty();
            return self.end_try(number, is_taken);
        }
        let client = forwarder(self.shard);
        let is_forgotten = !was_kept && is_seeded(Bug::DeadForgotten);
        let confirm = |queue: QueueId| {
            (!is_forgotten).then(|| Confirm { client, link: queue.number(), number })
        };
        self.keep(&found.relays, &message, found.delay_ms, confirm);
        for queue in found.queues {
            self.send(queue, message.clone(), confirm(queue));
        }
        if is_forgotten {
            self.end_try(number, true);
        }
    }

    /// One target, which `link` names, has answered for each of `first..=last`.
    pub(crate) fn forwarded(&mut self, link: u64, (first, last): (u64, u64), is_rejected: bool) {
        let queue = QueueId::from_number(link & !NO_ROOM);
        for number in first..=last {
            let Some(under_way) = self.forwards.under_way.get_mut(&number) else { continue };
            match (is_rejected, link & NO_ROOM != 0) {
                (false, _) => under_way.taken.push(queue),
                (true, false) => under_way.is_refused = true,
                (true, true) => under_way.is_without_room = true,
            }
            under_way.left_count -= 1;
            if under_way.left_count == 0 {
                let is_taken = !under_way.is_refused;
                self.end_try(number, is_taken);
            }
        }
    }

    /// All targets have answered, or there are none.
    fn end_try(&mut self, number: u64, is_taken: bool) {
        let forwards = &mut self.forwards;
        let Some(under_way) = forwards.under_way.get(&number) else { return };
        let UnderWay { forward, is_without_room, .. } = under_way;
        let is_insisted = !is_taken && forward.persistence == Persistence::UntilTaken;
        if *is_without_room || is_insisted {
            forwards.load.take(forward.message.len_bytes());
            forwards.retries.insert((self.now_ms + RETRY_MS, number));
        } else if let Some(forward) = forwards.remove(number, false) {
            if is_taken && forward.persistence == Persistence::UntilTaken {
                self.count_confirmed_death(forward.source);
            }
            self.settle_source(forward.source);
        }
        self.resume_stalled();
    }

    /// Tries again what is due, by the rules that hold for its queue now. What comes from a queue that is gone is dropped, and
    /// so are dead letters that nobody wants any more.
    pub(crate) fn retry_forwards(&mut self) {
        while let Some(&(at_ms, number)) = self.forwards.retries.first() {
            if at_ms > self.now_ms {
                break;
            }
            self.forwards.retries.pop_first();
            let Some(UnderWay { forward, .. }) = self.forwards.under_way.get(&number) else {
                continue;
            };
            let (source, bytes) = (forward.source, forward.message.len_bytes());
            match self.persistence_of(source) {
                Some(persistence) => {
                    if let Some(under_way) = self.forwards.under_way.get_mut(&number) {
                        under_way.forward.persistence = persistence;
                    }
                    self.forwards.load.add(bytes);
                    self.dispatch_forward(number);
                }
                None => {
                    self.forwards.remove(number, true);
                    self.settle_source(source);
                }
            }
        }
        self.resume_stalled();
    }

    /// What holds for a message from there; `None` if nobody wants it to go on.
    fn persistence_of(&mut self, source: Source) -> Option<Persistence> {
        let hosted = self.hosted(source.queue())?;
        match source {
            Source::Held { .. } => Some(Persistence::Once),
            Source::Dead { .. } => Some(match hosted.dead_letters.as_ref()?.strategy {
                DeadLetterStrategy::AtMostOnce => Persistence::Once,
                DeadLetterStrategy::AtLeastOnce => Persistence::UntilTaken,
            }),
        }
    }

    fn count_confirmed_death(&mut self, source: Source) {
        if let Some(hosted) = self.queues.get_mut(source.queue()) {
            self.traffic.burials.confirm(hosted.kind());
        }
    }

    fn settle_source(&mut self, source: Source) {
        match source {
            Source::Dead { queue, lane, seq, length, is_stored } => {
                self.remove_stored(queue, lane, seq, length, is_stored);
            }
            Source::Held { queue, delivery } => {
                self.settle_here(queue, iter::once(delivery), message::Settlement::Accept);
            }
        }
    }

    fn resume_stalled(&mut self) {
        for queue in self.forwards.resumed() {
            self.mark_dirty(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use message::{Address, Arena};

    use super::*;

    fn forward(queue: u64) -> Forward {
        let address = Address::new(b"", b"key", 0);
        let queue = QueueId::new(queue, 0);
        Forward {
            vhost: Name::fixed("/"),
            exchange: Name::fixed(""),
            message: Arena::new().message(&address, b"", b"body"),
            source: Source::Dead { queue, lane: 0, seq: 0, length: 0, is_stored: false },
            persistence: Persistence::UntilTaken,
            barred: Vec::new(),
        }
    }

    #[test]
    fn a_queue_that_cannot_get_rid_of_its_dead_letters_holds_up_no_other() {
        let mut forwards = Forwards::default();
        let (stuck, other) = (QueueId::new(1, 0), QueueId::new(2, 0));
        let mut numbers = Vec::new();
        while forwards.has_room(stuck) {
            numbers.push(forwards.add(forward(1)));
        }
        assert_eq!(numbers.len(), OF_QUEUE_MAX);
        assert!(forwards.has_room(other));
        assert_eq!(forwards.resumed(), []);
        for &number in &numbers[..OF_QUEUE_MAX / 2] {
            assert!(forwards.remove(number, false).is_some());
        }
        assert_eq!(forwards.resumed(), [stuck]);
        numbers[OF_QUEUE_MAX / 2..].iter().for_each(|&number| {
            forwards.remove(number, false);
        });
        assert_eq!((forwards.load.count, forwards.load.bytes, forwards.loads.len()), (0, 0, 0));
    }
}
