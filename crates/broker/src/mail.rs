//! What shards write to each other. Mail between two shards arrives in order.

use message::{ClientId, Message, Name, QueueId, Settlement};
use queue::{ConsumerId, DeliveryId};

use crate::event::Event;
use crate::publisher::Confirm;
use crate::registry::Errand;
use crate::reply::ReplyAddress;
use crate::request::{Origin, Request};
use crate::signal::Fact;

impl Mail {
    /// How many bytes of messages it holds.
    pub fn message_bytes(&self) -> usize {
        match self {
            Self::Enqueue { messages, .. } => messages.iter().map(Message::len_bytes).sum(),
            Self::Tell { event: Event::Deliver { deliveries, .. }, .. } => {
                deliveries.iter().map(|delivery| delivery.message.len_bytes()).sum()
            }
            Self::Reply { message, .. } => message.len_bytes(),
            _ => 0,
        }
    }
}

/// One piece of mail.
#[derive(Clone, Debug)]
pub enum Mail {
    /// Messages for a queue that lives with the receiver, in order.
    Enqueue {
        /// The queue.
        queue: QueueId,
        /// The messages.
        messages: Vec<Message>,
        /// Whom to tell when the first of them is safe; the others have the numbers that follow.
        confirm: Option<Confirm>,
        /// Whether they are alike in all but their bodies and the time that they came.
        are_alike: bool,
    },
    /// Deliveries of a queue that lives with the receiver have ended, one after the other.
    Settle {
        /// The queue.
        queue: QueueId,
        /// Which.
        deliveries: Vec<DeliveryId>,
        /// How all of them have.
        settlement: Settlement,
    },
    /// A consumer's socket has taken bytes.
    Credit {
        /// The queue that it is on.
        queue: QueueId,
        /// The consumer.
        consumer: ConsumerId,
        /// How many.
        bytes: i64,
    },
    /// The consumers of a queue are outrun, or are not any more: see [`crate::outrun`].
    Outrun {
        /// The queue.
        queue: QueueId,
        /// Whether they are.
        is_outrun: bool,
    },
    /// A consumer gets nothing for a while, or gets messages again.
    Pause {
        /// The queue that it is on.
        queue: QueueId,
        /// The consumer.
        consumer: ConsumerId,
        /// Whether it gets nothing.
        is_paused: bool,
    },
    /// A consumer is gone, and nobody waits to hear of it.
    DropConsumer {
        /// The queue that it was on.
        queue: QueueId,
        /// The consumer.
        consumer: ConsumerId,
    },
    /// For shard 0: a request that concerns what is declared.
    Register(Box<Request>),
    /// A request that concerns a queue of the receiver.
    Serve {
        /// The queue.
        queue: QueueId,
        /// The request.
        request: Box<Request>,
    },
    /// The steps of a queue's end, and of a client's.
    Errand(Box<Errand>),
    /// A queue was declared that goes with a client of the receiver.
    Owns {
        /// The client.
        client: ClientId,
        /// Its queue.
        queue: QueueId,
    },
    /// Something has begun, or ceased, to be true of the sender.
    Signal {
        /// What.
        fact: Fact,
        /// Whether it is true.
        is_true: bool,
    },
    /// An answer for a client of the receiver, if its address is open.
    Reply {
        /// Where it goes.
        address: ReplyAddress,
        /// The answer.
        message: Message,
    },
    /// Whether an address of a client of the receiver is open.
    FindReply {
        /// Who asks.
        origin: Origin,
        /// The address.
        address: ReplyAddress,
        /// Where whoever asks is.
        vhost: Name,
    },
    /// For a client of the receiver.
    Tell {
        /// The client.
        client: ClientId,
        /// What.
        event: Event,
    },
}
