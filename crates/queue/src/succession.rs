//! Which consumer is the active one, of a queue that only one may take from at a time.
//!
//! ```text
//!               first to come, or next in rank                  one of a higher rank comes (Foremost)
//!   waiting ──────────────────────────────────→ active ───────────────────────────────────────────→ retiring
//!      ↑                                                                                               │
//!      └──────────────────────────────── it has settled all that it has ──────────────────────────────┘
//! ```
//!
//! The next in rank is the one with the highest priority, and of those the one that came first. When the active one is
//! cancelled the next takes over at once, even if the other has not settled what it has; that is what RabbitMQ does.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::num::NonZeroU64;

/// Which of a queue's consumers may take messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// All.
    #[default]
    All,
    /// One, until it goes.
    One,
    /// One, until it goes or one of a higher priority comes. Then it gets nothing more, and when it has settled what it
    /// has the other one takes over.
    Foremost,
}

/// Who may take over, first the one that is next.
pub(crate) type Rank = (Reverse<i32>, NonZeroU64, usize);

/// Who may take, and who is next.
#[derive(Debug, Default)]
pub(crate) struct Succession {
    pub(crate) sharing: Sharing,
    /// The active consumer, retiring or not. `None` when all may take.
    pub(crate) active: Option<usize>,
    /// All consumers, unless all may take.
    pub(crate) ranks: BTreeSet<Rank>,
}

impl Succession {
    /// Whoever should be active.
    pub(crate) fn foremost(&self) -> Option<usize> {
        self.ranks.first().map(|&(_, _, key)| key)
    }
}
