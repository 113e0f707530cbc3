//! The exchanges and bindings of a virtual host.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use message::Arguments;

use crate::binding::{BeforeDestination, Binding, ByDestination, Destination, ExchangeId};
use crate::envelope::Envelope;
use crate::exchange::Exchange;
use crate::invalid::Invalid;
use crate::key::{KEY_BYTES_MAX, Key};
use crate::kind::{Behaviour, Kind};
use crate::targets::Targets;

/// Exchanges and bindings. Cloning is O(1) and a change O(log n); a clone does not see later changes.
#[derive(Clone, Debug, Default)]
pub struct Router {
    exchanges: OrdMap<ExchangeId, Arc<Exchange>>,
    /// Every binding once more, to find those that lead to a queue or exchange.
    by_destination: OrdSet<ByDestination>,
}

/// Bindings that went away with their queue or exchange.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    /// The bindings.
    pub bindings: Vec<Arc<Binding>>,
}

impl Removed {
    /// The exchanges that lost a binding. Those that delete themselves with their last binding may be due.
    pub fn sources(&self) -> BTreeSet<ExchangeId> {
        self.bindings.iter().map(|binding| binding.source).collect()
    }
}

impl Router {
    /// No exchange and no binding.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an exchange.
    ///
    /// # Errors
    /// [`Invalid`] when the type of exchange has no use for such arguments.
    ///
    /// # Panics
    /// When the number is in use.
    pub fn add(
        &mut self,
        exchange: ExchangeId,
        kind: Kind,
        arguments: &Arguments,
    ) -> Result<(), Invalid> {
        let added = Exchange::new(Behaviour::of(kind, arguments)?);
        let before = self.exchanges.insert(exchange, Arc::new(added));
        assert!(before.is_none(), "exchange numbers are given out once");
        Ok(())
    }

    /// Names the exchange where messages go that match no binding of `exchange`; `None` for none. One that goes away
    /// takes nothing more. Nothing changes when `exchange` is not there.
    pub fn set_alternate(&mut self, exchange: ExchangeId, alternate: Option<ExchangeId>) {
        if let Some(found) = self.exchanges.get_mut(&exchange) {
            Arc::make_mut(found).alternate = alternate;
        }
    }

    /// Removes an exchange, the bindings that leave it and those that lead to it. Removing one that is not there
    /// changes nothing.
    pub fn remove(&mut self, exchange: ExchangeId) -> Removed {
        let mut removed = self.remove_bindings_to(Destination::Exchange(exchange));
        if let Some(gone) = self.exchanges.remove(&exchange) {
            for binding in gone.bindings() {
                self.by_destination.remove(&ByDestination::new(Arc::clone(binding)));
                removed.bindings.push(Arc::clone(binding));
            }
        }
        removed
    }

    /// Removes the bindings that lead to a queue.
    pub fn remove_queue(&mut self, queue: u64) -> Removed {
        self.remove_bindings_to(Destination::Queue(queue))
    }

    /// The type of an exchange, or `None` when it is not there.
    pub fn kind(&self, exchange: ExchangeId) -> Option<Kind> {
        self.exchanges.get(&exchange).map(|exchange| exchange.behaviour.kind)
    }

    /// Adds a binding; false when there is one with the same source, destination, key and arguments.
    ///
    /// # Errors
    /// [`Invalid`] when the type of exchange has no use for such a key or such arguments, or the key is too long.
    ///
    /// # Panics
    /// When an exchange is not there: the caller has looked.
    pub fn bind(
        &mut self,
        source: ExchangeId,
        destination: Destination,
        key: impl AsRef<[u8]>,
        arguments: &Arguments,
    ) -> Result<bool, Invalid> {
        let binding = new_binding(source, destination, key.as_ref(), arguments)?;
        if let Destination::Exchange(exchange) = destination {
            assert!(self.exchanges.contains_key(&exchange), "the destination exchange exists");
        }
        let exchange = self.exchanges.get_mut(&source).expect("the source exchange exists");
        exchange.behaviour.check(&binding)?;
        if exchange.contains(&binding) {
            return Ok(false);
        }
        Arc::make_mut(exchange).insert(&binding);
        self.by_destination.insert(ByDestination::new(binding));
        Ok(true)
    }

    /// Removes a binding; false when there is none with this source, destination, key and arguments.
    pub fn unbind(
        &mut self,
        source: ExchangeId,
        destination: Destination,
        key: impl AsRef<[u8]>,
        arguments: &Arguments,
    ) -> bool {
        let Ok(binding) = new_binding(source, destination, key.as_ref(), arguments) else {
            return false;
        };
        let Some(exchange) = self.exchanges.get_mut(&source) else { return false };
        if !exchange.contains(&binding) {
            return false;
        }
        Arc::make_mut(exchange).remove(&binding);
        self.by_destination.remove(&ByDestination::new(binding));
        true
    }

    /// Whether there is a binding with this source, destination, key and arguments.
    pub fn is_bound(
        &self,
        source: ExchangeId,
        destination: Destination,
        key: impl AsRef<[u8]>,
        arguments: &Arguments,
    ) -> bool {
        let Ok(binding) = new_binding(source, destination, key.as_ref(), arguments) else {
            return false;
        };
        self.exchanges.get(&source).is_some_and(|exchange| exchange.contains(&binding))
    }

    /// Whether any binding leaves this exchange.
    pub fn has_bindings(&self, source: ExchangeId) -> bool {
        self.exchanges.get(&source).is_some_and(|exchange| !exchange.is_unbound())
    }

    /// The bindings that leave an exchange. Made again in this order, they route as they do.
    pub fn bindings(&self, source: ExchangeId) -> impl Iterator<Item = &Arc<Binding>> {
        self.exchanges.get(&source).into_iter().flat_map(|exchange| exchange.bindings())
    }

    /// The bindings that lead to a queue or exchange, ordered by source.
    pub fn bindings_to(&self, destination: Destination) -> impl Iterator<Item = &Arc<Binding>> {
        self.by_destination
            .range(BeforeDestination(destination)..)
            .map(|entry| &entry.binding)
            .take_while(move |binding| binding.destination == destination)
    }

    /// How many bindings there are.
    pub fn binding_count(&self) -> usize {
        self.by_destination.len()
    }

    /// Adds to `targets` the queues that a message goes to when it is published to an exchange. What is in `targets`
    /// stays. An exchange that is not there leads nowhere.
    ///
    /// # Panics
    /// When a key has more than 255 bytes: no front-end can hand in such.
    pub fn route(&self, exchange: ExchangeId, envelope: &Envelope<'_>, targets: &mut Targets) {
        targets.begin(exchange);
        while let Some(next) = targets.pending.pop() {
            if let Some(reached) = self.exchanges.get(&next) {
                reached.route(next, exchange, envelope, targets);
            }
        }
        targets.finish();
    }

    pub(crate) fn exchange(&self, exchange: ExchangeId) -> Option<&Arc<Exchange>> {
        self.exchanges.get(&exchange)
    }

    fn remove_bindings_to(&mut self, destination: Destination) -> Removed {
        let bindings: Vec<_> = self.bindings_to(destination).cloned().collect();
        for binding in &bindings {
            let source = self.exchanges.get_mut(&binding.source);
            let source = source.expect("a binding goes with its source");
            Arc::make_mut(source).remove(binding);
            self.by_destination.remove(&ByDestination::new(Arc::clone(binding)));
        }
        Removed { bindings }
    }
}

fn new_binding(
    source: ExchangeId,
    destination: Destination,
    key: &[u8],
    arguments: &Arguments,
) -> Result<Arc<Binding>, Invalid> {
    if key.len() > KEY_BYTES_MAX {
        return Err(Invalid::KeyTooLong(key.len()));
    }
    let (key, arguments) = (Key::new(key), arguments.clone());
    Ok(Arc::new(Binding { source, destination, key, arguments }))
}
