//! What the scrapes before this one took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use crate::desk::Desk;
use crate::failure::Failure;
use crate::metrics::page::Depth;

/// Scrapes at a time, at most: each has rows of all objects in memory, until its client has taken all of it or is given up.
pub(crate) const SCRAPES_MAX: usize = 2;
/// How long a scrape waits for its place: those before it may wait for their clients.
const PLACE_WAIT: Duration = Duration::from_secs(30);

/// Scrapes of one kind.
#[derive(Debug, Default)]
struct Counter {
    count: AtomicU64,
    bytes: AtomicU64,
    us: AtomicU64,
}

/// All scrapes since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrapes(Arc<[Counter; 3]>);

/// What scrapes of one kind took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scraped {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) us: u64,
}

/// A scrape that is under way. It counts when it ends, whether the client has taken all of it or not.
#[derive(Debug)]
pub(crate) struct Scrape {
    scrapes: Scrapes,
    depth: Depth,
    began: Instant,
    bytes: u64,
    _place: OwnedSemaphorePermit,
}

impl Scrapes {
    /// One begins, as soon as there is a place for it.
    ///
    /// # Errors
    /// When there is none for too long.
    pub(crate) async fn begin(desk: &Desk, depth: Depth) -> Result<Scrape, Failure> {
        let began = Instant::now();
        let place = timeout(PLACE_WAIT, Arc::clone(&desk.scrape_places).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or_else(|| {
            Failure::Unavailable(format!("{SCRAPES_MAX} clients are being sent metrics"))
        })?;
        Ok(Scrape { scrapes: desk.scrapes.clone(), depth, began, bytes: 0, _place: place })
    }

    /// What those of one kind took that have ended.
    pub(crate) fn read(&self, depth: Depth) -> Scraped {
        let Counter { count, bytes, us } = &self.0[depth as usize];
        Scraped {
            count: count.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
            us: us.load(Ordering::Relaxed),
        }
    }

    fn end(&self, depth: Depth, sent_bytes: u64, took: Duration) {
        let Counter { count, bytes, us } = &self.0[depth as usize];
        count.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add(sent_bytes, Ordering::Relaxed);
        us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Scrape {
    /// A piece of it is made.
    pub(crate) const fn count(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }
}

impl Drop for Scrape {
    fn drop(&mut self) {
        self.scrapes.end(self.depth, self.bytes, self.began.elapsed());
    }
}
