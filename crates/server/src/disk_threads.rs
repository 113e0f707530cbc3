//! The threads that wait for the disk so that no shard has to.
//!
//! Each shard has three: one for its journal, whose syncs confirms wait for; one for cold reads, which consumers wait
//! for; and one for moving old messages to segments, which may take its time.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use store::{Lane, Submission};

use crate::disk::FsDisk;
use crate::mailbox::Inboxes;

/// How many threads each shard has.
pub(crate) const PER_SHARD: usize = 3;

/// The disk threads of one shard.
#[derive(Debug)]
pub(crate) struct DiskThreads {
    journal: Sender<Submission>,
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
    ) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let mut handles = Vec::new();
        let mut start = |name: String| {
            let (sender, receiver) = channel::<Submission>();
            let mut disk = FsDisk::open(data_dir, files_max)?;
            let inboxes = Inboxes::clone(inboxes);
            let handle = Builder::new().name(name).spawn(move || {
                for submission in receiver {
                    inboxes[shard].put_completion(submission.execute(&mut disk));
                }
            })?;
            handles.push(handle);
            io::Result::Ok(sender)
        };
        let journal = start(format!("journal-{shard}"))?;
        let read = start(format!("read-{shard}"))?;
        let background = start(format!("background-{shard}"))?;
        Ok((Self { journal, read, background }, handles))
    }

    pub(crate) fn submit(&self, submission: Submission) {
        let thread = match submission.lane() {
            Lane::Journal => &self.journal,
            Lane::Read => &self.read,
            Lane::Background => &self.background,
        };
        thread.send(submission).expect("a disk thread lives as long as its shard");
    }
}
