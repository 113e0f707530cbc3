//! Reply codes and texts: the only place that has them.
//!
//! The texts are RabbitMQ 4.3's, because people and programs know them; each was read off a running one.

use broker::{ArgumentFault, Condition, Invalid, InvalidArgument, Limit, Object, Refusal};
use message::{Name, Value};
use wire_amqp091::method::{class_of, method_of};
use wire_amqp091::{Code, Malformed};

/// Why a channel or a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) code: Code,
    pub(crate) explanation: String,
    /// The method that failed, as `ID` of the methods has it; 0 for none.
    pub(crate) method: u32,
}

impl Exception {
    pub(crate) fn new(code: Code, explanation: impl Into<String>, method: u32) -> Self {
        Self { code, explanation: explanation.into(), method }
    }

    /// The text that the client sees.
    pub(crate) fn text(&self) -> String {
        self.code.reply_text(&self.explanation)
    }

    pub(crate) const fn class_id(&self) -> u16 {
        class_of(self.method)
    }

    pub(crate) const fn method_id(&self) -> u16 {
        method_of(self.method)
    }

    /// What a refusal of the broker means to a client.
    pub(crate) fn refused(refusal: &Refusal, method: u32) -> Self {
        let (code, explanation) = words(refusal);
        Self { code, explanation, method }
    }

    /// A delivery on this channel was not settled in time. RabbitMQ 4.3 says -1 where we say how long it could take.
    pub(crate) fn overdue(channel: u16, timeout_ms: u64) -> Self {
        let text = format!(
            "delivery acknowledgement on channel {channel} timed out. Timeout value used: {timeout_ms} ms. This \
             timeout value can be configured, see consumers doc guide to learn more"
        );
        Self::new(Code::PreconditionFailed, text, 0)
    }

    /// Something that RabbitMQ calls deprecated, and the operator does not permit.
    pub(crate) fn deprecated(feature: &str, method: u32) -> Self {
        let text = format!(
            "Feature `{feature}` is deprecated.\nBy default, this feature is not permitted anymore.\nThe feature will be \
             removed from a future major RabbitMQ version, regardless of the configuration; actual version to be \
             determined.\nTo continue using this feature when it is not permitted by default, set the following \
             parameter in your configuration:\n    \"deprecated_features.permit.{feature} = true\""
        );
        Self::new(Code::InternalError, text, method)
    }

    /// A message with properties that cannot be.
    pub(crate) fn unfit(unfit: &Unfit, method: u32) -> Self {
        Self::new(Code::PreconditionFailed, unfit.explanation(), method)
    }

    /// The user may not do that to an object.
    pub(crate) fn denied(denial: &Denial<'_>, object: Object, name: &str, method: u32) -> Self {
        let Denial { access, user, vhost } = denial;
        let name = if name.is_empty() { "amq.default" } else { name };
        let text = format!(
            "{access} access to {} '{name}' in vhost '{vhost}' refused for user '{user}'",
            word(object)
        );
        Self::new(Code::AccessRefused, text, method)
    }

    /// The user may not use this key of a topic exchange.
    pub(crate) fn denied_topic(
        denial: &Denial<'_>,
        exchange: &str,
        key: &str,
        method: u32,
    ) -> Self {
        let Denial { access, user, vhost } = denial;
        let text = format!(
            "{access} access to topic '{key}' in exchange '{exchange}' in vhost '{vhost}' refused for user '{user}'"
        );
        Self::new(Code::AccessRefused, text, method)
    }

    /// Bytes that are not what they should be. `payload` is that of the frame.
    pub(crate) fn malformed(malformed: &Malformed, payload: &[u8]) -> Self {
        let (class_id, method_id) = malformed.class_and_method();
        let method = u32::from(class_id) << 16 | u32::from(method_id);
        Self { code: malformed.code(), explanation: malformed.explanation(payload), method }
    }
}

/// What a user may not do, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Denial<'a> {
    /// `configure`, `write` or `read`.
    pub(crate) access: &'static str,
    /// Who.
    pub(crate) user: &'a str,
    /// Where.
    pub(crate) vhost: &'a str,
}

/// What is wrong with the properties of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unfit {
    /// The expiration is not a time to live.
    Expiration { text: String, why: Expiration },
    /// A header with routing keys is not a list.
    NoKeys { header: &'static str, value: Value },
    /// One of its keys is longer than a routing key can be.
    LongKey { header: &'static str, bytes: usize },
    /// There are more keys than a message has room for.
    TooManyKeys { bytes_max: usize },
    /// The header that says before when it is not to be delivered does not name a moment.
    Moment { value: Value },
    /// It says that it is somebody else's.
    User { set: String, user: String },
}

/// What is wrong with an expiration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expiration {
    NoInteger,
    Leftover(String),
    Negative(String),
    TooLarge(String),
}

impl Unfit {
    /// What RabbitMQ says, where RabbitMQ has the same limits.
    pub(crate) fn explanation(&self) -> String {
        match self {
            Self::Expiration { text, why } => {
                let start = format!("invalid expiration '{text}': ");
                let why = why.words(start.chars().count());
                start + &why
            }
            Self::NoKeys { header, value } => format!(
                "invalid message: {{unacceptable_type_in_header,\"{header}\",{}}}",
                type_name(value)
            ),
            Self::LongKey { header, bytes } => {
                format!(
                    "invalid message: a key of {bytes} bytes in header '{header}', 255 is the most"
                )
            }
            Self::TooManyKeys { bytes_max } => format!(
                "invalid message: the keys in headers 'CC' and 'BCC' have more than {bytes_max} bytes"
            ),
            Self::Moment { value } => format!(
                "invalid header 'x-deliver-at': expected milliseconds since 1970 or a timestamp, got {}",
                argument(Some(value))
            ),
            Self::User { set, user } => {
                format!("user_id property set to '{set}' but authenticated user was '{user}'")
            }
        }
    }
}

impl Expiration {
    /// The reason as Erlang prints it from this column on: a term that would reach the 80th is put on two lines.
    fn words(&self, column: usize) -> String {
        const COLUMNS: usize = 80;
        let (word, detail) = match self {
            Self::NoInteger => return "no_integer".to_owned(),
            Self::Leftover(rest) => {
                let escaped = rest.replace('\\', "\\\\").replace('"', "\\\"");
                ("leftover_string", format!("\"{escaped}\""))
            }
            Self::Negative(number) => ("value_negative", number.clone()),
            Self::TooLarge(number) => ("value_too_large", number.clone()),
        };
        let one_line = format!("{{{word},{detail}}}");
        if column + one_line.chars().count() < COLUMNS {
            return one_line;
        }
        format!("{{{word},\n{:column$} {detail}}}", "")
    }
}

/// The reply code and the explanation of a refusal, for other front-ends that pass on what a client would be told.
pub fn refusal_words(refusal: &Refusal) -> (u16, String) {
    let (code, explanation) = words(refusal);
    (code as u16, explanation)
}

/// Code and explanation of a refusal.
fn words(refusal: &Refusal) -> (Code, String) {
    (code(refusal), explanation(refusal))
}

const fn code(refusal: &Refusal) -> Code {
    match refusal {
        Refusal::NotFound { .. } => Code::NotFound,
        Refusal::Locked { .. } | Refusal::OneConsumerOnly { .. } => Code::ResourceLocked,
        Refusal::DefaultExchange
        | Refusal::InternalExchange { .. }
        | Refusal::ReservedName { .. }
        | Refusal::SystemExchange { .. }
        | Refusal::ExclusiveUse { .. } => Code::AccessRefused,
        Refusal::UnknownExchangeKind { .. }
        | Refusal::Inequivalent { .. }
        | Refusal::InUse { .. }
        | Refusal::NotEmpty { .. }
        | Refusal::InvalidBinding(_)
        | Refusal::InvalidArgument(_)
        | Refusal::InvalidProperty { .. }
        | Refusal::ServerNamed { .. }
        | Refusal::Limit(Limit::Queues { .. })
        | Refusal::ProtectedVhost { .. }
        | Refusal::InvalidPolicy(_)
        | Refusal::InvalidPattern(_)
        | Refusal::UnreadableHash { .. } => Code::PreconditionFailed,
        Refusal::Limit(_)
        | Refusal::NoVhost { .. }
        | Refusal::NoUser { .. }
        | Refusal::VhostAccess { .. } => Code::NotAllowed,
        Refusal::ConditionalDelete { .. } | Refusal::NotYet { .. } => Code::NotImplemented,
    }
}

fn explanation(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotFound { object, name, vhost } => format!("no {}", thing(*object, name, vhost)),
        Refusal::Locked { name, vhost } => format!(
            "cannot obtain exclusive access to locked queue '{name}' in vhost '{vhost}'. It could be originally \
             declared on another connection or the exclusive property value does not match that of the \
             original declaration."
        ),
        Refusal::DefaultExchange => "operation not permitted on the default exchange".to_owned(),
        Refusal::InternalExchange { name, vhost } => {
            format!("cannot publish to internal exchange '{name}' in vhost '{vhost}'")
        }
        Refusal::ReservedName { object, name } => {
            format!("{} name '{name}' contains reserved prefix 'amq.*'", word(*object))
        }
        Refusal::SystemExchange { name, vhost } => {
            format!("deletion of system exchange '{name}' in vhost '{vhost}' not allowed")
        }
        Refusal::UnknownExchangeKind { kind } => {
            let word = if kind.is_empty() { "invalid" } else { "unknown" };
            format!("{word} exchange type '{kind}'")
        }
        Refusal::Inequivalent { object, name, vhost, property, received, current } => {
            let differs = difference(received.as_ref(), current.as_ref());
            format!("inequivalent arg '{property}' for {}: {differs}", thing(*object, name, vhost))
        }
        Refusal::InUse { object, name, vhost } => {
            format!("{} in use", thing(*object, name, vhost))
        }
        Refusal::NotEmpty { name, vhost } => format!("queue '{name}' in vhost '{vhost}' not empty"),
        Refusal::ExclusiveUse { name, vhost } => {
            format!("queue '{name}' in vhost '{vhost}' in exclusive use")
        }
        Refusal::InvalidBinding(invalid) => invalid_binding(invalid),
        // RabbitMQ 4.3 writes the queue type as its own language does.
        Refusal::OneConsumerOnly { name, vhost } => format!(
            "cannot obtain access to locked queue '{name}' in vhost '{vhost}'. basic.get operations are not \
             supported by <<\"quorum\">> queues with single active consumer"
        ),
        Refusal::ConditionalDelete { name, vhost, condition } => format!(
            "cannot delete queue '{name}' in vhost '{vhost}'. queue.delete operations with {} flag set are \
             not supported by quorum queues",
            flag(*condition)
        ),
        Refusal::InvalidArgument(invalid) => invalid_argument(invalid),
        Refusal::ServerNamed { kind } => {
            format!("Cannot declare a server-named queue for type rabbit_{}_queue", kind.as_str())
        }
        Refusal::Limit(limit) => limit_reached(limit),
        // These are refused to operators, who do not ask on this protocol.
        Refusal::ProtectedVhost { name } => protected_vhost(name),
        Refusal::InvalidPolicy(invalid) => invalid.to_string(),
        Refusal::InvalidPattern(invalid) => invalid.to_string(),
        Refusal::UnreadableHash { user } => format!("password hash of user '{user}' is not_base64"),
        Refusal::NoUser { name } => format!("user '{name}' not found"),
        Refusal::VhostAccess { vhost, user } => {
            format!("access to vhost '{vhost}' refused for user '{user}'")
        }
        Refusal::NoVhost { name } => format!("vhost {name} not found"),
        Refusal::InvalidProperty { property, name, vhost } => {
            format!("invalid property '{property}' for queue '{name}' in vhost '{vhost}'")
        }
        Refusal::NotYet { feature } => {
            format!("{feature} is not supported by this version of Leveret")
        }
    }
}

fn protected_vhost(name: &Name) -> String {
    format!("Refusing to delete virtual host '{name}' because it is protected from deletion")
}

const fn flag(condition: Condition) -> &'static str {
    match condition {
        Condition::Unused => "if-unused",
        Condition::Empty => "if-empty",
    }
}

/// How what was asked for differs from what is. A value that has none to stand beside is told with its type.
fn difference(received: Option<&Value>, current: Option<&Value>) -> String {
    let (received, current) = match (received, current) {
        (Some(received), Some(current)) => (quoted(received), quoted(current)),
        (received, current) => (argument(received), argument(current)),
    };
    format!("received {received} but current is {current}")
}

fn limit_reached(limit: &Limit) -> String {
    match limit {
        Limit::Queues { name, vhost, max } => {
            format!(
                "cannot declare queue '{name}': queue limit in vhost '{vhost}' ({max}) is reached"
            )
        }
        Limit::Vhosts { name, max } => {
            format!("cannot create vhost '{name}': vhost limit of {max} is reached")
        }
        Limit::NodeConnections { max } => {
            format!("connection refused: node connection limit ({max}) is reached")
        }
        Limit::VhostConnections { vhost, user, max } => format!(
            "access to vhost '{vhost}' refused for user '{user}': connection limit ({max}) is reached"
        ),
        Limit::UserConnections { user, max } => {
            format!(
                "connection refused for user '{user}': user connection limit ({max}) is reached"
            )
        }
        Limit::Channels { user, max } => format!(
            "number of channels opened for user '{user}' has reached the maximum allowed user limit of {max}"
        ),
    }
}

fn invalid_argument(invalid: &InvalidArgument) -> String {
    let InvalidArgument { argument, object, name, vhost, fault } = invalid;
    let thing = thing(*object, name, vhost);
    match fault {
        ArgumentFault::NotAName(value) => {
            format!("invalid type '{}' for arg '{argument}' in {thing}", type_name(value))
        }
        ArgumentFault::Foreign(kind) => {
            format!(
                "invalid arg '{argument}' for {thing} of queue type rabbit_{}_queue",
                kind.as_str()
            )
        }
        fault => format!("invalid arg '{argument}' for {thing}: {}", term(argument, fault)),
    }
}

/// What is wrong with an argument's value, in the terms that RabbitMQ prints.
fn term(argument: &str, fault: &ArgumentFault) -> String {
    match fault {
        ArgumentFault::NotAName(_) | ArgumentFault::Foreign(_) => {
            unreachable!("told in a sentence")
        }
        ArgumentFault::NotAnInteger(value) => {
            format!("\"expected integer, got {}\"", type_name(value))
        }
        ArgumentFault::WrongType(value) => format!("{{unacceptable_type,{}}}", type_name(value)),
        ArgumentFault::Negative(number) => format!("{{value_negative,{number}}}"),
        ArgumentFault::Zero => "{value_zero,0}".to_owned(),
        ArgumentFault::TooLarge(number) => format!("{{value_too_large,{number}}}"),
        ArgumentFault::AboveMax(number) => format!("{{max_value_exceeded,{number}}}"),
        ArgumentFault::UnknownWord => match argument {
            "x-overflow" => "invalid_overflow",
            "x-dead-letter-strategy" => "invalid_dlx_strategy",
            _ => "invalid_queue_locator_arg",
        }
        .to_owned(),
        ArgumentFault::UnknownVersion(version) => {
            format!("\"unsupported queue version '{version}'\"")
        }
        ArgumentFault::UnknownQueueType(kind) => format!("\"unsupported queue type '{kind}'\""),
        ArgumentFault::KeyTooLong(count) => {
            format!("\"a routing key has at most 255 bytes, this one has {count}\"")
        }
        ArgumentFault::NoDeadLetterExchange => "routing_key_but_no_dlx_defined".to_owned(),
    }
}

fn invalid_binding(invalid: &Invalid) -> String {
    match invalid {
        Invalid::MatchValue(text) => format!(
            "Invalid x-match field value {}; expected all, any, all-with-x, or any-with-x",
            erlang(&Value::Text(text.clone()))
        ),
        Invalid::MatchType(value) => format!(
            "Invalid x-match field type {} (value {}); expected longstr",
            type_name(value),
            erlang(value)
        ),
        Invalid::HashWords { key, count } => format!(
            "Topic binding key '{}' uses {count} '#' wildcards, at most {} are allowed",
            String::from_utf8_lossy(key),
            Invalid::HASH_WORDS_MAX
        ),
        Invalid::WeightNotWhole(key) => {
            format!("The binding key must be an integer: {}", erlang(&Value::Text(key.clone())))
        }
        Invalid::WeightNotPositive => "The binding key must be greater than 0".to_owned(),
        Invalid::WeightTooLarge => {
            format!("The binding key must not exceed {}", Invalid::WEIGHT_MAX)
        }
        // RabbitMQ prints the octets of the key one by one here.
        Invalid::KeyNotEmpty(key) => format!(
            "Non empty binding '{}' key not permitted",
            key.iter().copied().map(char::from).collect::<String>()
        ),
        Invalid::KeyTooLong(_) => invalid.to_string(),
        Invalid::NotAQueue => "Destination not found".to_owned(),
        Invalid::QueueKind(kind) => {
            format!("Queue type rabbit_{kind}_queue not valid for this exchange type")
        }
        Invalid::HashTwice => "hash-header and hash-property are mutually exclusive".to_owned(),
        Invalid::HashProperty(name) => format!("Unsupported property: {name}"),
        // RabbitMQ has no words for this one: it fails.
        Invalid::HashArgument { argument, value } => {
            format!("Invalid argument {}, '{argument}' must be a string", erlang(value))
        }
        Invalid::HistoryLength(value) => format!(
            "Invalid argument {}, 'x-recent-history-length' must be a positive integer",
            erlang(value)
        ),
        Invalid::NoDelayedKind => {
            "Invalid argument, 'x-delayed-type' must be an existing exchange type".to_owned()
        }
        Invalid::DelayedTwice => {
            "Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'".to_owned()
        }
        Invalid::UnknownKind(kind) => format!("unknown exchange type '{kind}'"),
    }
}

/// A value as Erlang prints it, for texts that quote one.
fn erlang(value: &Value) -> String {
    let list = |values: &[Value]| {
        let typed = |value: &Value| format!("{{{},{}}}", type_name(value), erlang(value));
        format!("[{}]", values.iter().map(typed).collect::<Vec<_>>().join(","))
    };
    match value {
        Value::Void => "undefined".to_owned(),
        Value::Text(text) | Value::Bytes(text) if text.is_empty() => "<<>>".to_owned(),
        Value::Text(text) | Value::Bytes(text) if text.is_ascii() => {
            format!("<<\"{}\">>", String::from_utf8_lossy(text))
        }
        Value::Text(text) | Value::Bytes(text) => match std::str::from_utf8(text) {
            Ok(text) => format!("<<\"{text}\"/utf8>>"),
            Err(_) => {
                let octets: Vec<String> = text.iter().map(u8::to_string).collect();
                format!("<<{}>>", octets.join(","))
            }
        },
        Value::Decimal { scale, unscaled } => format!("{{{scale},{unscaled}}}"),
        Value::Array(values) => list(values),
        Value::Table(arguments) => {
            let pair = |(key, value): (&String, &Value)| {
                format!("{{<<\"{key}\">>,{},{}}}", type_name(value), erlang(value))
            };
            format!("[{}]", arguments.iter().map(pair).collect::<Vec<_>>().join(","))
        }
        other => plain(other),
    }
}

const fn word(object: Object) -> &'static str {
    match object {
        Object::Exchange => "exchange",
        Object::Queue => "queue",
    }
}

fn thing(object: Object, name: &Name, vhost: &Name) -> String {
    format!("{} '{name}' in vhost '{vhost}'", word(object))
}

fn quoted(value: &Value) -> String {
    format!("'{}'", plain(value))
}

fn argument(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Void) => "none".to_owned(),
        Some(value) => format!("the value '{}' of type '{}'", plain(value), type_name(value)),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(v) => v.to_string(),
        Value::Text(v) | Value::Bytes(v) => String::from_utf8_lossy(v).into_owned(),
        Value::F32(v) => float(f64::from(*v)),
        Value::F64(v) => float(*v),
        Value::Timestamp(v) => v.to_string(),
        other => match other.as_integer() {
            Some(number) => number.to_string(),
            None => erlang(other),
        },
    }
}

/// A number as Erlang prints it: with a point always, and with an exponent if that is shorter.
fn float(number: f64) -> String {
    let plain = format!("{number:?}");
    let Some((digits, exponent)) =
        format!("{number:e}").split_once('e').map(|(digits, exponent)| {
            let point = if digits.contains('.') { "" } else { ".0" };
            (format!("{digits}{point}"), exponent.to_owned())
        })
    else {
        return plain;
    };
    let scientific = format!("{digits}e{exponent}");
    if plain.contains('e') || scientific.len() < plain.len() { scientific } else { plain }
}

/// The names that RabbitMQ has for the types of table values.
const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Void => "void",
        Value::Bool(_) => "bool",
        Value::I8(_) => "byte",
        Value::U8(_) => "unsignedbyte",
        Value::I16(_) => "short",
        Value::U16(_) => "unsignedshort",
        Value::I32(_) => "signedint",
        Value::U32(_) => "unsignedint",
        Value::I64(_) => "long",
        Value::F32(_) => "float",
        Value::F64(_) => "double",
        Value::Decimal { .. } => "decimal",
        Value::Text(_) => "longstr",
        Value::Bytes(_) => "binary",
        Value::Timestamp(_) => "timestamp",
        Value::Array(_) => "array",
        Value::Table(_) => "table",
    }
}
