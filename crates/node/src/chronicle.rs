//! What has happened on a shard lately, for whoever watches the node.
//!
//! ```text
//!   connections: take_happenings ┐
//!   broker: poll_occurrence ─────┼──→ the last thousand, numbered ──→ observe_events(after), as often as somebody asks
//!   shortages ───────────────────┘
//! ```
//!
//! They take a bounded number of bytes: long ones push more of the older ones out. Nobody is waited for: who asks too seldom is told how many events are gone.

use std::collections::VecDeque;

use broker::Occurred;
use proto_amqp091::{Happening, What};

use crate::shard::Shard;

/// Events that are kept of one shard.
pub const EVENTS_MAX: usize = 1_024;

/// Bytes of memory that they take, about, at most.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a node can be short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Memory.
    Memory,
    /// Room on the disk.
    Disk,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// To a connection.
    Client(Happening),
    /// To what is declared.
    Declared(Occurred),
    /// The node is short of something, or has enough again.
    Alarm {
        /// Of what.
        resource: Resource,
        /// Whether it is short.
        is_set: bool,
    },
}

impl EventKind {
    /// About how many bytes of memory it takes. It does not change.
    fn held_bytes(&self) -> usize {
        size_of::<Event>()
            + match self {
                Self::Client(happening) => happening.held_bytes(),
                Self::Declared(occurred) => occurred.held_bytes(),
                Self::Alarm { .. } => 0,
            }
    }
}

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number: the first event of a shard has 1.
    pub number: u64,
    /// In milliseconds since 1970; not before that of the event before it.
    pub at_ms: u64,
    /// What.
    pub kind: EventKind,
}

/// Some of a shard's events.
#[derive(Clone, Debug, Default)]
pub struct EventPage {
    /// In their order.
    pub events: Vec<Event>,
    /// How many before these are not kept any more.
    pub lost_count: u64,
    /// The number of the last one that there is.
    pub last: u64,
}

/// The last events of a shard.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    events: VecDeque<Event>,
    /// What they take.
    bytes: usize,
    last: u64,
}

impl Chronicle {
    pub(crate) fn add(&mut self, at_ms: u64, kind: EventKind) {
        self.bytes += kind.held_bytes();
        while self.events.len() >= EVENTS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.kind.held_bytes();
        }
        // Where a clock is set back, what comes later stays later.
        let at_ms = self.events.back().map_or(at_ms, |newest| newest.at_ms.max(at_ms));
        self.last += 1;
        self.events.push_back(Event { number: self.last, at_ms, kind });
    }

    /// So many are missing here.
    const fn skip(&mut self, count: u64) {
        self.last += count;
    }

    fn page(&self, after: u64, count: usize) -> EventPage {
        let first = self.events.partition_point(|event| event.number <= after);
        let events: Vec<Event> = self.events.range(first..).take(count).cloned().collect();
        let seen = events.last().map_or(self.last, |last| last.number);
        let lost_count = seen.saturating_sub(after).saturating_sub(events.len() as u64);
        EventPage { events, lost_count, last: self.last }
    }
}

impl Shard {
    /// At most `count` of the events of this shard behind the one with the number `after`.
    pub fn observe_events(&mut self, after: u64, count: usize) -> EventPage {
        self.chronicle_declared();
        self.chronicle.page(after, count)
    }

    /// Takes over what has happened to a client. A login that nobody was asked about is counted here.
    pub(crate) fn chronicle_clients(&mut self, happenings: Vec<Happening>) {
        let now_ms = self.broker.now_ms();
        for happening in happenings {
            let is_uncounted = matches!(happening.what, What::LoginRefused { is_claim: false, .. });
            self.attempts.failed += u64::from(is_uncounted);
            self.chronicle.add(now_ms, EventKind::Client(happening));
        }
    }

    /// Takes over what has happened to declared things.
    pub(crate) fn chronicle_declared(&mut self) {
        let now_ms = self.broker.now_ms();
        let missed_count = self.broker.take_missed_count();
        self.chronicle.skip(missed_count);
        while let Some(occurred) = self.broker.poll_occurrence() {
            self.chronicle.add(now_ms, EventKind::Declared(occurred));
        }
    }
}

#[cfg(test)]
mod tests {
    use broker::Occurrence;
    use message::Name;

    use super::*;

    fn alarm(chronicle: &mut Chronicle) {
        let kind = EventKind::Alarm { resource: Resource::Memory, is_set: true };
        chronicle.add(7, kind);
    }

    #[test]
    fn who_asks_too_late_is_told_how_many_are_gone() {
        let mut chronicle = Chronicle::default();
        assert_eq!(chronicle.page(0, 10).last, 0);
        (0..3).for_each(|_| alarm(&mut chronicle));
        let page = chronicle.page(1, 10);
        assert_eq!((page.events.len(), page.lost_count, page.last), (2, 0, 3));
        (0..EVENTS_MAX).for_each(|_| alarm(&mut chronicle));
        let page = chronicle.page(1, 10);
        assert_eq!((page.events.len(), page.lost_count), (10, 2));
        assert_eq!((page.events[0].number, page.last), (4, EVENTS_MAX as u64 + 3));
        chronicle.skip(5);
        let page = chronicle.page(EVENTS_MAX as u64 + 3, 10);
        assert_eq!((page.events.len(), page.lost_count), (0, 5));
        assert_eq!(chronicle.page(page.last, 10).lost_count, 0);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_change_the_order() {
        let mut chronicle = Chronicle::default();
        for at_ms in [7, 3, 9] {
            let kind = EventKind::Alarm { resource: Resource::Disk, is_set: true };
            chronicle.add(at_ms, kind);
        }
        let times: Vec<_> = chronicle.page(0, 3).events.iter().map(|event| event.at_ms).collect();
        assert_eq!(times, [7, 7, 9]);
    }

    #[test]
    fn long_events_push_out_more_of_the_older_ones() {
        let mut chronicle = Chronicle::default();
        let tags: Vec<String> = (0..64).map(|_| "t".repeat(1_000)).collect();
        for _ in 0..EVENTS_MAX {
            let what = Occurrence::TagsSet(Name::fixed("u"), tags.clone());
            chronicle.add(7, EventKind::Declared(Occurred { actor: None, what }));
        }
        let page = chronicle.page(0, EVENTS_MAX);
        let count = page.events.len();
        assert!((32..128).contains(&count), "{count}");
        assert_eq!(page.lost_count as usize + count, EVENTS_MAX);
        (0..EVENTS_MAX).for_each(|_| alarm(&mut chronicle));
        assert_eq!(chronicle.page(0, usize::MAX).events.len(), EVENTS_MAX);
        assert_eq!(chronicle.bytes, EVENTS_MAX * size_of::<Event>());
    }
}
