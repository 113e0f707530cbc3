//! Deliveries that are not settled.
//!
//! What the store can give again is kept without its message, except the first few megabytes: place, length and flags
//! are enough to settle it, and to ask the store for it if it comes back.

use std::num::{NonZeroU32, NonZeroU64};

use message::Message;
use stdx::Slots;

use crate::delivery::DeliveryId;
use crate::entry::{Entry, Gone, HELD_BYTES, Size};
use crate::room::Room;
use crate::tag::Tag;

/// Which consumer took a message: its slot in the queue's table, and a serial number that no later consumer in that slot
/// has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TakerKey {
    pub(crate) slot: u32,
    pub(crate) serial: NonZeroU64,
}

/// What a consumer has and has not settled. What is less than a word long lies in pairs in one word: see [`Tag`].
#[derive(Debug)]
struct Held {
    seq: u64,
    /// `None` for a message that was fetched one by one. The two parts of a [`TakerKey`] lie apart to save room.
    taker_serial: Option<NonZeroU64>,
    /// The taker's slot, and above it when the message was handed over, in seconds since 1970.
    slot_and_time_s: u64,
    /// What there is to say of the message, and above it its length.
    tag_and_length: NonZeroU64,
    /// `None` when only the store has it.
    message: Option<Message>,
}

impl Held {
    #[inline]
    const fn taker(&self) -> Option<TakerKey> {
        match self.taker_serial {
            Some(serial) => Some(TakerKey { slot: self.slot_and_time_s as u32, serial }),
            None => None,
        }
    }

    const fn delivered_at_s(&self) -> u32 {
        (self.slot_and_time_s >> 32) as u32
    }

    #[inline]
    const fn tag(&self) -> Tag {
        Tag::from_bits(self.tag_and_length.get() as u32)
    }

    #[inline]
    const fn length(&self) -> u32 {
        (self.tag_and_length.get() >> 32) as u32
    }
}

/// A delivery that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldView<'a> {
    pub(crate) lane: u8,
    pub(crate) seq: u64,
    pub(crate) message: Option<&'a Message>,
    pub(crate) is_redelivered: bool,
    pub(crate) taker: Option<TakerKey>,
    pub(crate) since_s: u32,
}

/// A delivery that is over.
#[derive(Debug)]
pub(crate) struct Released {
    pub(crate) lane: u8,
    pub(crate) seq: u64,
    pub(crate) size: Size,
    pub(crate) is_stored: bool,
    /// Whether a consumer had had it before that one.
    pub(crate) was_redelivered: bool,
    /// `None` when only the store has it.
    pub(crate) message: Option<Message>,
    pub(crate) taker: Option<TakerKey>,
}

impl Released {
    pub(crate) const fn gone(&self) -> Gone {
        let Self { lane, seq, is_stored, .. } = *self;
        Gone { lane, seq, length: self.size.length, is_stored }
    }
}

/// The unsettled deliveries of one queue: every step costs the same however many there are and in whichever
/// order they are settled.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    held: Slots<Held>,
    /// Bytes of all bodies, wherever they are.
    bytes: u64,
    /// How many are stored.
    stored_count: usize,
    /// Bytes of those messages that are in memory.
    message_bytes: usize,
    /// What it takes to hold those that only memory holds.
    unstored_weight: usize,
}

impl Unsettled {
    pub(crate) const fn len(&self) -> usize {
        self.held.len()
    }

    /// Bytes of all bodies, wherever they are.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of those messages that are in memory.
    pub(crate) const fn message_bytes(&self) -> usize {
        self.message_bytes
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
    #[inline]
    pub(crate) fn hold(
        &mut self,
        entry: Entry,
        taker: Option<TakerKey>,
        now_s: u32,
        room: &Room,
    ) -> DeliveryId {
        let (tag, seq) = (entry.tag(), entry.seq);
        let length = entry.message.len_bytes();
        self.bytes += entry.body_len();
        self.stored_count += usize::from(tag.is_stored());
        self.unstored_weight += entry.unstored_weight();
        // What was read shares its memory with what was read along, and would keep all of it.
        let has_room = !tag.was_read() && self.message_bytes + length <= room.unsettled_bytes;
        let message = (!tag.is_stored() || has_room).then_some(entry.message);
        if message.is_some() {
            self.message_bytes += length;
        }
        let slot = taker.map_or(0, |taker| taker.slot);
        let held = Held {
            seq,
            taker_serial: taker.map(|taker| taker.serial),
            slot_and_time_s: u64::from(slot) | u64::from(now_s) << 32,
            tag_and_length: tag.beside(length as u32),
            message,
        };
        let slot = u32::try_from(self.held.insert(held) + 1).ok().and_then(NonZeroU32::new);
        DeliveryId { slot: slot.expect("fewer than 2^32 deliveries are unsettled"), seq }
    }

    /// Takes a delivery out; `None` when it was settled before.
    #[inline]
    pub(crate) fn release(&mut self, id: DeliveryId) -> Option<Released> {
        let slot = id.slot.get() as usize - 1;
        let held = self.held.remove_if(slot, |held| held.seq == id.seq)?;
        let (tag, length) = (held.tag(), held.length());
        let (size, is_stored) = (Size::new(length, tag.head()), tag.is_stored());
        self.bytes -= size.body_len();
        self.stored_count -= usize::from(is_stored);
        if held.message.is_some() {
            self.message_bytes -= length as usize;
        }
        if !is_stored {
            self.unstored_weight -= length as usize + HELD_BYTES;
        }
        let (taker, seq, message) = (held.taker(), held.seq, held.message);
        let (lane, was_redelivered) = (tag.lane(), tag.is_redelivered());
        Some(Released { lane, seq, size, is_stored, was_redelivered, message, taker })
    }

    /// All of them whose slots are not before `from_slot`, in the order of their slots: who has each, and by when it was
    /// certainly handed over, in milliseconds since 1970.
    pub(crate) fn with_ages(
        &self,
        from_slot: u32,
    ) -> impl Iterator<Item = (DeliveryId, Option<TakerKey>, u64)> + '_ {
        self.held.iter_numbered_from(from_slot.saturating_sub(1) as usize).map(|(number, held)| {
            let slot = u32::try_from(number + 1).ok().and_then(NonZeroU32::new);
            let slot = slot.expect("fewer than 2^32 deliveries are unsettled");
            let delivered_at_ms = u64::from(held.delivered_at_s()) * 1000 + 999;
            (DeliveryId { slot, seq: held.seq }, held.taker(), delivered_at_ms)
        })
    }

    /// What is held from a slot on, in the order of the slots.
    pub(crate) fn views(&self, from_slot: u32) -> impl Iterator<Item = (u32, HeldView<'_>)> {
        self.held.iter_numbered_from(from_slot as usize).map(|(number, held)| {
            let slot = u32::try_from(number).expect("fewer than 2^32 deliveries are unsettled");
            let view = HeldView {
                lane: held.tag().lane(),
                seq: held.seq,
                message: held.message.as_ref(),
                is_redelivered: held.tag().is_redelivered(),
                taker: held.taker(),
                since_s: held.delivered_at_s(),
            };
            (slot, view)
        })
    }

    /// One of them; `None` when it was settled.
    pub(crate) fn view(&self, id: DeliveryId) -> Option<HeldView<'_>> {
        let slot = id.slot.get() - 1;
        let (_, held) = self.views(slot).next().filter(|(found, _)| *found == slot)?;
        (held.seq == id.seq).then_some(held)
    }

    /// The places of everything held.
    pub(crate) fn places(&self) -> impl Iterator<Item = u64> {
        self.held.iter().map(|held| held.seq)
    }

    /// The places and lengths of everything held that is stored, per lane, lowest first.
    pub(crate) fn stored(&self, lane_count: usize) -> Vec<Vec<(u64, u32)>> {
        let mut lanes = vec![Vec::new(); lane_count];
        if self.stored_count > 0 {
            for held in self.held.iter().filter(|held| held.tag().is_stored()) {
                lanes[usize::from(held.tag().lane())].push((held.seq, held.length()));
            }
        }
        lanes.iter_mut().for_each(|places| places.sort_unstable());
        lanes
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
