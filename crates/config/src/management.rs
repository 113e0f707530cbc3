//! What is configured of the HTTP API and of metrics.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::listener::{Host, Listener};
use crate::tls::TlsOptions;

/// The HTTP API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Management {
    /// Where plain HTTP is served; empty for nowhere.
    pub listeners: Vec<Listener>,
    /// Where HTTPS is served.
    pub tls_listeners: Vec<Listener>,
    /// How TLS is spoken there.
    pub tls: TlsOptions,
    /// Options of their connections.
    pub http: HttpOptions,
    /// What stands before every path: empty, or `/broker`.
    pub path_prefix: String,
    /// What rates are told.
    pub rates_mode: RatesMode,
    /// Origins whose pages may call the API; `*` for all.
    pub cors_origins: Vec<String>,
    /// How long a browser may remember that, in seconds.
    pub cors_max_age_s: u32,
    /// Headers of every answer, by their names in lower case.
    pub headers: BTreeMap<&'static str, String>,
    /// Whether `Allow` stands only where a method is refused.
    pub hides_allow: bool,
    /// The longest body of a request, in bytes; `None` for what each route takes.
    pub body_bytes_max: Option<u64>,
    /// Whether there are no statistics at all in answers.
    pub has_no_stats: bool,
    /// Whether lists have the totals of queues even so.
    pub has_queue_totals: bool,
    /// Whether operator policies cannot be changed over HTTP.
    pub forbids_operator_policies: bool,
    /// Whether user interfaces are told to take definitions only from files that end in `.json`.
    pub needs_json_extension: bool,
    /// A file of definitions that is imported at every start.
    pub load_definitions: Option<String>,
}

/// Metrics for Prometheus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prometheus {
    /// Where they are served over plain HTTP; empty for nowhere but under the HTTP API.
    pub listeners: Vec<Listener>,
    /// Where they are served over HTTPS.
    pub tls_listeners: Vec<Listener>,
    /// How TLS is spoken there.
    pub tls: TlsOptions,
    /// The path, with its `/`.
    pub path: String,
    /// Whether the path gives a row for each object rather than sums.
    pub is_per_object: bool,
    /// Whether a user with a tag has to ask.
    pub needs_login: bool,
}

/// Options of HTTP connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOptions {
    /// How long a connection may be silent, in milliseconds.
    pub idle_timeout_ms: u64,
    /// How many requests a connection may make; 0 for as many as it likes.
    pub requests_max: u32,
    /// How many connections there may be; `None` for as many as come.
    pub connections_max: Option<u64>,
}

/// What rates are told by the HTTP API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RatesMode {
    /// Rates of everything but of pairs of objects.
    #[default]
    Basic,
    /// Rates of pairs are asked for, too, which are told with [`RatesMode::Basic`] as well.
    Detailed,
    /// No rates.
    None,
}

/// A listener while it is being read: its address and its port stand in two options.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HttpListener {
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: Option<u16>,
}

impl HttpListener {
    pub(crate) fn is_set(self) -> bool {
        self.ip.is_some() || self.port.is_some()
    }

    /// Where it listens when anything of it is configured: as in RabbitMQ, all interfaces unless there is an address.
    pub(crate) fn configured(self, port: u16) -> Option<Listener> {
        let host = self.ip.map_or(Host::All, Host::Address);
        self.is_set().then(|| Listener { host, port: self.port.unwrap_or(port) })
    }
}

/// A listener that nobody has asked for is there for this machine only, unless everything is `open`.
pub(crate) fn unasked(port: u16, is_open: bool) -> Vec<Listener> {
    if is_open {
        return vec![Listener { host: Host::All, port }];
    }
    [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        .map(|address| Listener { host: Host::Address(address), port })
        .to_vec()
}
