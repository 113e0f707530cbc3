//! What a client is told.

use message::{ClientId, Message, Name, QueueId};
use queue::Delivery;

use crate::peek::PeekPage;
use crate::refusal::Refusal;
use crate::request::Origin;

/// The good end of a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It is done.
    Done,
    /// The queue is there.
    QueueDeclared {
        /// Its name, which the broker may have found.
        name: Name,
        /// How many messages are ready.
        ready_count: u64,
        /// How many consumers it has.
        consumer_count: u64,
    },
    /// The queue is gone, or empty.
    Removed {
        /// How many ready messages went.
        count: u64,
    },
    /// The consumer is there.
    Consuming {
        /// On this queue.
        queue: QueueId,
        /// The front-end's number for it.
        number: u32,
    },
    /// Some of a queue's messages, which are where they were.
    Peeked(Box<PeekPage>),
    /// A message, or none.
    Fetched {
        /// The queue.
        queue: QueueId,
        /// The message.
        delivery: Option<Delivery>,
        /// How many are ready behind it.
        ready_count: u64,
    },
}

/// Why a consumer is gone without having asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// Its queue was deleted.
    QueueDeleted,
    /// It took longer to settle a delivery than it may. What was overdue is back in the queue; what else it has stays
    /// with it.
    TimedOut {
        /// How long it may take.
        timeout_ms: u64,
    },
}

/// What clients stand on, and can not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The virtual host that they are in.
    Vhost(Name),
    /// The user that they have logged in as.
    User(Name),
}

/// Something a client is told.
#[derive(Clone, Debug)]
pub enum Event {
    /// Messages for its consumers, in order. Give the list back with [`Broker::recycle`](crate::Broker::recycle): it is
    /// used again.
    Deliver {
        /// From this queue.
        queue: QueueId,
        /// The messages.
        deliveries: Vec<Delivery>,
    },
    /// Messages that it published are safe: `first..=last` of a conversation's confirm numbers, each for one of the
    /// queues that it went to.
    Confirmed {
        /// The conversation.
        link: u64,
        /// The first number.
        first: u64,
        /// The last number.
        last: u64,
    },
    /// Messages that it published were not taken by one of the queues that they went to: `first..=last` of a
    /// conversation's confirm numbers.
    Rejected {
        /// The conversation.
        link: u64,
        /// The first number.
        first: u64,
        /// The last number.
        last: u64,
    },
    /// The end of a request.
    Answered {
        /// The conversation.
        link: u64,
        /// The end.
        reply: Box<Result<Answer, Refusal>>,
    },
    /// An answer to a question of its own, for the conversation's reply address.
    Reply {
        /// The conversation.
        link: u64,
        /// The answer.
        message: Box<Message>,
    },
    /// The virtual host that the client is in, or its user, has been deleted: its connection is to be closed.
    Evicted {
        /// Which.
        gone: Gone,
    },
    /// A consumer is gone, and the client did not ask for it.
    Cancelled {
        /// The front-end's number for it.
        consumer: u32,
        /// Why.
        reason: CancelReason,
    },
}

impl Event {
    pub(crate) fn answered(origin: Origin, reply: Result<Answer, Refusal>) -> (ClientId, Self) {
        (origin.client, Self::Answered { link: origin.link, reply: Box::new(reply) })
    }
}
