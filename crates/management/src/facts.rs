//! What does not change while the node runs.

use std::net::SocketAddr;

use crate::api_options::ApiOptions;
use crate::metrics::MetricsOptions;

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// In RabbitMQ's words: `amqp`, `amqp/ssl`, `http`, …
    pub protocol: &'static str,
    /// The address and port.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub is_tls: bool,
}

/// What does not change while the node runs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The node, in RabbitMQ's words: `leveret@host`.
    pub node: String,
    /// The version of RabbitMQ that the node is compatible with.
    pub rabbitmq_version: &'static str,
    /// The node's own version.
    pub leveret_version: &'static str,
    /// Where it listens.
    pub listeners: Vec<Listening>,
    /// The directory for everything that outlives the process.
    pub data_dir: String,
    /// The process.
    pub process_id: u32,
    /// How many cores the machine has.
    pub processor_count: usize,
    /// When it was started, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// How many AMQP connections it can take.
    pub clients_max: usize,
    /// The type of queues that ask for none, where their virtual host has none either.
    pub default_queue_kind: metadata::QueueKind,
    /// How new passwords are kept.
    pub password_hashing: metadata::Hashing,
    /// How long a consumer may take to settle a message where nothing else is said, in milliseconds.
    pub consumer_timeout_ms: u64,
    /// What passwords have to be like that are set over HTTP.
    pub password_rule: metadata::PasswordRule,
    /// How requests are answered.
    pub api: ApiOptions,
    /// How metrics are served.
    pub metrics: MetricsOptions,
}
