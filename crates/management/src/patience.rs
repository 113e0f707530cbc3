//! A client that does not take what is sent to it is waited for only so long.
//!
//! Whatever an answer holds — its text, rows of all queues, a place among streams, the connection's seat — would be held for
//! as long as the client likes.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, timeout_at};

use crate::reply::Content;

/// How long a client may take nothing at all of what is there for it.
pub(crate) const WRITE_WAIT: Duration = Duration::from_secs(60);

/// A connection that ends when its client takes nothing for too long.
pub(crate) struct Patient<W> {
    wire: W,
    wait: Duration,
    /// Since the client has stopped taking anything.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<W> Patient<W> {
    /// Waits so long.
    pub(crate) const fn new(wire: W, wait: Duration) -> Self {
        Self { wire, wait, waiting: None }
    }

    /// What came of an attempt to write, or that there were too many in vain.
    fn outcome<T>(
        &mut self,
        cx: &mut Context<'_>,
        tried: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.waiting = None;
            return tried;
        }
        let wait = self.wait;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(wait)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Patient<W> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, into)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Patient<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.wire).poll_write(cx, bytes);
        self.outcome(cx, tried)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.wire).poll_write_vectored(cx, pieces);
        self.outcome(cx, tried)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.wire).poll_flush(cx);
        self.outcome(cx, tried)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tried = Pin::new(&mut self.wire).poll_shutdown(cx);
        self.outcome(cx, tried)
    }
}

/// Until when the answer that is under way on a connection has to be taken.
#[derive(Clone, Debug)]
pub(crate) struct Due(watch::Sender<Option<Instant>>);

/// An answer that is under way until it is dropped.
struct Timed {
    content: Content,
    due: Due,
}

impl Due {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// An answer that has to be taken within so long.
    pub(crate) fn within(&self, wait: Duration, content: Content) -> Content {
        self.0.send_replace(Some(Instant::now() + wait));
        crate::reply::streamed(Timed { content, due: self.clone() })
    }

    /// Ends when an answer has not been taken in time.
    pub(crate) async fn missed(&self) {
        let mut due = self.0.subscribe();
        loop {
            let at = *due.borrow_and_update();
            match at {
                Some(at) if timeout_at(at, due.changed()).await.is_err() => return,
                // The sender is this, and there.
                None if due.changed().await.is_err() => pending().await,
                _ => {}
            }
        }
    }
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.content).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.content.size_hint()
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.due.0.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (ours, _theirs) = duplex(4);
            let mut patient = Patient::new(ours, Duration::from_millis(1));
            patient.write_all(b"abcd").await.unwrap();
            let error = patient.write_all(b"e").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn an_answer_that_is_not_taken_in_time_is_missed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let due = Due::new();
            let answer = due.within(Duration::ZERO, crate::reply::streamed(String::new()));
            due.missed().await;
            drop(answer);
            assert_eq!(*due.0.borrow(), None);
        });
    }
}
