//! The verbs of a queue.
//!
//! ```text
//!              enqueue                dispatch / fetch              settle(Accept | Discard)
//!   producer ───────────→  ready  ─────────────────────→ unsettled ─────────────────────────→ gone
//!                            ↑                               │
//!                            └────── settle(Requeue) ────────┘
//! ```

use std::vec::Drain;

use message::{ClientId, Message};

use crate::consumer::ConsumerId;
use crate::delivery::Delivery;
use crate::entry::{Entry, HELD_BYTES};
use crate::overdue::Watch;
use crate::ready::{Ready, TailRequest};
use crate::remains::Remains;
use crate::room::Room;
use crate::takers::Takers;
use crate::unsettled::{TakerKey, Unsettled};

/// A queue.
#[derive(Debug, Default)]
pub struct Queue {
    pub(crate) ready: Ready,
    pub(crate) unsettled: Unsettled,
    pub(crate) takers: Takers,
    pub(crate) watch: Watch,
    pub(crate) room: Room,
    next_seq: u64,
    /// Milliseconds since 1970, as the caller has last said.
    pub(crate) now_ms: u64,
    /// The same in seconds, as of the last delivery.
    pub(crate) now_s: u32,
}

/// What the store has of one lane of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveredLane {
    /// The lowest place.
    pub first_seq: u64,
    /// The place behind all others.
    pub next_seq: u64,
    /// How many messages.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a purge took.
#[derive(Debug)]
pub struct Purged {
    /// How many messages.
    pub count: u64,
    /// The places and lengths of those that the store must keep because a consumer still has them or nobody has asked for them
    /// since they died, lowest first, per lane.
    pub kept: Vec<Vec<(u64, u32)>>,
    /// The messages, to be dropped.
    pub remains: Remains,
}

impl Queue {
    /// An empty queue with one lane.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty queue with a lane for each level of priority.
    ///
    /// # Panics
    /// When there are no lanes, or more than 256.
    pub fn with_lanes(count: u16) -> Self {
        Self { ready: Ready::with_lanes(count), ..Self::default() }
    }

    /// A queue whose messages are in the store.
    ///
    /// # Panics
    /// When there are no lanes, or more than 256.
    pub fn recovered(lanes: &[RecoveredLane]) -> Self {
        let mut queue = Self::with_lanes(u16::try_from(lanes.len()).unwrap_or(u16::MAX));
        for (lane, &RecoveredLane { first_seq, next_seq, count, bytes }) in (0..=u8::MAX).zip(lanes)
        {
            queue.next_seq = queue.next_seq.max(next_seq);
            queue.ready.recover(lane, (first_seq, next_seq.saturating_sub(1)), count, bytes);
        }
        queue
    }

    /// Says how much memory the queue may use from here on. What it holds already stays.
    pub const fn set_room(&mut self, room: Room) {
        self.room = room;
    }

    /// Whether so much is in memory only that the next message is best given to the store, even if nobody asked to keep
    /// it.
    #[inline]
    pub const fn wants_store(&self) -> bool {
        self.ready.unstored_weight() + self.unsettled.unstored_weight() >= self.room.unstored_bytes
    }

    /// The place that the next message will get.
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Adds a message behind all others of its lane. `is_stored` says that the caller has given it to the store under
    /// [`Queue::next_seq`], into [`Queue::lane_of`] it.
    #[inline]
    pub fn enqueue(&mut self, message: Message, is_stored: bool, now_ms: u64) {
        self.now_ms = now_ms;
        let seq = self.next_seq;
        self.next_seq += 1;
        if self.ready.has_one_lane() && !message.has_fields() {
            return self.ready.push(Entry::new(0, seq, message, is_stored), &self.room);
        }
        let entry = Entry::new(self.lane_of(&message), seq, message, is_stored);
        self.ready.push_special(entry, now_ms, &self.room);
    }

    /// The same, in a queue with one lane, of a message without fields whose head has this length: it is not looked at itself.
    #[inline]
    pub fn enqueue_plain(
        &mut self,
        message: Message,
        head_len: usize,
        is_stored: bool,
        now_ms: u64,
    ) {
        self.now_ms = now_ms;
        let seq = self.next_seq;
        self.next_seq += 1;
        self.ready.push(Entry::with_head(seq, message, head_len, is_stored), &self.room);
    }

    /// The same of messages that nobody keeps on disk, as long as the queue [does not want that](Queue::wants_store) itself.
    /// Returns how many these were.
    pub fn enqueue_alike(
        &mut self,
        messages: &mut Drain<'_, Message>,
        head_len: usize,
        now_ms: u64,
    ) -> usize {
        self.now_ms = now_ms;
        let unstored_weight = self.ready.unstored_weight() + self.unsettled.unstored_weight();
        let left_bytes = self.room.unstored_bytes.saturating_sub(unstored_weight);
        let (mut count, mut weight) = (0, 0);
        for message in messages.as_slice() {
            if weight >= left_bytes {
                break;
            }
            count += 1;
            weight += message.len_bytes() + HELD_BYTES;
        }
        let head_len = head_len.min(u16::MAX as usize);
        let bytes = (weight - count * (head_len + HELD_BYTES)) as u64;
        let first_seq = self.next_seq;
        self.next_seq += count as u64;
        let entries = messages.by_ref().take(count).zip(first_seq..);
        let entries = entries.map(|(message, seq)| Entry::with_head(seq, message, head_len, false));
        self.ready.extend(entries, weight, bytes);
        count
    }

    /// How many messages wait for a consumer.
    pub fn ready_count(&self) -> u64 {
        self.ready.len()
    }

    /// Bytes of the bodies of messages that wait for a consumer, in memory or not.
    pub fn ready_bytes(&self) -> u64 {
        self.ready.bytes()
    }

    /// How many deliveries are not settled.
    pub const fn unsettled_count(&self) -> usize {
        self.unsettled.len()
    }

    /// Bytes of the bodies of messages that are not settled, in memory or not.
    pub const fn unsettled_bytes(&self) -> u64 {
        self.unsettled.bytes()
    }

    /// Memory that messages take, waiting or unsettled, and what is remembered of those that are not in memory.
    pub fn resident_bytes(&self) -> usize {
        self.ready.resident_bytes() + self.unsettled.resident_bytes()
    }

    /// Bytes of waiting messages that are held in memory.
    pub fn waiting_bytes(&self) -> usize {
        self.ready.message_bytes()
    }

    /// Takes one message outside of any consumer. `None` when nothing is ready *in memory*: see
    /// [`Queue::poll_tail_request`] for the rest.
    pub fn fetch(&mut self, client: ClientId, settles: bool, now_ms: u64) -> Option<Delivery> {
        self.look(now_ms);
        let entry = self.ready.pop()?;
        Some(self.hand_over(entry, ConsumerId { client, number: 0 }, settles, None))
    }

    /// Removes all waiting messages, also those that wait for their time. What consumers have stays with them.
    pub fn purge(&mut self) -> Purged {
        let count = self.ready.len() + self.scheduled_count() as u64;
        let mut kept = self.unsettled.stored(self.ready.lane_count());
        let held = self.ready.held_of(&self.unsettled);
        let remains = Remains {
            ready: self.ready.clear(|seq| held.contains(&seq)),
            unsettled: Unsettled::default(),
        };
        // What has died and was not told of yet is told of, and settled then.
        if let Some(ruled) = &self.ready.ruled {
            ruled.dead.kept().for_each(|(spot, length)| {
                kept[usize::from(spot.lane())].push((spot.seq(), length));
            });
            kept.iter_mut().for_each(|places| places.sort_unstable());
        }
        Purged { count, kept, remains }
    }

    /// Ends the queue. Its messages are to be dropped, waiting or unsettled.
    pub fn into_remains(self) -> Remains {
        Remains { ready: self.ready, unsettled: self.unsettled }
    }

    /// What to read from the store before what is in memory runs dry. The caller answers with [`Queue::loaded`].
    pub fn poll_tail_request(&mut self) -> Option<TailRequest> {
        self.ready.poll_tail_request(self.next_seq, &self.room)
    }

    /// What a read brought: live messages in order, and the place from which on nothing was read. That is where the read
    /// began if the store has nothing live from there on.
    pub fn loaded(
        &mut self,
        lane: u8,
        messages: impl Iterator<Item = (u64, Message)>,
        next_seq: u64,
    ) {
        self.ready.loaded(lane, messages, next_seq);
    }

    /// Somebody takes messages, and it is that late.
    pub(crate) fn look(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.now_s = u32::try_from(now_ms / 1000).unwrap_or(u32::MAX);
        self.ready.look(now_ms);
    }

    #[inline]
    pub(crate) fn hand_over(
        &mut self,
        entry: Entry,
        consumer: ConsumerId,
        settles: bool,
        taker: Option<TakerKey>,
    ) -> Delivery {
        let (lane, seq) = (entry.lane(), entry.seq);
        let (is_redelivered, is_stored) = (entry.is_redelivered(), entry.is_stored());
        let (delivery_count, acquired_count) = self.ready.counts(seq, settles);
        if settles {
            let message = entry.message.clone();
            let id = Some(self.unsettled.hold(entry, taker, self.now_s, &self.room));
            Delivery {
                consumer,
                message,
                id,
                lane,
                seq,
                leaves_store: false,
                is_redelivered,
                delivery_count,
                acquired_count,
            }
        } else {
            Delivery {
                consumer,
                message: entry.message,
                id: None,
                lane,
                seq,
                leaves_store: is_stored,
                is_redelivered,
                delivery_count,
                acquired_count,
            }
        }
    }
}
