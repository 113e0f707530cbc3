//! The values that the broker is started with.

use std::collections::{BTreeMap, BTreeSet};

use crate::amount::Amount;
use crate::listener::{Host, Listener};
use crate::options;

/// All options with an effect, as values. [`Config::default`] is what an empty file gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where AMQP connections are taken. Empty when `listeners.tcp = none`.
    pub listeners: Vec<Listener>,
    /// Options of the sockets of `listeners`.
    pub tcp: TcpOptions,
    /// Where the HTTP API is served.
    pub management: ManagementOptions,
    /// How often either side shows that it is there, in seconds; 0 for never. Clients may ask for less.
    pub heartbeat_s: u16,
    /// The largest frame that is offered to clients, in bytes.
    pub frame_max: u32,
    /// The largest frame before both sides have agreed on one, in bytes.
    pub initial_frame_max: u32,
    /// How many channels a connection may open; 0 for as many as the protocol has room for.
    pub channel_max: u16,
    /// How long a client may take from connecting to having opened a virtual host, in milliseconds.
    pub handshake_timeout_ms: u32,
    /// The longest body of a message, in bytes.
    pub message_size_max: u32,
    /// Whether a channel may bound what all its consumers have together.
    pub permits_global_qos: bool,
    /// Whether queues may be declared that neither survive a restart nor belong to a connection.
    pub permits_transient_queues: bool,
    /// Users that may log in from this machine only.
    pub loopback_users: BTreeSet<String>,
    /// The virtual host of a fresh broker.
    pub default_vhost: String,
    /// The type of queues that ask for none: `classic` or `quorum`.
    pub default_queue_type: String,
    /// The names of the login mechanisms that are offered, in that order.
    pub auth_mechanisms: Vec<String>,
    /// Below how much free space on the file system of the data directory publishers are held back; `None` for the
    /// default, which depends on how large that is.
    pub disk_free_limit: Option<Amount>,
    /// How much memory messages and connections may take together before publishers are held back.
    pub memory_max: Amount,
    /// How many shards, each with a thread of its own; 0 for one per core.
    pub shards: u16,
    /// The directory for everything that outlives the process; empty for one in the user's state folder.
    pub data_dir: String,
}

/// Options of a listening socket and of the connections that it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TcpOptions {
    /// How many connections may wait to be taken.
    pub backlog: u32,
    /// Whether small writes are sent at once (`TCP_NODELAY`).
    pub is_nodelay: bool,
    /// Whether the operating system probes idle connections (`SO_KEEPALIVE`).
    pub is_keepalive: bool,
    /// The send buffer in bytes; 0 leaves it to the operating system.
    pub send_buffer: u32,
    /// The receive buffer in bytes; 0 leaves it to the operating system.
    pub receive_buffer: u32,
}

/// Where the HTTP API is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagementOptions {
    /// The interface; `None` for this machine only, which is the default.
    pub host: Option<Host>,
    /// The port; 0 lets the operating system choose.
    pub port: u16,
}

impl ManagementOptions {
    /// The addresses to listen on.
    pub fn listeners(&self) -> Vec<Listener> {
        match &self.host {
            Some(host) => vec![Listener { host: host.clone(), port: self.port }],
            None => loopback_listeners(self.port),
        }
    }
}

/// Values while they are being read. Options with a part to fill in (`listeners.tcp.$name`) are ordered by it.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) config: Config,
    pub(crate) listeners: BTreeMap<String, Listener>,
    pub(crate) has_no_listener: bool,
    pub(crate) auth_mechanisms: BTreeMap<String, String>,
    pub(crate) has_no_loopback_user: bool,
    /// These win over shares, wherever they stand.
    pub(crate) disk_free_bytes: Option<Amount>,
    pub(crate) memory_bytes: Option<Amount>,
}

impl Default for Config {
    fn default() -> Self {
        Draft::default().finish()
    }
}

/// Nothing but the defaults, which stand in the table of options as text and are read like any other.
impl Default for Draft {
    fn default() -> Self {
        let mut draft = Self {
            config: Config {
                listeners: vec![],
                tcp: TcpOptions::default(),
                management: ManagementOptions::default(),
                heartbeat_s: 0,
                frame_max: 0,
                initial_frame_max: 0,
                channel_max: 0,
                handshake_timeout_ms: 0,
                message_size_max: 0,
                permits_global_qos: true,
                permits_transient_queues: true,
                loopback_users: BTreeSet::from(["guest".to_owned()]),
                default_vhost: String::new(),
                default_queue_type: String::new(),
                auth_mechanisms: vec![],
                disk_free_limit: None,
                memory_max: Amount::Bytes(0),
                shards: 0,
                data_dir: String::new(),
            },
            listeners: BTreeMap::new(),
            has_no_listener: false,
            auth_mechanisms: BTreeMap::new(),
            has_no_loopback_user: false,
            disk_free_bytes: None,
            memory_bytes: None,
        };
        for definition in options::definitions() {
            if let Some(default) = definition.default {
                let read = definition.apply(&mut draft, &[], default);
                assert_eq!(read, Ok(()), "the default of {} is valid", definition.name);
            }
        }
        draft
    }
}

impl Draft {
    pub(crate) fn finish(self) -> Config {
        let mut config = self.config;
        config.listeners = match (self.has_no_listener, self.listeners.is_empty()) {
            (true, _) => vec![],
            (false, true) => loopback_listeners(5672),
            (false, false) => self.listeners.into_values().collect(),
        };
        config.auth_mechanisms = if self.auth_mechanisms.is_empty() {
            options::AUTH_MECHANISMS.map(str::to_owned).to_vec()
        } else {
            self.auth_mechanisms.into_values().collect()
        };
        config.disk_free_limit = self.disk_free_bytes.or(config.disk_free_limit);
        config.memory_max = self.memory_bytes.unwrap_or(config.memory_max);
        if self.has_no_loopback_user {
            config.loopback_users.clear();
        }
        config
    }
}

/// RabbitMQ listens on all interfaces unless told otherwise. With an account whose password everybody knows, that
/// is for the operator to ask for: `listeners.tcp.default = 5672`.
fn loopback_listeners(port: u16) -> Vec<Listener> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        .map(|address| Listener { host: Host::Address(address), port })
        .to_vec()
}
