//! An address to listen on.

use std::fmt;
use std::net::IpAddr;

/// Where connections are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The interface.
    pub host: Host,
    /// The port; 0 lets the operating system choose.
    pub port: u16,
}

/// The interface part of a [`Listener`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// All interfaces, IPv4 and IPv6.
    All,
    /// The interface with this address.
    Address(IpAddr),
    /// The interface that this name stands for; the server resolves it.
    Name(String),
}

impl Listener {
    pub(crate) const EXPECTED: &'static str =
        "a port, or an address and a port like 127.0.0.1:5672, [::1]:5672 or localhost:5672";

    /// Reads `PORT` (all interfaces) or `HOST:PORT`. An IPv6 address may stand in brackets, and, as in RabbitMQ,
    /// without: the last colon ends it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Some(Self { host: Host::All, port: parse_port(text)? });
        };
        Some(Self { host: Host::parse(host)?, port: parse_port(port)? })
    }
}

impl Host {
    const NAME_BYTES_MAX: usize = 253;

    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: std::net::Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address));
        }
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        // What is made of digits only is an address with a mistake, not a name.
        let looks_like_address = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let fits = text.len() <= Self::NAME_BYTES_MAX && text.bytes().all(is_name);
        (fits && !looks_like_address).then(|| Self::Name(text.to_owned()))
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::All => write!(f, "{}", self.port),
            Host::Address(address @ IpAddr::V6(_)) => write!(f, "[{address}]:{}", self.port),
            Host::Address(address) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

/// Digits only: Rust's own parser would take a sign.
fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_and_written() {
        for (text, written) in [
            ("5672", "5672"),
            ("0", "0"),
            ("127.0.0.1:5672", "127.0.0.1:5672"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("::1:5672", "[::1]:5672"),
            ("[::1]:5672", "[::1]:5672"),
            (":::5672", "[::]:5672"),
            ("localhost:5672", "localhost:5672"),
            ("broker-1.example.org:5672", "broker-1.example.org:5672"),
        ] {
            let listener = Listener::parse(text).unwrap();
            assert_eq!(listener.to_string(), written);
            assert_eq!(Listener::parse(written), Some(listener));
        }
    }

    #[test]
    fn what_is_no_listener_is_refused() {
        for text in [
            "",
            ":5672",
            "*:5672",
            "localhost",
            "1.2.3.4",
            "1.2.3:5672",
            "1.2.3.4:99999",
            "65536",
            "+1",
            "-1",
            "a b:1",
            "[::1:5672",
            "[1.2.3.4]:1",
            "localhost:",
            "fe80::1%eth0:5672",
            "tcp://h:1",
        ] {
            assert_eq!(Listener::parse(text), None, "{text}");
        }
    }
}
