//! Where everything lies in a data directory.
//!
//! ```text
//!   format                                      version and number of shards, as text
//!   metadata/<last note>.snap                   metadata up to that note
//!   metadata/<last note>.copy                   the same once more
//!   journal/<shard>/<number>.log                journal files, in order
//!   journal/<shard>/<number>.log.damaged        one that was to be retired, and not all of it could be read
//!   journal/<shard>/<number>.spare              a retired journal file that waits to be used again
//!   journal/<shard>/<number>.fresh              room reserved for a journal file, made while that one was written
//!   queues/<queue>/<number>.seg                 messages that outlived their journal file
//!   queues/<queue>/<number>.live                which of them are not settled
//!   quarantine/<path>                           damaged files that a repair has put there, under the path they had
//!   ….new                                       not finished; removed by recovery
//! ```
//!
//! Numbers are hexadecimal with 16 digits, so that names sort like numbers.

use crate::queue_id::QueueId;

pub(crate) const FORMAT: &str = "format";
pub(crate) const METADATA: &str = "metadata";
pub(crate) const JOURNAL: &str = "journal";
pub(crate) const QUEUES: &str = "queues";
/// Where a repair puts damaged files.
pub(crate) const QUARANTINE: &str = "quarantine";
/// Ends the name of what is not finished.
pub(crate) const NEW: &str = ".new";

pub(crate) fn shard_dir(shard: usize) -> String {
    format!("{JOURNAL}/{shard}")
}

pub(crate) fn journal_file(shard: usize, number: u64) -> String {
    format!("{JOURNAL}/{shard}/{number:016x}.log")
}

pub(crate) fn spare_file(shard: usize, number: u64) -> String {
    format!("{JOURNAL}/{shard}/{number:016x}.spare")
}

pub(crate) fn fresh_file(shard: usize, number: u64) -> String {
    format!("{JOURNAL}/{shard}/{number:016x}.fresh")
}

pub(crate) fn queue_dir(queue: QueueId) -> String {
    format!("{QUEUES}/{:016x}", queue.number())
}

pub(crate) fn segment_file(queue: QueueId, number: u64) -> String {
    format!("{QUEUES}/{:016x}/{number:016x}.seg", queue.number())
}

pub(crate) fn live_file(queue: QueueId, number: u64) -> String {
    format!("{QUEUES}/{:016x}/{number:016x}.live", queue.number())
}

pub(crate) fn snapshot_file(last_note: u64) -> String {
    format!("{METADATA}/{last_note:016x}.snap")
}

pub(crate) fn snapshot_copy(last_note: u64) -> String {
    format!("{METADATA}/{last_note:016x}.copy")
}

/// The number in a name like `00000000000000ff.log`, when it has this ending.
pub(crate) fn number_of(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    (digits.len() == 16).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}
