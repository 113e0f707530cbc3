//! The board: who is there, since when each waits, what each has.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use queue::{Consumer, ConsumerId, Sharing, WINDOW_BYTES};
use stdx::Random;

struct Line {
    consumer: Consumer,
    held_count: u32,
    window_bytes: i64,
    is_paused: bool,
    /// Since when it waits for a message; `None` while it may take none.
    since: Option<u64>,
}

pub(crate) struct Board {
    pub(crate) ready: BTreeSet<u64>,
    sharing: Sharing,
    /// In the order in which they came.
    lines: Vec<Line>,
    active: Option<ConsumerId>,
    is_retiring: bool,
    moment: u64,
}

impl Board {
    pub(crate) fn new(sharing: Sharing) -> Self {
        let (ready, lines) = (BTreeSet::new(), Vec::new());
        Self { ready, sharing, lines, active: None, is_retiring: false, moment: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) const fn active(&self) -> Option<ConsumerId> {
        self.active
    }

    pub(crate) fn ids(&self) -> Vec<ConsumerId> {
        self.lines.iter().map(|line| line.consumer.id).collect()
    }

    pub(crate) fn any(&self, random: &mut Random) -> Option<ConsumerId> {
        let ids = self.ids();
        (!ids.is_empty()).then(|| ids[random.below(ids.len() as u64) as usize])
    }

    pub(crate) fn has_blocked(&self) -> bool {
        self.lines.iter().any(|line| line.window_bytes <= 0)
    }

    pub(crate) fn settles(&mut self, id: ConsumerId) -> bool {
        self.line(id).consumer.settles
    }

    pub(crate) fn owed_bytes(&mut self, id: ConsumerId) -> i64 {
        WINDOW_BYTES - self.line(id).window_bytes
    }

    /// Whether so much may still be on the way to a consumer.
    pub(crate) fn owes(&self, id: ConsumerId, bytes: i64) -> bool {
        let line = self.lines.iter().find(|line| line.consumer.id == id);
        line.is_none_or(|line| WINDOW_BYTES - line.window_bytes >= bytes)
    }

    /// The highest that may take; of those the one that has waited longest.
    pub(crate) fn next(&self) -> Option<ConsumerId> {
        let waiting = self.lines.iter().filter(|line| line.since.is_some());
        let next = waiting.max_by_key(|line| (line.consumer.priority, Reverse(line.since)));
        next.map(|line| line.consumer.id)
    }

    pub(crate) fn hand_over(&mut self, id: ConsumerId, bytes: i64) {
        let line = self.line(id);
        line.window_bytes -= bytes;
        line.held_count += u32::from(line.consumer.settles);
        line.since = None;
        let is_within =
            line.consumer.credit_max.is_none_or(|credit_max| line.held_count <= credit_max);
        assert!(is_within, "credit is never exceeded");
        self.look();
    }

    pub(crate) fn consume(&mut self, consumer: Consumer) -> bool {
        let is_taken = self.lines.iter().any(|line| line.consumer.is_exclusive);
        let is_alone = self.lines.is_empty() && self.sharing == Sharing::All;
        if is_taken || (consumer.is_exclusive && !is_alone) {
            return false;
        }
        self.lines.push(Line {
            consumer,
            held_count: 0,
            window_bytes: WINDOW_BYTES,
            is_paused: false,
            since: None,
        });
        self.look();
        true
    }

    pub(crate) fn cancel(&mut self, id: ConsumerId) {
        self.lines.retain(|line| line.consumer.id != id);
        self.look();
    }

    pub(crate) fn credit(&mut self, id: ConsumerId, bytes: i64) {
        self.line(id).window_bytes += bytes;
        self.look();
    }

    pub(crate) fn pause(&mut self, id: ConsumerId, is_paused: bool) {
        self.line(id).is_paused = is_paused;
        self.look();
    }

    /// A consumer, which may be gone, has settled something, or never got it.
    pub(crate) fn settle(&mut self, id: ConsumerId, refund_bytes: i64) {
        if let Some(line) = self.lines.iter_mut().find(|line| line.consumer.id == id) {
            line.held_count -= 1;
            line.window_bytes += refund_bytes;
        }
        self.look();
    }

    fn line(&mut self, id: ConsumerId) -> &mut Line {
        self.lines.iter_mut().find(|line| line.consumer.id == id).expect("it is there")
    }

    /// Looks who is active, and who may take.
    fn look(&mut self) {
        self.choose();
        let (sharing, active, is_retiring) = (self.sharing, self.active, self.is_retiring);
        for line in &mut self.lines {
            let has_credit =
                line.consumer.credit_max.is_none_or(|credit_max| line.held_count < credit_max);
            let is_its_queue =
                sharing == Sharing::All || (active == Some(line.consumer.id) && !is_retiring);
            let may_take = has_credit && line.window_bytes > 0 && !line.is_paused && is_its_queue;
            if !may_take {
                line.since = None;
            } else if line.since.is_none() {
                self.moment += 1;
                line.since = Some(self.moment);
            }
        }
    }

    fn choose(&mut self) {
        if self.sharing == Sharing::All {
            return;
        }
        // Of those that are equal, the first one that came.
        let best = self.lines.iter().rev().max_by_key(|line| line.consumer.priority);
        let best = best.map(|line| (line.consumer.id, line.consumer.priority));
        let active = self.lines.iter().find(|line| Some(line.consumer.id) == self.active);
        let Some(active) = active else {
            self.active = best.map(|(id, _)| id);
            self.is_retiring = false;
            return;
        };
        let is_outranked = best.is_some_and(|(_, priority)| priority > active.consumer.priority);
        self.is_retiring |= self.sharing == Sharing::Foremost && is_outranked;
        if self.is_retiring && active.held_count == 0 {
            self.active = best.map(|(id, _)| id);
            self.is_retiring = false;
        }
    }
}
