//! An exchange: its type, the bindings that leave it, and what its type needs to find the matching ones.

pub(crate) mod direct;
pub(crate) mod fanout;
pub(crate) mod headers;
pub(crate) mod topic;
pub(crate) mod trie;
pub(crate) mod words;

use std::sync::Arc;

use imbl::OrdMap;
use message::Headers;

use crate::binding::{Binding, ExchangeId, SameKey};
use crate::key::{Key, KeyRef};
use crate::kind::Kind;
use crate::targets::Targets;
use trie::Trie;

/// Only topic exchanges use the trie. It stays empty, and costs a pointer, in the others.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) kind: Kind,
    by_key: OrdMap<Key, SameKey>,
    patterns: Trie,
}

impl Exchange {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, by_key: OrdMap::new(), patterns: Trie::default() }
    }

    pub(crate) fn is_unbound(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(crate) fn bindings(&self) -> impl Iterator<Item = &Arc<Binding>> {
        self.by_key.values().flat_map(SameKey::iter)
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
        if let Some(same_key) = self.by_key.get_mut(&binding.key) {
            same_key.insert(binding);
            return;
        }
        self.by_key.insert(binding.key.clone(), SameKey::One(Arc::clone(binding)));
        if self.kind == Kind::Topic {
            self.patterns.insert(&binding.key);
        }
    }

    /// Takes a binding out that is there.
    pub(crate) fn remove(&mut self, binding: &Arc<Binding>) {
        let same_key = self.by_key.get_mut(&binding.key).expect("the binding is there");
        if same_key.remove(binding) {
            return;
        }
        self.by_key.remove(&binding.key);
        if self.kind == Kind::Topic {
            self.patterns.remove(&binding.key);
        }
    }

    /// Adds the ends of all matching bindings to the targets of a message that entered at `start`.
    pub(crate) fn route(
        &self,
        start: ExchangeId,
        key: &[u8],
        headers: &dyn Headers,
        targets: &mut Targets,
    ) {
        match self.kind {
            Kind::Direct => direct::route(self, start, key, targets),
            Kind::Fanout => fanout::route(self, start, targets),
            Kind::Topic => topic::route(self, &self.patterns, start, key, targets),
            Kind::Headers => headers::route(self, start, headers, targets),
        }
    }
}
