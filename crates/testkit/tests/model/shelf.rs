//! A queue as a list.

use std::cmp::Reverse;

use super::op::Form;

/// Who gave a message to a queue: a publisher, or the queue in which it died and whether a consumer had had it there. What
/// consumers have had may have to be read again before it goes on, and then others of its queue overtake it.
pub(crate) type Source = Option<(&'static str, Option<bool>)>;

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) number: u32,
    pub(crate) exchange: &'static str,
    pub(crate) key: &'static str,
    pub(crate) persistent: bool,
    pub(crate) priority: u8,
    pub(crate) received_at_ms: u64,
    pub(crate) expires_at_ms: Option<u64>,
    /// Whether a consumer has rejected it, here or elsewhere: who gets it hears that it was delivered before.
    pub(crate) rejected: bool,
}

/// When a message came: at which step, and at what time.
pub(crate) type Moment = (u64, u64);

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) message: Message,
    pub(crate) place: Place,
    /// `None` where either is right.
    pub(crate) redelivered: Option<bool>,
    pub(crate) came: (Moment, Source),
}

/// What stands first goes first. Those with the same place came from different sides at the same moment: either may be first.
pub(crate) type Place = (Reverse<u8>, u64);

/// How a message looks to who gets it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    pub(crate) number: u32,
    pub(crate) redelivered: bool,
    pub(crate) exchange: String,
    pub(crate) key: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub(crate) serial: u64,
    pub(crate) connection: usize,
    pub(crate) channel: u16,
    pub(crate) tag: &'static str,
    pub(crate) no_ack: bool,
    pub(crate) exclusive: bool,
    /// 0 for no bound.
    pub(crate) prefetch: u16,
}

#[derive(Debug)]
pub(crate) struct Queue {
    /// No other queue has it, not even one of the same name.
    pub(crate) serial: u64,
    pub(crate) form: Form,
    /// Whose it is: the serial of a connection.
    pub(crate) owner: Option<u64>,
    /// In order of their places.
    pub(crate) ready: Vec<Entry>,
    pub(crate) consumers: Vec<Consumer>,
    last_group: u64,
}

impl Entry {
    /// Whether it came in this step as a dead letter.
    pub(crate) fn is_letter_of(&self, step: u64) -> bool {
        self.came.0.0 == step && self.came.1.is_some()
    }
}

impl Queue {
    pub(crate) const fn new(serial: u64, form: Form, owner: Option<u64>) -> Self {
        Self { serial, form, owner, ready: Vec::new(), consumers: Vec::new(), last_group: 0 }
    }

    /// A message comes.
    pub(crate) fn arrive(&mut self, message: Message, moment: Moment, source: Source) {
        let lane = message.priority.min(self.form.priority_max.unwrap_or(0));
        self.last_group += 1;
        let mut group = self.last_group;
        // Of what comes from two sides at once, none has to be first.
        let same = |entry: &Entry| entry.came.0 == moment && entry.place.0.0 == lane;
        if self.ready.iter().any(|entry| same(entry) && entry.came.1 != source) {
            let groups = self.ready.iter().filter(|entry| same(entry)).map(|entry| entry.place.1);
            group = groups.min().unwrap_or(group);
            self.ready.iter_mut().filter(|entry| same(entry)).for_each(|e| e.place.1 = group);
        }
        let place = (Reverse(lane), group);
        let redelivered = Some(message.rejected);
        self.put(Entry { message, place, redelivered, came: (moment, source) });
    }

    /// Puts an entry where it belongs.
    pub(crate) fn put(&mut self, entry: Entry) {
        let at = self.ready.partition_point(|other| other.place <= entry.place);
        self.ready.insert(at, entry);
    }

    pub(crate) fn deadline_ms(&self, message: &Message) -> Option<u64> {
        let uniform = self.form.ttl_ms.map(|ttl_ms| message.received_at_ms + u64::from(ttl_ms));
        [uniform, message.expires_at_ms].into_iter().flatten().min()
    }

    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.ready.iter().filter_map(|entry| self.deadline_ms(&entry.message)).min()
    }

    /// Takes out what is due up to this time, in order.
    pub(crate) fn expire(&mut self, through_ms: u64) -> Vec<Entry> {
        let due = |queue: &Self, entry: &Entry| {
            queue.deadline_ms(&entry.message).is_some_and(|at_ms| at_ms <= through_ms)
        };
        let ready = std::mem::take(&mut self.ready);
        let (expired, left) = ready.into_iter().partition(|entry| due(self, entry));
        self.ready = left;
        expired
    }

    /// Takes out what is beyond the length, in order.
    pub(crate) fn trim(&mut self) -> Vec<Entry> {
        match self.form.length_max {
            Some(max) if matches!(self.form.overflow, None | Some("drop-head")) => {
                let excess = self.ready.len().saturating_sub(max as usize);
                self.ready.drain(..excess).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether it refuses messages for which it has no room.
    pub(crate) fn may_refuse(&self) -> bool {
        let overflow = self.form.overflow.unwrap_or("drop-head");
        self.form.length_max.is_some() && overflow != "drop-head"
    }

    /// Whether there is room for one more.
    pub(crate) fn admits(&self) -> bool {
        let room = self.form.length_max.map_or(usize::MAX, |max| max as usize);
        !self.may_refuse() || self.ready.len() < room
    }

    /// Takes out the first message that may look like this.
    pub(crate) fn take(&mut self, look: &Look) -> Option<Entry> {
        let at = self.ready.iter().position(|Entry { message, redelivered, .. }| {
            message.number == look.number
                && redelivered.is_none_or(|it| it == look.redelivered)
                && (message.exchange, message.key) == (&look.exchange, &look.key)
        })?;
        Some(self.ready.remove(at))
    }

    /// The first place, but for dead letters of this step: others may have been delivered before they came.
    pub(crate) fn first_place_before(&self, step: u64) -> Option<Place> {
        self.ready.iter().find(|entry| !entry.is_letter_of(step)).map(|entry| entry.place)
    }

    pub(crate) fn first_place(&self) -> Option<Place> {
        self.ready.first().map(|entry| entry.place)
    }
}
