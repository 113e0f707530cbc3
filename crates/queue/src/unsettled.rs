//! Deliveries that are not settled.

use std::num::NonZeroU32;

use slab::Slab;

use crate::delivery::DeliveryId;
use crate::entry::Entry;

/// What a consumer has and has not settled.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) entry: Entry,
    /// The consumer's place in the queue's table, or `None` for a message that was fetched one by one or whose
    /// consumer is gone.
    pub(crate) taker: Option<usize>,
}

/// The unsettled deliveries of one queue: every step costs the same however many there are and in whichever
/// order they are settled.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    held: Slab<Held>,
    bytes: usize,
}

impl Unsettled {
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Bytes of the messages held.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn hold(&mut self, entry: Entry, taker: Option<usize>) -> DeliveryId {
        let seq = entry.seq;
        self.bytes += entry.message.len_bytes();
        let slot = self.held.insert(Held { entry, taker });
        let slot = u32::try_from(slot + 1).ok().and_then(NonZeroU32::new);
        DeliveryId { slot: slot.expect("fewer than 2^32 deliveries are unsettled"), seq }
    }

    /// Takes a delivery out; `None` when it was settled before.
    pub(crate) fn release(&mut self, id: DeliveryId) -> Option<Held> {
        let slot = id.slot.get() as usize - 1;
        match self.held.get(slot) {
            Some(held) if held.entry.seq == id.seq => {
                self.bytes -= held.entry.message.len_bytes();
                Some(self.held.remove(slot))
            }
            _ => None,
        }
    }

    /// Forgets which consumer holds what, for a consumer that is gone. Its deliveries stay settleable.
    pub(crate) fn orphan(&mut self, taker: usize) {
        for (_, held) in &mut self.held {
            if held.taker == Some(taker) {
                held.taker = None;
            }
        }
    }

    /// The places and lengths of everything held that is stored, lowest first.
    pub(crate) fn stored(&self) -> Vec<(u64, u32)> {
        let mut places: Vec<(u64, u32)> = self
            .held
            .iter()
            .filter(|(_, held)| held.entry.is_stored)
            .map(|(_, held)| (held.entry.seq, held.entry.message.len_bytes() as u32))
            .collect();
        places.sort_unstable();
        places
    }
}
