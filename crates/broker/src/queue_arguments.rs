//! What a queue may be asked for, by its type: which arguments there are, and which values they take.
//!
//! RabbitMQ's rules: an argument that some type of queue has, but not this one, is refused; one that nobody knows is
//! kept and means nothing. The order of the table is the order in which arguments are looked at.

use message::{Arguments, Value};
use metadata::{Queue, QueueKind};

use crate::refusal::{ArgumentFault, InvalidArgument, Object, Refusal};
use crate::request::QueueDeclaration;

/// The most that RabbitMQ takes for a time: ten years.
const TIME_MS_MAX: i64 = 315_360_000_000;
const PRIORITY_MAX: i64 = 255;
/// The only version of classic queues that RabbitMQ 4 has.
const CLASSIC_VERSION: i64 = 2;

const TYPE: &str = "x-queue-type";
/// Whether only one of a queue's consumers gets messages at a time.
pub(crate) const SINGLE_ACTIVE: &str = "x-single-active-consumer";
const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";

/// The types of queues that have an argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Classic and quorum queues.
    Both,
    Classic,
    Quorum,
    /// Quorum queues, and here classic ones that survive a restart.
    Durable,
    /// Only streams.
    Stream,
}

/// What an argument's value may be.
#[derive(Clone, Copy)]
enum Check {
    /// Anything: RabbitMQ does not look, and takes what it cannot use for nothing.
    Anything,
    Text,
    Flag,
    /// A whole number, not negative.
    Number,
    /// A whole number above 0.
    Positive,
    /// Milliseconds above 0.
    Time,
    /// Milliseconds, not negative.
    TimeOrZero,
    Priority,
    Version,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Text that only makes sense with an exchange for dead letters.
    DeadLetterKey,
}

/// What AMQP 0-9-1 has room for. RabbitMQ takes longer ones here and breaks the connections of those who get such a message.
const KEY_BYTES_MAX: usize = 255;
const STRATEGIES: &[&str] = &["at-most-once", "at-least-once"];
const OVERFLOWS: &[&str] = &["drop-head", "reject-publish", "reject-publish-dlx"];
const LOCATORS: &[&str] = &["client-local", "balanced", "random", "least-leaders"];
/// What the older argument of the same meaning took. RabbitMQ 4.3 denies it because it is deprecated.
const MASTER_LOCATORS: &[&str] = &["client-local", "min-masters", "random"];

const ARGUMENTS: [(&str, Of, Check); 33] = [
    ("x-expires", Of::Both, Check::Time),
    ("x-message-ttl", Of::Both, Check::TimeOrZero),
    (DEAD_LETTER_EXCHANGE, Of::Both, Check::Text),
    ("x-dead-letter-routing-key", Of::Both, Check::DeadLetterKey),
    ("x-dead-letter-strategy", Of::Durable, Check::OneOf(STRATEGIES)),
    ("x-max-length", Of::Both, Check::Number),
    ("x-max-length-bytes", Of::Both, Check::Number),
    ("x-max-in-memory-length", Of::Quorum, Check::Number),
    ("x-max-in-memory-bytes", Of::Quorum, Check::Number),
    ("x-max-priority", Of::Classic, Check::Priority),
    ("x-overflow", Of::Both, Check::OneOf(OVERFLOWS)),
    ("x-queue-mode", Of::Classic, Check::Anything),
    ("x-queue-version", Of::Classic, Check::Version),
    (SINGLE_ACTIVE, Of::Both, Check::Flag),
    (TYPE, Of::Both, Check::Anything),
    ("x-queue-master-locator", Of::Classic, Check::OneOf(MASTER_LOCATORS)),
    ("x-quorum-initial-group-size", Of::Quorum, Check::Positive),
    ("x-max-age", Of::Stream, Check::Anything),
    ("x-stream-max-segment-size-bytes", Of::Stream, Check::Anything),
    ("x-stream-filter-size-bytes", Of::Stream, Check::Anything),
    ("x-initial-cluster-size", Of::Stream, Check::Anything),
    ("x-queue-leader-locator", Of::Both, Check::OneOf(LOCATORS)),
    ("x-delivery-limit", Of::Durable, Check::Anything),
    ("x-consumer-timeout", Of::Quorum, Check::Number),
    ("x-consumer-disconnected-timeout", Of::Quorum, Check::Number),
    ("x-delayed-retry-type", Of::Quorum, Check::Anything),
    ("x-delayed-retry-min", Of::Quorum, Check::Anything),
    ("x-delayed-retry-max", Of::Quorum, Check::Anything),
    ("x-message-deduplication", Of::Both, Check::Flag),
    ("x-deduplication-header", Of::Both, Check::Text),
    ("x-cache-size", Of::Both, Check::Positive),
    ("x-cache-ttl", Of::Both, Check::Positive),
    ("x-quorum-target-group-size", Of::Both, Check::Anything),
];

/// Kept and shown, but never compared, as in RabbitMQ.
const NOT_COMPARED: [&str; 1] = ["x-quorum-target-group-size"];

/// The type that a declaration asks for. Without a word it is `default`, unless that is a type that such a queue
/// cannot have; then it is classic.
pub(crate) fn kind_of(wanted: &QueueDeclaration, default: QueueKind) -> Result<QueueKind, Refusal> {
    let fits = wanted.is_durable && !wanted.is_exclusive && !wanted.is_auto_delete;
    let fault = match wanted.arguments.get(TYPE) {
        None => return Ok(if fits { default } else { QueueKind::Classic }),
        Some(Value::Text(text)) if text.is_empty() => {
            return Ok(if fits { default } else { QueueKind::Classic });
        }
        Some(value) => match value.as_text() {
            Some("classic") => return Ok(QueueKind::Classic),
            Some("quorum") => return Ok(QueueKind::Quorum),
            Some("stream") => {
                return Err(Refusal::NotYet { feature: "queue type 'stream'".to_owned() });
            }
            Some(other) => ArgumentFault::UnknownQueueType(other.to_owned()),
            None => ArgumentFault::WrongType(value.clone()),
        },
    };
    Err(invalid(wanted, TYPE, fault))
}

/// Whether such a queue could be made, as far as that hangs on what is asked for alone. One that names no type is taken
/// for a classic queue.
///
/// # Errors
/// What is wrong with an argument.
pub fn check_queue(wanted: &QueueDeclaration) -> Result<(), Refusal> {
    let kind = kind_of(wanted, QueueKind::Classic)?;
    let mut wanted = wanted.clone();
    wanted.arguments.insert(TYPE.to_owned(), Value::text(kind.as_str()));
    check(&wanted)
}

/// Checks the arguments of a queue that is to be made, whose type they name.
pub(crate) fn check(wanted: &QueueDeclaration) -> Result<(), Refusal> {
    match wanted.arguments.get(DEAD_LETTER_EXCHANGE) {
        None | Some(Value::Text(_)) => {}
        Some(value) => {
            let fault = ArgumentFault::NotAName(value.clone());
            return Err(invalid(wanted, DEAD_LETTER_EXCHANGE, fault));
        }
    }
    let kind = QueueKind::of(&wanted.arguments);
    if wanted.arguments.keys().all(|name| name == TYPE) {
        return check_property(wanted, kind);
    }
    let asked = || ARGUMENTS.iter().filter_map(|row| Some((row, wanted.arguments.get(row.0)?)));
    for ((name, of, check), value) in asked() {
        if of.has(kind, wanted.is_durable) {
            check_value(*check, value, &wanted.arguments)
                .map_err(|fault| invalid(wanted, name, fault))?;
        }
    }
    let mut foreign: Vec<_> =
        asked().filter(|((_, of, _), _)| !of.has(kind, wanted.is_durable)).collect();
    foreign.sort_unstable_by_key(|((name, ..), _)| *name);
    if let Some(((argument, ..), _)) = foreign.first() {
        return Err(invalid(wanted, argument, ArgumentFault::Foreign(kind)));
    }
    check_property(wanted, kind)
}

/// Whether a queue is as it is declared again. Only arguments that its type has are compared.
pub(crate) fn compare(found: &Queue, wanted: &QueueDeclaration) -> Result<(), Refusal> {
    let kind = QueueKind::of(&found.arguments);
    for (argument, of, _) in &ARGUMENTS {
        if !of.has(kind, found.is_durable) || NOT_COMPARED.contains(argument) {
            continue;
        }
        let (received, current) = (wanted.arguments.get(*argument), found.arguments.get(*argument));
        // Queues of older versions do not always name their type.
        let classic = Value::text(QueueKind::Classic.as_str());
        let current = if *argument == TYPE { current.or(Some(&classic)) } else { current };
        if !is_same(received, current) {
            return Err(Refusal::Inequivalent {
                object: Object::Queue,
                name: found.name.clone(),
                vhost: found.vhost.clone(),
                property: argument,
                received: received.cloned(),
                current: current.cloned(),
            });
        }
    }
    Ok(())
}

/// Whole numbers are the same if their values are, whatever their widths.
pub(crate) fn is_same(a: Option<&Value>, b: Option<&Value>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a == b };
    match (a.as_integer(), b.as_integer()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

impl Of {
    const fn has(self, kind: QueueKind, is_durable: bool) -> bool {
        match (self, kind) {
            (Self::Both, _)
            | (Self::Classic, QueueKind::Classic)
            | (Self::Quorum | Self::Durable, QueueKind::Quorum) => true,
            (Self::Durable, QueueKind::Classic) => is_durable,
            (Self::Classic | Self::Quorum | Self::Stream, _) => false,
        }
    }
}

fn invalid(wanted: &QueueDeclaration, argument: &'static str, fault: ArgumentFault) -> Refusal {
    Refusal::InvalidArgument(Box::new(InvalidArgument {
        argument,
        object: Object::Queue,
        name: wanted.name.clone(),
        vhost: wanted.vhost.clone(),
        fault,
    }))
}

fn check_value(check: Check, value: &Value, all: &Arguments) -> Result<(), ArgumentFault> {
    match check {
        Check::Anything => Ok(()),
        Check::Text => text(value).map(|_| ()),
        Check::Flag if matches!(value, Value::Bool(_)) => Ok(()),
        Check::Flag => Err(ArgumentFault::WrongType(value.clone())),
        Check::Number => number(value, 0, i64::MAX).map(|_| ()),
        Check::Positive => number(value, 1, i64::MAX).map(|_| ()),
        Check::Time => number(value, 1, TIME_MS_MAX).map(|_| ()),
        Check::TimeOrZero => number(value, 0, TIME_MS_MAX).map(|_| ()),
        Check::Priority => match number(value, 0, i64::MAX)? {
            max if max > PRIORITY_MAX => Err(ArgumentFault::AboveMax(max)),
            _ => Ok(()),
        },
        Check::Version => match number(value, 0, i64::MAX)? {
            CLASSIC_VERSION => Ok(()),
            version => Err(ArgumentFault::UnknownVersion(version)),
        },
        Check::OneOf(words) => match text(value)? {
            text if words.iter().any(|word| word.as_bytes() == text) => Ok(()),
            _ => Err(ArgumentFault::UnknownWord),
        },
        Check::DeadLetterKey => match text(value)? {
            key if key.len() > KEY_BYTES_MAX => Err(ArgumentFault::KeyTooLong(key.len())),
            _ if all.contains_key(DEAD_LETTER_EXCHANGE) => Ok(()),
            _ => Err(ArgumentFault::NoDeadLetterExchange),
        },
    }
}

fn text(value: &Value) -> Result<&[u8], ArgumentFault> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(ArgumentFault::WrongType(other.clone())),
    }
}

fn number(value: &Value, min: i64, max: i64) -> Result<i64, ArgumentFault> {
    let number = value.as_integer().ok_or_else(|| ArgumentFault::NotAnInteger(value.clone()))?;
    if number < 0 {
        Err(ArgumentFault::Negative(number))
    } else if number < min {
        Err(ArgumentFault::Zero)
    } else if number > max {
        Err(ArgumentFault::TooLarge(number))
    } else {
        Ok(number)
    }
}

/// A quorum queue is durable, shared, and stays: it has one member here, and keeps every message on disk.
fn check_property(wanted: &QueueDeclaration, kind: QueueKind) -> Result<(), Refusal> {
    let property = if kind == QueueKind::Classic {
        return Ok(());
    } else if wanted.is_auto_delete {
        "auto-delete"
    } else if wanted.is_exclusive {
        "exclusive-owner"
    } else if !wanted.is_durable {
        "non-durable"
    } else {
        return Ok(());
    };
    Err(Refusal::InvalidProperty {
        property,
        name: wanted.name.clone(),
        vhost: wanted.vhost.clone(),
    })
}
