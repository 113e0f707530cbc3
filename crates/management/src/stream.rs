//! Server-sent events (WHATWG HTML, section 9.2): an answer that goes on until somebody has had enough.
//!
//! ```text
//!   a task of its own: ask the shards ── what is new ──> Writer ── one piece at a time ──> the connection
//!                                                          └ whoever listens is gone: the task ends
//! ```
//!
//! A client that is slow makes the task wait, and nobody else: what it misses meanwhile, the shards count. One that takes
//! nothing for a minute is given up, and its place with it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use message::Name;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::call::Call;
use crate::failure::Failure;
use crate::patience::WRITE_WAIT;
use crate::reply::{Reply, streamed};

/// Streams at a time, at most: each has its seat among the connections, of which most are to be left for requests.
pub(crate) const STREAMS_MAX: usize = 32;
/// Streams of one user at a time, so that no user keeps others from watching.
pub(crate) const STREAMS_OF_USER_MAX: usize = 8;
/// How long to wait before the shards are asked again that had nothing.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a stream may say nothing: then it says that it is there, by which a client that is gone is noticed.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// The longest stream that can be asked for.
const DURATION_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1_000;

/// Places for streams: how many each user has, nobody's name being that of the local socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<BTreeMap<Option<Name>, usize>>>);

/// A place of a user, until it is dropped.
#[derive(Debug)]
struct Place {
    streams: Streams,
    user: Option<Name>,
}

impl Streams {
    fn take(&self, user: Option<Name>) -> Result<Place, Failure> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.get(&user).is_some_and(|count| *count >= STREAMS_OF_USER_MAX) {
            return Err(Failure::Unavailable(format!(
                "this user has {STREAMS_OF_USER_MAX} streams open; close one of them"
            )));
        }
        if places.values().sum::<usize>() >= STREAMS_MAX {
            return Err(Failure::Unavailable(format!(
                "{STREAMS_MAX} streams are open; close one of them"
            )));
        }
        *places.entry(user.clone()).or_default() += 1;
        Ok(Place { streams: self.clone(), user })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = places.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                places.remove(&self.user);
            }
        }
    }
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its client is gone: nobody is to be told.
    Gone,
    /// It is as long as was asked for.
    Enough,
    /// Something else, in a word or two.
    Because(&'static str),
}

/// The pieces of a stream, as its connection takes them.
struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Writes a stream.
#[derive(Debug)]
pub(crate) struct Writer {
    sender: mpsc::Sender<Bytes>,
    text: String,
    /// How many events may still be written.
    left: u64,
    ends_at: Instant,
    said_at: Instant,
    /// How long its client may take nothing.
    wait: Duration,
    _place: Place,
}

/// Begins a stream, which ends after as many events as the query's `limit` says, or `duration_ms`.
///
/// # Errors
/// When there are too many, or the query makes no sense.
pub(crate) fn begin(call: &Call) -> Result<(Writer, Reply), Failure> {
    let left = call.number("limit")?.map_or(u64::MAX, |limit| limit as u64);
    let duration_ms = call.number("duration_ms")?.map_or(u64::MAX, |ms| ms as u64);
    let duration = Duration::from_millis(duration_ms.min(DURATION_MS_MAX));
    let place = call.desk.streams.take(call.caller.name.clone())?;
    let (writer, pieces) = Writer::new(left, duration, WRITE_WAIT, place);
    Ok((writer, Reply::stream("text/event-stream", streamed(pieces))))
}

impl Writer {
    fn new(left: u64, duration: Duration, wait: Duration, place: Place) -> (Self, Pieces) {
        // One piece waits while another one is written.
        let (sender, receiver) = mpsc::channel(1);
        let said_at = Instant::now();
        let ends_at = said_at + duration;
        let text = String::new();
        let writer = Self { sender, text, left, ends_at, said_at, wait, _place: place };
        (writer, Pieces(receiver))
    }

    /// Adds an event.
    ///
    /// # Errors
    /// [`End::Enough`] when it was the last one that was asked for, or none was.
    pub(crate) fn add(&mut self, name: &str, id: Option<&str>, value: &Value) -> Result<(), End> {
        if self.left > 0 {
            self.put(name, id, value);
        }
        self.left = self.left.saturating_sub(1);
        if self.left == 0 { Err(End::Enough) } else { Ok(()) }
    }

    /// Adds that so many are missing here.
    pub(crate) fn add_lost(&mut self, count: u64) {
        if count > 0 {
            self.put("lost", None, &json!({ "what": "lost", "count": count }));
        }
    }

    /// Adds that something is missing before this, and nobody knows how much.
    pub(crate) fn add_lost_before(&mut self) {
        self.put("lost", None, &json!({ "what": "lost", "count": null }));
    }

    fn put(&mut self, name: &str, id: Option<&str>, value: &Value) {
        let _ = writeln!(self.text, "event: {name}");
        if let Some(id) = id {
            let _ = writeln!(self.text, "id: {id}");
        }
        // JSON has no line breaks of its own.
        let _ = writeln!(self.text, "data: {value}\n");
    }

    /// Sends what was added, and waits a little if that is nothing.
    ///
    /// # Errors
    /// [`End`] when there is no more to be sent.
    pub(crate) async fn send(&mut self) -> Result<(), End> {
        if self.left == 0 {
            return Err(End::Enough);
        }
        if self.text.is_empty() {
            let next = (Instant::now() + PAUSE).min(self.ends_at);
            tokio::select! {
                () = self.sender.closed() => return Err(End::Gone),
                () = sleep_until(next) => {}
            }
            if Instant::now() >= self.ends_at {
                return Err(End::Enough);
            }
            if self.said_at.elapsed() < SILENCE_MAX {
                return Ok(());
            }
            self.text.push_str(":\n\n");
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        let piece = Bytes::from(std::mem::take(&mut self.text));
        self.said_at = Instant::now();
        let given_up_at = self.said_at + self.wait;
        match timeout_at(self.ends_at.min(given_up_at), self.sender.send(piece)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) if self.ends_at < given_up_at => Err(End::Enough),
            Err(_) => Err(End::Gone),
        }
    }

    /// Sends what was added, and why nothing follows.
    pub(crate) async fn finish(mut self, end: End) {
        if let End::Because(reason) = end {
            self.put("end", None, &json!({ "what": "end", "reason": reason }));
        }
        if end != End::Gone && !self.text.is_empty() {
            let piece = Bytes::from(std::mem::take(&mut self.text));
            let given_up_at = Instant::now() + self.wait;
            // Whoever listens may be gone by now, or take nothing any more.
            let _ = timeout_at(given_up_at, self.sender.send(piece)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_takes_nothing_loses_its_place() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let streams = Streams::default();
            let (wait, long) = (Duration::from_millis(1), Duration::from_secs(600));
            let open = || Writer::new(9, long, wait, streams.take(None).unwrap());
            // Nobody reads: a piece waits in the channel, and another one does not fit beside it.
            let (mut writer, _pieces) = open();
            for _ in 0..2 {
                writer.add("e", None, &json!(1)).unwrap();
                let _ = writer.flush().await;
            }
            writer.finish(End::Gone).await;
            let (mut writer, _pieces) = open();
            for _ in 0..2 {
                writer.put("e", None, &json!(1));
                let _ = writer.flush().await;
            }
            writer.finish(End::Because("tired")).await;
            assert!(streams.0.lock().unwrap().is_empty());
        });
    }

    #[test]
    fn a_user_leaves_places_for_others() {
        let streams = Streams::default();
        let of = |name: &str| streams.take(Some(Name::new(name).unwrap()));
        let places: Vec<_> = (0..STREAMS_OF_USER_MAX).map(|_| of("greedy").unwrap()).collect();
        assert!(of("greedy").is_err());
        assert!(of("other").is_ok());
        drop(places);
        assert!(of("greedy").is_ok() && streams.0.lock().unwrap().is_empty());
    }
}
