//! From what the store found on disk to a node's brokers.
//!
//! ```text
//!   snapshot, notes ─► topology
//!   store queues    ─► lanes ──────────┐
//!                      ledger ─────────┼─► queues as they were, but for what was under way
//!                      deduplication ──┘
//! ```
//!
//! Of the messages only counts are looked at; the ledgers, and what is remembered for deduplication, are read as wholes,
//! because what they say has to be known before the first client is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use message::{Message, QueueId, ShardId};
use metadata::{Change, Definitions, Part, Unreadable, part_of};
use queue::{Queue, RecoveredLane};
use stdx::Random;
use store::{Bug, Disk, Fault, Recovered, RecoveredQueue, is_seeded};

use crate::broker::{Broker, Shared};
use crate::hosted::Hosted;
use crate::ledger::{self, Ledger};
use crate::topology::Topology;

/// What a node begins with.
#[derive(Debug)]
pub struct Start {
    /// One per shard, in order.
    pub brokers: Vec<Broker>,
    /// Whether nothing was ever declared here.
    pub is_fresh: bool,
    /// Whether the node has no user: it is new, or its data are older than users are.
    pub is_unfounded: bool,
    /// What was found.
    pub recovery: Recovery,
}

/// What was found on disk, for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Durable queues.
    pub queue_count: u64,
    /// Their messages.
    pub message_count: u64,
    /// The messages' bytes.
    pub message_bytes: u64,
}

/// Why a node cannot start from what was found.
#[derive(Debug)]
pub enum StartError {
    /// What is declared was written by something else than this program.
    Definitions(Unreadable),
    /// The disk cannot be read.
    Disk(Fault),
}

/// What the store has of one queue.
#[derive(Debug, Default)]
struct Found {
    lanes: BTreeMap<u8, RecoveredLane>,
    ledger: Option<RecoveredQueue>,
    dedup: Option<RecoveredQueue>,
}

impl Start {
    /// Builds the topology from the snapshot and the notes, and the queues from what is live. `memory_bytes_max` is what
    /// each shard's messages may take; `now_ms` is when, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`StartError`] when something cannot be read: nothing may be served then.
    pub fn from_recovered(
        disk: &mut dyn Disk,
        recovered: Recovered,
        memory_bytes_max: usize,
        mut random: Random,
        now_ms: u64,
    ) -> Result<Self, StartError> {
        let is_fresh = recovered.snapshot.is_none() && recovered.notes.is_empty();
        let topology = topology_of(&recovered).map_err(StartError::Definitions)?;
        let is_unfounded = is_unfounded(topology.definitions(), &recovered.notes);
        let shared: Shared = Arc::new(ArcSwap::from_pointee(topology));
        let shards = recovered.stores.len();
        let mut brokers = Vec::with_capacity(shards);
        for (shard, store) in recovered.stores.into_iter().enumerate() {
            let shard = ShardId::try_from(shard).expect("a node has at most 256 shards");
            let (shared, random) = (Arc::clone(&shared), random.fork());
            let mut broker = Broker::new(shard, shards, shared, store, memory_bytes_max, random);
            broker.now_ms = now_ms;
            brokers.push(broker);
        }
        let mut recovery = Recovery::default();
        for (id, found) in gather(&recovered.queues) {
            let broker = &mut brokers[id.shard(shards)];
            let lanes = found.lanes.values();
            if broker.recover_queue(disk, id, &found).map_err(StartError::Disk)? {
                recovery.message_count += lanes.clone().map(|lane| lane.count).sum::<u64>();
                recovery.message_bytes += lanes.map(|lane| lane.bytes).sum::<u64>();
            }
        }
        brokers.iter_mut().for_each(Broker::wake_leased);
        let vhosts = brokers[0].topology.definitions().vhosts();
        recovery.queue_count = vhosts.map(|(_, vhost)| vhost.queues.len() as u64).sum();
        Ok(Self { brokers, is_fresh, is_unfounded, recovery })
    }
}

/// What belongs to one queue, together.
fn gather(recovered: &[RecoveredQueue]) -> BTreeMap<QueueId, Found> {
    let mut queues: BTreeMap<QueueId, Found> = BTreeMap::new();
    for &part in recovered {
        let (id, kind) = part_of(part.id);
        let found = queues.entry(id).or_default();
        match kind {
            Part::Lane(lane) => {
                let RecoveredQueue { first_seq, next_seq, live_count, live_bytes, .. } = part;
                let (count, bytes) = (live_count, live_bytes);
                let recovered = RecoveredLane { first_seq, next_seq, count, bytes };
                found.lanes.insert(lane, recovered);
            }
            Part::Ledger => found.ledger = Some(part),
            Part::Deduplication => found.dedup = Some(part),
        }
    }
    queues
}

impl Broker {
    /// Takes over what the store has of a queue. Returns whether there is such a queue; if not, its deletion was noted,
    /// and what is left of it goes the same way.
    fn recover_queue(
        &mut self,
        disk: &mut dyn Disk,
        id: QueueId,
        found: &Found,
    ) -> Result<bool, Fault> {
        let topology = Arc::clone(&self.topology);
        let definitions = topology.definitions();
        let Some(definition) = definitions.queue_by_id(id) else {
            self.forget_found(id, found);
            return Ok(false);
        };
        let absent = RecoveredLane::default();
        let lanes: Vec<RecoveredLane> = (0..definition.lane_count.max(1))
            .map(|lane| found.lanes.get(&(lane as u8)).copied().unwrap_or(absent))
            .collect();
        let queue = Queue::recovered(&lanes);
        let mut hosted = Hosted::new(
            Arc::clone(definition),
            queue,
            definitions,
            self.consumer_timeout_ms,
            self.now_ms,
        );
        if let Some(part) = found.ledger {
            self.recover_ledger(disk, &mut hosted, part)?;
        }
        if let Some(part) = found.dedup {
            let mut records = self.store.read_whole(disk, part.id)?;
            if is_seeded(Bug::KeysForgotten) {
                records.clear();
            }
            match &mut hosted.dedup {
                Some(dedup) => dedup.recover(part.next_seq, &records),
                None => self.store.forget(part.id),
            }
        }
        if let Some(history) = &mut hosted.history {
            let messages = self.store.read_whole(disk, id)?.into_iter();
            let messages = messages.filter_map(|(seq, bytes)| {
                Message::from_bytes(bytes).ok().map(|message| (seq, message))
            });
            history.recover(lanes[0].next_seq, messages.collect());
            hosted.queue = Queue::new();
        }
        if definition.relay_of.is_some() {
            self.relays.insert(id);
        }
        self.queues.insert(id, hosted);
        self.count_resident(id);
        self.mark_dirty(id);
        Ok(true)
    }

    fn recover_ledger(
        &mut self,
        disk: &mut dyn Disk,
        hosted: &mut Hosted,
        part: RecoveredQueue,
    ) -> Result<(), Fault> {
        let notes = self.store.read_whole(disk, part.id)?;
        let (store, definition) = (&self.store, &hosted.definition);
        let is_alive = |lane: u8, seq: u64| store.holds(definition.lane_id(lane), seq);
        let ledger::Found { facts, noted, void } = ledger::read(&notes, is_alive);
        for (note, length) in void {
            self.store.settle(part.id, note, length);
        }
        let facts = facts.into_iter().filter(|_| !is_seeded(Bug::NotesForgotten));
        facts.for_each(|facts| hosted.queue.restore(facts));
        hosted.ledger = Ledger::recovered(part.next_seq, noted);
        Ok(())
    }

    fn forget_found(&mut self, id: QueueId, found: &Found) {
        self.store.forget(id);
        for part in found.ledger.iter().chain(&found.dedup) {
            self.store.forget(part.id);
        }
        for &lane in found.lanes.keys().filter(|&&lane| lane > 0) {
            self.store.forget(metadata::lane_id(id, lane));
        }
    }
}

/// Whether there is no user, and none was removed since the last snapshot either.
fn is_unfounded(definitions: &Definitions, notes: &[Vec<u8>]) -> bool {
    let is_user = |note: &Vec<u8>| {
        Change::from_bytes(note).is_ok_and(|change| matches!(change, Change::SetUser(_)))
    };
    definitions.users().next().is_none() && !notes.iter().any(is_user)
}

fn topology_of(recovered: &Recovered) -> Result<Topology, Unreadable> {
    let mut topology = Topology::new();
    let mut apply = |change: Change| {
        let applied = topology.apply(&change);
        applied.expect("a change was applied before it was noted");
    };
    if let Some(bytes) = &recovered.snapshot {
        Change::each_from_bytes(bytes, &mut apply)?;
    }
    for note in &recovered.notes {
        apply(Change::from_bytes(note)?);
    }
    for queue in &recovered.queues {
        topology.reserve(queue.id);
    }
    Ok(topology)
}

#[cfg(test)]
mod tests {
    use message::Name;
    use metadata::{Hashing, User};

    use super::*;

    #[test]
    fn a_node_whose_data_are_older_than_users_has_none() {
        let user = Change::SetUser(User {
            name: Name::fixed("guest"),
            password_hash: String::new(),
            hashing: Hashing::Sha256,
            tags: Vec::new(),
        });
        let mut definitions = Definitions::default();
        assert!(is_unfounded(&definitions, &[]));
        // Who has removed all users does not want another one.
        assert!(!is_unfounded(&definitions, &[user.to_bytes()]));
        definitions.apply(&user);
        assert!(!is_unfounded(&definitions, &[]));
    }
}
