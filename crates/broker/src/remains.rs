//! What nobody wants any more and takes time to drop: a million of anything would stall everybody else.

use std::collections::VecDeque;

use queue::Remains;

use crate::broker::Broker;
use crate::dedup::Deduplication;
use crate::ledger::Ledger;

/// How many are dropped in one go: about a millisecond.
const DROP_STEP: usize = 10_000;

/// Something to be dropped bit by bit.
#[derive(Debug)]
pub(crate) enum Leftover {
    /// What a purged or deleted queue held.
    Messages(Box<Remains>),
    /// What was noted of its messages.
    Notes(Ledger),
    /// What it remembered of others.
    Keys(Deduplication),
}

impl Leftover {
    /// Drops `count` of it, or a few more. Returns whether anything is left.
    fn drop_some(&mut self, count: usize) -> bool {
        match self {
            Self::Messages(remains) => remains.drop_some(count),
            Self::Notes(ledger) => ledger.drop_some(count),
            Self::Keys(keys) => keys.drop_some(count),
        }
    }
}

/// All that is to be dropped.
#[derive(Debug, Default)]
pub(crate) struct Leftovers(VecDeque<Leftover>);

impl Leftovers {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Broker {
    /// Drops some of what is not wanted any more. Call once a turn.
    pub fn drop_remains(&mut self) {
        if let Some(leftover) = self.remains.0.front_mut()
            && !leftover.drop_some(DROP_STEP)
        {
            self.remains.0.pop_front();
        }
    }

    /// Has messages dropped that nobody wants: at once if they are few.
    pub(crate) fn discard(&mut self, remains: Remains) {
        self.drop_slowly(Leftover::Messages(Box::new(remains)));
    }

    /// Has something dropped that nobody wants: at once if it is little.
    pub(crate) fn drop_slowly(&mut self, mut leftover: Leftover) {
        if leftover.drop_some(DROP_STEP) {
            self.remains.0.push_back(leftover);
        }
    }
}
