//! A binding, and the two orders in which bindings are kept.

use std::cmp::Ordering;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};
use message::Arguments;

use crate::compare;
use crate::key::{Key, KeyRef};

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

/// A binding among those of its source: ordered by key, then destination, then arguments.
#[derive(Clone, Debug)]
pub(crate) struct BySource {
    /// The hash of the binding's key, here so that a search need not follow the pointer.
    key_hash: u64,
    pub(crate) binding: Arc<Binding>,
}

/// A binding among all bindings: ordered by destination, then source, then key and arguments.
#[derive(Clone, Debug)]
pub(crate) struct ByDestination {
    destination: Destination,
    pub(crate) binding: Arc<Binding>,
}

/// The place just before the first binding with this key.
pub(crate) struct BeforeKey<'a>(pub(crate) KeyRef<'a>);

/// The place just before the first binding to this destination.
pub(crate) struct BeforeDestination(pub(crate) Destination);

impl BySource {
    pub(crate) fn new(binding: Arc<Binding>) -> Self {
        Self { key_hash: binding.key.hash(), binding }
    }

    pub(crate) fn has_key(&self, key: KeyRef<'_>) -> bool {
        self.key_hash == key.hash && self.binding.key.as_bytes() == key.bytes
    }
}

impl ByDestination {
    pub(crate) fn new(binding: Arc<Binding>) -> Self {
        Self { destination: binding.destination, binding }
    }
}

impl Ord for BySource {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&*self.binding, &*other.binding);
        self.key_hash
            .cmp(&other.key_hash)
            .then_with(|| a.key.cmp(&b.key))
            .then_with(|| a.destination.cmp(&b.destination))
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

impl Equivalent<BySource> for BeforeKey<'_> {
    fn equivalent(&self, _: &BySource) -> bool {
        false
    }
}

impl Comparable<BySource> for BeforeKey<'_> {
    fn compare(&self, entry: &BySource) -> Ordering {
        let order = self.0.hash.cmp(&entry.key_hash);
        order.then_with(|| self.0.bytes.cmp(entry.binding.key.as_bytes())).then(Ordering::Less)
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
