//! An exchange: its type, the bindings that leave it, and what its type needs to find the matching ones.

pub(crate) mod direct;
pub(crate) mod fanout;
pub(crate) mod headers;
pub(crate) mod topic;
pub(crate) mod trie;
pub(crate) mod words;

use std::sync::Arc;

use imbl::OrdSet;
use message::Headers;

use crate::binding::{BeforeKey, Binding, BySource, ExchangeId};
use crate::key::KeyRef;
use crate::kind::Kind;
use crate::targets::Targets;
use trie::Trie;

/// Only topic exchanges use the trie. It stays empty, and costs a pointer, in the others.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) kind: Kind,
    pub(crate) bindings: OrdSet<BySource>,
    patterns: Trie,
}

impl Exchange {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, bindings: OrdSet::new(), patterns: Trie::default() }
    }

    pub(crate) fn contains(&self, binding: &Arc<Binding>) -> bool {
        self.bindings.contains(&BySource::new(Arc::clone(binding)))
    }

    pub(crate) fn insert(&mut self, binding: &Arc<Binding>) {
        if self.kind == Kind::Topic {
            self.patterns.insert(&binding.key);
        }
        self.bindings.insert(BySource::new(Arc::clone(binding)));
    }

    /// Takes a binding out, and gives the one that was there.
    pub(crate) fn remove(&mut self, binding: &Arc<Binding>) -> Option<Arc<Binding>> {
        let removed = self.bindings.remove(&BySource::new(Arc::clone(binding)))?.binding;
        if self.kind == Kind::Topic && self.with_key(removed.key.borrowed()).next().is_none() {
            self.patterns.remove(&removed.key);
        }
        Some(removed)
    }

    /// The bindings with this very key.
    pub(crate) fn with_key<'a>(
        &'a self,
        key: KeyRef<'a>,
    ) -> impl Iterator<Item = &'a Arc<Binding>> + use<'a> {
        self.bindings
            .range(BeforeKey(key)..)
            .take_while(move |entry| entry.has_key(key))
            .map(|entry| &entry.binding)
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
