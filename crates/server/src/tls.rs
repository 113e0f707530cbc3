//! TLS: certificates that can be replaced while the server runs, and the streams that are sealed with them.
//!
//! ```text
//!   files ──load──→ Certificates ──config()──→ each new connection
//!             ↑ every few seconds if a file has changed, and on SIGHUP
//! ```
//!
//! A connection keeps what it began with. Files that cannot be used leave the old ones in use, and the log says why.

mod load;
mod names;
mod peer;
mod stream;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use load::CertificateFacts;
pub(crate) use peer::facts;
pub(crate) use stream::{INCOMING_BYTES, Scratch, TlsStream};

use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use arc_swap::ArcSwap;
use config::TlsOptions;
use rustls::ServerConfig;

use load::{Loaded, load};

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The certificates of a group of options (`ssl_options`), as they are in the files now.
#[derive(Debug)]
pub(crate) struct Certificates {
    prefix: &'static str,
    options: TlsOptions,
    current: ArcSwap<Loaded>,
    /// What the files looked like when they were last read, successfully or not.
    seen: Mutex<Vec<Stamp>>,
}

/// What tells one content of a file from the next without reading it; absent for a file that is not there.
type Stamp = Option<(i64, i64, u64, u64)>;

impl Certificates {
    /// Loads what options name.
    ///
    /// # Errors
    /// Which option or file is wrong, and what to do.
    pub(crate) fn load(prefix: &'static str, options: TlsOptions) -> Result<Arc<Self>, String> {
        // Before the files are read: what changes meanwhile is seen as a change.
        let seen = Mutex::new(stamps(&options));
        let loaded = load(prefix, &options)?;
        Ok(Arc::new(Self { prefix, options, current: ArcSwap::from_pointee(loaded), seen }))
    }

    /// What the next connection speaks TLS with.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// The certificates that are in use, authorities included.
    pub(crate) fn certificates(&self) -> Vec<CertificateFacts> {
        self.current.load().certificates.clone()
    }

    /// Reads the files again, if they have changed or `is_asked`. Whatever is wrong with them leaves those in use that
    /// are, and is logged once.
    pub(crate) fn reload(&self, is_asked: bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamps(&self.options);
        if *seen == now && !is_asked {
            return;
        }
        *seen = now;
        match load(self.prefix, &self.options) {
            Ok(loaded) => {
                let subject = loaded.certificates.first().map_or("", |first| &first.subject);
                tracing::info!(
                    subject,
                    "certificates of {} read again: new connections use them",
                    self.prefix
                );
                self.current.store(Arc::new(loaded));
            }
            Err(reason) => {
                tracing::warn!(
                    "certificates stay as they are, because the new ones cannot be used: {reason}"
                );
            }
        }
    }
}

fn stamps(options: &TlsOptions) -> Vec<Stamp> {
    let stamp = |file: &String| -> Stamp {
        let found = std::fs::metadata(file).ok()?;
        Some((found.mtime(), found.mtime_nsec(), found.ino(), found.len()))
    };
    [&options.certfile, &options.keyfile, &options.cacertfile].map(stamp).to_vec()
}

/// Starts a thread that looks at the files from time to time. It ends with the process.
///
/// # Errors
/// When the system refuses a thread.
pub(crate) fn watch(watched: Vec<Arc<Certificates>>) -> io::Result<()> {
    if watched.is_empty() {
        return Ok(());
    }
    Builder::new().name("certificates".to_owned()).spawn(move || {
        loop {
            std::thread::sleep(LOOK_EVERY);
            watched.iter().for_each(|certificates| certificates.reload(false));
        }
    })?;
    Ok(())
}
