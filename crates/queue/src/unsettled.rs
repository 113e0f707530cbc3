//! Deliveries that are not settled.
//!
//! ```text
//!   held      │ place, length, taker, message ●──┐      32 bytes each
//!   messages  │ message │                     ◄──┘      not for those that the store can give again
//! ```

use std::num::{NonZeroU32, NonZeroU64};

use message::Message;
use stdx::Slots;

use crate::delivery::DeliveryId;
use crate::entry::{Entry, Gone, HELD_BYTES, REMEMBERED_BYTES};
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
    /// Where the message is, counted from 1.
    message: Option<NonZeroU32>,
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
    messages: Slots<Message>,
    /// Bytes of all messages, wherever they are.
    bytes: u64,
    /// What it takes to hold those that are in memory.
    weight: usize,
    /// The same, of those that only memory holds.
    unstored_weight: usize,
    stored_count: usize,
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
        self.weight + self.held.len() * REMEMBERED_BYTES
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
        let weight = entry.weight();
        self.bytes += length as u64;
        self.stored_count += usize::from(is_stored);
        self.unstored_weight += entry.unstored_weight();
        // What was read shares its memory with what was read along, and would keep all of it.
        let has_room = !entry.was_read && self.weight + weight <= room.unsettled_bytes;
        let message = (!is_stored || has_room).then(|| {
            self.weight += weight;
            number(self.messages.insert(entry.message))
        });
        let held = Held {
            seq,
            taker_serial: taker.map(|taker| taker.serial),
            taker_slot: taker.map_or(0, |taker| taker.slot),
            length: u32::try_from(length).expect("a message has at most 1 GiB"),
            message,
            is_stored,
        };
        DeliveryId { slot: number(self.held.insert(held)), seq }
    }

    /// Takes a delivery out; `None` when it was settled before.
    pub(crate) fn release(&mut self, id: DeliveryId) -> Option<Released> {
        let slot = id.slot.get() as usize - 1;
        self.held.get(slot).filter(|held| held.seq == id.seq)?;
        let Held { seq, taker_serial, taker_slot, length, message, is_stored } =
            self.held.remove(slot)?;
        self.bytes -= u64::from(length);
        self.stored_count -= usize::from(is_stored);
        let message = message.map(|number| {
            let weight = length as usize + HELD_BYTES;
            self.weight -= weight;
            self.unstored_weight -= if is_stored { 0 } else { weight };
            self.messages.remove(number.get() as usize - 1).expect("a delivery keeps its message")
        });
        let taker = taker_serial.map(|serial| TakerKey { slot: taker_slot, serial });
        Some(Released { seq, length, is_stored, message, taker })
    }

    /// The places and lengths of everything held that is stored, lowest first.
    pub(crate) fn stored(&self) -> Vec<(u64, u32)> {
        let mut places = Vec::with_capacity(self.stored_count);
        if self.stored_count > 0 {
            let stored = self.held.iter().filter(|held| held.is_stored);
            places.extend(stored.map(|held| (held.seq, held.length)));
            places.sort_unstable();
        }
        places
    }

    /// Drops about `count` of them, of a queue that needs none any more. Returns how much of `count` is left.
    pub(crate) fn drop_some(&mut self, mut count: usize) -> usize {
        while count > 0 {
            let dropped = match self.messages.drop_piece() {
                0 => self.held.drop_piece(),
                dropped => dropped,
            };
            if dropped == 0 {
                break;
            }
            count = count.saturating_sub(dropped);
        }
        count
    }
}

/// Counts a slot from 1.
fn number(slot: usize) -> NonZeroU32 {
    let number = u32::try_from(slot + 1).ok().and_then(NonZeroU32::new);
    number.expect("fewer than 2^32 deliveries are unsettled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_without_its_message_takes_as_much_memory_as_is_counted() {
        assert_eq!(size_of::<Option<Held>>(), REMEMBERED_BYTES);
    }
}
