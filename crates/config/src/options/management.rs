//! Where the HTTP API is served.

use super::{Definition, narrow};
use crate::listener::Host;

const PORT: &str = "The port of the HTTP API; 0 lets the operating system choose.";
const IP: &str = "The address on which the HTTP API is served; 0.0.0.0 or :: for all. Without it, this machine only, \
                  where RabbitMQ serves it on all interfaces.";
const IP_EXPECTED: &str = "an address like 127.0.0.1 or ::, or the name of a host";

pub(super) const TABLE: &[Definition] = &[
    Definition::number("management.tcp.port", PORT, 0..=65_535, |config, n| {
        config.management.port = narrow(n);
    })
    .alias("management.listener.port")
    .default("15672"),
    Definition::text("management.tcp.ip", IP, IP_EXPECTED, |draft, _, value| {
        draft.config.management.host = Host::parse(value);
        draft.config.management.host.is_some()
    })
    .alias("management.listener.ip")
    .example("0.0.0.0"),
];
