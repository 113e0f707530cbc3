//! Deliveries that are not settled.
//!
//! What the store can give again is kept without its message, except the first few megabytes: place, length and flags
//! are enough to settle it, and to ask the store for it if it comes back.

use std::num::{NonZeroU32, NonZeroU64};

use message::Message;
use stdx::Slots;

use crate::delivery::DeliveryId;
use crate::entry::{Entry, Gone, HELD_BYTES};
use crate::room::Room;

/// Which consumer took a message: its slot in the queue's table, and a serial number that no later consumer in that slot
/// has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TakerKey {
    pub(crate) slot: u32,
    pub(crate) serial: NonZeroU64,
}

/// What a consumer has and has not settled.
#[derive(Debug)]
struct Held {
    seq: u64,
    /// `None` for a message that was fetched one by one. The two parts of a [`TakerKey`] lie apart to save room.
    taker_serial: Option<NonZeroU64>,
    taker_slot: u32,
    length: u32,
    /// `None` when only the store has it.
    message: Option<Message>,
    is_stored: bool,
}

/// A delivery that is over.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) seq: u64,
    pub(crate) length: u32,
    pub(crate) is_stored: bool,
    /// `None` when only the store has it.
    pub(crate) message: Option<Message>,
    pub(crate) taker: Option<TakerKey>,
}

impl Released {
    pub(crate) const fn gone(&self) -> Gone {
        Gone { seq: self.seq, length: self.length, is_stored: self.is_stored }
    }
}

/// The unsettled deliveries of one queue: every step costs the same however many there are and in whichever
/// order they are settled.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    held: Slots<Held>,
    /// Bytes of all messages, wherever they are.
    bytes: u64,
    /// Bytes of those messages that are in memory.
    message_bytes: usize,
    /// What it takes to hold those that only memory holds.
    unstored_weight: usize,
}

impl Unsettled {
    pub(crate) const fn len(&self) -> usize {
        self.held.len()
    }

    /// Bytes of all messages, wherever they are.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Memory that is used.
    pub(crate) const fn resident_bytes(&self) -> usize {
        self.message_bytes + self.held.len() * HELD_BYTES
    }

    /// Memory of those messages that only memory holds.
    pub(crate) const fn unstored_weight(&self) -> usize {
        self.unstored_weight
    }

    /// Keeps a delivery until it is settled, and the message if there is room or nobody else has it.
    pub(crate) fn hold(
        &mut self,
        entry: Entry,
        taker: Option<TakerKey>,
        room: &Room,
    ) -> DeliveryId {
        let (seq, length, is_stored) = (entry.seq, entry.message.len_bytes(), entry.is_stored);
        self.bytes += length as u64;
        self.unstored_weight += entry.unstored_weight();
        // What was read shares its memory with what was read along, and would keep all of it.
        let has_room = !entry.was_read && self.message_bytes + length <= room.unsettled_bytes;
        let message = (!is_stored || has_room).then_some(entry.message);
        if message.is_some() {
            self.message_bytes += length;
        }
        let held = Held {
            seq,
            taker_serial: taker.map(|taker| taker.serial),
            taker_slot: taker.map_or(0, |taker| taker.slot),
            length: u32::try_from(length).expect("a message has at most 1 GiB"),
            message,
            is_stored,
        };
        let slot = u32::try_from(self.held.insert(held) + 1).ok().and_then(NonZeroU32::new);
        DeliveryId { slot: slot.expect("fewer than 2^32 deliveries are unsettled"), seq }
    }

    /// Takes a delivery out; `None` when it was settled before.
    pub(crate) fn release(&mut self, id: DeliveryId) -> Option<Released> {
        let slot = id.slot.get() as usize - 1;
        let Held { seq, taker_serial, taker_slot, length, message, is_stored } =
            self.held.remove_if(slot, |held| held.seq == id.seq)?;
        self.bytes -= u64::from(length);
        if message.is_some() {
            self.message_bytes -= length as usize;
        }
        if !is_stored {
            self.unstored_weight -= length as usize + HELD_BYTES;
        }
        let taker = taker_serial.map(|serial| TakerKey { slot: taker_slot, serial });
        Some(Released { seq, length, is_stored, message, taker })
    }

    /// The places and lengths of everything held that is stored, lowest first.
    pub(crate) fn stored(&self) -> Vec<(u64, u32)> {
        let is_none_stored =
            self.unstored_weight as u64 == self.bytes + (self.held.len() * HELD_BYTES) as u64;
        if is_none_stored {
            return Vec::new();
        }
        let stored = self.held.iter().filter(|held| held.is_stored);
        let mut places: Vec<(u64, u32)> = stored.map(|held| (held.seq, held.length)).collect();
        places.sort_unstable();
        places
    }

    /// Drops about `count` of them, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, mut count: usize) -> usize {
        while count > 0 {
            match self.held.drop_piece() {
                0 => break,
                dropped => count = count.saturating_sub(dropped),
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_without_its_message_takes_as_much_memory_as_is_counted() {
        assert_eq!(size_of::<Option<Held>>(), HELD_BYTES);
    }
}
