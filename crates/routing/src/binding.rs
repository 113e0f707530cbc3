//! A binding, and the orders in which bindings are kept.

use std::cmp::Ordering;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};
use imbl::OrdSet;
use message::Arguments;

use crate::compare;
use crate::key::Key;

/// The number of an exchange, given out by the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub u64);

/// Where a binding ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// At a queue, by the number that the broker gave it.
    Queue(u64),
    /// At another exchange, which routes the message on.
    Exchange(ExchangeId),
}

/// A binding. Two bindings are the same when all four parts are, the widths of numbers in the arguments included
/// (RabbitMQ keeps a binding with the 32-bit argument 1 beside one with the 64-bit argument 1).
#[derive(Clone, Debug)]
pub struct Binding {
    /// The exchange that it takes messages from.
    pub source: ExchangeId,
    /// Where it takes them to.
    pub destination: Destination,
    /// The binding key; for topic exchanges a pattern.
    pub key: Key,
    /// The binding's arguments; for headers exchanges what to match.
    pub arguments: Arguments,
}

/// The bindings of one exchange that have the same key. There is always one; more are rare enough for a set of
/// their own to be worth it.
#[derive(Clone, Debug)]
pub(crate) enum SameKey {
    /// The destination stands beside the binding, so that routing need not look into it.
    One(Destination, Arc<Binding>),
    Many(OrdSet<BySource>),
}

/// A binding among those with the same source and key: ordered by destination, then arguments.
#[derive(Clone, Debug)]
pub(crate) struct BySource(Arc<Binding>);

/// A binding among all bindings: ordered by destination, then source, then key and arguments.
#[derive(Clone, Debug)]
pub(crate) struct ByDestination {
    destination: Destination,
    pub(crate) binding: Arc<Binding>,
}

/// The place just before the first binding to this destination.
pub(crate) struct BeforeDestination(pub(crate) Destination);

impl SameKey {
    pub(crate) fn one(binding: &Arc<Binding>) -> Self {
        Self::One(binding.destination, Arc::clone(binding))
    }

    /// Calls `found` with the end of each binding.
    #[inline]
    pub(crate) fn for_each_destination(&self, mut found: impl FnMut(Destination)) {
        match self {
            Self::One(destination, _) => found(*destination),
            Self::Many(set) => set.iter().for_each(|entry| found(entry.0.destination)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Binding>> {
        let (one, many) = match self {
            Self::One(_, binding) => (Some(binding), None),
            Self::Many(set) => (None, Some(set)),
        };
        one.into_iter().chain(many.into_iter().flatten().map(|entry| &entry.0))
    }

    pub(crate) fn contains(&self, binding: &Arc<Binding>) -> bool {
        let wanted = BySource(Arc::clone(binding));
        match self {
            Self::One(_, only) => wanted == BySource(Arc::clone(only)),
            Self::Many(set) => set.contains(&wanted),
        }
    }

    /// Adds a binding that is not there.
    pub(crate) fn insert(&mut self, binding: &Arc<Binding>) {
        match self {
            Self::One(_, only) => {
                let both = [Arc::clone(only), Arc::clone(binding)].map(BySource);
                *self = Self::Many(both.into_iter().collect());
            }
            Self::Many(set) => {
                set.insert(BySource(Arc::clone(binding)));
            }
        }
    }

    /// Takes a binding out that is there; false when it was the last.
    pub(crate) fn remove(&mut self, binding: &Arc<Binding>) -> bool {
        let Self::Many(set) = self else { return false };
        set.remove(&BySource(Arc::clone(binding)));
        if set.len() == 1
            && let Some(BySource(last)) = set.get_min()
        {
            *self = Self::one(&Arc::clone(last));
        }
        true
    }
}

impl ByDestination {
    pub(crate) fn new(binding: Arc<Binding>) -> Self {
        Self { destination: binding.destination, binding }
    }
}

impl Ord for BySource {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&*self.0, &*other.0);
        a.destination
            .cmp(&b.destination)
            .then_with(|| compare::arguments(&a.arguments, &b.arguments))
    }
}

impl Ord for ByDestination {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&*self.binding, &*other.binding);
        self.destination
            .cmp(&other.destination)
            .then_with(|| a.source.cmp(&b.source))
            .then_with(|| a.key.cmp(&b.key))
            .then_with(|| compare::arguments(&a.arguments, &b.arguments))
    }
}

impl Equivalent<ByDestination> for BeforeDestination {
    fn equivalent(&self, _: &ByDestination) -> bool {
        false
    }
}

impl Comparable<ByDestination> for BeforeDestination {
    fn compare(&self, entry: &ByDestination) -> Ordering {
        self.0.cmp(&entry.destination).then(Ordering::Less)
    }
}

/// Equality and partial order follow from the total order.
macro_rules! order_from_ord {
    ($($type:ty),*) => {$(
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other) == Ordering::Equal
            }
        }
        impl Eq for $type {}
        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    )*};
}

order_from_ord!(BySource, ByDestination);
