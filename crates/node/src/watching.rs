//! Watching a queue from outside: what the broker records, page by page.

use broker::TracePage;
use message::QueueId;

use crate::shard::Shard;

impl Shard {
    /// Begins to record what happens to the messages of a queue of this shard, with at most `payload_bytes` of each body; collect with
    /// [`Shard::collect_trace`], at least once a minute. `None` when the queue is gone, or too much is watched already.
    pub fn begin_trace(&mut self, queue: QueueId, payload_bytes: usize) -> Option<u64> {
        self.broker.begin_trace(queue, payload_bytes)
    }

    /// Takes at most `count` of what a trace has recorded. `None` when it has ended.
    pub fn collect_trace(&mut self, number: u64, count: usize) -> Option<TracePage> {
        self.broker.collect_trace(number, count)
    }

    /// Ends a trace.
    pub fn end_trace(&mut self, number: u64) {
        self.broker.end_trace(number);
    }
}
