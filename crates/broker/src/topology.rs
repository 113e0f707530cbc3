//! Where messages can go: all that is declared, and the routes between.
//!
//! A topology is immutable once published. Shard 0 makes the next one from it (see `registry.rs`) and puts it behind
//! an atomic pointer; every shard looks there at the start of a turn. A clone costs nothing, because every
//! map in it is persistent.

use std::sync::Arc;

use message::{Name, QueueId};
use metadata::{Binding, BindingEnd, Change, Definitions, Exchange, Queue};
use routing::{Destination, ExchangeId, Invalid, Kind, Router};

use crate::alternates::Alternates;

/// Why adding a predeclared exchange cannot fail.
const BORN_RIGHT: &str = "a predeclared exchange has no arguments";

/// All that is declared, and the routes between, at one moment.
#[derive(Clone, Debug)]
pub struct Topology {
    definitions: Definitions,
    router: Router,
    alternates: Alternates,
    version: u64,
}

impl Default for Topology {
    fn default() -> Self {
        Self::new()
    }
}

impl Topology {
    /// What a fresh node has.
    pub fn new() -> Self {
        let definitions = Definitions::new();
        let mut router = Router::default();
        for exchange in definitions.vhosts().flat_map(|(_, vhost)| vhost.exchanges.values()) {
            add_exchange(&mut router, exchange).expect(BORN_RIGHT);
        }
        Self { definitions, router, alternates: Alternates::default(), version: 1 }
    }

    /// What is declared.
    pub const fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The routes.
    pub const fn router(&self) -> &Router {
        &self.router
    }

    /// Grows with every change: a route found under one version holds as long as it stands.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Numbers up to that of `queue` count as used.
    pub fn reserve(&mut self, queue: QueueId) {
        self.definitions.reserve_queue(queue);
    }

    /// Applies a change. Whoever makes changes has checked that they make sense.
    ///
    /// # Errors
    /// [`Invalid`] when the arguments of an exchange, or the arguments or key of a binding, do not fit the exchange's
    /// type.
    pub fn apply(&mut self, change: &Change) -> Result<(), Invalid> {
        self.version += 1;
        match change {
            Change::AddExchange(exchange) => {
                let id = ExchangeId(exchange.id);
                if self.router.kind(id).is_none() {
                    add_exchange(&mut self.router, exchange)?;
                }
            }
            Change::RemoveExchange { vhost, name } => {
                if let Some(exchange) = self.definitions.exchange(vhost.as_str(), name.as_str()) {
                    self.router.remove(ExchangeId(exchange.id));
                    self.alternates.forget(ExchangeId(exchange.id));
                }
            }
            Change::RemoveQueue { id } => {
                self.router.remove_queue(id.number());
            }
            Change::Bind(binding) => {
                if let Some((source, destination)) = self.ends(binding) {
                    self.router.bind(source, destination, &binding.key, &binding.arguments)?;
                }
            }
            Change::Unbind(binding) => {
                if let Some((source, destination)) = self.ends(binding) {
                    self.router.unbind(source, destination, &binding.key, &binding.arguments);
                }
            }
            Change::RemoveVhost { name } => self.remove_routes(name),
            Change::AddQueue(_)
            | Change::ReserveIds(_)
            | Change::SetVhost(_)
            | Change::SetVhostLimits { .. }
            | Change::SetTracing { .. }
            | Change::SetUserLimits { .. }
            | Change::SetUser(_)
            | Change::RemoveUser { .. }
            | Change::SetPermissions { .. }
            | Change::ClearPermissions { .. }
            | Change::SetTopicPermissions { .. }
            | Change::ClearTopicPermissions { .. }
            | Change::SetPolicy { .. }
            | Change::ClearPolicy { .. }
            | Change::SetParameter { .. }
            | Change::ClearParameter { .. }
            | Change::SetGlobalParameter { .. }
            | Change::ClearGlobalParameter { .. } => {}
        }
        let rules_before = self.definitions.rules_version();
        self.definitions.apply(change);
        if let Change::SetVhost(vhost) = change {
            self.add_predeclared(&vhost.name);
        }
        self.follow_alternates(change, rules_before);
        Ok(())
    }

    /// The exchanges that a virtual host is born with become routable.
    fn add_predeclared(&mut self, vhost: &Name) {
        let Some(vhost) = self.definitions.vhost(vhost.as_str()) else { return };
        for exchange in vhost.exchanges.values() {
            let id = ExchangeId(exchange.id);
            if self.router.kind(id).is_none() {
                add_exchange(&mut self.router, exchange).expect(BORN_RIGHT);
            }
        }
    }

    fn remove_routes(&mut self, vhost: &Name) {
        let Some(vhost) = self.definitions.vhost(vhost.as_str()) else { return };
        for queue in vhost.queues.values() {
            self.router.remove_queue(queue.id.number());
        }
        for exchange in vhost.exchanges.values() {
            self.router.remove(ExchangeId(exchange.id));
            self.alternates.forget(ExchangeId(exchange.id));
        }
    }

    /// Has the router know the alternates of the exchanges that a change concerns.
    fn follow_alternates(&mut self, change: &Change, rules_before: u64) {
        if self.definitions.rules_version() != rules_before {
            let all = self.definitions.vhosts().flat_map(|(_, vhost)| vhost.exchanges.values());
            for exchange in all.cloned().collect::<Vec<_>>() {
                self.set_alternate(&exchange);
            }
        }
        let (vhost, name) = match change {
            Change::AddExchange(exchange) => {
                self.set_alternate(exchange);
                (&exchange.vhost, &exchange.name)
            }
            Change::RemoveExchange { vhost, name } => (vhost, name),
            _ => return,
        };
        let found = self.exchange(vhost.as_str(), name.as_str()).map(|e| ExchangeId(e.id));
        for exchange in self.alternates.naming(vhost, name) {
            self.router.set_alternate(exchange, found);
        }
    }

    fn set_alternate(&mut self, exchange: &Exchange) {
        let id = ExchangeId(exchange.id);
        let name = self.definitions.exchange_rules(exchange).alternate;
        let found = name.as_ref().and_then(|name| {
            self.exchange(exchange.vhost.as_str(), name.as_str()).map(|e| ExchangeId(e.id))
        });
        if self.alternates.set(id, &exchange.vhost, name) {
            self.router.set_alternate(id, found);
        }
    }

    /// The exchange of this name.
    pub fn exchange(&self, vhost: &str, name: &str) -> Option<&Arc<Exchange>> {
        self.definitions.exchange(vhost, name)
    }

    /// The queue of this name.
    pub fn queue(&self, vhost: &str, name: &str) -> Option<&Arc<Queue>> {
        self.definitions.queue(vhost, name)
    }

    /// The exchange with this number.
    pub fn exchange_by_id(&self, id: ExchangeId) -> Option<&Arc<Exchange>> {
        self.definitions.exchange_by_id(id.0)
    }

    /// The router's numbers for the two ends of a binding; `None` when one of them does not exist.
    pub fn ends(&self, binding: &Binding) -> Option<(ExchangeId, Destination)> {
        let vhost = binding.vhost.as_str();
        let source = self.exchange(vhost, binding.source.as_str())?;
        let destination = match &binding.destination {
            BindingEnd::Queue(name) => {
                Destination::Queue(self.queue(vhost, name.as_str())?.id.number())
            }
            BindingEnd::Exchange(name) => {
                Destination::Exchange(ExchangeId(self.exchange(vhost, name.as_str())?.id))
            }
        };
        Some((ExchangeId(source.id), destination))
    }

    /// Whether there is such a binding.
    pub fn is_bound(&self, binding: &Binding) -> bool {
        self.ends(binding).is_some_and(|(source, destination)| {
            self.router.is_bound(source, destination, &binding.key, &binding.arguments)
        })
    }

    /// The exchanges that have bindings to `destination`.
    pub fn sources_of(&self, destination: Destination) -> Vec<ExchangeId> {
        let mut sources: Vec<_> =
            self.router.bindings_to(destination).map(|binding| binding.source).collect();
        sources.dedup();
        sources
    }

    /// Whether a binding outlives a restart: only if both of its ends do.
    pub fn is_durable(&self, binding: &Binding) -> bool {
        let vhost = binding.vhost.as_str();
        let is_durable_exchange =
            |name: &Name| self.exchange(vhost, name.as_str()).is_some_and(|e| e.is_durable);
        is_durable_exchange(&binding.source)
            && match &binding.destination {
                BindingEnd::Queue(name) => {
                    self.queue(vhost, name.as_str()).is_some_and(|q| q.is_durable)
                }
                BindingEnd::Exchange(name) => is_durable_exchange(name),
            }
    }

    /// Changes that make everything durable in this topology out of [`Topology::new`].
    pub fn durable_changes(&self) -> impl Iterator<Item = Change> + '_ {
        let ids = std::iter::once(Change::ReserveIds(self.definitions.next_id()));
        let objects = self.definitions.vhosts().flat_map(|(_, vhost)| {
            let exchanges = vhost.exchanges.values().filter(|e| e.is_durable && !is_predeclared(e));
            let queues = vhost.queues.values().filter(|q| q.is_durable);
            exchanges
                .map(|e| Change::AddExchange((**e).clone()))
                .chain(queues.map(|q| Change::AddQueue((**q).clone())))
        });
        let exchanges = self.definitions.vhosts().flat_map(|(_, vhost)| vhost.exchanges.values());
        let bindings = exchanges.filter(|e| e.is_durable).flat_map(|exchange| {
            let bindings = self.bindings_of(exchange).into_iter();
            bindings.filter(|binding| self.is_durable(binding)).map(Change::Bind)
        });
        ids.chain(self.definitions.durable_settings()).chain(objects).chain(bindings)
    }

    /// The bindings whose messages come from an exchange.
    pub fn bindings_of(&self, exchange: &Exchange) -> Vec<Binding> {
        let bindings = self.router.bindings(ExchangeId(exchange.id));
        bindings.filter_map(|binding| self.named(exchange, binding)).collect()
    }

    /// A binding of an exchange by the names of its ends; `None` when the other end is gone.
    pub fn named(&self, exchange: &Exchange, binding: &routing::Binding) -> Option<Binding> {
        let named = |destination: Destination| match destination {
            Destination::Queue(id) => {
                let queue = self.definitions.queue_by_id(QueueId::from_number(id))?;
                Some(BindingEnd::Queue(queue.name.clone()))
            }
            Destination::Exchange(id) => {
                Some(BindingEnd::Exchange(self.exchange_by_id(id)?.name.clone()))
            }
        };
        Some(Binding {
            vhost: exchange.vhost.clone(),
            source: exchange.name.clone(),
            destination: named(binding.destination)?,
            key: String::from_utf8_lossy(binding.key.as_bytes()).into_owned(),
            arguments: binding.arguments.clone(),
        })
    }
}

fn is_predeclared(exchange: &Exchange) -> bool {
    exchange.name.is_empty() || exchange.name.as_str().starts_with("amq.")
}

fn add_exchange(router: &mut Router, exchange: &Exchange) -> Result<(), Invalid> {
    let kind = Kind::parse(exchange.kind.as_str());
    let kind = kind.expect("an exchange's type is checked when it is declared");
    router.add(ExchangeId(exchange.id), kind, &exchange.arguments)
}
