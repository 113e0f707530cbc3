//! What a queue is told about its messages: how long, how many, how often.

/// What becomes of a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It goes in, and what comes first goes out.
    #[default]
    DropHead,
    /// It is refused: see [`Queue::admits`](crate::Queue::admits).
    Reject,
    /// It is refused, and is a dead letter.
    RejectAndDeadLetter,
}

/// Which returns a [`Retry`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryKind {
    /// All.
    All,
    /// Those that were counted as failed.
    Failed,
    /// Those that were not.
    Returned,
}

/// Messages that come back wait before they are delivered again: `min_ms` for every time that they failed, once at least,
/// and `max_ms` at most. So does RabbitMQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Which messages wait.
    pub kind: RetryKind,
    /// The delay after the first failure.
    pub min_ms: u64,
    /// The longest delay.
    pub max_ms: u64,
}

/// What holds for a queue's messages. The default is that nothing does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How long a message may wait from when it was received or, if it was to be delivered later, from then on. It does not
    /// expire by this while it waits for its time.
    pub ttl_ms: Option<u64>,
    /// How many messages may be ready.
    pub length_max: Option<u64>,
    /// How many bytes the bodies of those that are ready may have together.
    pub bytes_max: Option<u64>,
    /// What becomes of a message for which there is no room.
    pub overflow: Overflow,
    /// How often a message may fail before it is a dead letter. Deliveries are counted only if there is a limit;
    /// `u32::MAX` is none.
    pub delivery_limit: Option<u32>,
    /// Whether messages that come back have to wait.
    pub retry: Option<Retry>,
    /// How long a consumer may take to settle a delivery.
    pub consumer_timeout_ms: Option<u64>,
    /// Whether somebody wants the messages that die here.
    pub keeps_dead: bool,
    /// The lane of messages that have no priority of their own.
    pub default_lane: u8,
}

impl Rules {
    /// Whether the deliveries of each message are counted.
    pub(crate) const fn counts(&self) -> bool {
        self.delivery_limit.is_some() || self.retry.is_some()
    }

    /// Whether there is a limit that ready messages may exceed, and the first ones go then.
    pub(crate) fn drops_head(&self) -> bool {
        self.overflow == Overflow::DropHead
            && (self.length_max.is_some() || self.bytes_max.is_some())
    }

    /// Whether so many messages with bodies of so many bytes are too much.
    pub(crate) fn are_too_many(&self, count: u64, bytes: u64) -> bool {
        self.length_max.is_some_and(|max| count > max)
            || self.bytes_max.is_some_and(|max| bytes > max)
    }

    /// How long a message that comes back has to wait, if it has to.
    pub(crate) fn retry_delay_ms(&self, has_failed: bool, delivery_count: u32) -> Option<u64> {
        let Retry { kind, min_ms, max_ms } = self.retry?;
        let applies = match kind {
            RetryKind::All => true,
            RetryKind::Failed => has_failed,
            RetryKind::Returned => !has_failed,
        };
        let delay_ms = min_ms.saturating_mul(u64::from(delivery_count.max(1))).min(max_ms);
        (applies && delay_ms > 0).then_some(delay_ms)
    }
}
