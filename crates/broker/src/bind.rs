//! Binding and unbinding, to queues and to exchanges.

use metadata::{Binding, BindingEnd, Change, QueueKind};
use routing::{Invalid, Kind};
use store::Ticket;

use crate::broker::Broker;
use crate::consume::check_owner;
use crate::hosted::RECENT_HISTORY;
use crate::refusal::{Object, Refusal};
use crate::registry::Errand;
use crate::request::Origin;

impl Broker {
    /// Adds a binding; one that is there already is fine.
    pub(crate) fn bind(
        &mut self,
        origin: Origin,
        binding: Binding,
    ) -> Result<Option<Ticket>, Refusal> {
        self.check_ends(origin, &binding)?;
        self.check_queue_kind(&binding)?;
        if self.draft.is_bound(&binding) {
            return Ok(None);
        }
        let source = self.draft.exchange(binding.vhost.as_str(), binding.source.as_str());
        let history = source
            .filter(|source| source.kind.as_str() == RECENT_HISTORY)
            .and_then(|source| source.relay);
        let destination = binding.destination.clone();
        let ticket = self.change(&[Change::Bind(binding)]).map_err(Refusal::InvalidBinding)?;
        if let Some(relay) = history {
            self.run_after(ticket, self.shard_of(relay), Errand::Replay { relay, destination });
        }
        Ok(ticket)
    }

    /// Removes a binding; one that is not there is fine, also because there is no such queue or exchange. An auto-delete
    /// exchange goes with its last one.
    pub(crate) fn unbind(
        &mut self,
        origin: Origin,
        binding: Binding,
    ) -> Result<Option<Ticket>, Refusal> {
        check_not_default(&binding)?;
        if !self.draft.is_bound(&binding) {
            return Ok(None);
        }
        self.check_ends(origin, &binding)?;
        let sources = self.draft.ends(&binding).map(|(source, _)| vec![source]);
        let ticket = self.change(&[Change::Unbind(binding)]).map_err(Refusal::InvalidBinding)?;
        Ok(self.remove_unbound(sources.unwrap_or_default()).or(ticket))
    }

    fn check_ends(&self, origin: Origin, binding: &Binding) -> Result<(), Refusal> {
        check_not_default(binding)?;
        let vhost = &binding.vhost;
        let missing = |object, name: &message::Name| Refusal::NotFound {
            object,
            name: name.clone(),
            vhost: vhost.clone(),
        };
        if self.draft.exchange(vhost.as_str(), binding.source.as_str()).is_none() {
            return Err(missing(Object::Exchange, &binding.source));
        }
        match &binding.destination {
            BindingEnd::Exchange(name) => {
                let exchange = self.draft.exchange(vhost.as_str(), name.as_str());
                exchange.map(|_| ()).ok_or_else(|| missing(Object::Exchange, name))
            }
            BindingEnd::Queue(name) => {
                let queue = self.draft.queue(vhost.as_str(), name.as_str());
                check_owner(queue.ok_or_else(|| missing(Object::Queue, name))?, origin)
            }
        }
    }

    /// Only queues that are made for one node can be bound to an exchange that chooses among those of its own.
    fn check_queue_kind(&self, binding: &Binding) -> Result<(), Refusal> {
        let (vhost, source) = (binding.vhost.as_str(), binding.source.as_str());
        let is_local = self
            .draft
            .exchange(vhost, source)
            .is_some_and(|exchange| exchange.kind.as_str() == Kind::LocalRandom.as_str());
        let BindingEnd::Queue(queue) = &binding.destination else { return Ok(()) };
        if !is_local || !binding.key.is_empty() {
            return Ok(());
        }
        match self.draft.queue(vhost, queue.as_str()).map(|queue| QueueKind::of(&queue.arguments)) {
            Some(QueueKind::Quorum) => {
                Err(Refusal::InvalidBinding(Invalid::QueueKind("quorum".to_owned())))
            }
            _ => Ok(()),
        }
    }
}

/// The bindings of the default exchange are nobody's to change.
fn check_not_default(binding: &Binding) -> Result<(), Refusal> {
    let is_default_destination =
        matches!(&binding.destination, BindingEnd::Exchange(name) if name.is_empty());
    if binding.source.is_empty() || is_default_destination {
        return Err(Refusal::DefaultExchange);
    }
    Ok(())
}
