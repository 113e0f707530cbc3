//! A queue that lives on this shard.

use std::sync::Arc;

use metadata::Queue as Definition;
use queue::Queue;

/// A queue and what the broker must know of it at every step.
#[derive(Debug)]
pub(crate) struct Hosted {
    pub(crate) definition: Arc<Definition>,
    pub(crate) queue: Queue,
    /// Whether it waits in the broker's list of queues to be dispatched.
    pub(crate) is_dirty: bool,
    /// Whether it is deleted here, and the topology does not yet say so: nothing may go in.
    pub(crate) is_deleted: bool,
    /// What `queue.resident_bytes()` was when the broker last added it up.
    pub(crate) counted_bytes: usize,
}

impl Hosted {
    pub(crate) const fn new(definition: Arc<Definition>, queue: Queue) -> Self {
        Self { definition, queue, is_dirty: false, is_deleted: false, counted_bytes: 0 }
    }
}
