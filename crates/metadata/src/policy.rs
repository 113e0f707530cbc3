//! Policies: what an operator says of many queues or exchanges at once.
//!
//! An object has at most one policy and at most one operator policy: of those that match it, the one with the highest
//! priority; of equals, the first by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use fancy_regex::{Regex, RegexBuilder};
use imbl::OrdMap;
use message::Name;
use serde::{Deserialize, Serialize};

use crate::rules::QueueKind;

/// How many steps a pattern may take to find whether it matches one name. A pattern that needs more does not match.
const PATTERN_STEPS_MAX: usize = 100_000;

/// Keys that only make sense for streams: a policy that has one of them is for no other queue.
const STREAM_KEYS: [&str; 3] = ["initial-cluster-size", "max-age", "stream-max-segment-size-bytes"];

/// Keys that RabbitMQ has for quorum queues: a policy that has one of them is not for classic queues.
const QUORUM_KEYS: [&str; 3] = ["max-in-memory-bytes", "max-in-memory-length", "target-group-size"];

/// Keys of quorum queues that classic queues have here too, if the policy is for classic queues by name. Others of
/// RabbitMQ's policies mean what they mean there: a policy that has one of these keys passes classic queues by.
const DURABLE_KEYS: [&str; 2] = ["dead-letter-strategy", "delivery-limit"];

/// Keys that make no sense for quorum queues.
const CLASSIC_KEYS: [&str; 1] = ["queue-mode"];

/// What policies are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyTo {
    /// Queues of all types, and exchanges.
    #[default]
    All,
    /// Queues of all types.
    Queues,
    /// Classic queues.
    ClassicQueues,
    /// Quorum queues.
    QuorumQueues,
    /// Streams.
    Streams,
    /// Exchanges.
    Exchanges,
}

impl ApplyTo {
    /// What a word of RabbitMQ's stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "all" => Self::All,
            "queues" => Self::Queues,
            "classic_queues" => Self::ClassicQueues,
            "quorum_queues" => Self::QuorumQueues,
            "streams" => Self::Streams,
            "exchanges" => Self::Exchanges,
            _ => return None,
        })
    }

    const fn has_queues(self, kind: QueueKind) -> bool {
        match (self, kind) {
            (Self::All | Self::Queues, _)
            | (Self::ClassicQueues, QueueKind::Classic)
            | (Self::QuorumQueues, QueueKind::Quorum) => true,
            (Self::ClassicQueues | Self::QuorumQueues | Self::Streams | Self::Exchanges, _) => {
                false
            }
        }
    }

    const fn has_exchanges(self) -> bool {
        matches!(self, Self::All | Self::Exchanges)
    }
}

/// What a policy says: RabbitMQ's keys and JSON values.
pub type PolicyDefinition = BTreeMap<String, serde_json::Value>;

/// About how many bytes of memory one key of a policy takes with its value.
pub fn entry_bytes(name: &str, value: &serde_json::Value) -> usize {
    size_of::<String>() + name.len() + value_bytes(value)
}

fn value_bytes(value: &serde_json::Value) -> usize {
    let content = match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(list) => list.iter().map(value_bytes).sum(),
        serde_json::Value::Object(fields) => {
            fields.iter().map(|(name, value)| entry_bytes(name, value)).sum()
        }
        _ => 0,
    };
    size_of::<serde_json::Value>() + content
}

/// A policy, or an operator policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Where it is.
    pub vhost: Name,
    /// Its name.
    pub name: Name,
    /// A regular expression: it is for objects whose names have a match in them.
    pub pattern: String,
    /// What kinds of objects it is for.
    #[serde(default)]
    pub apply_to: ApplyTo,
    /// The highest one of those that match counts.
    #[serde(default)]
    pub priority: i64,
    /// What it says.
    pub definition: PolicyDefinition,
}

impl Policy {
    fn suits(&self, kind: QueueKind) -> bool {
        let has = |keys: &[&str]| keys.iter().any(|&key| self.definition.contains_key(key));
        let is_strange = match kind {
            QueueKind::Classic => {
                has(&QUORUM_KEYS) || (has(&DURABLE_KEYS) && self.apply_to != ApplyTo::ClassicQueues)
            }
            QueueKind::Quorum => has(&CLASSIC_KEYS),
        };
        self.apply_to.has_queues(kind) && !is_strange && !has(&STREAM_KEYS)
    }
}

/// A policy ready to be matched.
#[derive(Debug)]
struct Compiled {
    policy: Policy,
    /// `None` for a pattern that is no regular expression, which a policy that was checked does not have.
    regex: Option<Regex>,
}

/// The policies of a virtual host.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    by_name: OrdMap<Name, Arc<Compiled>>,
}

impl Policies {
    /// The policies, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.by_name.values().map(|compiled| &compiled.policy)
    }

    /// The policy of this name.
    pub fn named(&self, name: &str) -> Option<&Policy> {
        self.by_name.get(name).map(|compiled| &compiled.policy)
    }

    /// The one that counts for a queue.
    pub fn of_queue(&self, name: &str, kind: QueueKind) -> Option<&Policy> {
        self.best(name, |policy| policy.suits(kind))
    }

    /// The one that counts for an exchange.
    pub fn of_exchange(&self, name: &str) -> Option<&Policy> {
        self.best(name, |policy| policy.apply_to.has_exchanges())
    }

    pub(crate) fn set(&mut self, policy: &Policy) {
        let compiled = Compiled { policy: policy.clone(), regex: compile(&policy.pattern).ok() };
        self.by_name.insert(policy.name.clone(), Arc::new(compiled));
    }

    pub(crate) fn clear(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    fn best(&self, name: &str, suits: impl Fn(&Policy) -> bool) -> Option<&Policy> {
        let mut best: Option<&Policy> = None;
        for Compiled { policy, regex } in self.by_name.values().map(|compiled| &**compiled) {
            let is_better = best.is_none_or(|best| policy.priority > best.priority);
            if is_better && suits(policy) && matches(regex.as_ref(), name) {
                best = Some(policy);
            }
        }
        best
    }
}

/// Makes a pattern ready to be matched.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).backtrack_limit(PATTERN_STEPS_MAX).build();
    built.map_err(|error| error.to_string())
}

fn matches(regex: Option<&Regex>, name: &str) -> bool {
    regex.is_some_and(|regex| regex.is_match(name).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies(list: &[(&'static str, &str, ApplyTo, i64, &str)]) -> Policies {
        let mut policies = Policies::default();
        for &(name, pattern, apply_to, priority, key) in list {
            policies.set(&Policy {
                vhost: Name::fixed("/"),
                name: Name::fixed(name),
                pattern: pattern.to_owned(),
                apply_to,
                priority,
                definition: PolicyDefinition::from([(key.to_owned(), 5.into())]),
            });
        }
        policies
    }

    fn name_of(policy: Option<&Policy>) -> Option<&str> {
        policy.map(|policy| policy.name.as_str())
    }

    #[test]
    fn the_highest_priority_counts_and_of_equals_the_first_name() {
        let policies = policies(&[
            ("a", "^q", ApplyTo::All, 0, "message-ttl"),
            ("b", "^q", ApplyTo::Queues, 0, "message-ttl"),
            ("c", "^qq", ApplyTo::Queues, 1, "message-ttl"),
            ("d", "", ApplyTo::Exchanges, 9, "message-ttl"),
        ]);
        assert_eq!(name_of(policies.of_queue("q", QueueKind::Classic)), Some("a"));
        assert_eq!(name_of(policies.of_queue("qq", QueueKind::Quorum)), Some("c"));
        assert_eq!(name_of(policies.of_queue("xq", QueueKind::Quorum)), None);
        assert_eq!(name_of(policies.of_exchange("xq")), Some("d"));
    }

    #[test]
    fn a_policy_is_for_the_types_of_queues_that_know_all_of_its_keys() {
        for (apply_to, key, classic, quorum) in [
            (ApplyTo::All, "message-ttl", true, true),
            (ApplyTo::ClassicQueues, "message-ttl", true, false),
            (ApplyTo::QuorumQueues, "message-ttl", false, true),
            (ApplyTo::Streams, "message-ttl", false, false),
            (ApplyTo::All, "max-age", false, false),
            (ApplyTo::All, "queue-mode", true, false),
            (ApplyTo::All, "target-group-size", false, true),
            (ApplyTo::All, "delivery-limit", false, true),
            (ApplyTo::ClassicQueues, "delivery-limit", true, false),
        ] {
            let policies = policies(&[("p", "", apply_to, 0, key)]);
            let found = |kind| policies.of_queue("q", kind).is_some();
            let suits = (found(QueueKind::Classic), found(QueueKind::Quorum));
            assert_eq!(suits, (classic, quorum), "{apply_to:?} {key}");
        }
    }

    #[test]
    fn patterns_may_look_ahead() {
        let policies = policies(&[("p", r"^(?!amq\.).*", ApplyTo::All, 0, "message-ttl")]);
        assert!(policies.of_queue("q", QueueKind::Classic).is_some());
        assert!(policies.of_queue("amq.gen-1", QueueKind::Classic).is_none());
    }

    #[test]
    fn a_pattern_that_takes_for_ever_does_not_match() {
        let policies = policies(&[("p", r"^(a+)+\1b$", ApplyTo::All, 0, "message-ttl")]);
        assert!(policies.of_queue(&"a".repeat(255), QueueKind::Classic).is_none());
    }
}
