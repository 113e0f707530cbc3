//! The values that the broker is started with.

use std::collections::{BTreeMap, BTreeSet};

use crate::accounts::Accounts;
use crate::amount::Amount;
use crate::draft::Draft;
use crate::listener::Listener;
use crate::logging::Logging;
use crate::management::{Management, Prometheus};
use crate::tls::{CertificateName, TlsOptions};

/// All options with an effect, as values. [`Config::default`] is what an empty file gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where AMQP connections are taken. Empty when `listeners.tcp = none`.
    pub listeners: Vec<Listener>,
    /// Options of the sockets of `listeners`.
    pub tcp: TcpOptions,
    /// Where AMQP connections are taken over TLS.
    pub tls_listeners: Vec<Listener>,
    /// How TLS is spoken there.
    pub tls: TlsOptions,
    /// How long a client may take to agree on TLS, in milliseconds.
    pub tls_handshake_timeout_ms: u32,
    /// Where the name stands in a client's certificate that EXTERNAL logs in.
    pub certificate_name: CertificateName,
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
    /// The accounts of a fresh broker, and what passwords must be.
    pub accounts: Accounts,
    /// How many of what there may be.
    pub limits: Ceilings,
    /// Operator policies that virtual hosts get when they are made.
    pub default_policies: Vec<DefaultPolicy>,
    /// The HTTP API.
    pub management: Management,
    /// Metrics for Prometheus.
    pub prometheus: Prometheus,
    /// What is logged.
    pub log: Logging,
    /// What is imported at every start.
    pub definitions: DefinitionsImport,
    /// How far apart samples for the HTTP API are taken, in milliseconds.
    pub sample_interval_ms: u32,
    /// How long a consumer may take to acknowledge a message where neither policy nor argument says so, in
    /// milliseconds; `None` for as long as it likes.
    pub consumer_timeout_ms: Option<u64>,
    /// Whether connections begin with a line of a proxy that says who the client is.
    pub has_proxy_protocol: bool,
    /// What the node is called, perhaps without the name of the machine.
    pub node_name: String,
    /// What the broker is called; empty for a name made of the machine's.
    pub cluster_name: String,
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

/// How many of what there may be on the node; `None` for as many as come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// Connections of clients.
    pub connections_max: Option<u64>,
    /// Channels of all connections together.
    pub channels_max: Option<u64>,
    /// Consumers of one channel.
    pub consumers_per_channel_max: Option<u64>,
    /// Virtual hosts.
    pub vhosts_max: Option<u64>,
    /// What virtual hosts get when they are made: the first whose pattern fits.
    pub vhosts: Vec<VhostLimits>,
}

/// An operator policy that virtual hosts get when they are made: `default_policies.operator.$id.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultPolicy {
    /// Its name.
    pub name: String,
    /// A regular expression over names of virtual hosts.
    pub vhost_pattern: String,
    /// A regular expression over names of queues.
    pub queue_pattern: String,
    /// What kinds of objects it is for, in RabbitMQ's words.
    pub apply_to: String,
    /// What it says, by RabbitMQ's keys for policies.
    pub definition: BTreeMap<&'static str, u64>,
}

impl DefaultPolicy {
    pub(crate) fn new(name: &str) -> Self {
        let all = || ".*".to_owned();
        Self {
            name: name.to_owned(),
            vhost_pattern: all(),
            queue_pattern: all(),
            apply_to: "all".to_owned(),
            definition: BTreeMap::new(),
        }
    }
}

/// Limits that virtual hosts get when they are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VhostLimits {
    /// A regular expression over names of virtual hosts; an empty one stands for all.
    pub pattern: String,
    /// How many connections the virtual host may have.
    pub connections_max: Option<u32>,
    /// How many queues it may have.
    pub queues_max: Option<u32>,
}

/// What is imported at every start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionsImport {
    /// A file, or a directory whose files are read in the order of their names.
    pub path: Option<String>,
    /// Whether what is the same as the last time is not imported again.
    pub skips_unchanged: bool,
}

impl Default for Config {
    fn default() -> Self {
        Draft::default().finish()
    }
}

impl Config {
    /// Not even the defaults.
    pub(crate) fn blank() -> Self {
        Self {
            listeners: vec![],
            tcp: TcpOptions::default(),
            tls_listeners: vec![],
            tls: TlsOptions::default(),
            tls_handshake_timeout_ms: 0,
            certificate_name: CertificateName::default(),
            heartbeat_s: 0,
            frame_max: 0,
            initial_frame_max: 0,
            channel_max: 0,
            handshake_timeout_ms: 0,
            message_size_max: 0,
            permits_global_qos: true,
            permits_transient_queues: true,
            loopback_users: BTreeSet::new(),
            default_vhost: String::new(),
            default_queue_type: String::new(),
            auth_mechanisms: vec![],
            disk_free_limit: None,
            memory_max: Amount::Bytes(0),
            accounts: Accounts::default(),
            limits: Ceilings::default(),
            default_policies: vec![],
            management: Management::default(),
            prometheus: Prometheus::default(),
            log: Logging::default(),
            definitions: DefinitionsImport::default(),
            sample_interval_ms: 0,
            consumer_timeout_ms: None,
            has_proxy_protocol: false,
            node_name: String::new(),
            cluster_name: String::new(),
            shards: 0,
            data_dir: String::new(),
        }
    }
}
