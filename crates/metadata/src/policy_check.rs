//! Whether a policy makes sense. The words are RabbitMQ 4.3's, read off a running one.

use std::fmt;

use serde_json::Value;

use crate::policy::{Policy, PolicyDefinition, compile};

const SEGMENT_BYTES_MAX: u64 = 3_000_000_000;
/// AMQP 0-9-1 has no room for such a routing key. RabbitMQ takes it and breaks the connections of those who get the message.
const KEY_TOO_LONG_BYTES: usize = 256;

const RETRY_TYPES: [&str; 4] = ["all", "failed", "returned", "disabled"];

/// Why a policy is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPolicy(String);

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidPolicy {}

/// What the value of a key may be.
#[derive(Clone, Copy)]
enum Check {
    /// Text.
    Text,
    /// A routing key that a message can have.
    RoutingKey,
    /// Anything: it is for a part that comes later.
    Anything,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A whole number of any sign.
    Integer,
    /// A whole number within these bounds.
    Between(u64, u64),
    /// A time as streams have it: `7D`.
    Age,
    /// Not at all.
    Deprecated,
}

/// A key, what its value may be, what a wrong one is called, and whether operator policies have it.
struct Key {
    name: &'static str,
    check: Check,
    called: &'static str,
    is_for_operators: bool,
}

const fn key(name: &'static str, check: Check, called: &'static str) -> Key {
    Key { name, check, called, is_for_operators: false }
}

const fn both(name: &'static str, check: Check, called: &'static str) -> Key {
    Key { name, check, called, is_for_operators: true }
}

const NUMBER: Check = Check::Between(0, u64::MAX);
const POSITIVE: Check = Check::Between(1, u64::MAX);

/// Sorted by name.
const KEYS: [Key; 29] = [
    key("alternate-exchange", Check::Text, "alternate exchange name"),
    key("consumer-disconnected-timeout", NUMBER, "consumer disconnected timeout"),
    key("consumer-timeout", NUMBER, "consumer timeout"),
    key("dead-letter-exchange", Check::Text, "dead letter exchange name"),
    key("dead-letter-routing-key", Check::RoutingKey, "dead letter routing key"),
    key(
        "dead-letter-strategy",
        Check::OneOf(&["at-most-once", "at-least-once"]),
        "dead letter strategy",
    ),
    both("delayed-retry-max", POSITIVE, "delayed retry maximum delay. Must be a positive integer"),
    both("delayed-retry-min", POSITIVE, "delayed retry minimum delay. Must be a positive integer"),
    both(
        "delayed-retry-type",
        Check::OneOf(&RETRY_TYPES),
        "delayed retry type. Must be one of: all, failed, returned, disabled",
    ),
    both("delivery-limit", Check::Integer, "delivery limit"),
    both("expires", POSITIVE, "queue expiry"),
    key("federation-upstream", Check::Anything, ""),
    key("federation-upstream-pattern", Check::Anything, ""),
    key("federation-upstream-set", Check::Anything, ""),
    key("initial-cluster-size", NUMBER, "cluster size"),
    key("max-age", Check::Age, "max age"),
    both("max-in-memory-bytes", NUMBER, "maximum memory in bytes"),
    both("max-in-memory-length", NUMBER, "maximum memory in bytes"),
    both("max-length", NUMBER, "maximum length"),
    both("max-length-bytes", NUMBER, "maximum length in bytes"),
    both("message-ttl", NUMBER, "message TTL"),
    both(
        "overflow",
        Check::OneOf(&["drop-head", "reject-publish", "reject-publish-dlx"]),
        "overflow value",
    ),
    key(
        "queue-leader-locator",
        Check::OneOf(&["client-local", "balanced", "random", "least-leaders"]),
        "queue leader locator value",
    ),
    both("queue-master-locator", Check::Deprecated, ""),
    key("queue-mode", Check::OneOf(&["default", "lazy"]), "queue-mode value"),
    both("queue-version", Check::Between(1, 2), "queue-version value"),
    key("stream-filter-size-bytes", Check::Between(16, 255), "filter size. Valid range is 16-255"),
    key("stream-max-segment-size-bytes", Check::Between(0, SEGMENT_BYTES_MAX), "segment size"),
    both("target-group-size", POSITIVE, "qq target count value"),
];

impl Policy {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`InvalidPolicy`]: the first thing that is wrong, in RabbitMQ's words.
    pub fn check(&self, is_operator: bool) -> Result<(), InvalidPolicy> {
        compile(&self.pattern).map_err(|reason| {
            InvalidPolicy(format!("pattern should be regular expression but is invalid: {reason}"))
        })?;
        if self.definition.is_empty() {
            return Err(InvalidPolicy("no policy provided".to_owned()));
        }
        let mut unknown = Vec::new();
        for (name, value) in &self.definition {
            match KEYS.iter().find(|key| key.name == name) {
                Some(key) if key.is_for_operators || !is_operator => check_value(key, value)?,
                _ => unknown.push(format!("{{<<\"{name}\">>,{}}}", erlang(value))),
            }
        }
        if !unknown.is_empty() {
            let unknown = unknown.join(",");
            return Err(InvalidPolicy(format!("[{unknown}] are not recognised policy settings")));
        }
        check_retry(&self.definition)
    }
}

fn check_value(key: &Key, value: &Value) -> Result<(), InvalidPolicy> {
    let is_valid = match key.check {
        Check::Anything => true,
        Check::Text => value.is_string(),
        Check::RoutingKey => match value.as_str().map(str::len) {
            Some(count @ KEY_TOO_LONG_BYTES..) => {
                let max = KEY_TOO_LONG_BYTES - 1;
                let text = format!("{} has {count} bytes and may have {max}", key.name);
                return Err(InvalidPolicy(text));
            }
            length => length.is_some(),
        },
        Check::OneOf(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Check::Integer => value.is_i64() || value.is_u64(),
        Check::Between(min, max) => value.as_u64().is_some_and(|n| (min..=max).contains(&n)),
        Check::Age => value.as_str().is_some_and(is_age),
        Check::Deprecated => {
            let text = format!("use of deprecated {} argument is not permitted", key.name);
            return Err(InvalidPolicy(text));
        }
    };
    if is_valid {
        return Ok(());
    }
    Err(InvalidPolicy(format!("{} is not a valid {}", erlang(value), key.called)))
}

fn check_retry(definition: &PolicyDefinition) -> Result<(), InvalidPolicy> {
    let kind = definition.get("delayed-retry-type").and_then(Value::as_str);
    match kind {
        Some(kind) if kind != "disabled" && !definition.contains_key("delayed-retry-min") => {
            Err(InvalidPolicy(format!(
                "delayed-retry-min is required when delayed-retry-type is {kind}"
            )))
        }
        _ => Ok(()),
    }
}

/// Digits and a unit: `Y`, `M`, `D`, `h`, `m` or `s`.
pub(crate) fn is_age(text: &str) -> bool {
    let digits = text.strip_suffix(['Y', 'M', 'D', 'h', 'm', 's']);
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// A JSON value as Erlang prints it.
fn erlang(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "<<>>".to_owned(),
        Value::String(text) => format!("<<\"{text}\">>"),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(erlang).collect::<Vec<_>>().join(","))
        }
        Value::Object(map) => {
            let pair =
                |(key, value): (&String, &Value)| format!("<<\"{key}\">> => {}", erlang(value));
            format!("#{{{}}}", map.iter().map(pair).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use message::Name;
    use serde_json::json;

    use super::*;
    use crate::policy::ApplyTo;

    fn policy(definition: &Value) -> Policy {
        Policy {
            vhost: Name::fixed("/"),
            name: Name::fixed("p"),
            pattern: String::new(),
            apply_to: ApplyTo::All,
            priority: 0,
            definition: serde_json::from_value(definition.clone()).unwrap(),
        }
    }

    fn check(definition: &Value) -> String {
        policy(definition).check(false).err().map_or_else(String::new, |e| e.to_string())
    }

    #[test]
    fn the_keys_are_sorted() {
        assert!(KEYS.is_sorted_by_key(|key| key.name));
    }

    #[test]
    fn good_policies_are_taken() {
        for definition in [
            json!({"alternate-exchange": "ae"}),
            json!({"dead-letter-exchange": "", "dead-letter-routing-key": "k"}),
            json!({"message-ttl": 0, "expires": 1, "max-length": 0, "max-length-bytes": 5}),
            json!({"delivery-limit": -1}),
            json!({"delayed-retry-type": "failed", "delayed-retry-min": 5}),
            json!({"delayed-retry-type": "disabled"}),
            json!({"max-age": "7D", "queue-mode": "lazy", "queue-version": 1}),
            json!({"overflow": "reject-publish-dlx", "federation-upstream-set": "all"}),
        ] {
            assert_eq!(check(&definition), "", "{definition}");
        }
    }

    #[test]
    fn what_is_wrong_with_others_is_told_in_rabbitmqs_words() {
        for (definition, text) in [
            (json!({}), "no policy provided"),
            (json!({"message-ttl": -1}), "-1 is not a valid message TTL"),
            (json!({"message-ttl": 1.5}), "1.5 is not a valid message TTL"),
            (json!({"message-ttl": "x"}), "<<\"x\">> is not a valid message TTL"),
            (json!({"expires": 0}), "0 is not a valid queue expiry"),
            (json!({"max-length": -1}), "-1 is not a valid maximum length"),
            (json!({"max-length-bytes": "x"}), "<<\"x\">> is not a valid maximum length in bytes"),
            (json!({"alternate-exchange": 5}), "5 is not a valid alternate exchange name"),
            (json!({"overflow": "x"}), "<<\"x\">> is not a valid overflow value"),
            (json!({"queue-version": 3}), "3 is not a valid queue-version value"),
            (json!({"max-age": "x"}), "<<\"x\">> is not a valid max age"),
            (json!({"foo": 1}), "[{<<\"foo\">>,1}] are not recognised policy settings"),
            (json!({"max-priority": 5, "foo": "x", "expires": 0}), "0 is not a valid queue expiry"),
            (
                json!({"delayed-retry-type": "all"}),
                "delayed-retry-min is required when delayed-retry-type is all",
            ),
            (
                json!({"delayed-retry-min": 0}),
                "0 is not a valid delayed retry minimum delay. Must be a positive integer",
            ),
            (
                json!({"queue-master-locator": "min-masters"}),
                "use of deprecated queue-master-locator argument is not permitted",
            ),
        ] {
            assert_eq!(check(&definition), text);
        }
    }

    #[test]
    fn operator_policies_have_fewer_keys() {
        let alternate = policy(&json!({"alternate-exchange": "x"}));
        assert_eq!(
            alternate.check(true).unwrap_err().to_string(),
            "[{<<\"alternate-exchange\">>,<<\"x\">>}] are not recognised policy settings"
        );
        assert_eq!(policy(&json!({"message-ttl": 5, "overflow": "drop-head"})).check(true), Ok(()));
    }

    #[test]
    fn a_pattern_has_to_be_a_regular_expression() {
        let wrong = Policy { pattern: "(".to_owned(), ..policy(&json!({"expires": 1})) };
        let text = wrong.check(false).unwrap_err().to_string();
        assert!(
            text.starts_with("pattern should be regular expression but is invalid: "),
            "{text}"
        );
    }
}
