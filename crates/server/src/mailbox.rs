//! What other threads hand to a shard, and how a sleeping shard is woken.
//!
//! ```text
//!   shard 1 ──ring──┐
//!   shard 2 ──ring──┤
//!   disk    ──queue─┼──→ Inbox of shard 0 ──→ its turn
//!   acceptor ─queue─┘         ↑ waker, only if it sleeps
//! ```
//!
//! Whoever has something for a shard rings (sequentially consistent): it leaves a mark, and wakes the shard if that
//! sleeps. A shard wipes the mark when its turn begins; before it sleeps it says so, and then looks at the mark. One of
//! the two sees the other, whatever it is that the ring was for: mail, a completion, a socket, room in a ring that was
//! full, the end of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use broker::Mail;
use crossbeam_queue::{ArrayQueue, SegQueue};
use mio::Waker;
use node::Errand;
use store::Completion;

use crate::listeners::Caller;
use crate::sockets::Migrant;

/// Batches of mail that one shard may have lying with another. A shard sends at most one a turn.
const RING_BATCHES: usize = 64;

/// Errands that may wait for a shard.
pub(crate) const ERRANDS_MAX: usize = 64;

/// Mail from one shard to another.
#[derive(Debug)]
struct Ring {
    batches: ArrayQueue<Vec<Mail>>,
    /// The sender has more than fits and waits to be woken.
    is_sender_waiting: AtomicBool,
}

/// What other threads hand to one shard.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// By sender.
    rings: Vec<Ring>,
    completions: SegQueue<Completion>,
    callers: SegQueue<Caller>,
    /// Clients that come from other shards.
    migrants: SegQueue<Migrant>,
    /// How many clients the shard has.
    client_count: AtomicUsize,
    errands: ArrayQueue<Errand>,
    is_asleep: AtomicBool,
    /// Somebody has rung since the turn began.
    is_rung: AtomicBool,
    /// The process ends, and this shard has no clients and no mail left.
    is_quiet: AtomicBool,
    is_stopping: AtomicBool,
    /// The file system of the data directory has too little room.
    is_space_low: AtomicBool,
    /// How many turns the shard has begun; only it counts.
    turns: AtomicU64,
    waker: Waker,
}

/// The inboxes of all shards.
pub(crate) type Inboxes = Arc<[Inbox]>;

impl Inbox {
    pub(crate) fn new(shards: usize, waker: Waker) -> Self {
        let ring = |_| Ring {
            batches: ArrayQueue::new(RING_BATCHES),
            is_sender_waiting: AtomicBool::new(false),
        };
        Self {
            rings: (0..shards).map(ring).collect(),
            completions: SegQueue::new(),
            callers: SegQueue::new(),
            migrants: SegQueue::new(),
            client_count: AtomicUsize::new(0),
            errands: ArrayQueue::new(ERRANDS_MAX),
            is_asleep: AtomicBool::new(false),
            is_rung: AtomicBool::new(false),
            is_quiet: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            is_space_low: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            waker,
        }
    }

    /// Puts a batch of mail in, or gives it back when the ring is full; then the sender is woken when there is room.
    pub(crate) fn put_mail(&self, from: usize, batch: Vec<Mail>) -> Result<(), Vec<Mail>> {
        let ring = &self.rings[from];
        let mut result = ring.batches.push(batch);
        if let Err(batch) = result {
            ring.is_sender_waiting.store(true, Ordering::SeqCst);
            // Room may have been made between the two lines above.
            result = ring.batches.push(batch);
        }
        self.wake();
        result
    }

    /// Takes a batch of mail out. The second value is true when the sender waits for the room that this made.
    pub(crate) fn take_mail(&self, from: usize) -> Option<(Vec<Mail>, bool)> {
        let ring = &self.rings[from];
        let batch = ring.batches.pop()?;
        Some((batch, ring.is_sender_waiting.swap(false, Ordering::SeqCst)))
    }

    pub(crate) fn put_completion(&self, completion: Completion) {
        self.completions.push(completion);
        self.wake();
    }

    pub(crate) fn take_completion(&self) -> Option<Completion> {
        self.completions.pop()
    }

    pub(crate) fn put_caller(&self, caller: Caller) {
        self.callers.push(caller);
        self.wake();
    }

    pub(crate) fn take_caller(&self) -> Option<Caller> {
        self.callers.pop()
    }

    pub(crate) fn put_migrant(&self, migrant: Migrant) {
        self.migrants.push(migrant);
        self.wake();
    }

    pub(crate) fn take_migrant(&self) -> Option<Migrant> {
        self.migrants.pop()
    }

    /// The shard tells how many clients it has.
    pub(crate) fn set_client_count(&self, count: usize) {
        self.client_count.store(count, Ordering::Relaxed);
    }

    /// How many clients the shard has, and those that are on their way to it.
    pub(crate) fn client_count(&self) -> usize {
        self.client_count.load(Ordering::Relaxed) + self.migrants.len() + self.callers.len()
    }

    /// Puts an errand in, or gives it back when [`ERRANDS_MAX`] wait already: whoever sends errands waits until the shard
    /// has run some of its own. One that is put in as the process ends may never run.
    pub(crate) fn put_errand(&self, errand: Errand) -> Result<(), Errand> {
        let result = self.errands.push(errand);
        self.wake();
        result
    }

    pub(crate) fn take_errand(&self) -> Option<Errand> {
        self.errands.pop()
    }

    /// The process ends.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.wake();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// The file system of the data directory has too little room, or enough again.
    pub(crate) fn set_space_low(&self, is_low: bool) {
        self.is_space_low.store(is_low, Ordering::SeqCst);
        self.wake();
    }

    pub(crate) fn is_space_low(&self) -> bool {
        self.is_space_low.load(Ordering::SeqCst)
    }

    /// Whether nothing lies here.
    pub(crate) fn is_empty(&self) -> bool {
        self.completions.is_empty()
            && self.callers.is_empty()
            && self.migrants.is_empty()
            && self.rings.iter().all(|ring| ring.batches.is_empty())
    }

    /// Says whether the shard, on its way out, needs nothing from the others any more.
    pub(crate) fn set_quiet(&self, is_quiet: bool) -> bool {
        self.is_quiet.swap(is_quiet, Ordering::SeqCst) != is_quiet
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet.load(Ordering::SeqCst) && self.is_empty()
    }

    /// Says that the shard is about to sleep. Returns false when it must not, because somebody has rung.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.is_asleep.store(true, Ordering::SeqCst);
        let is_rung = self.is_rung.load(Ordering::SeqCst);
        if is_rung {
            self.is_asleep.store(false, Ordering::SeqCst);
        }
        !is_rung
    }

    /// Whether somebody has rung since the turn began.
    pub(crate) fn is_rung(&self) -> bool {
        self.is_rung.load(Ordering::SeqCst)
    }

    /// A turn begins: from here on a ring means something new.
    pub(crate) fn wake_up(&self) {
        self.is_asleep.store(false, Ordering::SeqCst);
        self.is_rung.store(false, Ordering::SeqCst);
        self.turns.store(self.turns().wrapping_add(1), Ordering::Relaxed);
    }

    /// How many turns the shard has begun. One that stands still after a ring hangs.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Rings: the shard has a turn after this, even if it is about to sleep.
    pub(crate) fn wake(&self) {
        self.is_rung.store(true, Ordering::SeqCst);
        if self.is_asleep.swap(false, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            // Without wake-ups the shards deadlock; nothing that was confirmed is lost by stopping.
            tracing::error!(%error, "a shard cannot be woken; stopping");
            crate::log::flush();
            std::process::abort();
        }
    }
}
