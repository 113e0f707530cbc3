//! What a service manager is told: systemd, or whoever listens as systemd does.
//!
//! ```text
//!   starting ──READY=1──→ serving ──STOPPING=1──→ ending
//!                          ↑    │ WATCHDOG=1, while every shard takes turns
//!                          └────┘
//! ```
//!
//! Each message is a datagram of `NAME=VALUE` lines to the Unix socket that `NOTIFY_SOCKET` names; `WATCHDOG_USEC` says
//! how long the manager waits for the next sign of life before it ends the process (`sd_notify(3)`,
//! `sd_watchdog_enabled(3)`). Nobody there to be told is no failure: most brokers are started by hand.
//!
//! The sign of life comes from outside of the shards, and only when each of them has taken a turn since the last one.
//! A disk that does not answer is no reason to withhold it: a new process would wait for the same disk.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::sync::Arc;
use std::thread::{Builder, sleep};
use std::time::Duration;

use crate::mailbox::{Inbox, Inboxes};

/// How often the shards are looked at within the manager's patience. A turn that is long, but no longer than half of it,
/// still leaves the sign of life in time.
const LOOKS: u32 = 4;
/// How long a manager that does not read may hold us up, each time.
const SEND: Duration = Duration::from_secs(1);

/// The service manager, if there is one.
#[derive(Debug)]
pub(crate) struct Supervisor {
    line: Option<Arc<Line>>,
    /// How long it waits for a sign of life.
    patience: Option<Duration>,
}

/// The way to the manager.
#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl Line {
    fn open(name: &str) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND))?;
        Ok(Self { socket, address: address(name)? })
    }

    /// Tells the manager something. One that is gone does not stop the broker.
    fn tell(&self, text: &str) {
        if let Err(error) = self.socket.send_to_addr(text.as_bytes(), &self.address) {
            tracing::warn!(%error, "the service manager cannot be told: {}", text.replace('\n', " "));
        }
    }
}

/// The address that `NOTIFY_SOCKET` means: a path, or after an `@` a name that is in no file system.
fn address(name: &str) -> io::Result<SocketAddr> {
    match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None if name.starts_with('/') => SocketAddr::from_pathname(name),
        None => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "only paths and names that begin with @ are known",
        )),
    }
}

/// How long the manager waits for a sign of life from this process, if it waits for any.
fn patience(usec: Option<&str>, for_pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    let is_ours = for_pid.is_none_or(|pid| pid.parse() == Ok(own_pid));
    let usec = usec?.parse().ok().filter(|usec| *usec > 0)?;
    is_ours.then(|| Duration::from_micros(usec))
}

impl Supervisor {
    /// The manager that has started this process, and tells it that the start has begun.
    pub(crate) fn of_this_process() -> Self {
        let variable = |name| env::var(name).ok();
        let line = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()).and_then(|name| {
            Line::open(&name)
                .inspect_err(|error| tracing::warn!(%error, "NOTIFY_SOCKET {name} cannot be used"))
                .ok()
        });
        let usec = variable("WATCHDOG_USEC");
        let patience =
            patience(usec.as_deref(), variable("WATCHDOG_PID").as_deref(), process::id());
        let supervisor = Self { line: line.map(Arc::new), patience };
        supervisor.tell("STATUS=reading the data directory");
        supervisor
    }

    /// Every listener is open and everything is read. `status` is one line for people.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }

    /// Watches the shards in a thread that ends with the process, if the manager wants signs of life. `status` is what
    /// it was told when they were ready.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn watch(&self, inboxes: Inboxes, status: String) -> io::Result<()> {
        let (Some(line), Some(patience)) = (self.line.clone(), self.patience) else {
            return Ok(());
        };
        Builder::new().name("watchdog".to_owned()).spawn(move || {
            let mut pulse = Pulse::new(inboxes.iter().map(Inbox::turns));
            let mut was_well = true;
            loop {
                // A shard that has nothing to do sleeps; rung, it has a turn.
                inboxes.iter().for_each(Inbox::wake);
                sleep(patience / LOOKS);
                match pulse.look(inboxes.iter().map(Inbox::turns)) {
                    Ok(()) if was_well => line.tell("WATCHDOG=1"),
                    Ok(()) => {
                        tracing::warn!("every shard takes turns again");
                        line.tell(&format!("WATCHDOG=1\nSTATUS={status}"));
                        was_well = true;
                    }
                    Err(shard) if was_well => {
                        tracing::error!(
                            shard,
                            "the shard takes no turns: without one within {} ms the service manager ends this process",
                            patience.as_millis()
                        );
                        line.tell(&format!("STATUS=shard {shard} takes no turns"));
                        was_well = false;
                    }
                    Err(_) => {}
                }
            }
        })?;
        Ok(())
    }

    fn tell(&self, text: &str) {
        if let Some(line) = &self.line {
            line.tell(text);
        }
    }
}

/// How many turns each shard had taken at the last sign of life.
#[derive(Debug)]
struct Pulse {
    turns: Vec<u64>,
}

impl Pulse {
    fn new(turns: impl Iterator<Item = u64>) -> Self {
        Self { turns: turns.collect() }
    }

    /// Whether each shard has taken a turn since this last said so; if not, one that has not.
    fn look(&mut self, turns: impl Iterator<Item = u64>) -> Result<(), usize> {
        let turns: Vec<u64> = turns.collect();
        match self.turns.iter().zip(&turns).position(|(before, after)| before == after) {
            Some(shard) => Err(shard),
            None => {
                self.turns = turns;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_shard_that_takes_no_turn_is_enough_to_withhold_the_sign_of_life() {
        let mut pulse = Pulse::new([1, 1].into_iter());
        assert_eq!(pulse.look([2, 900].into_iter()), Ok(()));
        assert_eq!(pulse.look([3, 900].into_iter()), Err(1));
        // What the others do meanwhile does not count twice.
        assert_eq!(pulse.look([3, 901].into_iter()), Ok(()));
        assert_eq!(pulse.look([3, 902].into_iter()), Err(0));
    }

    #[test]
    fn a_watchdog_of_another_process_is_not_ours_to_feed() {
        let half_a_minute = Some(Duration::from_secs(30));
        assert_eq!(patience(Some("30000000"), None, 7), half_a_minute);
        assert_eq!(patience(Some("30000000"), Some("7"), 7), half_a_minute);
        assert_eq!(patience(Some("30000000"), Some("8"), 7), None);
        assert_eq!(patience(None, Some("7"), 7), None);
        assert_eq!(patience(Some("0"), None, 7), None);
        assert_eq!(patience(Some("soon"), None, 7), None);
    }

    #[test]
    fn a_manager_is_at_a_path_or_under_a_name() {
        let path = address("/run/systemd/notify").expect("a path");
        assert_eq!(path.as_pathname().and_then(|path| path.to_str()), Some("/run/systemd/notify"));
        let name = address("@/org/example/notify").expect("a name");
        assert_eq!(name.as_abstract_name(), Some(&b"/org/example/notify"[..]));
        assert!(address("vsock:2:1234").is_err());
    }
}
