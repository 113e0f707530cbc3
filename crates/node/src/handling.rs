//! Messages in an operator's hands: published one by one, fetched some at a time.
//!
//! ```text
//!   publish_as_operator → Broker::publish → … → Event::Confirmed → routed, or not
//!   fetch_as_operator → Fetch → a message → Fetch → … → empty, or enough → all are settled → the messages
//! ```

use broker::{Answer, Due, MessageCounters, Origin, Published, Publisher, Refusal, Request, Verb};
use message::{Name, QueueId, Settlement};
use proto_amqp091::{Context, MessageView, Publication, Unpublished};
use queue::Delivery;

use crate::operator::operator_of;
use crate::shard::Shard;

/// How many messages one question fetches at most in a turn.
const FETCH_STEP: usize = 128;
/// How many bytes of messages one question fetches: no more are fetched beyond.
const FETCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What became of a message that an operator has published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is safe in all queues that it went to.
    Routed,
    /// There was nowhere for it to go.
    Unroutable,
    /// A queue did not take it. RabbitMQ answers 400, `rejected Unable to publish message. Check queue limits.`
    Rejected,
}

/// Takes what became of an operator's message.
pub type PublishReply = Box<dyn FnOnce(Result<Outcome, Unpublished>) + Send>;

/// What becomes of messages that an operator has fetched. RabbitMQ's names are those of [`AckMode::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckMode {
    /// They are back in the queue, as if a consumer had given them back.
    AckRequeue,
    /// They are gone.
    AckDrop,
    /// They are back in the queue, as if a consumer had failed.
    RejectRequeue,
    /// They have died, and go where dead letters of the queue go.
    RejectDrop,
    /// They stay with the operator until [`Shard::settle_as_operator`].
    Hold,
}

impl AckMode {
    /// By RabbitMQ's names.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "ack_requeue_true" => Self::AckRequeue,
            "ack_requeue_false" => Self::AckDrop,
            "reject_requeue_true" => Self::RejectRequeue,
            "reject_requeue_false" => Self::RejectDrop,
            _ => return None,
        })
    }

    /// How deliveries end when the last one is there; `None` where they end by being handed out, or do not end yet.
    const fn settlement(self) -> Option<Settlement> {
        match self {
            Self::AckRequeue => Some(Settlement::Requeue),
            Self::AckDrop | Self::Hold => None,
            Self::RejectRequeue => Some(Settlement::Failed),
            Self::RejectDrop => Some(Settlement::Discard),
        }
    }

    /// Whether deliveries are to be settled at all.
    const fn settles(self) -> bool {
        !matches!(self, Self::AckDrop)
    }
}

/// A message that an operator has fetched.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// The message.
    pub message: MessageView,
    /// How many messages were ready behind it.
    pub ready_count: u64,
    /// What is to be settled, if it is [held](AckMode::Hold).
    pub due: Option<Due>,
}

/// Takes what an operator has fetched.
pub type FetchReply = Box<dyn FnOnce(Result<Vec<Fetched>, Refusal>) + Send>;

/// A message on its way to its queues.
pub(crate) struct Publishing {
    publisher: Publisher,
    answer: PublishReply,
}

/// Messages that are being fetched.
pub(crate) struct Fetching {
    vhost: Name,
    name: Name,
    left: usize,
    left_in_turn: usize,
    ack_mode: AckMode,
    fetched: Vec<Fetched>,
    bytes: usize,
    dues: Vec<Due>,
    answer: FetchReply,
}

impl Shard {
    /// Publishes a message in an operator's name, who is called `user`. What became of it is told once it is true.
    pub fn publish_as_operator(
        &mut self,
        vhost: &Name,
        user: &str,
        publication: &Publication,
        answer: PublishReply,
    ) {
        let link = self.operator.next_link();
        let origin = Origin { client: operator_of(self.id), link };
        let mut publisher = Publisher::new(origin, vhost.clone());
        publisher.confirm();
        let (now, now_ms) = (self.turn_began_at, self.broker.now_ms());
        let mut cx = Context { broker: &mut self.broker, arena: &mut self.arena, now, now_ms };
        match proto_amqp091::publish(&mut cx, &mut publisher, user, publication) {
            Ok(Published::Routed) => {
                self.operator.publishing.insert(link, Publishing { publisher, answer });
            }
            Ok(Published::Replied) => answer(Ok(Outcome::Routed)),
            Ok(Published::Unroutable) => answer(Ok(Outcome::Unroutable)),
            Err(unpublished) => answer(Err(unpublished)),
        }
    }

    /// Some queues have decided about a message.
    pub(crate) fn decided_for_operator(&mut self, link: u64, first: u64, last: u64, is_safe: bool) {
        let Some(publishing) = self.operator.publishing.get_mut(&link) else { return };
        let publisher = &mut publishing.publisher;
        if is_safe {
            publisher.confirmed(first, last);
        } else {
            publisher.rejected(first, last);
        }
        let Some(confirmation) = publisher.poll_confirmation() else { return };
        let confirm = u64::from(!confirmation.is_rejected);
        let counters = MessageCounters { confirm, ..MessageCounters::ZERO };
        self.broker.count_messages(publisher.vhost(), counters);
        let Some(publishing) = self.operator.publishing.remove(&link) else { return };
        let is_rejected = confirmation.is_rejected;
        (publishing.answer)(Ok(if is_rejected { Outcome::Rejected } else { Outcome::Routed }));
    }

    /// Fetches up to `count` messages of a queue in an operator's name; fewer if there are no more, or 64 MiB are reached.
    /// They come in their order, and end as `ack_mode` says once the last one is there.
    pub fn fetch_as_operator(
        &mut self,
        vhost: &Name,
        name: &Name,
        count: usize,
        ack_mode: AckMode,
        answer: FetchReply,
    ) {
        let link = self.operator.next_link();
        let fetching = Fetching {
            vhost: vhost.clone(),
            name: name.clone(),
            left: count,
            left_in_turn: FETCH_STEP,
            ack_mode,
            fetched: Vec::new(),
            bytes: 0,
            dues: Vec::new(),
            answer,
        };
        self.operator.fetching.insert(link, fetching);
        self.fetch_more(link);
    }

    /// Asks for the next message, or ends.
    fn fetch_more(&mut self, link: u64) {
        let Some(fetching) = self.operator.fetching.get_mut(&link) else { return };
        if fetching.left == 0 || fetching.bytes >= FETCH_BYTES_MAX {
            return self.end_fetching(link, None);
        }
        if fetching.left_in_turn == 0 {
            fetching.left_in_turn = FETCH_STEP;
            return self.operator.put_off.push(link);
        }
        fetching.left -= 1;
        fetching.left_in_turn -= 1;
        let settles = fetching.ack_mode.settles();
        let (vhost, name) = (fetching.vhost.clone(), fetching.name.clone());
        let origin = Origin { client: operator_of(self.id), link };
        self.broker.request(Request { origin, verb: Verb::Fetch { vhost, name, settles } });
    }

    /// Goes on with what was left over from the last turn.
    pub(crate) fn go_on_for_operator(&mut self) {
        for link in std::mem::take(&mut self.operator.put_off) {
            self.fetch_more(link);
        }
    }

    /// The answer to a fetch. Returns it if it was not one of these.
    pub(crate) fn fetched_for_operator(&mut self, link: u64, reply: Result<Answer, Refusal>) {
        match reply {
            Ok(Answer::Fetched { queue, delivery: Some(delivery), ready_count }) => {
                self.add_fetched(link, queue, &delivery, ready_count);
                self.fetch_more(link);
            }
            Ok(_) => {
                self.count_fetched(link, MessageCounters { get_empty: 1, ..MessageCounters::ZERO });
                self.end_fetching(link, None);
            }
            Err(refusal) => self.end_fetching(link, Some(refusal)),
        }
    }

    fn add_fetched(&mut self, link: u64, queue: QueueId, delivery: &Delivery, ready_count: u64) {
        let Some(fetching) = self.operator.fetching.get_mut(&link) else { return };
        fetching.bytes += delivery.message.len_bytes();
        let due = delivery.id.map(|id| Due { queue, delivery: id });
        let is_held = fetching.ack_mode == AckMode::Hold;
        let held = due.filter(|_| is_held);
        fetching.dues.extend(due.filter(|_| !is_held));
        let message = MessageView::of_delivery(delivery);
        let counters = MessageCounters {
            get: u64::from(delivery.id.is_some()),
            get_no_ack: u64::from(delivery.id.is_none()),
            redeliver: u64::from(message.is_redelivered),
            ..MessageCounters::ZERO
        };
        fetching.fetched.push(Fetched { message, ready_count, due: held });
        self.count_fetched(link, counters);
    }

    fn count_fetched(&mut self, link: u64, counters: MessageCounters) {
        if let Some(fetching) = self.operator.fetching.get(&link) {
            self.broker.count_messages(&fetching.vhost, counters);
        }
    }

    /// Settles messages that were [held](AckMode::Hold).
    pub fn settle_as_operator(&mut self, dues: Vec<Due>, settlement: Settlement) {
        for due in dues {
            self.broker.settle(due, settlement);
        }
    }

    fn end_fetching(&mut self, link: u64, refusal: Option<Refusal>) {
        let Some(fetching) = self.operator.fetching.remove(&link) else { return };
        let settlement = fetching.ack_mode.settlement().unwrap_or(Settlement::Accept);
        for due in fetching.dues {
            self.broker.settle(due, settlement);
        }
        (fetching.answer)(match refusal {
            Some(refusal) if fetching.fetched.is_empty() => Err(refusal),
            _ => Ok(fetching.fetched),
        });
    }
}
