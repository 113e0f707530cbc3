//! The thread of the HTTP API, and its sockets.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use management::{Desk, Entrance, Sealing, Shards, Sockets, Stop};
use node::Errand;
use rustix::fs::Mode;
use rustls::ServerConfig;

use crate::listeners::open_all;
use crate::mailbox::Inboxes;
use crate::tls::Certificates;

/// The local socket's name in the data directory.
pub(crate) const LOCAL_SOCKET: &str = "management.sock";
/// Connections that may wait at a socket.
const BACKLOG: i32 = 128;

/// The sockets of the HTTP API, before anybody is served.
#[derive(Debug)]
pub(crate) struct Management {
    sockets: Sockets,
    /// The file of the local socket.
    path: Option<PathBuf>,
}

/// The HTTP API while it is served.
#[derive(Debug)]
pub(crate) struct Running {
    stop: Stop,
    thread: JoinHandle<()>,
    path: Option<PathBuf>,
}

/// Where something is served.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Hosts and ports.
    pub(crate) addresses: Vec<(String, u16)>,
    /// The option that names them.
    pub(crate) option: &'static str,
    /// What TLS is spoken with, where it is.
    pub(crate) sealing: Option<Arc<Seal>>,
}

/// TLS of the HTTP API, or of metrics.
#[derive(Debug)]
pub(crate) struct Seal {
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) handshake_wait: Duration,
}

impl Sealing for Seal {
    fn config(&self) -> Arc<ServerConfig> {
        self.certificates.config()
    }

    fn handshake_wait(&self) -> Duration {
        self.handshake_wait
    }
}

impl Management {
    /// Opens all sockets.
    ///
    /// # Errors
    /// What cannot be listened on, why, and what to do.
    pub(crate) fn open(
        wanted: Vec<Wanted>,
        metrics: Vec<Wanted>,
        data_dir: &Path,
    ) -> Result<Self, String> {
        let (tcp, metrics) = (open_entrances(wanted)?, open_entrances(metrics)?);
        let path = data_dir.join(LOCAL_SOCKET);
        let local = match open_local(&path) {
            Ok(listener) => Some(listener),
            Err(error) => {
                // A broker whose data lie under a very long path still serves.
                tracing::warn!(
                    "{} cannot be opened: {error}; `leveret ctl` has to use --uri",
                    path.display()
                );
                None
            }
        };
        let path = local.is_some().then_some(path);
        Ok(Self { sockets: Sockets { tcp, metrics, local }, path })
    }

    /// The addresses in use, and whether TLS is spoken there.
    pub(crate) fn addresses(&self) -> io::Result<Vec<(SocketAddr, bool)>> {
        bound(&self.sockets.tcp)
    }

    /// The addresses in use for metrics, and whether TLS is spoken there.
    pub(crate) fn metrics_addresses(&self) -> io::Result<Vec<(SocketAddr, bool)>> {
        bound(&self.sockets.metrics)
    }

    /// Starts the thread.
    pub(crate) fn start(self, desk: Desk, connections_max: usize) -> io::Result<Running> {
        let Self { sockets, path } = self;
        let (stop, stopped) = management::stop_pair();
        let thread = Builder::new().name("management".to_owned()).spawn(move || {
            if let Err(error) = management::serve(sockets, desk, connections_max, stopped) {
                tracing::error!(%error, "the HTTP API cannot be served; messages are");
            }
        })?;
        Ok(Running { stop, thread, path })
    }
}

impl Running {
    /// Serves nobody any more.
    pub(crate) fn stop(self) {
        self.stop.stop();
        // What it had to say, it has logged.
        let _ = self.thread.join();
        if let Some(path) = self.path {
            let _ = fs::remove_file(path);
        }
    }
}

fn open_entrances(wanted: Vec<Wanted>) -> Result<Vec<Entrance>, String> {
    let mut entrances = Vec::new();
    for Wanted { addresses, option, sealing } in wanted {
        for listener in open_all(&addresses, BACKLOG, option)? {
            let sealing = sealing.clone().map(|seal| seal as Arc<dyn Sealing>);
            entrances.push(Entrance { listener, sealing });
        }
    }
    Ok(entrances)
}

fn bound(entrances: &[Entrance]) -> io::Result<Vec<(SocketAddr, bool)>> {
    let bound = entrances.iter().map(|entrance| {
        entrance.listener.local_addr().map(|address| (address, entrance.sealing.is_some()))
    });
    bound.collect()
}

/// The data directory is locked, so that a file of this name is left over from a process that is gone.
fn open_local(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Nobody else may open it, not even for the moment between two calls.
    let before = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let listener = UnixListener::bind(path);
    rustix::process::umask(before);
    listener
}

/// The shards, by their inboxes.
#[derive(Debug)]
pub(crate) struct ByInbox(pub(crate) Inboxes);

impl Shards for ByInbox {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn put(&self, shard: usize, errand: Errand) -> Result<(), Errand> {
        self.0[shard].put_errand(errand)
    }
}
