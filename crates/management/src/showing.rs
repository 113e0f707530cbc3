//! Answers with messages in them: so few at a time, and each so long.
//!
//! ```text
//!   a place ── messages, until SHOWN_BYTES ──> short: the place is free │ long: free when the client has taken it, or is gone
//! ```

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::desk::Desk;
use crate::failure::Failure;
use crate::reply::{Reply, keeping};

/// Answers with messages at a time, at most: what they hold is in memory until it is sent.
pub(crate) const SHOWS_MAX: usize = 4;
/// An answer with messages that has so many bytes gets no more: text in which every character is escaped may go beyond that
/// with the last page.
pub(crate) const SHOWN_BYTES: usize = 8 * 1024 * 1024;
/// An answer of fewer bytes costs nothing worth a place while it is sent.
const SHORT_BYTES: usize = 64 * 1024;
/// How long to wait for a place.
const PLACE_WAIT: Duration = Duration::from_secs(60);
/// Says that there are more messages than the answer has.
const CUT: HeaderName = HeaderName::from_static("x-leveret-cut");

/// A place, and what has been put there.
pub(crate) struct Show {
    place: OwnedSemaphorePermit,
    text: String,
}

impl Show {
    /// Waits for a place.
    ///
    /// # Errors
    /// When there is none for a minute.
    pub(crate) async fn begin(desk: &Desk) -> Result<Self, Failure> {
        let places = Arc::clone(&desk.show_places);
        let place = timeout(PLACE_WAIT, places.acquire_owned()).await.ok().and_then(Result::ok);
        let place = place.ok_or_else(|| {
            Failure::Unavailable(format!(
                "{SHOWS_MAX} answers with messages are being sent; try again"
            ))
        })?;
        Ok(Self { place, text: String::new() })
    }

    /// Adds a message.
    pub(crate) fn add(&mut self, message: &Value) {
        let separator = if self.text.is_empty() { "" } else { "," };
        self.text.push_str(separator);
        self.text.push_str(&message.to_string());
    }

    /// Whether no more may be added.
    pub(crate) const fn is_full(&self) -> bool {
        self.text.len() >= SHOWN_BYTES
    }

    /// The answer: the messages as a list, with this around it. `cut` says how to see the messages that are missing.
    pub(crate) fn finish(self, before: &str, behind: &str, cut: Option<&'static str>) -> Reply {
        let text = [before, "[", &self.text, "]", behind].concat();
        let is_short = text.len() <= SHORT_BYTES;
        let mut reply = Reply::bytes(StatusCode::OK, "application/json", text.into_bytes());
        if let Some(cut) = cut {
            reply = reply.with(CUT, HeaderValue::from_static(cut));
        }
        if is_short {
            return reply;
        }
        reply.map(|content| keeping(self.place, content))
    }
}
