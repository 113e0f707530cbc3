//! Where a message goes: the result of routing, and the memory that routing works in.

use std::collections::BTreeSet;

use crate::binding::{Destination, ExchangeId};
use crate::exchange::words::Cut;

/// The queues that a message goes to. Kept and used again from message to message, so that routing allocates
/// nothing once it has grown to what is needed.
#[derive(Debug, Default)]
pub struct Targets {
    queues: Vec<u64>,
    keepers: Vec<ExchangeId>,
    is_variable: bool,
    /// Exchanges that are still to be asked.
    pub(crate) pending: Vec<ExchangeId>,
    /// Exchanges that were reached through a binding.
    visited: BTreeSet<ExchangeId>,
    /// How many bindings matched.
    matches: usize,
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
        self.keepers.clear();
        self.is_variable = false;
    }

    /// The queues, in ascending order, each once.
    pub fn queues(&self) -> &[u64] {
        &self.queues
    }

    /// The exchanges on the way that keep the message, each once: those that remember their last messages, those that
    /// take none twice, and, if the message is to be delayed, those that delay.
    pub fn keepers(&self) -> &[ExchangeId] {
        &self.keepers
    }

    /// Whether the same exchange and keys lead to the same place until the router changes, so that the answer may be
    /// kept. False when headers, properties, chance or a delay decided on the way.
    pub const fn is_constant(&self) -> bool {
        !self.is_variable
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

    pub(crate) const fn note_variable(&mut self) {
        self.is_variable = true;
    }

    pub(crate) const fn matches(&self) -> usize {
        self.matches
    }

    /// Takes up an exchange that keeps the message. That counts as a match.
    pub(crate) fn keep(&mut self, exchange: ExchangeId) {
        self.matches += 1;
        if !self.keepers.contains(&exchange) {
            self.keepers.push(exchange);
        }
    }

    /// Takes up the end of a matching binding. `start` is the exchange at which routing began: it is not in the
    /// set, so that the common case of no exchange-to-exchange binding touches no set at all.
    pub(crate) fn add(&mut self, start: ExchangeId, destination: Destination) {
        self.matches += 1;
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
