//! Connections over TLS, and the plain ones: how both come in.
//!
//! A stranger can hold a handshake up only so long, and only so many of them at once.

use std::fmt::Debug;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, PeerIncompatible, ServerConfig};

use crate::seats::{Seat, Seats};
use crate::serving::pause;

/// Handshakes at a time, at most, of all listeners: each costs the processor what hundreds of requests do.
const HANDSHAKES_MAX: usize = 32;

/// What TLS is spoken with.
pub trait Sealing: Send + Sync + Debug {
    /// What the next connection speaks TLS with; certificates may be replaced at any time.
    fn config(&self) -> Arc<ServerConfig>;

    /// How long a client may take to agree.
    fn handshake_wait(&self) -> Duration;
}

/// A socket that listens, opened by the shell.
#[derive(Debug)]
pub struct Entrance {
    /// The socket.
    pub listener: TcpListener,
    /// What TLS is spoken with there; `None` where it is not spoken.
    pub sealing: Option<Arc<dyn Sealing>>,
}

/// Bytes from a client, and to it.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Places for handshakes.
pub(crate) fn handshakes() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(HANDSHAKES_MAX))
}

/// Serves whoever connects. Each connection has a seat, and while it agrees on TLS a place among the handshakes.
pub(crate) async fn take_in<S, F>(
    entrance: Entrance,
    seats: Seats,
    handshakes: Arc<Semaphore>,
    serve: S,
) where
    S: Fn(Box<dyn Wire>, SocketAddr, Seat) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let Entrance { listener, sealing } = entrance;
    let made = listener.set_nonblocking(true);
    let listener = match made.and_then(|()| tokio::net::TcpListener::from_std(listener)) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("HTTP API: a listener cannot be used: {error}"),
    };
    let serve = Arc::new(serve);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                pause(&error).await;
                continue;
            }
        };
        let Some(seat) = seats.take().await else { return };
        // Answers are written whole: waiting for more only costs time.
        let _ = stream.set_nodelay(true);
        let Some(sealing) = &sealing else {
            tokio::spawn(serve(Box::new(stream), peer, seat));
            continue;
        };
        let Ok(place) = Arc::clone(&handshakes).acquire_owned().await else { return };
        let (sealing, serve) = (Arc::clone(sealing), Arc::clone(&serve));
        tokio::spawn(async move {
            let agreed = tokio::select! {
                agreed = agree(stream, peer, &*sealing) => agreed,
                () = seat.left() => None,
            };
            drop(place);
            if let Some(sealed) = agreed {
                serve(sealed, peer, seat).await;
            }
        });
    }
}

/// Why a handshake has failed, for people who look into the log.
pub fn why_no_tls(error: &rustls::Error) -> String {
    match error {
        // Older versions have no way to name signatures, and that is the first thing that is missed.
        rustls::Error::PeerIncompatible(
            PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic,
        ) => "it speaks no version of TLS that is spoken here; 1.0 and 1.1 are not".to_owned(),
        rustls::Error::NoCertificatesPresented => "it shows no certificate".to_owned(),
        other => other.to_string(),
    }
}

/// Agrees on TLS; `None`, after a line in the log, when that fails.
async fn agree(
    stream: TcpStream,
    peer: SocketAddr,
    sealing: &dyn Sealing,
) -> Option<Box<dyn Wire>> {
    let agreed = TlsAcceptor::from(sealing.config()).accept(stream);
    match timeout(sealing.handshake_wait(), agreed).await {
        Ok(Ok(sealed)) => return Some(Box::new(sealed)),
        Ok(Err(error)) => {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            let reason = inner.map_or_else(|| error.to_string(), why_no_tls);
            tracing::info!("HTTP API: no TLS with {peer}: {reason}");
        }
        Err(_) => tracing::info!("HTTP API: no TLS with {peer}: the TLS handshake took too long"),
    }
    None
}
