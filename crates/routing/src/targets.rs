//! Where a message goes: the result of routing, and the memory that routing works in.

use std::collections::BTreeSet;

use crate::binding::{Destination, ExchangeId};
use crate::exchange::words::Cut;

/// The queues that a message goes to. Kept and used again from message to message, so that routing allocates
/// nothing once it has grown to what is needed.
#[derive(Debug, Default)]
pub struct Targets {
    queues: Vec<u64>,
    depends_on_headers: bool,
    /// Exchanges that are still to be asked.
    pub(crate) pending: Vec<ExchangeId>,
    /// Exchanges that were reached through a binding.
    visited: BTreeSet<ExchangeId>,
    /// The words of the routing key; scratch of topic exchanges.
    pub(crate) cuts: Vec<Cut>,
}

impl Targets {
    /// No targets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the targets and keeps the memory.
    pub fn clear(&mut self) {
        self.queues.clear();
        self.depends_on_headers = false;
    }

    /// The queues, in ascending order, each once.
    pub fn queues(&self) -> &[u64] {
        &self.queues
    }

    /// True when a headers exchange was asked on the way. When false, the same exchange and key lead to the same
    /// queues until the router changes, and the answer may be kept.
    pub fn depends_on_headers(&self) -> bool {
        self.depends_on_headers
    }

    /// Adds a queue that was found by other means than a binding, for example through the default exchange.
    pub fn add_queue(&mut self, queue: u64) {
        if let Err(place) = self.queues.binary_search(&queue) {
            self.queues.insert(place, queue);
        }
    }

    pub(crate) fn begin(&mut self, exchange: ExchangeId) {
        self.visited.clear();
        self.pending.clear();
        self.pending.push(exchange);
    }

    pub(crate) fn note_headers(&mut self) {
        self.depends_on_headers = true;
    }

    /// Takes up the end of a matching binding. `start` is the exchange at which routing began: it is not in the
    /// set, so that the common case of no exchange-to-exchange binding touches no set at all.
    pub(crate) fn add(&mut self, start: ExchangeId, destination: Destination) {
        match destination {
            Destination::Queue(queue) => self.queues.push(queue),
            Destination::Exchange(exchange) => {
                if exchange != start && self.visited.insert(exchange) {
                    self.pending.push(exchange);
                }
            }
        }
    }

    pub(crate) fn finish(&mut self) {
        self.queues.sort_unstable();
        self.queues.dedup();
    }
}
