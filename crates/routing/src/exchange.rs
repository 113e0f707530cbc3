//! An exchange: its type, the bindings that leave it, and what its type needs to find the matching ones.

pub(crate) mod consistent;
pub(crate) mod direct;
pub(crate) mod fanout;
mod hash;
pub(crate) mod headers;
mod modulus;
mod random;
mod ring;
pub(crate) mod topic;
pub(crate) mod trie;
pub(crate) mod words;

use std::sync::Arc;

use imbl::OrdMap;
use message::Value;

use crate::binding::{Binding, Destination, ExchangeId, SameKey};
use crate::envelope::Envelope;
use crate::key::{Key, KeyRef};
use crate::kind::{Behaviour, Kind};
use crate::targets::Targets;
use ring::Ring;
use trie::Trie;

#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) behaviour: Behaviour,
    /// Where messages go that match no binding.
    pub(crate) alternate: Option<ExchangeId>,
    by_key: OrdMap<Key, SameKey>,
    index: Index,
}

/// What a type needs besides the bindings by their keys.
#[derive(Clone, Debug)]
enum Index {
    Nothing,
    /// Fanout: what the bindings lead to, and how many lead to each.
    Ends(OrdMap<Destination, u32>),
    /// Topic.
    Patterns(Trie),
    /// Hashes and chance.
    Ring(Ring),
}

impl Exchange {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        let index = match behaviour.routes_as {
            Kind::Topic => Index::Patterns(Trie::default()),
            Kind::ConsistentHash | Kind::ModulusHash | Kind::Random | Kind::LocalRandom => {
                Index::Ring(Ring::default())
            }
            Kind::Fanout | Kind::RecentHistory => Index::Ends(OrdMap::new()),
            Kind::Direct | Kind::Headers | Kind::Delayed => Index::Nothing,
        };
        Self { behaviour, alternate: None, by_key: OrdMap::new(), index }
    }

    pub(crate) fn is_unbound(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The bindings: in the order in which they were made where that order matters to routing, otherwise in one that
    /// depends on nothing but themselves.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = &Arc<Binding>> {
        let ring = if let Index::Ring(ring) = &self.index { Some(ring) } else { None };
        let by_key = if ring.is_none() { Some(&self.by_key) } else { None };
        let by_key = by_key.into_iter().flat_map(OrdMap::values).flat_map(SameKey::iter);
        ring.into_iter().flat_map(Ring::iter).chain(by_key)
    }

    /// The bindings with this very key.
    pub(crate) fn with_key(&self, key: KeyRef<'_>) -> Option<&SameKey> {
        self.by_key.get(&key)
    }

    pub(crate) fn contains(&self, binding: &Arc<Binding>) -> bool {
        self.by_key.get(&binding.key).is_some_and(|same_key| same_key.contains(binding))
    }

    /// Adds a binding that is not there.
    pub(crate) fn insert(&mut self, binding: &Arc<Binding>) {
        match &mut self.index {
            Index::Ring(ring) if self.behaviour.routes_as == Kind::ConsistentHash => {
                ring.insert_once(binding, consistent::weight_of(binding));
            }
            Index::Ring(ring) => ring.insert(binding),
            Index::Ends(ends) => *ends.entry(binding.destination).or_default() += 1,
            Index::Patterns(_) | Index::Nothing => {}
        }
        let same_key = match self.by_key.get_mut(&binding.key) {
            Some(same_key) => {
                same_key.insert(binding);
                same_key.clone()
            }
            None => {
                self.by_key.insert(binding.key.clone(), SameKey::one(binding));
                SameKey::one(binding)
            }
        };
        if let Index::Patterns(patterns) = &mut self.index {
            patterns.set(&binding.key, same_key);
        }
    }

    /// Takes a binding out that is there.
    pub(crate) fn remove(&mut self, binding: &Arc<Binding>) {
        match &mut self.index {
            Index::Ring(ring) if self.behaviour.routes_as == Kind::ConsistentHash => {
                ring.remove_once(binding, consistent::weight_of);
            }
            Index::Ring(ring) => ring.remove(binding),
            Index::Ends(ends) => {
                let count = ends.get_mut(&binding.destination).expect("the binding is counted");
                *count -= 1;
                if *count == 0 {
                    ends.remove(&binding.destination);
                }
            }
            Index::Patterns(_) | Index::Nothing => {}
        }
        let same_key = self.by_key.get_mut(&binding.key).expect("the binding is there");
        let left = same_key.remove(binding).then(|| same_key.clone());
        if left.is_none() {
            self.by_key.remove(&binding.key);
        }
        if let Index::Patterns(patterns) = &mut self.index {
            match left {
                Some(left) => patterns.set(&binding.key, left),
                None => patterns.remove(&binding.key),
            }
        }
    }

    /// Adds to the targets of a message that entered at `start` what it reaches through this exchange, which is
    /// `place`: the ends of all matching bindings, or the alternate exchange if none matches.
    pub(crate) fn route(
        &self,
        place: ExchangeId,
        start: ExchangeId,
        envelope: &Envelope<'_>,
        targets: &mut Targets,
    ) {
        let before = targets.matches();
        let is_kept = self.is_kept(place, envelope, targets);
        if !is_kept {
            self.match_bindings(place, start, envelope, targets);
        }
        if let Some(alternate) = self.alternate.filter(|_| targets.matches() == before) {
            targets.add(start, Destination::Exchange(alternate));
        }
        if self.behaviour.kind == Kind::RecentHistory && !is_kept {
            targets.keep(place);
        }
    }

    /// Whether the message goes no further than here for now.
    fn is_kept(&self, place: ExchangeId, envelope: &Envelope<'_>, targets: &mut Targets) -> bool {
        let is_sieved = self.is_sieved(place, envelope, targets);
        let delays = self.behaviour.kind == Kind::Delayed;
        if delays {
            // Whether it waits can differ from message to message.
            targets.note_variable();
        }
        let is_kept = is_sieved || (delays && envelope.is_delayed);
        if is_kept {
            targets.keep(place);
        }
        is_kept
    }

    /// Whether the message is to be looked at first. One without a key cannot be told from others, and passes.
    fn is_sieved(&self, place: ExchangeId, envelope: &Envelope<'_>, targets: &mut Targets) -> bool {
        let Some(header) = &self.behaviour.sieve else { return false };
        targets.note_variable();
        let key = envelope.headers.get(header).filter(|_| envelope.past != Some(place));
        let is_name = |key: &Value| {
            let is_compound = matches!(key, Value::Array(_) | Value::Table(_));
            !is_compound && !matches!(key, Value::Void | Value::Decimal { .. })
        };
        key.is_some_and(|key| is_name(&key))
    }

    pub(crate) fn match_bindings(
        &self,
        place: ExchangeId,
        start: ExchangeId,
        envelope: &Envelope<'_>,
        targets: &mut Targets,
    ) {
        match (self.behaviour.routes_as, &self.index) {
            (Kind::Topic, Index::Patterns(patterns)) => {
                topic::route(patterns, start, envelope.keys, targets);
            }
            (Kind::Headers, _) => headers::route(self, start, envelope.headers, targets),
            (Kind::Fanout | Kind::RecentHistory, Index::Ends(ends)) => {
                fanout::route(ends, start, targets);
            }
            (Kind::ConsistentHash, Index::Ring(ring)) => {
                consistent::route(ring, &self.behaviour.hash_on, start, envelope, targets);
            }
            (Kind::ModulusHash, Index::Ring(ring)) => {
                modulus::route(ring, start, envelope, targets);
            }
            (Kind::Random | Kind::LocalRandom, Index::Ring(ring)) => {
                random::route(ring, place, start, envelope, targets);
            }
            (Kind::Direct, _) => direct::route(self, start, envelope.keys, targets),
            (kind, index) => unreachable!("{kind:?} has {index:?}"),
        }
    }
}
