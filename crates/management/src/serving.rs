//! Sockets, connections and requests.
//!
//! ```text
//!   accept ── one task per connection ── hyper ──> answer: route, login, access, body, resource
//! ```
//!
//! Whoever has not logged in has no body read, nor has a route that takes none; everything that a stranger can make grow has a
//! limit here.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use management_api::{Found, Method, RouteId, Served, find};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::sleep;

use crate::api_options::Page;
use crate::call::Call;
use crate::caller::Caller;
use crate::desk::Desk;
use crate::dispatch::dispatch;
use crate::failure::Failure;
use crate::login::{self, Origin};
use crate::patience::{Patient, WRITE_WAIT};
use crate::query::Query;
use crate::reply::{Content, Reply};
use crate::sealing::{Entrance, Wire, handshakes, take_in};
use crate::seats::{Seat, Seats};
use crate::{access, body, metrics};

/// Connections at a time, at most. For whoever comes then, the one that has been silent longest is closed.
pub const CONNECTIONS_MAX: usize = 256;
/// The same for the local socket: a crowd of strangers keeps no operator out.
pub const LOCAL_MAX: usize = 12;
/// The bytes of a request's first line and headers.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The bytes of a body: the longest message that brokers take by default, in base64, and what is said of it.
const BODY_BYTES_MAX: usize = 24 * 1024 * 1024;
/// The bytes of definitions.
const DEFINITIONS_BYTES_MAX: usize = ::definitions::BYTES_MAX + 64 * 1024;
/// How long to wait before accepting again when the system had no room.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listening sockets, opened by the shell.
#[derive(Debug, Default)]
pub struct Sockets {
    /// For everybody.
    pub tcp: Vec<Entrance>,
    /// For whoever wants metrics, and nothing else.
    pub metrics: Vec<Entrance>,
    /// For whoever may open its file: an administrator without a password.
    pub local: Option<UnixListener>,
}

/// Ends [`serve`] when it is used, or dropped.
#[derive(Debug)]
pub struct Stop(oneshot::Sender<()>);

/// What [`serve`] looks at.
#[derive(Debug)]
pub struct Stopped(oneshot::Receiver<()>);

/// The two ends of a wish to stop.
pub fn stop_pair() -> (Stop, Stopped) {
    let (sender, receiver) = oneshot::channel();
    (Stop(sender), Stopped(receiver))
}

impl Stop {
    /// Has [`serve`] end. Requests that are being answered are not waited for.
    pub fn stop(self) {
        // Whoever served may have ended already.
        let _ = self.0.send(());
    }
}

/// Serves at most `connections_max` connections at a time until it is stopped, on the thread that calls it.
///
/// # Errors
/// When the system gives no runtime, or does not take the listeners.
pub fn serve(
    sockets: Sockets,
    desk: Desk,
    connections_max: usize,
    stopped: Stopped,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(2)
        .thread_name("management-aside")
        .build()?;
    let outcome = runtime.block_on(async {
        let desk = Arc::new(desk);
        tokio::spawn(crate::sampler::run(Arc::clone(&desk)));
        let seats = Seats::new(connections_max.min(CONNECTIONS_MAX));
        let bodies = Arc::new(Semaphore::new(body::LARGE_MAX));
        let handshakes = handshakes();
        for entrance in sockets.tcp {
            let (desk, bodies) = (desk.clone(), bodies.clone());
            let serve = move |stream, peer, seat| {
                converse(stream, Origin::Tcp(peer), desk.clone(), bodies.clone(), seat)
            };
            tokio::spawn(take_in(entrance, seats.clone(), handshakes.clone(), serve));
        }
        for entrance in sockets.metrics {
            let desk = desk.clone();
            let serve =
                move |stream, peer, seat| metrics::converse(stream, peer, desk.clone(), seat);
            tokio::spawn(take_in(entrance, seats.clone(), handshakes.clone(), serve));
        }
        if let Some(listener) = sockets.local {
            listener.set_nonblocking(true)?;
            let listener = tokio::net::UnixListener::from_std(listener)?;
            let seats = Seats::new(LOCAL_MAX);
            tokio::spawn(async move {
                loop {
                    match listener.accept().await {
                        Ok((stream, _)) => {
                            let Some(seat) = seats.take().await else { return };
                            let (desk, bodies) = (desk.clone(), bodies.clone());
                            tokio::spawn(converse(stream, Origin::Local, desk, bodies, seat));
                        }
                        Err(error) => pause(&error).await,
                    }
                }
            });
        }
        // A sender that is gone means the same.
        let _ = stopped.0.await;
        Ok(())
    });
    runtime.shutdown_background();
    outcome
}

pub(crate) async fn pause(error: &io::Error) {
    tracing::warn!("HTTP API: no room for another connection: {error}");
    sleep(ACCEPT_PAUSE).await;
}

/// Serves one connection to its end.
async fn converse(
    stream: impl Wire,
    origin: Origin,
    desk: Arc<Desk>,
    bodies: Arc<Semaphore>,
    seat: Seat,
) {
    let idle_wait = desk.facts.api.idle_wait;
    let requests_max = desk.facts.api.requests_max;
    let request_count = AtomicU32::new(0);
    let service = service_fn(|request| {
        let (desk, bodies, busy) = (Arc::clone(&desk), Arc::clone(&bodies), seat.begin());
        let is_last =
            request_count.fetch_add(1, Ordering::Relaxed).saturating_add(1) == requests_max;
        async move {
            let mut response = respond(request, origin, desk, &bodies).await;
            if is_last {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|content| busy.until_sent(content)))
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_wait)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Patient::new(stream, WRITE_WAIT)), service);
    let ended = tokio::select! {
        biased;
        () = seat.left() => return tracing::debug!("HTTP API: a silent connection makes room"),
        ended = serving => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "HTTP API: a connection ended");
    }
}

/// Answers one request, well or not. Of large bodies, as many are read at a time as `bodies` lets.
pub async fn respond<B>(
    request: Request<B>,
    origin: Origin,
    desk: Arc<Desk>,
    bodies: &Semaphore,
) -> Response<Content>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let page = Page::of(request.method(), request.headers());
    let reply = answer(request, origin, Arc::clone(&desk), bodies).await;
    reply.unwrap_or_else(Failure::reply).dressed(&desk.facts.api, &page)
}

/// Answers one request.
async fn answer<B>(
    request: Request<B>,
    origin: Origin,
    desk: Arc<Desk>,
    bodies: &Semaphore,
) -> Result<Reply, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    desk.note_use();
    let (head, sent) = request.into_parts();
    let name = if head.method == hyper::Method::HEAD { "GET" } else { head.method.as_str() };
    let path = desk.facts.api.path(head.uri.path(), origin).ok_or(Failure::NotFound)?;
    if let Some(rest) = path.strip_prefix("/metrics").filter(|_| name == "GET") {
        // Who may not see what is in virtual hosts does not see it here either.
        let caller = login::caller(&desk, origin, &head.headers).await?;
        if !caller.ok_or(Failure::NoCredentials)?.is_monitoring() {
            return Err(Failure::NotAuthorised("User not authorised".to_owned()));
        }
        let query = Query::parse(head.uri.query().unwrap_or_default());
        return metrics::respond(&desk, rest, &query).await;
    }
    let (route, parameters) = match find(Method::parse(name), path) {
        Found::Route(route, parameters) => (route, parameters),
        Found::MethodNotAllowed(allowed) if head.method == hyper::Method::OPTIONS => {
            return Ok(Reply::empty(StatusCode::OK).allowing(&allowed));
        }
        Found::MethodNotAllowed(allowed) => return Err(Failure::MethodNotAllowed(allowed)),
        Found::NotFound => return Err(Failure::NotFound),
    };
    let caller = if route.access == management_api::Access::Open {
        Caller::nobody()
    } else {
        login::caller(&desk, origin, &head.headers).await?.ok_or(Failure::NoCredentials)?
    };
    let topology = desk.topology();
    access::check(route.access, &caller, &parameters, topology.definitions())?;
    let id = match route.served {
        Served::By(id) => id,
        Served::NotYet(reason) => return Err(Failure::NotYet(reason.to_owned())),
    };
    let length =
        head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let bytes_max = desk.facts.api.body_bytes_max.unwrap_or_else(|| bytes_max(id));
    // The place is kept until the request is answered: until then, the body is in memory.
    let (body, _place) = if body::is_taken(route) {
        body::read(sent, length, bytes_max, bodies).await?
    } else {
        (Bytes::new(), None)
    };
    let mut query = Query::parse(head.uri.query().unwrap_or_default());
    if desk.facts.api.has_no_stats {
        query.set("disable_stats");
    }
    if desk.facts.api.has_queue_totals {
        query.set("enable_queue_totals");
    }
    let header = |name: &str| {
        head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let (reason, last_event_id) = (header("x-reason"), header("last-event-id"));
    let call = Call { desk, topology, caller, id, parameters, query, reason, last_event_id, body };
    dispatch(&call).await
}

const fn bytes_max(id: RouteId) -> usize {
    match id {
        RouteId::ImportDefinitions
        | RouteId::ImportVhostDefinitions
        | RouteId::ImportAllConfiguration => DEFINITIONS_BYTES_MAX,
        _ => BODY_BYTES_MAX,
    }
}
