//! A queue that lives on this shard.

use std::sync::Arc;

use message::{Arguments, Message, Value};
use metadata::{Definitions, Queue as Definition, QueueKind};
use queue::{Delivery, Queue, Sharing};
use routing::Kind;

use crate::dead_letter::DeadLetters;
use crate::dedup::Deduplication;
use crate::inflow::Inflow;
use crate::ledger::Ledger;
use crate::observe::MessageCounters;
use crate::outrun::Uptake;
use crate::publisher::Confirm;
use crate::queue_arguments::SINGLE_ACTIVE;
use crate::relay::History;
use crate::terms::Lease;
use crate::traffic::{Holdings, Waits};

/// The type of exchanges that hold messages back.
pub(crate) const DELAYED: &str = Kind::Delayed.as_str();
/// The type of exchanges that remember their last messages.
pub(crate) const RECENT_HISTORY: &str = Kind::RecentHistory.as_str();

const LAG_BEGINS_BYTES: usize = 1024 * 1024;
const LAG_ENDS_BYTES: usize = 256 * 1024;

/// Counts how long messages have waited that are handed out at `now_ms`, one after the other. Those between two that came at the
/// same time came with them, and are not looked at: many may be in no cache of this core. What came back in between and is older is
/// counted as they are.
pub(crate) fn count_waits(waits: &mut Waits, run: &[Delivery], now_ms: u64) {
    let came_at_ms = |delivery: &Delivery| delivery.message.received_at_ms();
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return };
    if came_at_ms(first) == came_at_ms(last) {
        waits.count(run.len() as u64, came_at_ms(first), now_ms);
    } else {
        let (earlier, later) = run.split_at(run.len() / 2);
        count_waits(waits, earlier, now_ms);
        count_waits(waits, later, now_ms);
    }
}

/// How much of the time consumers were ready for more, the last seconds counting most.
#[derive(Clone, Copy, Debug)]
struct Capacity {
    share: f64,
    since_ms: u64,
    is_ready: bool,
}

/// What lies this long back counts a third as much as what is.
const CAPACITY_MS: f64 = 5_000.0;

impl Default for Capacity {
    fn default() -> Self {
        Self { share: 1.0, since_ms: 0, is_ready: true }
    }
}

impl Capacity {
    /// From here on consumers are ready for more, or not.
    #[inline]
    fn look(&mut self, now_ms: u64, is_ready: bool) {
        if is_ready != self.is_ready {
            self.share = self.at(now_ms);
            (self.since_ms, self.is_ready) = (now_ms, is_ready);
        }
    }

    fn at(&self, now_ms: u64) -> f64 {
        let elapsed_ms = now_ms.saturating_sub(self.since_ms) as f64;
        let fades = (-elapsed_ms / CAPACITY_MS).exp();
        let now = f64::from(u8::from(self.is_ready));
        now + (self.share - now) * fades
    }
}

/// Which of its messages a queue keeps on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// None: it does not survive a restart itself.
    Nothing,
    /// Those that their producers asked to be kept.
    Persistent,
    /// All.
    Everything,
}

impl Keeps {
    fn of(definition: &Definition) -> Self {
        match (definition.is_durable, QueueKind::of(&definition.arguments)) {
            (false, _) => Self::Nothing,
            (true, QueueKind::Quorum) => Self::Everything,
            (true, QueueKind::Classic) => Self::Persistent,
        }
    }

    #[inline]
    pub(crate) fn keeps(self, message: &Message) -> bool {
        self.keeps_if(message.is_persistent())
    }

    /// The same of a message of which is known whether it is persistent.
    #[inline]
    pub(crate) fn keeps_if(self, is_persistent: bool) -> bool {
        self == Self::Everything || (self == Self::Persistent && is_persistent)
    }
}

/// A queue and what the broker must know of it at every step.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) definition: Arc<Definition>,
    pub(crate) queue: Queue,
    /// Which messages go to disk.
    pub(crate) keeps: Keeps,
    /// Whether it waits in the broker's list of queues to be dispatched.
    pub(crate) is_dirty: bool,
    /// Whether it is deleted here, and the topology does not yet say so: nothing may go in.
    pub(crate) is_deleted: bool,
    /// Messages that came after it was deleted, to be confirmed when its end is on disk: until then it might come
    /// back without them.
    pub(crate) late: Vec<Confirm>,
    /// Whether its consumers are willing and do not keep up.
    pub(crate) is_lagging: bool,
    /// Whether its consumers take fast and do not keep up.
    pub(crate) uptake: Uptake,
    /// What `queue.resident_bytes()` was when the broker last added it up.
    pub(crate) counted_bytes: usize,
    /// Whether messages are [examined](crate::examine) before they go in.
    pub(crate) is_examined: bool,
    /// Whether somebody [watches](crate::trace) what happens to its messages.
    pub(crate) is_traced: bool,
    /// Whether messages for which there is no room are refused.
    pub(crate) rejects: bool,
    /// Whether those are dead letters.
    pub(crate) has_dead_overflow: bool,
    pub(crate) is_quorum: bool,
    pub(crate) dead_letters: Option<DeadLetters>,
    pub(crate) lease: Option<Lease>,
    pub(crate) dedup: Option<Deduplication>,
    /// The relay of an exchange that remembers its last messages has them here, and not in `queue`.
    pub(crate) history: Option<History>,
    pub(crate) ledger: Ledger,
    /// What went through it. Publishes are told by the places that were given: see [`Hosted::counters`].
    pub(crate) tally: MessageCounters,
    /// The first place that was given since the start.
    first_seq: u64,
    /// From where its messages came.
    pub(crate) inflow: Inflow,
    /// When messages last came or went.
    pub(crate) used_at_ms: u64,
    /// How well its consumers keep up.
    capacity: Capacity,
    /// What it held when the broker last added that up.
    pub(crate) counted: Holdings,
    /// Its entry among the broker's deadlines.
    pub(crate) deadline_ms: Option<u64>,
}

impl Hosted {
    /// A queue under the rules that hold for it.
    pub(crate) fn new(
        definition: Arc<Definition>,
        mut queue: Queue,
        definitions: &Definitions,
        consumer_timeout_ms: u64,
        now_ms: u64,
    ) -> Self {
        queue.set_sharing(sharing(&definition));
        let rules = definitions.queue_rules(&definition);
        let first_seq = queue.next_seq();
        let mut hosted = Self {
            keeps: Keeps::of(&definition),
            definition,
            queue,
            is_dirty: false,
            is_deleted: false,
            late: Vec::new(),
            is_lagging: false,
            uptake: Uptake::default(),
            counted_bytes: 0,
            is_examined: false,
            is_traced: false,
            rejects: false,
            has_dead_overflow: false,
            is_quorum: false,
            dead_letters: None,
            lease: None,
            dedup: None,
            history: None,
            ledger: Ledger::default(),
            tally: MessageCounters::ZERO,
            first_seq,
            inflow: Inflow::new(first_seq),
            used_at_ms: now_ms,
            capacity: Capacity::default(),
            counted: Holdings::default(),
            deadline_ms: None,
        };
        hosted.apply(&rules, consumer_timeout_ms, now_ms);
        let exchange = hosted.definition.relay_of.and_then(|id| definitions.exchange_by_id(id));
        if let Some(exchange) = exchange {
            let rules = definitions.exchange_rules(exchange);
            if rules.deduplication.is_some() {
                hosted.set_window(rules.deduplication.as_ref());
            } else if exchange.kind.as_str() == RECENT_HISTORY {
                hosted.history = Some(History::new(history_length(&exchange.arguments)));
            }
        }
        hosted
    }

    /// Whether it is the relay of an exchange that holds messages back.
    pub(crate) fn is_delaying(&self) -> bool {
        self.definition.relay_of.is_some() && self.history.is_none()
    }

    /// What went through it since the start.
    pub(crate) fn counters(&self) -> MessageCounters {
        let publish = self.queue.next_seq().saturating_sub(self.first_seq);
        // What was published to a queue that is deleted stands in its tally.
        MessageCounters { publish: self.tally.publish + publish, ..self.tally }
    }

    /// It has handed out so many messages, some of them again, and before that so many were not settled.
    #[inline]
    pub(crate) fn count_dispatch(
        &mut self,
        count: usize,
        unsettled_before: usize,
        redelivered_count: u64,
        now_ms: u64,
    ) {
        let settled_later = self.queue.unsettled_count() - unsettled_before;
        self.tally.deliver += settled_later as u64;
        self.tally.deliver_no_ack += (count - settled_later) as u64;
        self.tally.redeliver += redelivered_count;
        if count > 0 {
            self.used_at_ms = now_ms;
            self.uptake.count(count);
        }
        self.capacity
            .look(now_ms, self.queue.ready_count() == 0 || self.queue.has_willing_consumer());
    }

    /// Somebody has fetched a message, or found none.
    pub(crate) fn count_fetch(&mut self, delivery: Option<&Delivery>, settles: bool, now_ms: u64) {
        self.used_at_ms = now_ms;
        let Some(delivery) = delivery else {
            self.tally.get_empty += 1;
            return;
        };
        self.tally.get += u64::from(settles);
        self.tally.get_no_ack += u64::from(!settles);
        self.tally.redeliver += u64::from(delivery.is_redelivered);
    }

    /// How much of the time lately a message could have gone to a consumer at once.
    pub(crate) fn consumer_capacity(&self, now_ms: u64) -> Option<f64> {
        (self.queue.consumer_count() > 0).then(|| self.capacity.at(now_ms))
    }

    /// What it holds.
    pub(crate) fn holdings(&self) -> Holdings {
        let queue = &self.queue;
        Holdings {
            ready_count: queue.ready_count(),
            unsettled_count: queue.unsettled_count() as u64,
            scheduled_count: queue.scheduled_count() as u64,
            ready_bytes: queue.ready_bytes(),
            unsettled_bytes: queue.unsettled_bytes(),
            consumer_count: queue.consumer_count() as u64,
        }
    }

    /// Memory that it takes.
    pub(crate) fn resident_bytes(&self) -> usize {
        let history_bytes = self.history.as_ref().map_or(0, History::resident_bytes);
        let dedup_bytes = self.dedup.as_ref().map_or(0, Deduplication::resident_bytes);
        self.queue.resident_bytes() + history_bytes + dedup_bytes + self.ledger.resident_bytes()
    }

    /// The queue's type, on which depends who may consume.
    pub(crate) fn kind(&self) -> QueueKind {
        QueueKind::of(&self.definition.arguments)
    }

    /// Whether only one of its consumers gets messages at a time.
    pub(crate) fn is_single_active(&self) -> bool {
        sharing(&self.definition) != Sharing::All
    }

    /// Looks whether the queue lags: a consumer waits for its socket while messages pile up in memory. It has caught up
    /// only when much less is left, so that the answer does not flicker.
    pub(crate) fn look_for_lag(&mut self) -> bool {
        let bytes = self.queue.waiting_bytes();
        self.is_lagging = if self.is_lagging {
            bytes > LAG_ENDS_BYTES && self.queue.consumer_count() > 0
        } else {
            bytes > LAG_BEGINS_BYTES && self.queue.has_blocked_consumer()
        };
        self.is_lagging
    }
}

/// Which of a queue's consumers get messages. Only its own arguments say so, never a policy: it cannot change.
fn sharing(definition: &Definition) -> Sharing {
    let arguments = &definition.arguments;
    let is_single_active = arguments.get(SINGLE_ACTIVE) == Some(&Value::Bool(true));
    match (is_single_active, QueueKind::of(arguments)) {
        (false, _) => Sharing::All,
        (true, QueueKind::Classic) => Sharing::One,
        (true, QueueKind::Quorum) => Sharing::Foremost,
    }
}

/// How many messages an exchange remembers, 20 unless it says something else.
fn history_length(arguments: &Arguments) -> usize {
    const LENGTH: usize = 20;
    let asked = arguments.get("x-recent-history-length").and_then(Value::as_integer);
    asked.and_then(|length| usize::try_from(length).ok()).unwrap_or(LENGTH)
}
