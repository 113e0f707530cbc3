//! The brokers that a suite compares: its own, which it starts and stops, and peers, which run already.
//!
//! ```text
//!   Contender::Own   ── stage ──▶ Stage: a process, ports, a directory ── drop ──▶ stopped, the directory removed
//!   Contender::Peer  ── stage ──▶ Stage: where it is                   ── drop ──▶ left alone
//! ```
//!
//! Two more take part that are no brokers: the one that does nothing, and a relay of bytes.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire_amqp091::protocol_header::AMQP_0_9_1;

use super::child::Program;
use super::greeting;
use super::rows::Row;
use super::scene::Tool;
use crate::clock::{nanos, now_ns, seconds};
use crate::process::Process;
use crate::uri::Uri;

/// How long a broker may take until it greets who connects.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// How long it may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// How often it is looked whether it accepts.
const READY_PATIENCE: Duration = Duration::from_micros(500);
/// How long a broker is waited for that has been connected to, before it is asked anew.
const GREETING_PATIENCE: Duration = Duration::from_secs(1);
/// How much of its last words is told when it does not start.
const LAST_WORDS_LINES: usize = 3;

/// A broker that runs already, as the command line names it: `NAME=URI` or `NAME=URI,PID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) uri: String,
    pub(super) pid: Option<u32>,
}

impl FromStr for Peer {
    type Err = String;

    /// # Errors
    /// One line that says what is wrong.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('=').ok_or("a peer is NAME=URI or NAME=URI,PID")?;
        let (uri, pid) = match rest.rsplit_once(',') {
            Some((uri, pid)) => {
                let pid = pid.parse().map_err(|_| format!("{pid:?} is no process"))?;
                (uri, Some(pid))
            }
            None => (rest, None),
        };
        uri.parse::<Uri>()?;
        if name.is_empty() || name.contains('|') {
            return Err("a peer has a name, without |, that the table can show".to_owned());
        }
        Ok(Self { name: name.to_owned(), uri: uri.to_owned(), pid })
    }
}

/// A program of a broker, as the command line names it: `PATH` or `NAME=PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

impl FromStr for Own {
    type Err = String;

    /// # Errors
    /// One line that says what is wrong.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once('=').unwrap_or(("Leveret", text));
        if name.is_empty() || name.contains('|') || path.is_empty() {
            return Err("a program is PATH or NAME=PATH".to_owned());
        }
        Ok(Self { name: name.to_owned(), path: PathBuf::from(path) })
    }
}

/// Who takes part.
#[derive(Clone, Debug)]
pub(super) enum Contender {
    Own {
        own: Own,
        /// Where its directories are made.
        dir: PathBuf,
        /// `KEY=VALUE`, each behind a `--set`.
        settings: Vec<String>,
    },
    Peer(Peer),
    /// The load tool's broker that does nothing.
    Nothing,
    /// A relay of bytes, which is no broker at all.
    Relay,
}

/// What a contender is. The names are those of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Part {
    Own,
    Peer,
    Nothing,
    Relay,
}

/// A broker that can be talked to.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) uri: String,
    pub(super) pid: Option<u32>,
    /// Of a broker that was started for this: from its start until it greeted who connected.
    pub(super) ready_ms: Option<f64>,
    /// In this order they go out of use.
    program: Option<Program>,
    launch: Option<Launch>,
}

/// How a broker was started, so that it can be started again.
#[derive(Debug)]
struct Launch {
    path: PathBuf,
    arguments: Vec<OsString>,
    port: u16,
    scratch: Scratch,
}

impl Launch {
    fn data(&self) -> PathBuf {
        self.scratch.path.join("data")
    }

    /// Starts it, and tells how long it took until it greeted who connected.
    ///
    /// # Errors
    /// It ends, or accepts nothing; with its last words.
    fn start(&self) -> Result<(Program, Duration), String> {
        let text = |fault: io::Error| fault.to_string();
        let log = self.scratch.path.join("log");
        let out = File::create(&log).map_err(text)?;
        let err = out.try_clone().map_err(text)?;
        let start_ns = now_ns();
        let (out, err) = (Stdio::from(out), Stdio::from(err));
        let mut program = Program::start(&self.path, &self.arguments, out, err).map_err(text)?;
        await_ready(&mut program, self.port).map_err(|why| {
            let words = fs::read_to_string(&log).unwrap_or_default();
            format!("{why}: {}", last_words(&words))
        })?;
        Ok((program, Duration::from_nanos(now_ns() - start_ns)))
    }
}

impl Contender {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Own { own, .. } => &own.name,
            Self::Peer(peer) => &peer.name,
            Self::Nothing => "nothing",
            Self::Relay => "bare relay",
        }
    }

    /// What it calls itself.
    ///
    /// # Errors
    /// It cannot be asked: there is no such program, or no such broker.
    pub(super) fn product(&self) -> Result<String, String> {
        match self {
            Self::Own { own, .. } => {
                let asked = Command::new(&own.path).arg("--version").output();
                let said = asked.map_err(|fault| format!("{}: {fault}", own.path.display()))?;
                let version = String::from_utf8_lossy(&said.stdout).trim().replace("leveret ", "");
                Ok(format!("{} {version}", own.name))
            }
            Self::Peer(Peer { name, pid: Some(pid), .. })
                if Process::with_pid(*pid).memory().is_none() =>
            {
                Err(format!("{name}: there is no process {pid}"))
            }
            Self::Peer(peer) => greeting::product(&peer.uri.parse()?),
            Self::Nothing | Self::Relay => Ok(self.name().to_owned()),
        }
    }

    pub(super) fn part(&self) -> Part {
        match self {
            Self::Own { .. } => Part::Own,
            Self::Peer(_) => Part::Peer,
            Self::Nothing => Part::Nothing,
            Self::Relay => Part::Relay,
        }
    }

    /// Whether it takes part in a row.
    pub(super) fn plays(&self, row: &Row) -> bool {
        match self {
            Self::Own { .. } => true,
            Self::Peer(_) => row.is_for_peers(),
            Self::Nothing => row.size_for_tool().is_some(),
            Self::Relay => row.size_for_relay().is_some(),
        }
    }

    /// A broker that is ready: a new one on an empty directory, or the peer.
    ///
    /// # Errors
    /// It does not start; with its last words.
    pub(super) fn stage(&self, row: &Row, tool: &Tool) -> Result<Stage, String> {
        match self {
            Self::Peer(Peer { uri, pid, .. }) => Ok(Stage::of(uri.clone(), *pid)),
            Self::Own { own, dir, settings } => Stage::start(&own.path, dir, settings)
                .map_err(|why| format!("{} serve did not start: {why}", own.path.display())),
            Self::Nothing => Stage::nothing(row, tool)
                .map_err(|why| format!("the broker that does nothing did not start: {why}")),
            Self::Relay => Ok(Stage::of(String::new(), None)),
        }
    }
}

impl Stage {
    /// A broker that somebody else has started.
    fn of(uri: String, pid: Option<u32>) -> Self {
        Self { uri, pid, ready_ms: None, program: None, launch: None }
    }

    fn start(path: &Path, dir: &Path, settings: &[String]) -> Result<Self, String> {
        let text = |fault: io::Error| fault.to_string();
        let scratch = Scratch::new(dir).map_err(text)?;
        let [port, management, prometheus] = free_ports().map_err(text)?;
        let fixed = [
            format!("listeners.tcp.1=127.0.0.1:{port}"),
            "management.tcp.ip=127.0.0.1".to_owned(),
            format!("management.tcp.port={management}"),
            "prometheus.tcp.ip=127.0.0.1".to_owned(),
            format!("prometheus.tcp.port={prometheus}"),
        ];
        let mut launch =
            Launch { path: path.to_owned(), arguments: vec!["serve".into()], port, scratch };
        launch.arguments.extend(["--data-dir".into(), launch.data().into()]);
        for setting in fixed.iter().chain(settings) {
            launch.arguments.extend(["--set".into(), setting.into()]);
        }
        let (program, took) = launch.start()?;
        Ok(Self {
            uri: format!("amqp://guest:guest@127.0.0.1:{port}/"),
            pid: Some(program.pid()),
            ready_ms: Some(took.as_secs_f64() * 1_000.0),
            program: Some(program),
            launch: Some(launch),
        })
    }

    /// Whether the suite has started it.
    pub(super) fn is_own(&self) -> bool {
        self.launch.is_some()
    }

    /// Stops the broker and starts it again; tells how long both took, in seconds, until it greeted who connected.
    ///
    /// # Errors
    /// It is a peer, or does not start again.
    pub(super) fn restart(&mut self) -> Result<f64, String> {
        let launch = self.launch.as_ref().ok_or("a peer is not restarted")?;
        let start_ns = now_ns();
        if let Some(mut program) = self.program.take() {
            program.stop(STOP_LIMIT);
        }
        let (program, _) = launch.start()?;
        self.pid = Some(program.pid());
        self.program = Some(program);
        Ok(seconds(now_ns() - start_ns))
    }

    /// Lets the operator's tool list all queues, and tells how many it found and how long it took, in seconds.
    ///
    /// # Errors
    /// It is a peer, or the tool fails.
    pub(super) fn list_queues(&self, interrupted: &AtomicBool) -> Result<(usize, f64), String> {
        let launch = self.launch.as_ref().ok_or("a peer is not asked for a list")?;
        let text = |fault: io::Error| fault.to_string();
        let path = launch.scratch.path.join("list");
        let out = File::create(&path).map_err(text)?;
        let words = ["--silent", "--timeout", "120", "list_queues", "name", "messages"];
        let arguments: Vec<OsString> = ["ctl".into(), "--data-dir".into(), launch.data().into()]
            .into_iter()
            .chain(words.map(OsString::from))
            .collect();
        let start_ns = now_ns();
        let program = Program::start(&launch.path, &arguments, Stdio::from(out), Stdio::piped())
            .map_err(text)?;
        let said = program.finish(READY_LIMIT, interrupted)?;
        let took_s = seconds(now_ns() - start_ns);
        if !said.status.success() {
            return Err(format!("{}: {}", said.status, said.err.trim()));
        }
        let queues = BufReader::new(File::open(&path).map_err(text)?).lines().count();
        Ok((queues, took_s))
    }

    fn nothing(row: &Row, tool: &Tool) -> Result<Self, String> {
        let [port] = free_ports().map_err(|fault| fault.to_string())?;
        let size = row.size_for_tool().unwrap_or_default();
        let line = format!("null-broker --listen 127.0.0.1:{port} --size {size}");
        let mut program = tool.start(&line).map_err(|fault| fault.to_string())?;
        await_ready(&mut program, port)?;
        let mut stage = Self::of(format!("amqp://127.0.0.1:{port}/"), Some(program.pid()));
        stage.program = Some(program);
        Ok(stage)
    }

    /// The broker's resident memory now, in MiB.
    pub(super) fn rss_mib(&self) -> Option<f64> {
        let memory = Process::with_pid(self.pid?).memory()?;
        #[expect(clippy::cast_precision_loss, reason = "memory in KiB has some 40 bits")]
        Some(memory.resident_kib as f64 / 1_024.0)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(program) = &mut self.program {
            program.stop(STOP_LIMIT);
        }
        // Gone before its directory is.
        self.program = None;
    }
}

fn await_ready(program: &mut Program, port: u16) -> Result<(), String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let until_ns = now_ns() + nanos(READY_LIMIT);
    while !greets(address) {
        if !program.is_alive() {
            return Err("it ended".to_owned());
        }
        if now_ns() > until_ns {
            return Err(format!("it greets nobody after {} s", READY_LIMIT.as_secs()));
        }
        thread::sleep(READY_PATIENCE);
    }
    Ok(())
}

/// Whether a broker greets who connects. That its port is open says less: the system takes callers before their broker does.
fn greets(address: SocketAddr) -> bool {
    let greeting = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(GREETING_PATIENCE))?;
        stream.write_all(&AMQP_0_9_1)?;
        stream.read(&mut [0; 1])
    });
    greeting.is_ok_and(|len| len > 0)
}

/// Ports on which nobody listens at this moment.
fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    // All are held until all are known, so that they differ.
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

fn last_words(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_WORDS_LINES)..].join(" / ")
}

/// A directory that nobody else has, and that goes away.
#[derive(Debug)]
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new(dir: &Path) -> io::Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Relaxed);
        let path = dir.join(format!("leveret-suite-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is told; there is nobody to give it to.
        if let Err(fault) = fs::remove_dir_all(&self.path) {
            crate::run::complain(&format!("{} is left behind: {fault}", self.path.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_a_uri_and_perhaps_a_process() {
        let peer = |text: &str| text.parse::<Peer>();
        let rabbit = peer("RabbitMQ=amqp://guest:guest@127.0.0.1:5670/,123").expect("a peer");
        assert_eq!((rabbit.name.as_str(), rabbit.pid), ("RabbitMQ", Some(123)));
        assert_eq!(rabbit.uri, "amqp://guest:guest@127.0.0.1:5670/");
        assert_eq!(peer("x=amqp://h").map(|peer| peer.pid), Ok(None));
        for wrong in ["amqp://h", "=amqp://h", "x=http://h", "x=amqp://h,pid", "a|b=amqp://h"] {
            assert!(peer(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_program_may_have_a_name() {
        let own: Own = "before=/tmp/leveret".parse().expect("a program");
        assert_eq!((own.name.as_str(), own.path.as_path()), ("before", Path::new("/tmp/leveret")));
        assert_eq!("/bin/x".parse::<Own>().map(|own| own.name), Ok("Leveret".to_owned()));
    }

    #[test]
    fn a_broker_that_ends_is_told_with_its_last_words_and_leaves_nothing() {
        let dir = std::env::temp_dir().join(format!("leveret-suite-test-{}", std::process::id()));
        fs::create_dir(&dir).expect("made");
        let why = Stage::start(Path::new("/bin/ls"), &dir, &[]).expect_err("no broker");
        assert!(why.starts_with("it ended") && why.contains("ls"), "{why}");
        assert_eq!(fs::read_dir(&dir).expect("listed").count(), 0);
        fs::remove_dir(&dir).expect("removed");
    }

    #[test]
    fn only_the_last_lines_are_told() {
        assert_eq!(last_words("a\nb\n\nc\nd\n"), "b / c / d");
        assert_eq!(last_words(""), "");
    }
}
