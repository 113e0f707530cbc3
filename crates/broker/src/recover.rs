//! From what the store found on disk to a node's brokers.

use std::sync::Arc;

use arc_swap::ArcSwap;
use message::ShardId;
use metadata::{Change, Unreadable};
use queue::{Queue, RecoveredLane};
use stdx::Random;
use store::{Recovered, RecoveredQueue};

use crate::broker::{Broker, Shared};
use crate::hosted::Hosted;
use crate::topology::Topology;

/// What a node begins with.
#[derive(Debug)]
pub struct Start {
    /// One per shard, in order.
    pub brokers: Vec<Broker>,
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

impl Start {
    /// Builds the topology from the snapshot and the notes, and the queues from what is live. `memory_bytes_max` is what
    /// each shard's messages may take.
    ///
    /// # Errors
    /// [`Unreadable`] when a note was written by something else than this program.
    pub fn from_recovered(
        recovered: Recovered,
        memory_bytes_max: usize,
        mut random: Random,
    ) -> Result<Self, Unreadable> {
        let topology = topology_of(&recovered)?;
        let shared: Shared = Arc::new(ArcSwap::from_pointee(topology));
        let shards = recovered.stores.len();
        let mut brokers = Vec::with_capacity(shards);
        for (shard, store) in recovered.stores.into_iter().enumerate() {
            let shard = ShardId::try_from(shard).expect("a node has at most 256 shards");
            let shared = Arc::clone(&shared);
            let random = random.fork();
            brokers.push(Broker::new(shard, shards, shared, store, memory_bytes_max, random));
        }
        let mut recovery = Recovery::default();
        for found in recovered.queues {
            let broker = &mut brokers[found.id.shard(shards)];
            let Some(definition) = broker.topology.definitions().queue_by_id(found.id) else {
                // Its deletion was noted; what is left of it goes the same way.
                broker.store.forget(found.id);
                continue;
            };
            let definition = Arc::clone(definition);
            let RecoveredQueue { first_seq, next_seq, live_count, live_bytes, .. } = found;
            let lane = RecoveredLane { first_seq, next_seq, count: live_count, bytes: live_bytes };
            let queue = Queue::recovered(&[lane]);
            broker.queues.insert(found.id, Hosted::new(definition, queue));
            recovery.message_count += found.live_count;
            recovery.message_bytes += found.live_bytes;
        }
        let vhosts = brokers[0].topology.definitions().vhosts();
        recovery.queue_count = vhosts.map(|(_, vhost)| vhost.queues.len() as u64).sum();
        Ok(Self { brokers, recovery })
    }
}

fn topology_of(recovered: &Recovered) -> Result<Topology, Unreadable> {
    let mut topology = Topology::new();
    let mut changes = match &recovered.snapshot {
        Some(bytes) => Change::list_from_bytes(bytes)?,
        None => Vec::new(),
    };
    for note in &recovered.notes {
        changes.push(Change::from_bytes(note)?);
    }
    for change in &changes {
        let applied = topology.apply(change);
        applied.expect("a change was applied before it was noted");
    }
    for queue in &recovered.queues {
        topology.reserve(queue.id);
    }
    Ok(topology)
}
