//! Who runs a shard while its own thread waits for the disk.
//!
//! ```text
//!   shard's thread    turns ─ lays the shard down ─ syncs ─ takes it up ─ turns …
//!   journal's thread  looks once a millisecond: has it lain there for too long?
//!                        └─→ takes it up, runs turns until the other wants it back ─→ looks again
//! ```
//!
//! A sync that another thread makes costs two more wake-ups, of which each takes a tenth to a third of the time of the sync. A thread that makes it itself is
//! deaf meanwhile, which does not matter for as long as a turn takes, and must not matter for longer: a disk that does not answer holds up those
//! who wait for it, and nobody else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// For how long a shard may lie.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1);

/// Something that one of two threads runs.
#[derive(Debug)]
pub(crate) struct Baton<T> {
    place: Mutex<Place<T>>,
    given_back: Condvar,
    /// The thread that laid it down waits for it.
    is_wanted: AtomicBool,
}

#[derive(Debug)]
struct Place<T> {
    lying: Option<(T, Instant)>,
    /// Somebody looks after what is laid down.
    is_watched: bool,
}

impl<T> Default for Baton<T> {
    fn default() -> Self {
        Self {
            place: Mutex::new(Place { lying: None, is_watched: false }),
            given_back: Condvar::new(),
            is_wanted: AtomicBool::new(false),
        }
    }
}

impl<T> Baton<T> {
    /// Whether somebody looks.
    pub(crate) fn is_watched(&self) -> bool {
        self.lock().is_watched
    }

    /// Says whether somebody looks. As long as something lies there, somebody has to.
    pub(crate) fn set_watched(&self, is_watched: bool) {
        let mut place = self.lock();
        place.is_watched = is_watched || place.lying.is_some();
    }

    /// Lays it down, or gives it back at once if nobody looks.
    pub(crate) fn lay_down(&self, what: T) -> Result<(), T> {
        let mut place = self.lock();
        if !place.is_watched {
            return Err(what);
        }
        place.lying = Some((what, Instant::now()));
        Ok(())
    }

    /// Takes it up again, when the other has given it back if that has taken it. `ring` is called then, to be heard by it.
    pub(crate) fn take_up(&self, ring: impl FnOnce()) -> T {
        if let Some((what, _)) = self.lock().lying.take() {
            return what;
        }
        self.is_wanted.store(true, Ordering::SeqCst);
        ring();
        let mut place = self.lock();
        loop {
            if let Some((what, _)) = place.lying.take() {
                self.is_wanted.store(false, Ordering::SeqCst);
                return what;
            }
            place = self.given_back.wait(place).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes what has lain there for longer than anybody should have to wait.
    pub(crate) fn take_neglected(&self) -> Option<T> {
        let neglected = |(_, since): &mut (T, Instant)| since.elapsed() >= PATIENCE;
        self.lock().lying.take_if(neglected).map(|(what, _)| what)
    }

    /// Whether it is time to give it back.
    pub(crate) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::SeqCst)
    }

    /// Gives back what was taken.
    pub(crate) fn give_back(&self, what: T) {
        self.lock().lying = Some((what, Instant::now()));
        self.given_back.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Place<T>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn who_is_back_soon_takes_up_what_was_laid_down() {
        let baton = Baton::default();
        assert_eq!(baton.lay_down(7), Err(7), "nobody would look after it");
        baton.set_watched(true);
        assert_eq!(baton.lay_down(7), Ok(()));
        baton.set_watched(false);
        assert!(baton.is_watched(), "as long as it lies there");
        assert_eq!(baton.take_neglected(), None, "it has hardly been laid down");
        assert_eq!(baton.take_up(|| panic!("nobody has it")), 7);
    }

    #[test]
    fn who_is_late_waits_until_it_is_given_back() {
        let baton = Arc::new(Baton::default());
        let (ring, rung) = channel();
        baton.set_watched(true);
        baton.lay_down(vec![1]).expect("it is watched");
        let other = Arc::clone(&baton);
        let stand_in = thread::spawn(move || {
            let mut what = loop {
                if let Some(what) = other.take_neglected() {
                    break what;
                }
                thread::sleep(PATIENCE);
            };
            rung.recv().expect("the one who is late rings");
            assert!(other.is_wanted());
            what.push(2);
            other.give_back(what);
        });
        while baton.lock().lying.is_some() {
            thread::sleep(PATIENCE);
        }
        assert_eq!(baton.take_up(|| ring.send(()).expect("it listens")), [1, 2]);
        assert!(!baton.is_wanted());
        stand_in.join().expect("it has ended");
    }
}
