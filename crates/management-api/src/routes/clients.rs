//! Routes: connections, channels and consumers.

use crate::route::{Access, Method, Route, not_yet, served};
use crate::route_id::RouteId as Id;

pub(super) const ROUTES: &[Route] = &[
    served(Method::Get, "/connections", Access::AnyTag, Id::Connections, "All connections."),
    served(
        Method::Get,
        "/connections/username/:username",
        Access::Owner,
        Id::ConnectionsOfUser,
        "The connections of a user.",
    ),
    served(
        Method::Delete,
        "/connections/username/:username",
        Access::Owner,
        Id::CloseConnectionsOfUser,
        "Closes the connections of a user.",
    ),
    served(Method::Get, "/connections/:connection", Access::Owner, Id::Connection, "A connection."),
    served(
        Method::Delete,
        "/connections/:connection",
        Access::Owner,
        Id::CloseConnection,
        "Closes a connection.",
    ),
    served(
        Method::Get,
        "/connections/:connection/channels",
        Access::Owner,
        Id::ChannelsOfConnection,
        "The channels of a connection.",
    ),
    not_yet(
        Method::Get,
        "/connections/:connection/sessions",
        Access::Owner,
        "sessions of AMQP 1.0 come later",
    ),
    served(Method::Get, "/channels", Access::AnyTag, Id::Channels, "All channels."),
    served(Method::Get, "/channels/:channel", Access::Owner, Id::Channel, "A channel."),
    served(Method::Get, "/consumers", Access::AnyTag, Id::Consumers, "All consumers."),
    served(
        Method::Get,
        "/consumers/:vhost",
        Access::VhostVisible,
        Id::ConsumersOfVhost,
        "The consumers of a virtual host.",
    ),
];
