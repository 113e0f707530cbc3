//! `leveret serve`: from a command line to a running broker, and to its end.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use broker::Ceilings;
use config::{Config, Host, Listener};
use management::{Desk, Facts, Listening, MetricsOptions};
use message::{Name, ShardId};
use mio::{Poll, Waker};
use node::{Boot, Shard};
use proto_amqp091::{Founder, Limits, Settings};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::api_options::{api_options, connections_max};
use crate::arrivals::Door;
use crate::clock::Clock;
use crate::configuration::{self, Loaded};
use crate::data_dir::{self, DataDir};
use crate::definitions;
use crate::descriptors::Shares;
use crate::disk::FsDisk;
use crate::disk_meter::DiskMeters;
use crate::disk_threads::DiskThreads;
use crate::free_space::Watch;
use crate::gauges::Gauges;
use crate::listeners::{Entrance, Listeners};
use crate::log;
use crate::mailbox::{Inbox, Inboxes};
use crate::management::{ByInbox, Management, Seal, Wanted};
use crate::memory::memory_bytes;
use crate::new_vhosts::{self, permissions};
use crate::reactor::{Reactor, WAKER};
use crate::steward::{Bounds, Caretaker};
use crate::supervisor::Supervisor;
use crate::tls::{self, Certificates};
use crate::verifier::Verifier;

/// The most shards that a node can have.
const SHARDS_MAX: usize = 256;

/// How to serve.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    configuration: configuration::Sources,
    /// Where everything is kept that outlives the process
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Serves until a signal ends it.
pub(crate) fn run(options: &Options) -> ExitCode {
    let outcome = load(options).and_then(|(loaded, data_path)| serve(&loaded, &data_path));
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // Before anybody knows where the log is, it is on the console.
            if !log::is_open() {
                drop(log::open(&Config::default().log, Path::new(""), ""));
            }
            for line in reason.lines() {
                tracing::error!("{line}");
            }
            ExitCode::FAILURE
        }
    };
    log::flush();
    code
}

fn serve(loaded: &Loaded, data_path: &Path) -> Result<(), String> {
    let config = &loaded.config;
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])
        .map_err(|error| format!("signals cannot be caught: {error}"))?;
    let supervisor = Supervisor::of_this_process();
    let data_dir = DataDir::open(data_path)?;
    let certificates = certificates(config)?;
    let entrances = entrances(config, certificates.amqp.as_ref());
    let mut listeners = Listeners::open(entrances, backlog(config))?;
    let management = Management::open(
        wanted_of_management(config, &certificates),
        wanted_of_metrics(config, &certificates),
        data_dir.path(),
    )?;
    let gone = |error| format!("a listener is gone: {error}");
    let mut bound = listening(["amqp", "amqp/ssl"], &listeners.addresses().map_err(gone)?);
    bound.extend(listening(["http", "https"], &management.addresses().map_err(gone)?));
    bound.extend(listening(
        ["http/prometheus", "https/prometheus"],
        &management.metrics_addresses().map_err(gone)?,
    ));
    let shards = shard_count(config);
    let shares = Shares::claim(shards, bound.len())?;
    tracing::info!(limit = shares.limit, clients_max = shares.clients_max, "open files");
    listeners.set_clients_max(shares.clients_max);
    let (boot, settings) = recover(config, &data_dir, shards, shares)?;
    let topology = boot.shards[0].broker().shared_topology();
    let logins = boot.logins.clone();
    let watch = Watch::new(data_dir.path(), config.disk_free_limit, memory_bytes());
    let facts = facts(config, &data_dir, &bound, shares);
    let limits = settings.limits.memory_bytes_max as u64 * shards as u64;
    let bounds = Bounds::new(limits, watch.limit_bytes());
    let disks = DiskMeters::default();
    let gauges =
        Gauges::new(&data_dir, shares, Arc::clone(&bounds), certificates.all(), disks.clone());
    let caretaker = Caretaker::new(&bounds, loaded);
    let clock = Clock::start();
    let started = start(boot, listeners, &data_dir, shares, (watch, bounds), &disks, clock);
    let (inboxes, threads) =
        started.map_err(|error| format!("the system refuses a thread or a file: {error}"))?;
    let desk = Desk::new(
        Box::new(ByInbox(Inboxes::clone(&inboxes))),
        topology,
        facts,
        logins,
        Box::new(gauges),
        Box::new(caretaker),
    )
    .counting_from(clock.origin());
    tls::watch(certificates.all()).map_err(no_thread)?;
    let management = management.start(desk, connections_max(config, shares)).map_err(no_thread)?;
    let status = ready_text(&bound, &data_dir);
    announce(&status).map_err(|error| format!("cannot write to standard output: {error}"))?;
    supervisor.ready(&status);
    supervisor.watch(Inboxes::clone(&inboxes), status).map_err(no_thread)?;
    wait_for_the_end(&mut signals, &certificates.all());
    supervisor.stopping();
    management.stop();
    inboxes.iter().for_each(Inbox::stop);
    for thread in threads {
        if thread.join().is_err() {
            return Err("a thread failed; see above".to_owned());
        }
    }
    tracing::info!("stopped; everything is on disk");
    Ok(())
}

fn no_thread(error: io::Error) -> String {
    format!("the system refuses a thread: {error}")
}

/// The configuration, and the data directory. From here on, there is a log.
fn load(options: &Options) -> Result<(Loaded, PathBuf), String> {
    let loaded = options.configuration.load();
    let loaded = loaded.map_err(|unread| unread.lines().join("\n"))?;
    let config = &loaded.config;
    let data_path = data_path(options, config)?;
    log::open(&config.log, &data_path, &node_name(config))?;
    for notice in &loaded.notices {
        tracing::warn!("{notice}");
    }
    Ok((loaded, data_path))
}

fn data_path(options: &Options, config: &Config) -> Result<PathBuf, String> {
    match &options.data_dir {
        Some(path) => Ok(path.clone()),
        None if !config.data_dir.is_empty() => Ok(PathBuf::from(&config.data_dir)),
        None => data_dir::default_path(),
    }
}

fn addresses(listeners: &[Listener]) -> Vec<(String, u16)> {
    let host = |host: &Host| match host {
        Host::All => "::".to_owned(),
        Host::Address(address) => address.to_string(),
        Host::Name(name) => name.clone(),
    };
    listeners.iter().map(|listener| (host(&listener.host), listener.port)).collect()
}

/// The certificates of whatever speaks TLS.
#[derive(Debug)]
struct Groups {
    amqp: Option<Arc<Certificates>>,
    management: Option<Arc<Certificates>>,
    prometheus: Option<Arc<Certificates>>,
}

impl Groups {
    fn all(&self) -> Vec<Arc<Certificates>> {
        let groups = [&self.amqp, &self.management, &self.prometheus];
        groups.into_iter().flatten().cloned().collect()
    }
}

fn certificates(config: &Config) -> Result<Groups, String> {
    let load = |prefix, listeners: &[Listener], options: &config::TlsOptions| {
        if listeners.is_empty() {
            return Ok(None);
        }
        Certificates::load(prefix, options.clone()).map(Some)
    };
    let (management, prometheus) = (&config.management, &config.prometheus);
    Ok(Groups {
        amqp: load("ssl_options", &config.tls_listeners, &config.tls)?,
        management: load("management.ssl", &management.tls_listeners, &management.tls)?,
        prometheus: load("prometheus.ssl", &prometheus.tls_listeners, &prometheus.tls)?,
    })
}

/// Where the HTTP API is served.
fn wanted_of_management(config: &Config, certificates: &Groups) -> Vec<Wanted> {
    let plain = addresses(&config.management.listeners);
    let sealed = addresses(&config.management.tls_listeners);
    vec![
        Wanted { addresses: plain, option: "management.tcp.port", sealing: None },
        Wanted {
            addresses: sealed,
            option: "management.ssl.port",
            sealing: seal(config, certificates.management.as_ref()),
        },
    ]
}

/// Where metrics are served.
fn wanted_of_metrics(config: &Config, certificates: &Groups) -> Vec<Wanted> {
    let plain = addresses(&config.prometheus.listeners);
    let sealed = addresses(&config.prometheus.tls_listeners);
    vec![
        Wanted { addresses: plain, option: "prometheus.tcp.port", sealing: None },
        Wanted {
            addresses: sealed,
            option: "prometheus.ssl.port",
            sealing: seal(config, certificates.prometheus.as_ref()),
        },
    ]
}

fn seal(config: &Config, certificates: Option<&Arc<Certificates>>) -> Option<Arc<Seal>> {
    let handshake_wait = Duration::from_millis(config.tls_handshake_timeout_ms.into());
    let certificates = Arc::clone(certificates?);
    Some(Arc::new(Seal { certificates, handshake_wait }))
}

/// Where AMQP is spoken, and what a client has to go through there.
fn entrances(config: &Config, certificates: Option<&Arc<Certificates>>) -> Vec<Entrance> {
    let door = |tls: Option<Arc<Certificates>>| Door {
        is_proxied: config.has_proxy_protocol,
        tls,
        certificate_name: config.certificate_name,
        header_timeout_ms: config.handshake_timeout_ms.into(),
        handshake_timeout_ms: config.tls_handshake_timeout_ms.into(),
    };
    let plain = Entrance {
        addresses: addresses(&config.listeners),
        option: "listeners.tcp.1",
        door: config.has_proxy_protocol.then(|| Arc::new(door(None))),
    };
    let sealed = certificates.map(|certificates| Entrance {
        addresses: addresses(&config.tls_listeners),
        option: "listeners.ssl.1",
        door: Some(Arc::new(door(Some(Arc::clone(certificates))))),
    });
    [plain].into_iter().chain(sealed).collect()
}

/// `protocols` are the names without TLS and with it.
fn listening(
    protocols: [&'static str; 2],
    addresses: &[(std::net::SocketAddr, bool)],
) -> Vec<Listening> {
    let listening = addresses.iter().map(|&(address, is_tls)| {
        let protocol = protocols[usize::from(is_tls)];
        Listening { protocol, address, is_tls }
    });
    listening.collect()
}

/// How the node calls itself.
fn node_name(config: &Config) -> String {
    if config.node_name.contains('@') {
        return config.node_name.clone();
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{}@{host}", config.node_name)
}

fn facts(config: &Config, data_dir: &DataDir, bound: &[Listening], shares: Shares) -> Facts {
    Facts {
        node: node_name(config),
        rabbitmq_version: proto_amqp091::RABBITMQ_VERSION,
        leveret_version: env!("CARGO_PKG_VERSION"),
        listeners: bound.to_vec(),
        data_dir: data_dir.path().display().to_string(),
        started_at_ms: Clock::wall_ms(),
        clients_max: shares.clients_max,
        consumer_timeout_ms: consumer_timeout_ms(config),
        default_queue_kind: default_queue_kind(config),
        password_hashing: login_rules(config).hashing,
        password_rule: definitions::password_rule(config),
        api: api_options(config),
        metrics: MetricsOptions {
            path: config.prometheus.path.clone(),
            is_per_object: config.prometheus.is_per_object,
            needs_login: config.prometheus.needs_login,
        },
        process_id: std::process::id(),
        processor_count: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

fn consumer_timeout_ms(config: &Config) -> u64 {
    config.consumer_timeout_ms.unwrap_or(broker::CONSUMER_TIMEOUT_MS)
}

fn default_queue_kind(config: &Config) -> metadata::QueueKind {
    metadata::QueueKind::parse(&config.default_queue_type).unwrap_or_default()
}

fn backlog(config: &Config) -> i32 {
    i32::try_from(config.tcp.backlog).unwrap_or(i32::MAX)
}

fn shard_count(config: &Config) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = if config.shards == 0 { cores } else { config.shards.into() };
    wanted.clamp(1, SHARDS_MAX)
}

fn recover(
    config: &Config,
    data_dir: &DataDir,
    shards: usize,
    shares: Shares,
) -> Result<(Boot, Arc<Settings>), String> {
    let mut disk = FsDisk::open(data_dir.path(), shares.files_per_disk)
        .map_err(|error| format!("data directory cannot be opened: {error}"))?;
    let seed = seed().map_err(|error| format!("the system gives no random numbers: {error}"))?;
    let secret = secret().map_err(|error| format!("the system has no random numbers: {error}"))?;
    let mut settings = settings(config, shards, secret);
    settings.vhost_defaults = Arc::new(new_vhosts::defaults(config)?);
    let settings = Arc::new(settings);
    let (now_ms, options) = (Clock::wall_ms(), store::Options::default());
    let mut boot = node::boot(&mut disk, shards, &settings, seed, now_ms, options)
        .map_err(|error| format!("data directory {}: {error}", data_dir.path().display()))?;
    for damage in &boot.damage {
        // Any shard knows the names of all queues.
        tracing::error!("{}", boot.shards[0].broker().damage_text(damage));
    }
    if let Some(user) = &boot.founder {
        tracing::info!("there was no user: {user} was made, as default_user says");
    }
    let found = boot.recovery;
    tracing::info!(
        queues = found.queue_count,
        messages = found.message_count,
        bytes = found.message_bytes,
        shards,
        "recovered"
    );
    definitions::load(config, &mut boot, &mut disk)?;
    Ok((boot, settings))
}

fn settings(config: &Config, shards: usize, secret: auth::Secret) -> Settings {
    let memory_bytes_max = config.memory_max.bytes(memory_bytes()) / shards as u64;
    let limits = Limits {
        frame_max: config.frame_max,
        initial_frame_max: config.initial_frame_max,
        channel_max: config.channel_max,
        heartbeat_s: config.heartbeat_s,
        handshake_timeout_ms: config.handshake_timeout_ms.into(),
        message_size_max: config.message_size_max.into(),
        memory_bytes_max: usize::try_from(memory_bytes_max).unwrap_or(usize::MAX),
        permits_global_qos: config.permits_global_qos,
        permits_transient_queues: config.permits_transient_queues,
        default_queue_kind: default_queue_kind(config),
        consumer_timeout_ms: consumer_timeout_ms(config),
        consumers_per_channel_max: config.limits.consumers_per_channel_max,
        ceilings: Ceilings {
            connections_max: config.limits.connections_max,
            vhosts_max: config.limits.vhosts_max,
        },
    };
    let mechanisms = config.auth_mechanisms.iter().filter_map(|name| auth::Mechanism::parse(name));
    let cluster_name = match config.cluster_name.as_str() {
        "" => node_name(config),
        name => name.to_owned(),
    };
    let mut settings = Settings::new(limits, mechanisms.collect(), &cluster_name, secret);
    settings.node_name = node_name(config);
    settings.default_vhost =
        Name::new(&config.default_vhost).expect("a name's length is checked when it is read");
    settings.logins = login_rules(config);
    let founder = Founder {
        credentials: credentials(&config.accounts.default_user, &config.accounts.default_password),
        tags: config.accounts.default_tags.clone(),
        permissions: permissions(&config.accounts.default_permissions),
    };
    settings.founder = definitions::configured(config).is_none().then_some(founder);
    settings
}

fn login_rules(config: &Config) -> auth::Rules {
    let anonymous = config.accounts.anonymous.as_ref();
    auth::Rules {
        loopback_users: config.loopback_users.clone(),
        hashing: metadata::Hashing::parse(&config.accounts.password_hashing).unwrap_or_default(),
        anonymous: anonymous.map(|login| credentials(&login.user, &login.password)),
    }
}

fn credentials(user: &str, password: &config::Password) -> auth::Credentials {
    auth::Credentials { user: user.into(), password: password.0.as_bytes().to_vec() }
}

/// Random bits of the system: epochs of files and names must never repeat.
pub(crate) fn seed() -> io::Result<u64> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u64::from_le_bytes(bytes))
}

/// Random bytes of the system that nobody else knows.
fn secret() -> io::Result<auth::Secret> {
    let mut bytes = [0; auth::Secret::BYTES];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    // The system gives as few as this all at once.
    assert_eq!(filled, bytes.len(), "a secret is whole");
    Ok(auth::Secret::new(bytes))
}

/// Starts the threads of all shards.
fn start(
    boot: Boot,
    listeners: Listeners,
    data_dir: &DataDir,
    shares: Shares,
    (watch, bounds): (Watch, Arc<Bounds>),
    disks: &DiskMeters,
    clock: Clock,
) -> io::Result<(Inboxes, Vec<JoinHandle<()>>)> {
    let shard_count = boot.shards.len();
    let mut polls = Vec::new();
    let mut inboxes = Vec::new();
    for _ in 0..shard_count {
        let poll = Poll::new()?;
        inboxes.push(Inbox::new(shard_count, Waker::new(poll.registry(), WAKER)?));
        polls.push(poll);
    }
    let inboxes: Inboxes = inboxes.into();
    watch.start(Inboxes::clone(&inboxes), bounds)?;
    let verifier = Verifier::start(Inboxes::clone(&inboxes))?;
    let mut threads = Vec::new();
    let mut listeners = Some(listeners);
    for ((index, shard), poll) in boot.shards.into_iter().enumerate().zip(polls) {
        let (disk, disk_threads) =
            DiskThreads::start(index, data_dir.path(), shares.files_per_disk, &inboxes, disks)?;
        threads.extend(disk_threads);
        let id = ShardId::try_from(index).expect("a node has at most 256 shards");
        let inboxes = Inboxes::clone(&inboxes);
        let mut reactor = Reactor::new(id, shard, poll, clock, inboxes, disk, verifier.clone());
        if let Some(listeners) = listeners.take() {
            reactor.accept_from(listeners)?;
        }
        threads.push(spawn(index, reactor)?);
    }
    Ok((inboxes, threads))
}

fn spawn(index: usize, reactor: Reactor) -> io::Result<JoinHandle<()>> {
    Builder::new().name(format!("shard-{index}")).spawn(move || reactor.run())
}

/// What is served, and where: one line.
fn ready_text(bound: &[Listening], data_dir: &DataDir) -> String {
    let mut line = String::from("ready");
    for Listening { protocol, address, .. } in bound {
        line.push_str(&format!(" {protocol}={address}"));
    }
    line.push_str(&format!(" data_dir={}", data_dir.path().display()));
    line
}

/// The one line on standard output: who waits for the broker waits for it.
fn announce(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn wait_for_the_end(signals: &mut Signals, certificates: &[Arc<Certificates>]) {
    for signal in signals.forever() {
        if signal != SIGHUP {
            return tracing::info!(signal, "stopping");
        }
        tracing::info!(
            "asked to read again what can be read again: certificates; and to begin the log again"
        );
        certificates.iter().for_each(|certificates| certificates.reload(true));
        // Who has moved the log away wants another one.
        log::reopen();
    }
}

/// Shards are handed to threads, so they have to allow it.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Shard>();
};
