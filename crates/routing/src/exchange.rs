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
            Kind::Direct | Kind::Fanout | Kind::Headers | Kind::RecentHistory | Kind::Delayed => {
                Index::Nothing
            }
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
    pub(crate) fn with_key(&self, key: KeyRef<'_>) -> impl Iterator<Item = &Arc<Binding>> {
        self.by_key.get(&key).into_iter().flat_map(SameKey::iter)
    }

    pub(crate) fn contains(&self, binding: &Arc<Binding>) -> bool {
        self.by_key.get(&binding.key).is_some_and(|same_key| same_key.contains(binding))
    }

    /// Adds a binding that is not there.
    pub(crate) fn insert(&mut self, binding: &Arc<Binding>) {
        if let Index::Ring(ring) = &mut self.index {
            if self.behaviour.routes_as == Kind::ConsistentHash {
                ring.insert_once(binding, consistent::weight_of(binding));
            } else {
                ring.insert(binding);
            }
        }
        if let Some(same_key) = self.by_key.get_mut(&binding.key) {
            same_key.insert(binding);
            return;
        }
        self.by_key.insert(binding.key.clone(), SameKey::One(Arc::clone(binding)));
        if let Index::Patterns(patterns) = &mut self.index {
            patterns.insert(&binding.key);
        }
    }

    /// Takes a binding out that is there.
    pub(crate) fn remove(&mut self, binding: &Arc<Binding>) {
        if let Index::Ring(ring) = &mut self.index {
            if self.behaviour.routes_as == Kind::ConsistentHash {
                ring.remove_once(binding, consistent::weight_of);
            } else {
                ring.remove(binding);
            }
        }
        let same_key = self.by_key.get_mut(&binding.key).expect("the binding is there");
        if same_key.remove(binding) {
            return;
        }
        self.by_key.remove(&binding.key);
        if let Index::Patterns(patterns) = &mut self.index {
            patterns.remove(&binding.key);
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
        let is_kept = self.behaviour.kind == Kind::Delayed && self.delay(place, envelope, targets);
        if !is_kept {
            self.match_bindings(place, start, envelope, targets);
        }
        if let Some(alternate) = self.alternate.filter(|_| targets.matches() == before) {
            targets.add(start, Destination::Exchange(alternate));
        }
        if self.behaviour.kind == Kind::RecentHistory {
            targets.keep(place);
        }
    }

    /// Whether the message waits here. Whether it does can differ from message to message.
    fn delay(&self, place: ExchangeId, envelope: &Envelope<'_>, targets: &mut Targets) -> bool {
        targets.note_variable();
        if envelope.is_delayed {
            targets.keep(place);
        }
        envelope.is_delayed
    }

    fn match_bindings(
        &self,
        place: ExchangeId,
        start: ExchangeId,
        envelope: &Envelope<'_>,
        targets: &mut Targets,
    ) {
        match (self.behaviour.routes_as, &self.index) {
            (Kind::Topic, Index::Patterns(patterns)) => {
                topic::route(self, patterns, start, envelope.keys, targets);
            }
            (Kind::Headers, _) => headers::route(self, start, envelope.headers, targets),
            (Kind::Fanout | Kind::RecentHistory, _) => fanout::route(self, start, targets),
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
