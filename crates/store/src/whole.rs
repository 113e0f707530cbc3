//! Reading a whole queue back at a start, when nothing else runs yet.
//!
//! Some queues hold what is known about others (see the broker's ledger): it has to be there before the first client is.

use bytes::Bytes;

use crate::disk::Disk;
use crate::fault::Fault;
use crate::queue_id::QueueId;
use crate::store::Store;
use crate::submission::Submission;

/// How much one read asks for.
const READ_BYTES: usize = 4 * 1024 * 1024;

impl Store {
    /// All live messages of a queue, in order; what is damaged is left out, and told through
    /// [`poll_damage`](Self::poll_damage). Blocks: only for a start, before any other submission is under way.
    ///
    /// # Errors
    /// [`Fault`] when the disk cannot be read: the node must not start.
    pub fn read_whole(
        &mut self,
        disk: &mut dyn Disk,
        queue: QueueId,
    ) -> Result<Vec<(u64, Bytes)>, Fault> {
        let mut all = Vec::new();
        let mut from_seq = 0;
        loop {
            self.read(queue, from_seq, READ_BYTES);
            while let Some(reading) = self.readings.pop_front() {
                let completion = Submission::read(reading).execute(disk);
                self.complete(completion)?;
            }
            let Some(loaded) = self.poll_loaded() else { return Ok(all) };
            let is_end = loaded.messages.is_empty() && loaded.next_seq <= from_seq;
            all.extend(loaded.messages);
            if is_end {
                return Ok(all);
            }
            from_seq = loaded.next_seq;
        }
    }

    /// Whether a message is stored and not settled.
    pub fn holds(&self, queue: QueueId, seq: u64) -> bool {
        self.index.get(queue).is_some_and(|entry| entry.is_live(seq))
    }
}
