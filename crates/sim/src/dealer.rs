//! Deals seeds out to all cores, until there are enough, or time is up, or one fails.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sim::Failure;

use crate::options::{Mode, Options};

thread_local! {
    /// The seed that this thread runs, for when it panics.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

/// Deals seeds out.
#[derive(Debug)]
pub(crate) struct Dealer {
    mode: Mode,
    next: AtomicU64,
    end: u64,
    work: AtomicU64,
    work_max: u64,
    began: Instant,
    time_max: Option<Duration>,
}

impl Dealer {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            mode: options.mode,
            next: AtomicU64::new(options.first),
            end: options.first.saturating_add(options.seeds),
            work: AtomicU64::new(0),
            work_max: options.work_max,
            began: Instant::now(),
            time_max: options.minutes_max.map(|minutes| Duration::from_secs(minutes * 60)),
        }
    }

    /// Since the first seed.
    pub(crate) fn elapsed_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn deal(&self) -> Option<u64> {
        let is_late = self.time_max.is_some_and(|max| self.began.elapsed() >= max);
        if is_late || self.work.load(Ordering::Relaxed) >= self.work_max {
            return None;
        }
        let seed = self.next.fetch_add(1, Ordering::Relaxed);
        (seed < self.end).then_some(seed)
    }

    fn stop(&self) {
        self.next.store(self.end, Ordering::Relaxed);
    }
}

/// A promise that is checked where it is broken panics there: the way to repeat that is told first.
fn tell_seed_of_panics(mode: Mode) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let seed = SEED.get();
            eprintln!("seed {seed} failed\nrepeat it with: {}", mode.repeat_with(seed));
            usual(panic);
        }));
    });
}

/// Does `work` for each seed, and adds up what comes of it; `weight` is how much of the wanted work it was.
pub(crate) fn on_all_cores<T: Default + Send>(
    dealer: &Dealer,
    work: impl Fn(u64) -> Result<T, Failure> + Sync,
    plus: fn(T, T) -> T,
    weight: fn(&T) -> u64,
) -> Result<T, Failure> {
    tell_seed_of_panics(dealer.mode);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = || {
        let mut sum = T::default();
        while let Some(seed) = dealer.deal() {
            SEED.set(seed);
            // When one has failed, nobody needs the others any more.
            let outcome = work(seed).inspect_err(|_| dealer.stop())?;
            dealer.work.fetch_add(weight(&outcome), Ordering::Relaxed);
            sum = plus(sum, outcome);
        }
        Ok(sum)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(share)).collect();
        running.into_iter().try_fold(T::default(), |sum, thread| {
            let part = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            Ok(plus(sum, part))
        })
    })
}
