//! What the process does when its operators ask over the HTTP API.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, sleep};
use std::time::Duration;

use management::{Steward, Threshold};
use rustix::process::{Signal, getpid, kill_process};

use crate::configuration::Loaded;
use crate::log;
use crate::memory::memory_bytes;

/// How long the answer to who has asked for the end has to reach it.
const FAREWELL: Duration = Duration::from_millis(200);

/// What may change while the node runs, in bytes.
#[derive(Debug)]
pub(crate) struct Bounds {
    memory: AtomicU64,
    disk_free: AtomicU64,
}

impl Bounds {
    pub(crate) fn new(memory: u64, disk_free: u64) -> Arc<Self> {
        Arc::new(Self { memory: AtomicU64::new(memory), disk_free: AtomicU64::new(disk_free) })
    }

    /// How much messages and connections may take.
    pub(crate) fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// Below how much free space publishers are held back.
    pub(crate) fn disk_free(&self) -> u64 {
        self.disk_free.load(Ordering::Relaxed)
    }
}

/// Does what operators ask for.
#[derive(Debug)]
pub(crate) struct Caretaker {
    bounds: Arc<Bounds>,
    /// The options that are set, without secrets.
    configuration: Vec<(String, String)>,
    /// The same as lines of a file.
    lines: String,
}

impl Caretaker {
    pub(crate) fn new(bounds: &Arc<Bounds>, loaded: &Loaded) -> Self {
        let (configuration, lines) = (loaded.settings.clone(), loaded.lines.clone());
        Self { bounds: Arc::clone(bounds), configuration, lines }
    }
}

impl Steward for Caretaker {
    fn stop(&self) -> Result<(), String> {
        let thread = Builder::new().name("farewell".to_owned()).spawn(|| {
            sleep(FAREWELL);
            if let Err(error) = kill_process(getpid(), Signal::TERM) {
                tracing::error!(%error, "this process cannot send itself SIGTERM: send it by hand");
            }
        });
        thread.map(drop).map_err(|error| format!("the system refuses a thread: {error}"))
    }

    fn reopen_log(&self) {
        log::reopen();
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        match config::LogLevel::parse(level) {
            Some(level) => {
                log::set_level(level);
                Ok(())
            }
            None => Err(format!(
                "there is no level {level:?}: debug, info, notice, warning, error, critical, alert, emergency or none"
            )),
        }
    }

    fn last_log_lines(&self, count: usize) -> Result<Vec<String>, String> {
        log::last_lines(count)
    }

    fn configuration(&self) -> Vec<(String, String)> {
        self.configuration.clone()
    }

    fn effective_configuration(&self) -> String {
        self.lines.clone()
    }

    fn set_memory_limit(&self, limit: Threshold) -> u64 {
        let bytes = bytes(limit);
        self.bounds.memory.store(bytes, Ordering::Relaxed);
        bytes
    }

    fn set_disk_free_limit(&self, limit: Threshold) {
        self.bounds.disk_free.store(bytes(limit), Ordering::Relaxed);
    }
}

fn bytes(threshold: Threshold) -> u64 {
    match threshold {
        Threshold::Bytes(bytes) => bytes,
        Threshold::OfMemory(part) => (memory_bytes() as f64 * part) as u64,
    }
}
