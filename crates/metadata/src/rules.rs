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
use serde::{Deserialize, Serialize};

use crate::object::{Exchange, Queue};
use crate::policy::Policy;

type Json = serde_json::Value;

/// AMQP 0-9-1 has no room for longer routing keys.
const KEY_BYTES_MAX: usize = 255;

/// So few arguments are looked through faster than the name of one is made.
const ARGUMENTS_FEW: usize = 8;

/// What deliveries that failed may number on a quorum queue that says nothing of it.
const QUORUM_DELIVERY_LIMIT: u32 = 20;

/// The highest of a quorum queue's priorities, which it always has.
const QUORUM_PRIORITY_MAX: u8 = 31;

/// How many message identities a queue or exchange with deduplication remembers if nothing else is said.
pub const DEDUPLICATION_CACHE_SIZE: u64 = 128;

/// The message header that names a message if nothing else is said.
pub const DEDUPLICATION_HEADER: &str = "x-deduplication-header";

/// The types of queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// The policies that count for an object.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said<'a> {
    pub(crate) policy: Option<&'a Policy>,
    pub(crate) operator: Option<&'a Policy>,
}

impl QueueKind {
    /// The type that RabbitMQ calls so, by name or by the name of its module.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "classic" | "rabbit_classic_queue" => Some(Self::Classic),
            "quorum" | "rabbit_quorum_queue" => Some(Self::Quorum),
            _ => None,
        }
    }

    /// RabbitMQ's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }

    /// The type that a queue with these arguments has.
    pub fn of(arguments: &Arguments) -> Self {
        let word = arguments.get("x-queue-type").and_then(Value::as_text);
        word.and_then(Self::parse).unwrap_or_default()
    }

    /// How many levels of priority such a queue is made with.
    pub fn lane_count(self, arguments: &Arguments) -> u16 {
        let asked = Asked { arguments, said: Said::default() };
        asked.priority_max(self).map_or(1, |max| u16::from(max) + 1)
    }
}

impl QueueRules {
    /// What a queue's arguments and policies make of it.
    pub(crate) fn of(queue: &Queue, said: Said<'_>) -> Self {
        let kind = QueueKind::of(&queue.arguments);
        let asked = Asked { arguments: &queue.arguments, said };
        let overflow = asked.overflow(kind);
        Self {
            kind,
            message_ttl_ms: asked.number("message-ttl"),
            expires_ms: asked.number("expires"),
            length_max: asked.number("max-length"),
            bytes_max: asked.number("max-length-bytes"),
            overflow,
            dead_letter_exchange: asked.name("dead-letter-exchange"),
            // Longer ones are refused; one that got here some other way must not stop the broker at each start.
            dead_letter_key: asked
                .word("dead-letter-routing-key")
                .filter(|key| key.len() <= KEY_BYTES_MAX)
                .map(str::to_owned),
            dead_letter_strategy: asked.dead_letter_strategy(overflow),
            delivery_limit: asked.delivery_limit(kind).filter(|_| queue.is_durable),
            retry: asked.retry().filter(|_| kind == QueueKind::Quorum),
            consumer_timeout_ms: match kind {
                QueueKind::Quorum => asked.number("consumer-timeout"),
                QueueKind::Classic => None,
            },
            priority_max: asked.priority_max(kind),
            is_single_active: asked.flag("single-active-consumer"),
            deduplication: asked.deduplication(),
        }
    }
}

impl ExchangeRules {
    /// What an exchange's arguments and policies make of it.
    pub(crate) fn of(exchange: &Exchange, said: Said<'_>) -> Self {
        let asked = Asked { arguments: &exchange.arguments, said };
        let argument = exchange.arguments.get("alternate-exchange").and_then(Value::as_text);
        let alternate = argument.or_else(|| said.value("alternate-exchange")?.as_str());
        Self {
            alternate: alternate.and_then(|name| Name::new(name).ok()),
            deduplication: asked.deduplication(),
        }
    }
}

impl<'a> Said<'a> {
    /// What policy and operator policy say together.
    fn value(&self, key: &str) -> Option<&'a Json> {
        let of = |policy: Option<&'a Policy>| policy.and_then(|policy| policy.definition.get(key));
        let (policy, operator) = match (of(self.policy), of(self.operator)) {
            (Some(policy), Some(operator)) => (policy, operator),
            (policy, operator) => return operator.or(policy),
        };
        let numbers = policy.as_i64().zip(operator.as_i64());
        let is_policys = match (key, numbers) {
            // The word of an operator wins.
            ("overflow" | "queue-version" | "delayed-retry-type", _) | (_, None) => false,
            ("delayed-retry-min" | "target-group-size", Some((policy, operator))) => {
                policy > operator
            }
            ("delivery-limit", Some((policy, operator))) => lower_limit(policy, operator) == policy,
            (_, Some((policy, operator))) => policy < operator,
        };
        Some(if is_policys { policy } else { operator })
    }
}

/// The lower one of two limits; a negative one is no limit.
fn lower_limit(a: i64, b: i64) -> i64 {
    if a < 0 || b < 0 { a.max(b) } else { a.min(b) }
}

/// What is asked of an object, under the names that policies have for it; arguments have an `x-` in front.
struct Asked<'a> {
    arguments: &'a Arguments,
    said: Said<'a>,
}

impl<'a> Asked<'a> {
    fn argument(&self, key: &str) -> Option<&'a Value> {
        if self.arguments.len() > ARGUMENTS_FEW {
            return self.arguments.get(&format!("x-{key}"));
        }
        // A queue asks for two dozen of them, most often in vain: a name is made for none.
        let mut arguments = self.arguments.iter();
        arguments.find(|(name, _)| name.strip_prefix("x-") == Some(key)).map(|(_, value)| value)
    }

    /// The smaller one of two numbers.
    fn number(&self, key: &str) -> Option<u64> {
        let argument = self.argument(key).and_then(Value::as_integer);
        let argument = argument.and_then(|number| u64::try_from(number).ok());
        let said = self.said.value(key).and_then(Json::as_u64);
        argument.into_iter().chain(said).min()
    }

    /// The argument wins.
    fn word(&self, key: &str) -> Option<&'a str> {
        let argument = self.argument(key).and_then(Value::as_text);
        argument.or_else(|| self.said.value(key)?.as_str())
    }

    fn flag(&self, key: &str) -> bool {
        self.argument(key) == Some(&Value::Bool(true))
    }

    fn name(&self, key: &str) -> Option<Name> {
        Name::new(self.word(key)?).ok()
    }

    /// On a quorum queue a policy wins over the argument, and there is no `reject-publish-dlx`.
    fn overflow(&self, kind: QueueKind) -> Overflow {
        let said = self.said.value("overflow").and_then(Json::as_str);
        let word = match kind {
            QueueKind::Classic => self.word("overflow"),
            QueueKind::Quorum => said.or_else(|| self.word("overflow")),
        };
        match (word, kind) {
            (Some("reject-publish"), _) => Overflow::RejectPublish,
            (Some("reject-publish-dlx"), QueueKind::Classic) => {
                Overflow::RejectPublishAndDeadLetter
            }
            _ => Overflow::DropHead,
        }
    }

    /// As in RabbitMQ, only a queue that rejects what is too much sends dead letters until they are taken: where the oldest
    /// messages are dropped, they leave at once.
    fn dead_letter_strategy(&self, overflow: Overflow) -> DeadLetterStrategy {
        match (self.word("dead-letter-strategy"), overflow) {
            (Some("at-least-once"), Overflow::RejectPublish) => DeadLetterStrategy::AtLeastOnce,
            _ => DeadLetterStrategy::AtMostOnce,
        }
    }

    /// A negative limit is none.
    fn delivery_limit(&self, kind: QueueKind) -> Option<u32> {
        let argument = self.argument("delivery-limit").and_then(Value::as_integer);
        let said = self.said.value("delivery-limit").and_then(Json::as_i64);
        let limit = match (argument, said) {
            (Some(argument), Some(said)) => Some(lower_limit(argument, said)),
            (argument, said) => argument.or(said),
        };
        match (limit, kind) {
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
        let max_ms = self.number("delayed-retry-max").unwrap_or(min_ms);
        Some(Retry { kind, min_ms, max_ms })
    }

    fn priority_max(&self, kind: QueueKind) -> Option<u8> {
        match kind {
            QueueKind::Quorum => Some(QUORUM_PRIORITY_MAX),
            QueueKind::Classic => {
                let max = self.argument("max-priority")?.as_integer()?;
                Some(u8::try_from(max).unwrap_or(u8::MAX))
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
    use std::sync::Arc;

    use message::QueueId;
    use serde_json::json;

    use super::*;
    use crate::policy::ApplyTo;

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
            arguments: Arc::new(
                arguments.into_iter().map(|(key, v)| (key.to_owned(), v)).collect(),
            ),
        }
    }

    fn rules(queue: &Queue) -> QueueRules {
        QueueRules::of(queue, Said::default())
    }

    fn policy(definition: Json) -> Policy {
        Policy {
            vhost: Name::fixed("/"),
            name: Name::fixed("p"),
            pattern: String::new(),
            apply_to: ApplyTo::All,
            priority: 0,
            definition: serde_json::from_value(definition).unwrap(),
        }
    }

    #[test]
    fn a_queue_that_asks_for_nothing_has_no_rules() {
        assert_eq!(rules(&queue([])), QueueRules::default());
    }

    #[test]
    fn a_queue_has_what_its_arguments_say() {
        let rules = rules(&queue([
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
        let unsaid = rules(&queue([quorum.clone()]));
        assert_eq!((unsaid.delivery_limit, unsaid.priority_max), (Some(20), Some(31)));
        let rules = rules(&queue([quorum, ("x-delivery-limit", Value::I8(-1))]));
        assert_eq!(rules.delivery_limit, None);
    }

    #[test]
    fn of_numbers_the_smallest_counts() {
        let queue = queue([("x-message-ttl", Value::I32(50)), ("x-max-length", Value::I32(5))]);
        let low = policy(json!({"message-ttl": 10, "max-length": 10}));
        let operator = policy(json!({"message-ttl": 20, "max-length": 1, "expires": 7}));
        let said = Said { policy: Some(&low), operator: Some(&operator) };
        let rules = QueueRules::of(&queue, said);
        let numbers = (rules.message_ttl_ms, rules.length_max, rules.expires_ms);
        assert_eq!(numbers, (Some(10), Some(1), Some(7)));
    }

    #[test]
    fn of_words_the_argument_counts_but_overflow_is_the_operators_before_the_policys() {
        let said = policy(json!({"dead-letter-exchange": "b", "dead-letter-routing-key": "k"}));
        let queue = queue([("x-dead-letter-exchange", Value::text("a"))]);
        let rules = QueueRules::of(&queue, Said { policy: Some(&said), operator: None });
        assert_eq!(rules.dead_letter_exchange, Some(Name::fixed("a")));
        assert_eq!(rules.dead_letter_key.as_deref(), Some("k"));
        let drop = policy(json!({"overflow": "drop-head"}));
        let reject = policy(json!({"overflow": "reject-publish"}));
        let said = Said { policy: Some(&drop), operator: Some(&reject) };
        assert_eq!(QueueRules::of(&queue, said).overflow, Overflow::RejectPublish);
    }

    #[test]
    fn a_quorum_queue_takes_overflow_from_its_policy_first() {
        let arguments =
            [("x-queue-type", Value::text("quorum")), ("x-overflow", Value::text("drop-head"))];
        let said = policy(json!({"overflow": "reject-publish"}));
        let said = Said { policy: Some(&said), operator: None };
        assert_eq!(QueueRules::of(&queue(arguments), said).overflow, Overflow::RejectPublish);
        let arguments = [("x-overflow", Value::text("drop-head"))];
        assert_eq!(QueueRules::of(&queue(arguments), said).overflow, Overflow::DropHead);
    }

    #[test]
    fn a_negative_delivery_limit_is_none_and_any_other_is_lower() {
        for (argument, said, limit) in
            [(5, 7, Some(5)), (-1, 7, Some(7)), (9, -1, Some(9)), (-1, -1, None)]
        {
            let quorum = ("x-queue-type", Value::text("quorum"));
            let queue = queue([quorum, ("x-delivery-limit", Value::I32(argument))]);
            let said = policy(json!({"delivery-limit": said}));
            let rules = QueueRules::of(&queue, Said { policy: Some(&said), operator: None });
            assert_eq!(rules.delivery_limit, limit);
        }
    }

    #[test]
    fn dead_letters_are_kept_until_they_are_taken_only_where_new_messages_are_rejected() {
        let strategy = ("x-dead-letter-strategy", Value::text("at-least-once"));
        let rules_of = |overflow| rules(&queue([strategy.clone(), ("x-overflow", overflow)]));
        let strategy_of = |overflow| rules_of(Value::text(overflow)).dead_letter_strategy;
        assert_eq!(strategy_of("reject-publish"), DeadLetterStrategy::AtLeastOnce);
        assert_eq!(strategy_of("drop-head"), DeadLetterStrategy::AtMostOnce);
    }

    #[test]
    fn an_exchange_has_its_alternate_from_its_argument_or_its_policy() {
        let mut exchange = Exchange {
            id: 9,
            vhost: Name::fixed("/"),
            name: Name::fixed("e"),
            kind: Name::fixed("direct"),
            is_durable: false,
            is_auto_delete: false,
            is_internal: false,
            relay: None,
            arguments: Arguments::new(),
        };
        let said = policy(json!({"alternate-exchange": "p"}));
        let said = Said { policy: Some(&said), operator: None };
        let alternate = |exchange: &Exchange| ExchangeRules::of(exchange, said).alternate;
        assert_eq!(alternate(&exchange), Some(Name::fixed("p")));
        exchange.arguments.insert("alternate-exchange".to_owned(), Value::text("a"));
        assert_eq!(alternate(&exchange), Some(Name::fixed("a")));
    }

    #[test]
    fn a_queue_has_as_many_lanes_as_levels() {
        let lanes = |queue: &Queue| QueueKind::of(&queue.arguments).lane_count(&queue.arguments);
        assert_eq!(lanes(&queue([])), 1);
        assert_eq!(lanes(&queue([("x-max-priority", Value::I32(0))])), 1);
        assert_eq!(lanes(&queue([("x-max-priority", Value::I32(255))])), 256);
        assert_eq!(lanes(&queue([("x-queue-type", Value::text("quorum"))])), 32);
    }
}
