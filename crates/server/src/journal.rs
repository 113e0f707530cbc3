//! The journal of one shard: whose thread writes and syncs it, and when.
//!
//! ```text
//!   syncs are rare, or long   ──→ the journal's thread makes them
//!   often, and short          ──→ the shard's own thread, which the journal's watches: see `baton`
//! ```

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use store::{Completion, Submission};

use crate::baton::{Baton, PATIENCE};
use crate::disk::FsDisk;
use crate::disk_threads::UNUSED;
use crate::mailbox::{Inbox, Inboxes};
use crate::reactor::Reactor;

/// Over how long it is looked how often the journal is synced.
const WINDOW: Duration = Duration::from_millis(100);
/// So many syncs in that time are often: looking every millisecond costs less than it saves.
const OFTEN_COUNT: u32 = 50;
/// One in so many may be long: whoever runs while all cores are busy is late now and then.
const LONG_ONE_IN: u32 = 16;

/// What the journal's thread does, and who may do it in its place.
#[derive(Debug)]
pub(crate) struct Journal {
    sender: Sender<Task>,
    shared: Arc<Shared>,
}

/// What both threads have.
#[derive(Debug)]
struct Shared {
    shard: usize,
    inboxes: Inboxes,
    /// There is never more than one piece of work on its way: whoever does it has the disk to itself. It is one disk because of its
    /// descriptors: a sync that fails is told only to that by which was written.
    disk: Mutex<FsDisk>,
    baton: Baton<Box<Reactor>>,
    own: OwnSyncs,
}

/// What the shard's thread has made by itself since that was last asked.
#[derive(Debug, Default)]
struct OwnSyncs {
    count: AtomicU32,
    /// In how many of them it was away for longer than it should be.
    long_count: AtomicU32,
}

#[derive(Debug)]
struct Task {
    submission: Submission,
    /// The shard would have had the time to do it.
    is_alone: bool,
}

impl Journal {
    /// Starts the thread, which ends when the returned value is dropped and its work is done.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        shard: usize,
        disk: FsDisk,
        inboxes: Inboxes,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let shared = Shared {
            shard,
            inboxes,
            disk: Mutex::new(disk),
            baton: Baton::default(),
            own: OwnSyncs::default(),
        };
        let shared = Arc::new(shared);
        let (sender, receiver) = channel();
        let thread = JournalThread {
            receiver,
            shared: Arc::clone(&shared),
            pace: Pace::new(),
            swept: Instant::now(),
        };
        let handle = Builder::new().name(format!("journal-{shard}")).spawn(move || thread.run())?;
        Ok((Self { sender, shared }, handle))
    }

    /// Has work done by the journal's thread.
    pub(crate) fn submit(&self, submission: Submission) {
        self.send(submission, false);
    }

    /// The same; `is_alone` says that the shard has nothing else to do, and few who would miss it.
    fn send(&self, submission: Submission, is_alone: bool) {
        let sent = self.sender.send(Task { submission, is_alone });
        sent.expect("a disk thread lives as long as its shard");
    }

    /// Does it on the shard's thread, if the journal's thread looks after the shard meanwhile.
    pub(crate) fn execute(reactor: Box<Reactor>, submission: Submission) -> Box<Reactor> {
        let shared = Arc::clone(&reactor.journal().shared);
        if let Err(reactor) = shared.baton.lay_down(reactor) {
            reactor.journal().send(submission, true);
            return reactor;
        }
        let began = Instant::now();
        let completion = submission.execute(&mut *shared.disk());
        shared.own.count(began.elapsed());
        shared.inbox().put_completion(completion);
        shared.baton.take_up(|| shared.inbox().wake())
    }
}

impl OwnSyncs {
    fn count(&self, took: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.long_count.fetch_add(u32::from(took >= PATIENCE), Ordering::Relaxed);
    }
}

impl Shared {
    fn inbox(&self) -> &Inbox {
        &self.inboxes[self.shard]
    }

    fn disk(&self) -> MutexGuard<'_, FsDisk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread.
#[derive(Debug)]
struct JournalThread {
    receiver: Receiver<Task>,
    shared: Arc<Shared>,
    pace: Pace,
    /// When files were last closed that nobody uses.
    swept: Instant,
}

impl JournalThread {
    fn run(mut self) {
        loop {
            match self.receive() {
                Ok(task) => self.execute(task),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(reactor) = self.shared.baton.take_neglected() {
                        Reactor::stand_in(reactor, &self.shared.baton);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.pace.look(&self.shared.baton, &self.shared.own);
            self.sweep();
        }
    }

    fn receive(&self) -> Result<Task, RecvTimeoutError> {
        if self.shared.baton.is_watched() {
            self.receiver.recv_timeout(PATIENCE)
        } else if self.shared.disk().has_open() {
            self.receiver.recv_timeout(UNUSED)
        } else {
            self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected)
        }
    }

    fn execute(&mut self, task: Task) {
        let began = Instant::now();
        let completion: Completion = task.submission.execute(&mut *self.shared.disk());
        self.shared.inbox().put_completion(completion);
        self.pace.count(task.is_alone, began.elapsed());
    }

    /// Closes what was not used for a while. Closing may wait for the disk, too: the last descriptor of a removed file frees its
    /// room. So nothing may lie there meanwhile that somebody has to look after.
    fn sweep(&mut self) {
        if self.swept.elapsed() < UNUSED {
            return;
        }
        let baton = &self.shared.baton;
        let was_watched = baton.is_watched();
        baton.set_watched(false);
        if !baton.is_watched() {
            self.shared.disk().close_unused();
            self.swept = Instant::now();
            baton.set_watched(was_watched);
        }
    }
}

/// How often the journal is synced, and how often that takes long.
#[derive(Debug)]
struct Pace {
    began: Instant,
    count: u32,
    long_count: u32,
}

impl Pace {
    fn new() -> Self {
        Self { began: Instant::now(), count: 0, long_count: 0 }
    }

    /// Something was done here.
    fn count(&mut self, is_alone: bool, took: Duration) {
        self.count += u32::from(is_alone);
        self.long_count += u32::from(took >= PATIENCE);
    }

    /// Looks whether the shard is to be watched.
    fn look<T>(&mut self, baton: &Baton<T>, own: &OwnSyncs) {
        let elapsed = self.began.elapsed();
        if elapsed >= WINDOW {
            let count = self.count + own.count.swap(0, Ordering::Relaxed);
            let long_count = self.long_count + own.long_count.swap(0, Ordering::Relaxed);
            let is_recent = elapsed < WINDOW * 3;
            let is_short = long_count * LONG_ONE_IN <= count;
            baton.set_watched(is_recent && is_short && count >= OFTEN_COUNT);
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many syncs here, and so many by the shard, so many were long.
    fn is_watched_after(counts: [u32; 2], long_counts: [u32; 2]) -> bool {
        let (baton, own) = (Baton::<()>::default(), OwnSyncs::default());
        let mut pace = Pace { began: Instant::now() - WINDOW, ..Pace::new() };
        let took = |is_long| if is_long { PATIENCE } else { PATIENCE / 8 };
        (0..counts[0]).for_each(|number| pace.count(true, took(number < long_counts[0])));
        (0..counts[1]).for_each(|number| own.count(took(number < long_counts[1])));
        pace.look(&baton, &own);
        baton.is_watched()
    }

    #[test]
    fn a_shard_is_watched_while_it_syncs_often_and_most_are_short() {
        assert!(is_watched_after([OFTEN_COUNT, 0], [3, 0]));
        assert!(is_watched_after([OFTEN_COUNT - 7, 7], [0, 0]));
        assert!(is_watched_after([0, OFTEN_COUNT], [0, 3]));
        assert!(!is_watched_after([OFTEN_COUNT - 8, 7], [0, 0]));
        assert!(!is_watched_after([OFTEN_COUNT, 0], [4, 0]));
        assert!(!is_watched_after([20, OFTEN_COUNT - 20], [2, 2]));
    }
}
