//! A channel: one conversation within a connection.
//!
//! ```text
//!   (none) ──channel.open──→ Open ──our channel.close──→ Closing ──close-ok──→ (none)
//!                              └───── their channel.close ─────────────────────→ (none)
//! ```

use std::collections::BTreeMap;

use broker::{MessageCounters, Origin, Publisher};
use message::{Name, QueueId};

use crate::breakdown::Breakdown;
use crate::permitting::Grants;
use crate::prefetch::SharedPrefetch;
use crate::publishing::Assembly;
use crate::repeat::LastPublish;
use crate::replying::ReplyConsumer;
use crate::transaction::Transaction;
use crate::unacked::Unacked;

/// The broker's name for the `opened`th channel of a connection, which has this number. A number is used again and
/// again; a name is not, so that what is meant for a channel that is closed does not reach the next one.
pub(crate) fn link(opened: u64, number: u16) -> u64 {
    opened << u16::BITS | u64::from(number)
}

/// The number of the channel that a link names.
pub(crate) const fn channel_of(link: u64) -> u16 {
    (link & 0xFFFF) as u16
}

/// A channel.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The broker's name for it.
    pub(crate) link: u64,
    pub(crate) publisher: Publisher,
    pub(crate) assembly: Assembly,
    pub(crate) last_publish: LastPublish,
    /// Where its user may publish, as far as it has been asked.
    pub(crate) grants: Grants,
    pub(crate) unacked: Unacked,
    /// Its consumer of answers.
    pub(crate) replies: Option<ReplyConsumer>,
    /// What waits to be committed, if the channel is transactional.
    pub(crate) transaction: Option<Box<Transaction>>,
    /// The numbers of its consumers, by their tags.
    pub(crate) consumers: BTreeMap<Box<str>, u32>,
    /// Unacknowledged deliveries at most, for each consumer to come; 0 for no bound.
    pub(crate) prefetch_count: u16,
    /// The same for all of its consumers together.
    pub(crate) shared_prefetch: SharedPrefetch,
    /// The queue that an empty name stands for.
    pub(crate) last_queue: Option<Name>,
    /// We have closed it and wait for the client to agree; all else is ignored.
    pub(crate) is_closing: bool,
    /// What it held when that was last added to its connection's sum.
    pub(crate) counted_bytes: usize,
    /// Whether it is listed as having confirms to write.
    pub(crate) is_confirm_due: bool,
    /// Whether it is listed as having published since that was last counted.
    pub(crate) has_uncounted: bool,
    /// When it was last used, in milliseconds since 1970.
    pub(crate) used_at_ms: u64,
    /// What went through it.
    pub(crate) counters: MessageCounters,
    /// The same, told apart. Most channels only publish, or only consume, or do nothing.
    pub(crate) breakdown: Option<Box<Breakdown>>,
}

impl Channel {
    pub(crate) fn new(origin: Origin, vhost: Name) -> Self {
        Self {
            link: origin.link,
            publisher: Publisher::new(origin, vhost),
            assembly: Assembly::Idle,
            last_publish: LastPublish::default(),
            grants: Grants::default(),
            unacked: Unacked::default(),
            replies: None,
            transaction: None,
            consumers: BTreeMap::new(),
            prefetch_count: 0,
            shared_prefetch: SharedPrefetch::default(),
            last_queue: None,
            is_closing: false,
            counted_bytes: 0,
            is_confirm_due: false,
            has_uncounted: false,
            used_at_ms: 0,
            counters: MessageCounters::ZERO,
            breakdown: None,
        }
    }

    /// What went through it, told apart.
    pub(crate) fn breakdown(&mut self) -> &mut Breakdown {
        self.breakdown.get_or_insert_default()
    }

    /// Its client has acknowledged so many messages of a queue.
    #[inline]
    pub(crate) fn count_acks(&mut self, queue: QueueId, count: u64) {
        self.breakdown().count_queue(queue, |counters| counters.ack += count);
    }

    /// Messages that it has published and that are not confirmed. A transaction's are not counted so.
    pub(crate) fn unconfirmed_count(&self) -> usize {
        if self.transaction.is_some() { 0 } else { self.publisher.unconfirmed_count() }
    }

    /// Gives back memory that is kept to be used again.
    pub(crate) fn shed(&mut self) {
        self.unacked.shed();
        self.publisher.shed();
    }

    /// Brings what the channel adds to its connection's sum up to date.
    pub(crate) fn count_held(&mut self, sum: &mut usize) {
        let in_transaction = self.transaction.as_ref().map_or(0, |it| it.held_bytes());
        let bytes = self.unacked.held_bytes() + self.assembly.held_bytes() + in_transaction;
        *sum = *sum + bytes - self.counted_bytes;
        self.counted_bytes = bytes;
    }
}
