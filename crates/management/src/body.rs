//! The body of a request: whoever may send one has so much room for it, and so much time.
//!
//! ```text
//!   small: read at once ── more than LARGE_BYTES ──> a place ── at a pace ──> read; the place is kept until it is answered
//! ```
//!
//! What a body says of its length is not believed: it takes a place when it is large, and not before.

use std::error::Error;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use management_api::{Access, Method, Route, RouteId, Served};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::failure::Failure;

/// How long a client may take for a small body, how long a large one waits for its place, and how long it may take then.
const WAIT: Duration = Duration::from_secs(60);
/// A body of more bytes is a large one, of which only so many are in memory at a time.
const LARGE_BYTES: usize = 256 * 1024;
/// Places for large bodies.
pub(crate) const LARGE_MAX: usize = 4;
/// How long a large body may stop at most: then it is behind the pace.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// The pace that whoever holds a place has to keep: others wait for it.
const PACE_BYTES_PER_S: u64 = 256 * 1024;

type Failed = Box<dyn Error + Send + Sync>;

/// Whether requests of a route have a body that is read: of others, and of strangers, none is.
pub(crate) const fn is_taken(route: &Route) -> bool {
    let is_said = match route.method {
        Method::Put | Method::Post => true,
        // RabbitMQ has the node in the body of this one.
        Method::Delete => matches!(route.served, Served::By(RouteId::RemoveReplica)),
        _ => false,
    };
    is_said && !matches!(route.access, Access::Open)
}

/// Reads a body of `bytes_max` at most. `length` is what is said of it. The place is of a large one.
///
/// # Errors
/// When it is longer, or does not come in time, or there is no place.
pub(crate) async fn read<B>(
    body: B,
    length: Option<usize>,
    bytes_max: usize,
    places: &Semaphore,
) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Failed>,
{
    if body.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    if length.is_some_and(|length| length > bytes_max) {
        return Err(Failure::TooLarge);
    }
    let mut body = pin!(Limited::new(body, bytes_max));
    let mut bytes = BytesMut::new();
    let small = async {
        while bytes.len() <= LARGE_BYTES {
            let Some(piece) = piece(body.as_mut()).await? else { return Ok(true) };
            bytes.extend_from_slice(&piece);
        }
        Ok(false)
    };
    if timeout(WAIT, small).await.map_err(|_| Failure::Slow)?? {
        return Ok((bytes.freeze(), None));
    }
    let place =
        timeout(WAIT, places.acquire()).await.ok().and_then(Result::ok).ok_or_else(|| {
            Failure::Unavailable(format!("{LARGE_MAX} large requests are being read; try again"))
        })?;
    bytes.reserve(length.unwrap_or_default().saturating_sub(bytes.len()));
    let began = Instant::now();
    loop {
        let next = timeout_at(began + pace(bytes.len()), piece(body.as_mut()));
        let Some(piece) = next.await.map_err(|_| Failure::Slow)?? else { break };
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes.freeze(), Some(place)))
}

/// How long somebody may have held a place who has sent so much.
fn pace(bytes: usize) -> Duration {
    let in_time = Duration::from_secs(bytes as u64 / PACE_BYTES_PER_S);
    (in_time + STOP_WAIT).min(WAIT)
}

/// The next piece; `None` at the end.
async fn piece<B>(mut body: Pin<&mut Limited<B>>) -> Result<Option<Bytes>, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Failed>,
{
    loop {
        return match body.frame().await {
            None => Ok(None),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => Ok(Some(bytes)),
                // Trailers say nothing here.
                Err(_) => continue,
            },
            Some(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
            Some(Err(_)) => Err(Failure::bad("the body of the request ended early")),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drips_loses_its_place_soon() {
        assert_eq!(pace(LARGE_BYTES), STOP_WAIT + Duration::from_secs(1));
        assert_eq!(pace(usize::MAX), WAIT);
    }
}
