//! Metrics on a port of their own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::desk::Desk;
use crate::failure::Failure;
use crate::login::{self, Origin};
use crate::metrics::respond;
use crate::query::Query;
use crate::reply::{Content, Reply};
use crate::sealing::Wire;

/// Scrapes at a time, at most: each has rows of all objects in memory.
const SCRAPES_MAX: usize = 2;
/// How long a client may take for the head of a request, and how long it may say nothing between two.
const HEAD_WAIT: Duration = Duration::from_secs(60);

/// Places for scrapes.
pub(crate) fn scrapes() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(SCRAPES_MAX))
}

/// Serves one connection to its end. It has its seat among those of the API.
pub(crate) async fn converse(
    stream: impl Wire,
    peer: SocketAddr,
    desk: Arc<Desk>,
    scrapes: Arc<Semaphore>,
    _seat: OwnedSemaphorePermit,
) {
    let service = service_fn(|request: Request<_>| {
        let (desk, scrapes) = (Arc::clone(&desk), Arc::clone(&scrapes));
        async move {
            let (head, _): (_, hyper::body::Incoming) = request.into_parts();
            let _turn = scrapes.acquire().await.ok();
            let query = Query::parse(head.uri.query().unwrap_or_default());
            let answer = answer(&desk, peer, &head.method, head.uri.path(), &query, &head.headers);
            Ok::<Response<Content>, Infallible>(
                answer.await.unwrap_or_else(Failure::reply).into_response(),
            )
        }
    });
    let ended = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = ended {
        tracing::debug!(%error, "metrics: a connection ended");
    }
}

async fn answer(
    desk: &Desk,
    peer: SocketAddr,
    method: &Method,
    path: &str,
    query: &Query,
    headers: &HeaderMap,
) -> Result<Reply, Failure> {
    let options = &desk.facts.metrics;
    let rest = path.strip_prefix(options.path.as_str()).ok_or(Failure::NotFound)?;
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Failure::MethodNotAllowed(vec![management_api::Method::Get]));
    }
    if options.needs_login {
        let caller = login::caller(desk, Origin::Tcp(peer), headers).await?;
        if !caller.ok_or(Failure::NoCredentials)?.is_monitoring() {
            return Err(Failure::NotAuthorised("User not authorised".to_owned()));
        }
    }
    respond(desk, rest, query).await
}
