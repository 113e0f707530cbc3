//! What clients did and saw, in the order in which it happened: all that is known to those who judge.

use std::fmt;

use crate::machine::Load;

/// A message: which publishing channel sent it, and its confirm number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MessageId {
    /// A number that no other channel of the world has.
    pub(crate) line: u64,
    pub(crate) number: u64,
}

impl MessageId {
    /// The message's `message-id` property.
    pub(crate) fn to_text(self) -> String {
        format!("{}-{}", self.line, self.number)
    }

    /// Reads what [`MessageId::to_text`] has written.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (line, number) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(Self { line: line.parse().ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message {} of line {}", self.number, self.line)
    }
}

/// A message in one of the queues that it went to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placed {
    pub(crate) queue: String,
    pub(crate) id: MessageId,
}

/// Who consumes: a tag on a channel of a connection. The tag is empty for basic.get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Consumer {
    pub(crate) connection: u64,
    pub(crate) channel: u16,
    pub(crate) tag: String,
}

/// A message as it is published.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) exchange: &'static str,
    pub(crate) key: String,
    pub(crate) body_len: usize,
    pub(crate) is_persistent: bool,
    pub(crate) is_mandatory: bool,
    /// The order that holds is that of messages of the same priority.
    pub(crate) priority: Option<u8>,
    /// Before when it may not be delivered, in milliseconds since the world began.
    pub(crate) not_before_ms: Option<u64>,
    /// By what its queue knows whether it has had it.
    pub(crate) key_of_once: Option<String>,
    /// The queues of the plan that it goes to.
    pub(crate) targets: Vec<String>,
}

/// A message as it arrives at a consumer.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) copy: Placed,
    pub(crate) consumer: Consumer,
    pub(crate) is_redelivered: bool,
    /// Whether the consumer has still to settle it.
    pub(crate) settles: bool,
    /// How many deliveries the consumer has not settled, with this one, and how many it asked for at most.
    pub(crate) unsettled_count: usize,
    pub(crate) unsettled_max: Option<usize>,
    pub(crate) exchange: Vec<u8>,
    pub(crate) key: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// When, in milliseconds since the world began.
    pub(crate) at_ms: u64,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// A client has sent a message.
    Published { id: MessageId, publication: Publication },
    /// It has been told that the message is safe.
    Confirmed { id: MessageId },
    /// It has taken back what it sent in a transaction.
    Withdrawn { id: MessageId },
    /// It got the message back.
    Returned { id: MessageId },
    /// A consumer has got a message.
    Delivered(Delivery),
    /// It has acknowledged or rejected it, with the method of this number on its connection.
    Settled { copy: Placed, connection: u64, method: u64, is_accepted: bool },
    /// It has given it back.
    Requeued { copy: Placed },
    /// The node has answered something that a connection sent behind its method `before`: it has read that.
    Read { connection: u64, before: u64 },
    /// A persistent message is confirmed that a connection sent to `queue` behind its method `before`: what it settled
    /// there until then is on disk.
    Synced { connection: u64, before: u64, queue: String },
    /// A client has cancelled a consumer.
    ConsumerGone,
    /// A client has closed a channel.
    ChannelGone { connection: u64, channel: u16 },
    /// A connection has ended, whoever ended it.
    ConnectionGone { connection: u64 },
    /// The node sent what it may not send.
    Nonsense { connection: u64, what: String },
    /// A turn of the node is over.
    Turned(Load),
    /// The node has crashed, or, if it was stopped, has brought everything to disk and ended.
    Ended { is_flushed: bool },
    /// Nothing happens any more, and clients wait for this.
    Rested { waiting: Vec<String> },
    /// All that is left in the queues of the plan has been consumed.
    Audited,
}
