//! What the directory of version 1 holds. Nothing in this file may change: the directory does not either.

use std::sync::Arc;

use message::{Arguments, Name};
use metadata::{Binding, BindingEnd, Change, Exchange, Queue};
use store::{Options, QueueId};

/// With how many shards it was written.
pub(crate) const SHARDS: usize = 2;

/// Every number from 1 to 40, in one segment.
pub(crate) const DENSE: QueueId = QueueId::new(10, 0);
/// Odd numbers to 59, and after a purge only some of these: in segments.
pub(crate) const GAPS: QueueId = QueueId::new(11, 1);
/// 60 messages in segments, of which every other one was settled later: what is live stands in sets.
pub(crate) const HALF: QueueId = QueueId::new(12, 0);
/// 200 messages, of which so few are left that their segments were compacted.
pub(crate) const COMPACTED: QueueId = QueueId::new(13, 1);
/// Only in the journal, with settles and a purge there. Every third message was spilled, and is gone.
pub(crate) const JOURNAL: QueueId = QueueId::new(14, 0);
/// Declared, filled, deleted.
pub(crate) const FORGOTTEN: QueueId = QueueId::new(15, 1);

pub(crate) const GAPS_KEPT: [u64; 4] = [7, 9, 31, 59];
pub(crate) const JOURNAL_KEPT: [u64; 2] = [4, 11];

/// The sizes with which it was written.
pub(crate) fn options() -> Options {
    Options {
        journal_file_bytes: 16 << 10,
        journal_files_max: 1,
        spare_files_max: 1,
        fill_step_bytes: 4 << 10,
        segment_bytes: 4 << 10,
        sweep_delay_ms: 1000,
        ..Options::default()
    }
}

/// The queues that are there, and their names.
pub(crate) fn queues() -> [(QueueId, &'static str); 5] {
    [
        (DENSE, "dense"),
        (GAPS, "gaps"),
        (HALF, "half"),
        (COMPACTED, "compacted"),
        (JOURNAL, "journal"),
    ]
}

/// The messages of a queue that are not settled.
pub(crate) fn live(queue: QueueId) -> Vec<u64> {
    match queue {
        DENSE => (1..=40).collect(),
        GAPS => GAPS_KEPT.to_vec(),
        HALF => (1..=60).step_by(2).collect(),
        COMPACTED => vec![20, 40, 60, 80, 100, 120, 140, 160, 180, 200],
        JOURNAL => [JOURNAL_KEPT.as_slice(), &[22, 23, 29, 31]].concat(),
        _ => Vec::new(),
    }
}

/// The body of a message: 20 bytes, or 119 in the queue that fills journal files.
pub(crate) fn body(queue: QueueId, seq: u64) -> Vec<u8> {
    let length = if queue == COMPACTED { 119 } else { 20 };
    let text = format!("message {seq} of queue {:x} ", queue.number());
    text.bytes().cycle().take(length).collect()
}

fn add_queue(id: QueueId, name: &'static str) -> Change {
    Change::AddQueue(Queue {
        id,
        vhost: Name::fixed("/"),
        name: Name::fixed(name),
        is_durable: true,
        is_auto_delete: false,
        owner: None,
        lane_count: 1,
        relay_of: None,
        arguments: Arc::default(),
    })
}

/// What is declared: the first [`SNAPSHOT_CHANGES`] are in the snapshot, the rest are notes in the journal.
pub(crate) fn changes() -> Vec<Change> {
    let mut changes: Vec<Change> =
        queues().into_iter().take(4).map(|(id, name)| add_queue(id, name)).collect();
    changes.push(Change::AddExchange(Exchange {
        id: 16,
        vhost: Name::fixed("/"),
        name: Name::fixed("events"),
        kind: Name::fixed("topic"),
        is_durable: true,
        is_auto_delete: false,
        is_internal: false,
        relay: None,
        arguments: Arguments::new(),
    }));
    changes.push(add_queue(FORGOTTEN, "forgotten"));
    changes.push(add_queue(JOURNAL, "journal"));
    changes.push(Change::Bind(Binding {
        vhost: Name::fixed("/"),
        source: Name::fixed("events"),
        destination: BindingEnd::Queue(Name::fixed("journal")),
        key: "orders.#".to_owned(),
        arguments: Arguments::new(),
    }));
    changes.push(Change::RemoveQueue { id: FORGOTTEN });
    changes
}

pub(crate) const SNAPSHOT_CHANGES: usize = 6;
