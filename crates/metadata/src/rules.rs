//! What holds for a queue or an exchange: its arguments, and the policies that match it, as one.
//!
//! ```text
//!   arguments of the declaration ──┐
//!   the one policy           ──┐   ├──→ QueueRules, ExchangeRules
//!   the one operator policy  ──┴───┘
//! ```
//!
//! Of two numbers the smaller one counts; where a name or a word is set, an argument wins over a policy. An
//! operator policy may only tighten a policy, except that its word for `overflow` wins.

use message::{Arguments, Name, Value};

use crate::object::{Exchange, Queue};

/// What deliveries that failed may number on a quorum queue that says nothing of it.
const QUORUM_DELIVERY_LIMIT: u32 = 20;

/// The highest of a quorum queue's priorities, which it always has.
const QUORUM_PRIORITY_MAX: u8 = 31;

/// How many message identities a queue or exchange with deduplication remembers if nothing else is said.
pub const DEDUPLICATION_CACHE_SIZE: u64 = 128;

/// The message header that names a message if nothing else is said.
pub const DEDUPLICATION_HEADER: &str = "x-deduplication-header";

/// The types of queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueKind {
    /// RabbitMQ's ordinary queue.
    #[default]
    Classic,
    /// A queue that keeps every message on disk and follows the rules of RabbitMQ's replicated queues.
    Quorum,
}

/// What happens to messages beyond a queue's length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest ones go.
    #[default]
    DropHead,
    /// New ones are not taken.
    RejectPublish,
    /// New ones are not taken, and become dead letters.
    RejectPublishAndDeadLetter,
}

/// How safe a dead letter is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeadLetterStrategy {
    /// It leaves the queue when it is sent.
    #[default]
    AtMostOnce,
    /// It leaves the queue when its targets have it.
    AtLeastOnce,
}

/// Which returned messages wait before they are delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryKind {
    /// All.
    All,
    /// Those whose delivery failed.
    Failed,
    /// Those that were given back without blame.
    Returned,
}

/// How long returned messages wait: `min_ms` times the number of their deliveries, at most `max_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Which.
    pub kind: RetryKind,
    /// The unit.
    pub min_ms: u64,
    /// The most.
    pub max_ms: u64,
}

/// Messages that came before are not taken again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deduplication {
    /// The message header that names a message.
    pub header: String,
    /// How many names are remembered.
    pub count_max: u64,
    /// For how long, if not for as long as there is room.
    pub ttl_ms: Option<u64>,
}

/// What holds for a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueRules {
    /// Its type.
    pub kind: QueueKind,
    /// How long a message may wait.
    pub message_ttl_ms: Option<u64>,
    /// How long the queue may be unused before it goes.
    pub expires_ms: Option<u64>,
    /// How many messages may be ready.
    pub length_max: Option<u64>,
    /// How many bytes the bodies of the ready messages may have.
    pub bytes_max: Option<u64>,
    /// What happens beyond.
    pub overflow: Overflow,
    /// Where dead letters go; without it they are gone.
    pub dead_letter_exchange: Option<Name>,
    /// Under which key; without it, under their own.
    pub dead_letter_key: Option<String>,
    /// How safely.
    pub dead_letter_strategy: DeadLetterStrategy,
    /// How many deliveries of a message may fail; the next failure makes it a dead letter.
    pub delivery_limit: Option<u32>,
    /// How long returned messages wait.
    pub retry: Option<Retry>,
    /// How long a consumer may take to settle.
    pub consumer_timeout_ms: Option<u64>,
    /// The highest priority. Its levels are made when the queue is, so that only arguments set it.
    pub priority_max: Option<u8>,
    /// Whether only one of its consumers gets messages at a time.
    pub is_single_active: bool,
    /// Whether and how it refuses messages that it had before.
    pub deduplication: Option<Deduplication>,
}

/// What holds for an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeRules {
    /// Where messages go that it has no destination for.
    pub alternate: Option<Name>,
    /// Whether and how it refuses messages that it had before.
    pub deduplication: Option<Deduplication>,
}

impl QueueKind {
    /// The type that a queue with these arguments has.
    pub fn of(arguments: &Arguments) -> Self {
        match arguments.get("x-queue-type").and_then(Value::as_text) {
            Some("quorum" | "rabbit_quorum_queue") => Self::Quorum,
            _ => Self::Classic,
        }
    }

    /// How many levels of priority such a queue is made with.
    pub fn lane_count(self, arguments: &Arguments) -> u16 {
        match (self, arguments.get("x-max-priority").and_then(Value::as_integer)) {
            (Self::Quorum, _) => u16::from(QUORUM_PRIORITY_MAX) + 1,
            (Self::Classic, Some(max)) => u16::from(u8::try_from(max).unwrap_or(u8::MAX)) + 1,
            (Self::Classic, None) => 1,
        }
    }
}

impl QueueRules {
    /// What a queue's own arguments make of it.
    pub(crate) fn of(queue: &Queue) -> Self {
        let asked = Asked { arguments: &queue.arguments };
        let kind = QueueKind::of(&queue.arguments);
        Self {
            kind,
            message_ttl_ms: asked.number("message-ttl"),
            expires_ms: asked.number("expires"),
            length_max: asked.number("max-length"),
            bytes_max: asked.number("max-length-bytes"),
            overflow: asked.overflow(),
            dead_letter_exchange: asked.name("dead-letter-exchange"),
            dead_letter_key: asked.word("dead-letter-routing-key").map(str::to_owned),
            dead_letter_strategy: asked.dead_letter_strategy(),
            delivery_limit: asked.delivery_limit(kind),
            retry: asked.retry(),
            consumer_timeout_ms: asked.number("consumer-timeout"),
            priority_max: asked.priority_max(kind),
            is_single_active: asked.flag("single-active-consumer"),
            deduplication: asked.deduplication(),
        }
    }
}

impl ExchangeRules {
    /// What an exchange's own arguments make of it.
    pub(crate) fn of(exchange: &Exchange) -> Self {
        let asked = Asked { arguments: &exchange.arguments };
        let alternate = exchange.arguments.get("alternate-exchange").and_then(Value::as_text);
        Self {
            alternate: alternate.and_then(|name| Name::new(name).ok()),
            deduplication: asked.deduplication(),
        }
    }
}

/// What is asked of an object, under the names that policies have for it; arguments have an `x-` in front.
struct Asked<'a> {
    arguments: &'a Arguments,
}

impl<'a> Asked<'a> {
    fn argument(&self, key: &str) -> Option<&'a Value> {
        self.arguments.get(&format!("x-{key}"))
    }

    fn number(&self, key: &str) -> Option<u64> {
        u64::try_from(self.argument(key)?.as_integer()?).ok()
    }

    fn word(&self, key: &str) -> Option<&'a str> {
        self.argument(key)?.as_text()
    }

    fn flag(&self, key: &str) -> bool {
        self.argument(key) == Some(&Value::Bool(true))
    }

    fn name(&self, key: &str) -> Option<Name> {
        Name::new(self.word(key)?).ok()
    }

    fn overflow(&self) -> Overflow {
        match self.word("overflow") {
            Some("reject-publish") => Overflow::RejectPublish,
            Some("reject-publish-dlx") => Overflow::RejectPublishAndDeadLetter,
            _ => Overflow::DropHead,
        }
    }

    fn dead_letter_strategy(&self) -> DeadLetterStrategy {
        match self.word("dead-letter-strategy") {
            Some("at-least-once") => DeadLetterStrategy::AtLeastOnce,
            _ => DeadLetterStrategy::AtMostOnce,
        }
    }

    /// A negative limit is none.
    fn delivery_limit(&self, kind: QueueKind) -> Option<u32> {
        let argument = self.argument("delivery-limit").and_then(Value::as_integer);
        match (argument, kind) {
            (Some(limit), _) if limit < 0 => None,
            (Some(limit), _) => Some(u32::try_from(limit).unwrap_or(u32::MAX)),
            (None, QueueKind::Quorum) => Some(QUORUM_DELIVERY_LIMIT),
            (None, QueueKind::Classic) => None,
        }
    }

    fn retry(&self) -> Option<Retry> {
        let kind = match self.word("delayed-retry-type")? {
            "all" => RetryKind::All,
            "failed" => RetryKind::Failed,
            "returned" => RetryKind::Returned,
            _ => return None,
        };
        let min_ms = self.number("delayed-retry-min")?;
        let max_ms = self.number("delayed-retry-max").unwrap_or(u64::MAX);
        Some(Retry { kind, min_ms, max_ms })
    }

    fn priority_max(&self, kind: QueueKind) -> Option<u8> {
        match kind {
            QueueKind::Quorum => Some(QUORUM_PRIORITY_MAX),
            QueueKind::Classic => {
                self.number("max-priority").map(|max| u8::try_from(max).unwrap_or(u8::MAX))
            }
        }
    }

    fn deduplication(&self) -> Option<Deduplication> {
        self.flag("message-deduplication").then(|| Deduplication {
            header: self.word("deduplication-header").unwrap_or(DEDUPLICATION_HEADER).to_owned(),
            count_max: self.number("cache-size").unwrap_or(DEDUPLICATION_CACHE_SIZE),
            ttl_ms: self.number("cache-ttl"),
        })
    }
}

#[cfg(test)]
mod tests {
    use message::QueueId;

    use super::*;

    fn queue(arguments: impl IntoIterator<Item = (&'static str, Value)>) -> Queue {
        Queue {
            id: QueueId::new(1, 0),
            vhost: Name::fixed("/"),
            name: Name::fixed("q"),
            is_durable: true,
            is_auto_delete: false,
            owner: None,
            lane_count: 1,
            relay_of: None,
            arguments: arguments.into_iter().map(|(key, v)| (key.to_owned(), v)).collect(),
        }
    }

    #[test]
    fn a_queue_that_asks_for_nothing_has_no_rules() {
        assert_eq!(QueueRules::of(&queue([])), QueueRules::default());
    }

    #[test]
    fn a_queue_has_what_its_arguments_say() {
        let rules = QueueRules::of(&queue([
            ("x-message-ttl", Value::U8(5)),
            ("x-max-length", Value::I64(10)),
            ("x-overflow", Value::text("reject-publish")),
            ("x-dead-letter-exchange", Value::text("")),
            ("x-max-priority", Value::I32(9)),
            ("x-single-active-consumer", Value::Bool(true)),
            ("x-message-deduplication", Value::Bool(true)),
        ]));
        let expected = QueueRules {
            message_ttl_ms: Some(5),
            length_max: Some(10),
            overflow: Overflow::RejectPublish,
            dead_letter_exchange: Some(Name::fixed("")),
            priority_max: Some(9),
            is_single_active: true,
            deduplication: Some(Deduplication {
                header: "x-deduplication-header".to_owned(),
                count_max: 128,
                ttl_ms: None,
            }),
            ..QueueRules::default()
        };
        assert_eq!(rules, expected);
    }

    #[test]
    fn a_quorum_queue_limits_deliveries_and_has_priorities_unasked() {
        let quorum = ("x-queue-type", Value::text("quorum"));
        let rules = QueueRules::of(&queue([quorum.clone()]));
        assert_eq!((rules.delivery_limit, rules.priority_max), (Some(20), Some(31)));
        let rules = QueueRules::of(&queue([quorum, ("x-delivery-limit", Value::I8(-1))]));
        assert_eq!(rules.delivery_limit, None);
    }
}
