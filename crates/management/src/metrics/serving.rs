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

use crate::desk::Desk;
use crate::failure::Failure;
use crate::login::{self, Origin};
use crate::metrics::respond;
use crate::patience::{Due, Patient, WRITE_WAIT};
use crate::query::Query;
use crate::reply::{Content, Reply};
use crate::sealing::Wire;
use crate::seats::Seat;

/// How long a client may take for the head of a request, and how long it may say nothing between two.
const HEAD_WAIT: Duration = Duration::from_secs(60);

/// How long a client may take for all of an answer: it has one of the few places meanwhile, and nobody has logged in.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// Serves one connection to its end. It has its seat among those of the API.
pub(crate) async fn converse(stream: impl Wire, peer: SocketAddr, desk: Arc<Desk>, seat: Seat) {
    let due = Due::new();
    let service = service_fn(|request: Request<_>| {
        let (desk, due, busy) = (Arc::clone(&desk), due.clone(), seat.begin());
        async move {
            let (head, _): (_, hyper::body::Incoming) = request.into_parts();
            let query = Query::parse(head.uri.query().unwrap_or_default());
            let answer = answer(&desk, peer, &head.method, head.uri.path(), &query, &head.headers);
            let response = answer.await.unwrap_or_else(Failure::reply).into_response();
            let timed = response.map(|content| busy.until_sent(due.within(ANSWER_WAIT, content)));
            Ok::<Response<Content>, Infallible>(timed)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(Patient::new(stream, WRITE_WAIT)), service);
    let ended = tokio::select! {
        biased;
        () = seat.left() => return tracing::debug!("metrics: {peer} is silent and makes room"),
        ended = serving => ended,
        () = due.missed() => return tracing::debug!("metrics: {peer} has not taken its answer"),
    };
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
