//! Where AMQP connections are taken over plain TCP.

use super::{Definition, narrow};
use crate::listener::Listener;
use crate::unit::Unit;

pub(super) const TABLE: &[Definition] = &[
    Definition::text(
        "listeners.tcp",
        "Set to `none` to take no AMQP connections over plain TCP.",
        "none; a port or address goes into listeners.tcp.1",
        |draft, _, value| {
            draft.has_no_listener = value == "none";
            draft.has_no_listener
        },
    )
    .example("none"),
    Definition::text(
        "listeners.tcp.$name",
        "Where AMQP connections are taken: an address and port, or a port for all interfaces. Without any, \
         127.0.0.1:5672 and [::1]:5672, where RabbitMQ listens on all interfaces.",
        Listener::EXPECTED,
        |draft, filled, value| {
            let listener = Listener::parse(value);
            listener.map(|it| draft.listeners.insert(filled[0].to_owned(), it)).is_some()
        },
    )
    .example("0.0.0.0:5672"),
    Definition::switch(
        "leveret.all_interfaces",
        "Whether AMQP, the HTTP API and metrics, as far as nothing says where they listen, listen on all interfaces, as \
         RabbitMQ does, or for this machine only. Not an option of RabbitMQ.",
        |draft, is_on| draft.is_open = is_on,
    )
    .default("false"),
    Definition::number(
        "tcp_listen_options.backlog",
        "How many connections may wait to be taken.",
        1..=65_535,
        |draft, n| draft.config.tcp.backlog = narrow(n),
    )
    .default("128"),
    Definition::switch(
        "tcp_listen_options.nodelay",
        "Whether small writes are sent at once (TCP_NODELAY).",
        |draft, is_on| draft.config.tcp.is_nodelay = is_on,
    )
    .default("true"),
    Definition::switch(
        "tcp_listen_options.keepalive",
        "Whether the operating system probes idle connections (SO_KEEPALIVE).",
        |draft, is_on| draft.config.tcp.is_keepalive = is_on,
    )
    .default("false"),
    Definition::number(
        "tcp_listen_options.sndbuf",
        "The send buffer of a connection (SO_SNDBUF); 0 leaves it to the operating system.",
        0..=1 << 30,
        |draft, n| draft.config.tcp.send_buffer = narrow(n),
    )
    .unit(Unit::Bytes)
    .default("0"),
    Definition::number(
        "tcp_listen_options.recbuf",
        "The receive buffer of a connection (SO_RCVBUF); 0 leaves it to the operating system.",
        0..=1 << 30,
        |draft, n| draft.config.tcp.receive_buffer = narrow(n),
    )
    .unit(Unit::Bytes)
    .default("0"),
    Definition::switch(
        "proxy_protocol",
        "Whether a proxy in front says who the client is (PROXY protocol, version 1 or 2). Clients that come without it \
         are then refused.",
        |draft, is_on| draft.config.has_proxy_protocol = is_on,
    )
    .default("false"),
];
