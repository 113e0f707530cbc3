//! The things that are declared.

use std::sync::Arc;

use message::{Arguments, ClientId, Name, QueueId};
use serde::{Deserialize, Serialize};

/// An exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Its number: never used again.
    pub id: u64,
    /// Where it is.
    pub vhost: Name,
    /// Its name; empty for the default exchange.
    pub name: Name,
    /// Its type, as the client named it: `direct`, `fanout`, …
    pub kind: Name,
    /// Whether it survives a restart.
    pub is_durable: bool,
    /// Whether it goes when its last binding goes.
    pub is_auto_delete: bool,
    /// Whether only other exchanges may publish to it.
    pub is_internal: bool,
    /// The hidden queue that remembers or holds back messages for it, if its type asks for one.
    #[serde(default)]
    pub relay: Option<QueueId>,
    /// What else was asked for.
    pub arguments: Arguments,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its number, which also tells where it lives.
    pub id: QueueId,
    /// Where it is.
    pub vhost: Name,
    /// Its name.
    pub name: Name,
    /// Whether it survives a restart. An exclusive queue does not.
    pub is_durable: bool,
    /// Whether it goes when its last consumer goes.
    pub is_auto_delete: bool,
    /// The only client that may use it, if it is exclusive; it goes when that client goes.
    #[serde(skip)]
    pub owner: Option<ClientId>,
    /// How many lanes it has, one per level of priority; at least 1.
    #[serde(default = "one_lane")]
    pub lane_count: u16,
    /// The exchange whose relay it is, if it is one: clients do not see it, and it comes and goes with the exchange.
    #[serde(skip)]
    pub relay_of: Option<u64>,
    /// What else was asked for. Most queues ask for the same, and share it.
    pub arguments: Arc<Arguments>,
}

/// What was declared before queues had lanes has one.
const fn one_lane() -> u16 {
    1
}

/// The store keeps apart what belongs to a queue, under numbers that no queue is given:
///
/// ```text
///   bit 55 set │ the queue's serial, 46 bits │ 9 bits: 0 ledger, 1 deduplication, 2… lane 1…
/// ```
///
/// They follow from the queue's own number, so that queues which were declared before there was any of this have them too.
const COMPANION: u64 = 1 << 55;
const COMPANION_BITS: u32 = 9;

impl Queue {
    /// The number that the store knows one of its lanes by. Lane 0 is known by the queue's own.
    pub const fn lane_id(&self, lane: u8) -> QueueId {
        lane_id(self.id, lane)
    }

    /// The number of the ledger: facts about single messages, as deadlines and counts.
    pub const fn ledger_id(&self) -> QueueId {
        self.companion(0)
    }

    /// The number of the record of what was published lately, for deduplication.
    pub const fn dedup_id(&self) -> QueueId {
        self.companion(1)
    }

    /// All numbers under which the store may have something of it.
    pub fn ids(&self) -> impl Iterator<Item = QueueId> + '_ {
        let further = 1 + u64::from(self.lane_count.max(1));
        std::iter::once(self.id).chain((0..further).map(|number| self.companion(number)))
    }

    const fn companion(&self, number: u64) -> QueueId {
        companion(self.id, number)
    }
}

/// The number that the store knows a lane of a queue by.
pub const fn lane_id(queue: QueueId, lane: u8) -> QueueId {
    if lane == 0 { queue } else { companion(queue, 1 + lane as u64) }
}

const fn companion(queue: QueueId, number: u64) -> QueueId {
    let serial = COMPANION | queue.serial() << COMPANION_BITS | number;
    QueueId::new(serial, queue.home())
}

/// What the store keeps apart of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The messages of a lane.
    Lane(u8),
    /// See [`Queue::ledger_id`].
    Ledger,
    /// See [`Queue::dedup_id`].
    Deduplication,
}

/// The queue to which a number of the store belongs, whether there is such a queue or not, and which part of it this is.
pub const fn part_of(id: QueueId) -> (QueueId, Part) {
    let serial = id.serial();
    if serial & COMPANION == 0 {
        return (id, Part::Lane(0));
    }
    let part = match serial & ((1 << COMPANION_BITS) - 1) {
        0 => Part::Ledger,
        1 => Part::Deduplication,
        number => Part::Lane((number - 1) as u8),
    };
    (principal(id), part)
}

/// The queue whose number this is, or that it is a companion's of, whether there is such a queue or not.
pub(crate) const fn principal(id: QueueId) -> QueueId {
    let serial = id.serial();
    if serial & COMPANION == 0 {
        return id;
    }
    QueueId::new((serial & !COMPANION) >> COMPANION_BITS, id.home())
}

impl Exchange {
    /// The relay as a queue, if there is one.
    pub fn relay_queue(&self) -> Option<Queue> {
        Some(Queue {
            id: self.relay?,
            vhost: self.vhost.clone(),
            name: self.name.clone(),
            is_durable: self.is_durable,
            is_auto_delete: false,
            owner: None,
            lane_count: 1,
            relay_of: Some(self.id),
            arguments: Arc::default(),
        })
    }
}

/// Where a binding leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BindingEnd {
    /// To a queue.
    Queue(Name),
    /// To another exchange.
    Exchange(Name),
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// Where it is.
    pub vhost: Name,
    /// The exchange that messages come from.
    pub source: Name,
    /// Where they go.
    pub destination: BindingEnd,
    /// The binding key.
    pub key: String,
    /// Further conditions, for headers exchanges.
    pub arguments: Arguments,
}
