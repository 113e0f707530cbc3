//! The threads that wait for the disk so that no shard has to.
//!
//! Each shard has three: one for its journal, whose syncs confirms wait for; one for cold reads, which consumers wait
//! for; and one for moving old messages to segments, which may take its time.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::nice;
use store::{Completion, Lane, Submission};

use crate::disk::FsDisk;
use crate::disk_meter::DiskMeters;
use crate::journal::Journal;
use crate::mailbox::Inboxes;

/// How many threads each shard has.
pub(crate) const PER_SHARD: usize = 3;

/// A file that was not used for this long, or twice as long, is closed. It is longer than anything written stays
/// unsynced: a sync that fails must not find the descriptor of the write gone.
pub(crate) const UNUSED: Duration = Duration::from_secs(1);

/// How much further what may take its time stands back than the rest, as `nice` counts: on a machine whose cores are all busy, 64 MiB that are
/// copied in one go kept shards from their messages for 40 ms.
const BACKGROUND_NICE: i32 = 10;

/// The disk threads of one shard.
#[derive(Debug)]
pub(crate) struct DiskThreads {
    pub(crate) journal: Journal,
    read: Sender<Submission>,
    background: Sender<Submission>,
}

impl DiskThreads {
    /// Starts them; each keeps at most `files_max` files open. They end when the returned value is dropped and their work is done.
    ///
    /// # Errors
    /// When the system gives no thread or the directory cannot be opened.
    pub(crate) fn start(
        shard: usize,
        data_dir: &Path,
        files_max: usize,
        inboxes: &Inboxes,
        meters: &DiskMeters,
    ) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let mut handles = Vec::new();
        let mut start = |name: String, lane: Lane| {
            let (sender, receiver) = channel::<Submission>();
            let disk = FsDisk::open(data_dir, files_max)?.metered(meters.of(lane));
            let inboxes = Inboxes::clone(inboxes);
            let handle = Builder::new().name(name).spawn(move || {
                let inbox = &inboxes[shard];
                if lane == Lane::Background {
                    // Counted from what the process was started with, and for this thread only. It runs as the others
                    // do where that is refused.
                    let _ = nice(BACKGROUND_NICE);
                }
                work(&receiver, disk, |completion| inbox.put_completion(completion));
            })?;
            handles.push(handle);
            io::Result::Ok(sender)
        };
        let read = start(format!("read-{shard}"), Lane::Read)?;
        let background = start(format!("background-{shard}"), Lane::Background)?;
        let disk = FsDisk::open(data_dir, files_max)?.metered(meters.of(Lane::Journal));
        let (journal, handle) = Journal::start(shard, disk, Inboxes::clone(inboxes))?;
        handles.push(handle);
        Ok((Self { journal, read, background }, handles))
    }

    /// Has something done that is not the journal's.
    pub(crate) fn submit(&self, submission: Submission) {
        let thread = match submission.lane() {
            Lane::Journal => unreachable!("what the journal does is for the shard to decide"),
            Lane::Read => &self.read,
            Lane::Background => &self.background,
        };
        thread.send(submission).expect("a disk thread lives as long as its shard");
    }
}

/// Does what comes in, until nobody can send any more.
fn work(receiver: &Receiver<Submission>, mut disk: FsDisk, report: impl Fn(Completion)) {
    let mut swept = Instant::now();
    loop {
        let received = if disk.has_open() {
            receiver.recv_timeout(UNUSED)
        } else {
            receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match received {
            Ok(submission) => report(submission.execute(&mut disk)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if swept.elapsed() >= UNUSED {
            disk.close_unused();
            swept = Instant::now();
        }
    }
}
