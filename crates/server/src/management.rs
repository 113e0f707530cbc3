//! The thread of the HTTP API, and its sockets.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use management::{Desk, Shards, Sockets, Stop};
use node::Errand;
use rustix::fs::Mode;

use crate::listeners::open_all;
use crate::mailbox::Inboxes;

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

impl Management {
    /// Opens all sockets.
    ///
    /// # Errors
    /// What cannot be listened on, why, and what to do.
    pub(crate) fn open(
        wanted: &[(String, u16)],
        metrics: &[(String, u16)],
        data_dir: &Path,
    ) -> Result<Self, String> {
        let tcp = open_all(wanted, BACKLOG, "management.tcp.port")?;
        let metrics = open_all(metrics, BACKLOG, "prometheus.tcp.port")?;
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
        let bound = self.sockets.tcp.iter().map(TcpListener::local_addr);
        bound.map(|address| address.map(|address| (address, false))).collect()
    }

    /// The addresses in use for metrics, and whether TLS is spoken there.
    pub(crate) fn metrics_addresses(&self) -> io::Result<Vec<(SocketAddr, bool)>> {
        let bound = self.sockets.metrics.iter().map(TcpListener::local_addr);
        bound.map(|address| address.map(|address| (address, false))).collect()
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
