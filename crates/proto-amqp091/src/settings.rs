//! What a server tells and allows its clients, the same for all connections.

use std::sync::Arc;

use auth::{Credentials, Mechanism, Rules, Secret};
use broker::{CONSUMER_TIMEOUT_MS, Ceilings};
use message::Name;
use metadata::{DEFAULT_VHOST, Permissions, QueueKind, VhostDefaults};
use wire_amqp091::{FieldValue, Table};

/// The RabbitMQ version that Leveret is compatible with. Clients and tools switch features by it.
pub const RABBITMQ_VERSION: &str = "4.3.6";

/// Capabilities that RabbitMQ 4.3 announces; clients ask for them before they use a feature.
const CAPABILITIES: [&str; 9] = [
    "authentication_failure_close",
    "basic.nack",
    "connection.blocked",
    "consumer_cancel_notify",
    "consumer_priorities",
    "direct_reply_to",
    "exchange_exchange_bindings",
    "per_consumer_qos",
    "publisher_confirms",
];

/// The bounds of a connection. RabbitMQ's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest frame, in bytes.
    pub frame_max: u32,
    /// The largest frame before the client has said what it can take, in bytes.
    pub initial_frame_max: u32,
    /// How many channels.
    pub channel_max: u16,
    /// Seconds between signs of life; 0 for none.
    pub heartbeat_s: u16,
    /// How long a client may take to get from connecting to `connection.open`.
    pub handshake_timeout_ms: u64,
    /// The largest body, in bytes.
    pub message_size_max: u64,
    /// How many bytes of messages and of what connections hold a shard may have in memory. Above this, the alarm is on,
    /// and those that publish are held back.
    pub memory_bytes_max: usize,
    /// Whether a channel may have a bound for its consumers together, which RabbitMQ calls deprecated. If not, such a
    /// bound counts for each by itself.
    pub permits_global_qos: bool,
    /// Whether queues may be declared that neither survive a restart nor belong to a connection, which RabbitMQ calls
    /// deprecated.
    pub permits_transient_queues: bool,
    /// The type of queues that ask for none, where their virtual host has none either.
    pub default_queue_kind: QueueKind,
    /// How many consumers a channel may have; `None` for as many as it likes.
    pub consumers_per_channel_max: Option<u64>,
    /// How many of what the node may have.
    pub ceilings: Ceilings,
    /// How long consumers of quorum queues have to acknowledge where neither policy nor argument says it, in
    /// milliseconds.
    pub consumer_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_max: 131_072,
            initial_frame_max: 8_192,
            channel_max: 2_047,
            heartbeat_s: 60,
            handshake_timeout_ms: 10_000,
            message_size_max: 16 * 1024 * 1024,
            memory_bytes_max: 1024 * 1024 * 1024,
            permits_global_qos: true,
            permits_transient_queues: true,
            default_queue_kind: QueueKind::Classic,
            consumers_per_channel_max: None,
            ceilings: Ceilings::default(),
            consumer_timeout_ms: CONSUMER_TIMEOUT_MS,
        }
    }
}

/// The user that a node has that has never run.
#[derive(Clone, Debug)]
pub struct Founder {
    /// The name and the password.
    pub credentials: Credentials,
    /// What the user may do beside permissions.
    pub tags: Vec<String>,
    /// What the user may do in the virtual host that the node begins with.
    pub permissions: Permissions,
}

/// RabbitMQ's: `guest` with the password `guest`, who may do everything.
impl Default for Founder {
    fn default() -> Self {
        let guest = || b"guest".to_vec();
        Self {
            credentials: Credentials { user: guest(), password: guest() },
            tags: vec!["administrator".to_owned()],
            permissions: Permissions::all(),
        }
    }
}

/// What a server tells and allows its clients.
#[derive(Debug)]
pub struct Settings {
    /// The bounds.
    pub limits: Limits,
    /// What an operator says of logging in.
    pub logins: Rules,
    /// The user of a node that has never run; `None` if the first users come from elsewhere, as the virtual hosts then do.
    pub founder: Option<Founder>,
    /// What the node is called.
    pub node_name: String,
    /// What the server says of itself.
    pub server_properties: Table,
    /// SASL mechanisms, in the order in which they are offered.
    pub mechanisms: Vec<Mechanism>,
    /// The virtual host of a node that has never run.
    pub default_vhost: Name,
    /// What virtual hosts get when they are made.
    pub vhost_defaults: Arc<VhostDefaults>,
    /// From which names are made that nobody can guess.
    pub secret: Secret,
}

impl Settings {
    /// The settings of a server that calls itself `cluster_name`.
    pub fn new(
        limits: Limits,
        mechanisms: Vec<Mechanism>,
        cluster_name: &str,
        secret: Secret,
    ) -> Self {
        let server_properties = server_properties(cluster_name);
        let default_vhost = Name::fixed(DEFAULT_VHOST);
        let (logins, founder) = (Rules::default(), Some(Founder::default()));
        Self {
            limits,
            logins,
            founder,
            node_name: cluster_name.to_owned(),
            server_properties,
            mechanisms,
            default_vhost,
            vhost_defaults: Arc::default(),
            secret,
        }
    }

    /// Whether a mechanism is offered: certificates are shown over TLS only, and without a user for those that do not say
    /// who they are, they have to.
    pub(crate) fn offers(&self, mechanism: Mechanism, has_tls: bool) -> bool {
        let is_possible = match mechanism {
            Mechanism::Plain | Mechanism::Amqplain => true,
            Mechanism::External => has_tls,
            Mechanism::Anonymous => self.logins.anonymous.is_some(),
        };
        is_possible && self.mechanisms.contains(&mechanism)
    }

    /// The mechanisms as the handshake lists them.
    pub(crate) fn mechanism_list(&self, has_tls: bool) -> String {
        let offered = self.mechanisms.iter().filter(|&&mechanism| self.offers(mechanism, has_tls));
        let names: Vec<_> = offered.map(|mechanism| mechanism.as_str()).collect();
        names.join(" ")
    }
}

/// Sorted by key, as RabbitMQ sends them.
fn server_properties(cluster_name: &str) -> Table {
    let text = |text: &str| FieldValue::LongString(text.as_bytes().to_vec());
    let mut capabilities = Table::new();
    for capability in CAPABILITIES {
        capabilities.push(capability, FieldValue::Bool(true));
    }
    let mut table = Table::new();
    table.push("capabilities", FieldValue::Table(capabilities));
    table.push("cluster_name", text(cluster_name));
    table.push("copyright", text("Copyright (c) the Leveret authors"));
    table.push("information", text("Licensed under the Apache License 2.0"));
    table.push("leveret_version", text(env!("CARGO_PKG_VERSION")));
    table.push("platform", text("Rust"));
    table.push("product", text("Leveret"));
    table.push("version", text(RABBITMQ_VERSION));
    table
}
