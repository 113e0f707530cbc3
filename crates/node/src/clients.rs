//! The connections of a shard, by their numbers.
//!
//! A [`ClientId`]'s number is `generation << 24 | slot`: events for a client that is gone do not reach the one that has
//! its slot now.

use message::{ClientId, ShardId};
use proto_amqp091::Connection;
use stdx::Time;

const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
/// Generations begin again after 2^32 clients in one slot.
const GENERATION_MASK: u64 = (1 << 32) - 1;

/// A connection and what the shard knows of it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) connection: Connection,
    /// Its entry among the timers.
    pub(crate) timer: Option<Time>,
    /// What it held when that was last added to the shard's sum.
    pub(crate) counted_bytes: usize,
    /// Whether it is listed as touched in this turn.
    pub(crate) is_touched: bool,
    /// When it was last touched, as far as [`Shard::cool`](crate::Shard) wants to know.
    pub(crate) touched_at: Time,
    /// Whether it is listed as having memory that it may give back.
    pub(crate) is_warm: bool,
}

#[derive(Debug)]
struct Slot {
    generation: u64,
    client: Option<Box<Client>>,
}

/// The connections of a shard.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    slots: Vec<Slot>,
    free: Vec<usize>,
    count: usize,
    held_bytes: usize,
}

impl Clients {
    /// Makes a place for a connection; `make` is told its number.
    pub(crate) fn add(
        &mut self,
        shard: ShardId,
        make: impl FnOnce(ClientId) -> Connection,
    ) -> ClientId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, client: None });
            self.slots.len() - 1
        });
        assert!(index as u64 <= SLOT_MASK, "fewer than 2^24 connections");
        let slot = &mut self.slots[index];
        slot.generation = (slot.generation + 1) & GENERATION_MASK;
        let id = ClientId::new(slot.generation << SLOT_BITS | index as u64, shard);
        let connection = make(id);
        let client = Client {
            connection,
            timer: None,
            counted_bytes: 0,
            is_touched: false,
            touched_at: Time::ZERO,
            is_warm: false,
        };
        slot.client = Some(Box::new(client));
        self.count += 1;
        id
    }

    pub(crate) fn get(&self, id: ClientId) -> Option<&Client> {
        let slot = self.slots.get((id.number() & SLOT_MASK) as usize)?;
        (slot.generation == id.number() >> SLOT_BITS).then_some(slot.client.as_deref()?)
    }

    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        let slot = self.slots.get_mut((id.number() & SLOT_MASK) as usize)?;
        (slot.generation == id.number() >> SLOT_BITS).then_some(slot.client.as_deref_mut()?)
    }

    pub(crate) fn remove(&mut self, id: ClientId) -> Option<Box<Client>> {
        self.get(id)?;
        let index = (id.number() & SLOT_MASK) as usize;
        self.free.push(index);
        self.count -= 1;
        let client = self.slots[index].client.take()?;
        self.held_bytes -= client.counted_bytes;
        Some(client)
    }

    /// Brings up to date what a connection adds to the sum of [`Clients::held_bytes`].
    pub(crate) fn count_held(&mut self, id: ClientId) {
        let Some(client) = self.get_mut(id) else { return };
        let bytes = client.connection.held_bytes();
        let before = std::mem::replace(&mut client.counted_bytes, bytes);
        self.held_bytes = self.held_bytes + bytes - before;
    }

    /// About how much memory all connections hold.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// The numbers of all connections behind the slot of `after`, by slot.
    pub(crate) fn ids_after(
        &self,
        shard: ShardId,
        after: Option<ClientId>,
    ) -> impl Iterator<Item = ClientId> + '_ {
        let first = after.map_or(0, |after| (after.number() & SLOT_MASK) as usize + 1);
        let slots = self.slots.iter().enumerate().skip(first);
        slots.filter(|(_, slot)| slot.client.is_some()).map(move |(index, slot)| {
            ClientId::new(slot.generation << SLOT_BITS | index as u64, shard)
        })
    }

    /// The numbers of all connections, by slot.
    pub(crate) fn ids(&self, shard: ShardId) -> Vec<ClientId> {
        self.ids_after(shard, None).collect()
    }
}
