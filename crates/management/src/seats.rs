//! Seats for connections: when all are taken, whoever has been silent longest makes room for whoever comes.
//!
//! ```text
//!   take ──> silent ── begin ──> a request is under way ── its answer is sent ──> silent, behind all others
//!              └ the first of the silent ones, and somebody waits: left
//! ```
//!
//! Nobody has to log in to hold a seat: without this, strangers who say nothing would keep everybody else out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::reply::{Content, keeping};

/// So many seats; clones are the same ones.
#[derive(Clone)]
pub(crate) struct Seats {
    free: Arc<Semaphore>,
    sitting: Sitting,
}

/// Those who are silent, the one that has been so longest first.
#[derive(Clone, Default)]
struct Sitting {
    silent: Arc<Mutex<Silent>>,
    fell_silent: Arc<Notify>,
}

#[derive(Default)]
struct Silent {
    last: u64,
    all: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's seat, until it is dropped.
pub(crate) struct Seat {
    sitting: Sitting,
    /// Tells the connection to go.
    leave: Arc<Notify>,
    /// Where it stands among the silent ones, if it is one.
    silent: Arc<Mutex<Option<u64>>>,
    _permit: OwnedSemaphorePermit,
}

/// A request that is under way until this is dropped.
pub(crate) struct Busy {
    sitting: Sitting,
    leave: Arc<Notify>,
    silent: Arc<Mutex<Option<u64>>>,
}

impl Seats {
    pub(crate) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), sitting: Sitting::default() }
    }

    /// A seat for somebody who is there. `None` when nobody is served any more.
    pub(crate) async fn take(&self) -> Option<Seat> {
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait().await?,
        };
        let leave = Arc::new(Notify::new());
        let number = self.sitting.open().add(&leave);
        let silent = Arc::new(Mutex::new(Some(number)));
        Some(Seat { sitting: self.sitting.clone(), leave, silent, _permit: permit })
    }
}

impl Seats {
    /// Has somebody leave, as soon as somebody is silent, and waits for a seat meanwhile.
    async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        let free = || Arc::clone(&self.free).acquire_owned();
        loop {
            let longest = self.sitting.open().all.pop_first();
            if let Some((_, leave)) = longest {
                leave.notify_one();
                return free().await.ok();
            }
            tokio::select! {
                permit = free() => return permit.ok(),
                () = self.sitting.fell_silent.notified() => {}
            }
        }
    }
}

impl Sitting {
    fn open(&self) -> MutexGuard<'_, Silent> {
        open(&self.silent)
    }
}

fn open<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Silent {
    fn add(&mut self, leave: &Arc<Notify>) -> u64 {
        self.last += 1;
        self.all.insert(self.last, Arc::clone(leave));
        self.last
    }
}

impl Seat {
    /// A request has come. To be asked for after [`Seat::left`] in the same turn of a task: who has to leave begins nothing.
    pub(crate) fn begin(&self) -> Busy {
        if let Some(number) = open(&self.silent).take() {
            self.sitting.open().all.remove(&number);
        }
        let Self { sitting, leave, silent, .. } = self;
        Busy { sitting: sitting.clone(), leave: leave.clone(), silent: silent.clone() }
    }

    /// Ends when the seat is for somebody else.
    pub(crate) async fn left(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(number) = open(&self.silent).take() {
            self.sitting.open().all.remove(&number);
        }
    }
}

impl Busy {
    /// Until this is sent.
    pub(crate) fn until_sent(self, content: Content) -> Content {
        keeping(self, content)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let number = self.sitting.open().add(&self.leave);
        open(&self.silent).replace(number);
        self.sitting.fell_silent.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What a future has to say at once.
    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn take(seats: &Seats) -> Option<Seat> {
        now(seats.take()).flatten()
    }

    #[test]
    fn who_has_been_silent_longest_makes_room() {
        let seats = Seats::new(3);
        let (asks, first, second) = (take(&seats), take(&seats), take(&seats));
        let (asks, first, second) = (asks.unwrap(), first.unwrap(), second.unwrap());
        let busy = asks.begin();
        assert!(take(&seats).is_none());
        assert!(now(first.left()).is_some());
        assert!(now(asks.left()).is_none() && now(second.left()).is_none());
        drop(first);
        let third = take(&seats).unwrap();
        // Whoever has asked something goes behind those that have not.
        drop(busy);
        for _ in 0..2 {
            assert!(take(&seats).is_none());
        }
        assert!(now(second.left()).is_some() && now(third.left()).is_some());
        assert!(now(asks.left()).is_none());
    }

    #[test]
    fn who_is_being_answered_stays_and_others_wait() {
        let seats = Seats::new(1);
        let seat = take(&seats).unwrap();
        let busy = seat.begin();
        assert!(take(&seats).is_none() && now(seat.left()).is_none());
        let content = busy.until_sent(crate::reply::streamed(String::new()));
        let mut waits = pin!(seats.take());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waits.as_mut().poll(&mut cx).is_pending() && now(seat.left()).is_none());
        drop(content);
        // Who waits has it leave as soon as it is silent.
        assert!(waits.as_mut().poll(&mut cx).is_pending() && now(seat.left()).is_some());
        drop(seat);
        assert!(waits.as_mut().poll(&mut cx).is_ready() && seats.sitting.open().all.is_empty());
    }
}
