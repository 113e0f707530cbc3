//! Headers: the binding's arguments are held against the message's headers; keys do not matter.

use std::collections::BTreeMap;

use message::{Arguments, Headers, Value};

use crate::binding::ExchangeId;
use crate::compare::header_matches;
use crate::exchange::Exchange;
use crate::invalid::Invalid;
use crate::targets::Targets;

const MATCH_ARGUMENT: &str = "x-match";
const X_PREFIX: &str = "x-";

/// What a binding asks for with the argument `x-match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    /// One matching header is enough. A binding that asks for no header then matches nothing; otherwise it
    /// matches everything.
    any: bool,
    /// Arguments whose names begin with `x-` count too.
    with_x: bool,
}

impl Match {
    pub(crate) fn of(arguments: &Arguments) -> Result<Self, Invalid> {
        let (any, with_x) = match arguments.get(MATCH_ARGUMENT) {
            None => (false, false),
            Some(Value::Text(text)) => match &text[..] {
                b"all" => (false, false),
                b"any" => (true, false),
                b"all-with-x" => (false, true),
                b"any-with-x" => (true, true),
                _ => return Err(Invalid::MatchValue(text.clone())),
            },
            Some(other) => return Err(Invalid::MatchType(other.clone())),
        };
        Ok(Self { any, with_x })
    }

    fn counts(self, name: &str) -> bool {
        if self.with_x { name != MATCH_ARGUMENT } else { !name.starts_with(X_PREFIX) }
    }
}

pub(crate) fn route(
    exchange: &Exchange,
    start: ExchangeId,
    headers: &dyn Headers,
    targets: &mut Targets,
) {
    targets.note_variable();
    let mut read = ReadOnce { headers, values: BTreeMap::new() };
    for binding in exchange.bindings() {
        if is_match(&binding.arguments, &mut read) {
            targets.add(start, binding.destination);
        }
    }
}

fn is_match<'a>(arguments: &'a Arguments, headers: &mut ReadOnce<'a>) -> bool {
    let Ok(rule) = Match::of(arguments) else { unreachable!("bind lets no other in") };
    let mut wanted = arguments.iter().filter(|(name, _)| rule.counts(name));
    let mut holds = |(name, value): (&'a String, &Value)| {
        headers.get(name).is_some_and(|header| header_matches(value, header))
    };
    if rule.any { wanted.any(holds) } else { wanted.all(&mut holds) }
}

/// The headers of one message. Each is decoded at most once, however many bindings ask for it.
struct ReadOnce<'a> {
    headers: &'a dyn Headers,
    values: BTreeMap<&'a str, Option<Value>>,
}

impl<'a> ReadOnce<'a> {
    fn get(&mut self, name: &'a str) -> Option<&Value> {
        self.values.entry(name).or_insert_with(|| self.headers.get(name)).as_ref()
    }
}
