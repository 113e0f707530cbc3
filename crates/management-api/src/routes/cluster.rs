//! Routes: the node itself.

use crate::route::{Access, Method, Route, not_yet, served};
use crate::route_id::RouteId as Id;

pub(super) const ROUTES: &[Route] = &[
    served(
        Method::Get,
        "/overview",
        Access::AnyTag,
        Id::Overview,
        "The node, its totals and rates, and where it listens.",
    ),
    not_yet(Method::Get, "/cluster-name", Access::AnyTag, "this part of the API comes later"),
    not_yet(
        Method::Put,
        "/cluster-name",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(Method::Get, "/nodes", Access::Monitoring, "this part of the API comes later"),
    not_yet(Method::Get, "/nodes/:node", Access::Monitoring, "this part of the API comes later"),
    not_yet(
        Method::Get,
        "/nodes/:node/memory",
        Access::Monitoring,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/nodes/:node/memory/relative",
        Access::Monitoring,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/nodes/:node/memory/ets",
        Access::Monitoring,
        "tables of the Erlang runtime: this broker has none",
    ),
    not_yet(
        Method::Get,
        "/nodes/:node/memory/ets/relative",
        Access::Monitoring,
        "tables of the Erlang runtime: this broker has none",
    ),
    not_yet(
        Method::Get,
        "/nodes/:node/memory/ets/:filter",
        Access::Monitoring,
        "tables of the Erlang runtime: this broker has none",
    ),
    not_yet(
        Method::Get,
        "/nodes/:node/memory/ets/:filter/relative",
        Access::Monitoring,
        "tables of the Erlang runtime: this broker has none",
    ),
    served(
        Method::Get,
        "/extensions",
        Access::AnyTag,
        Id::Extensions,
        "The plugins of the user interface: none.",
    ),
    not_yet(Method::Get, "/feature-flags", Access::AnyTag, "this part of the API comes later"),
    not_yet(
        Method::Put,
        "/feature-flags/:name/enable",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/deprecated-features",
        Access::AnyTag,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/deprecated-features/used",
        Access::AnyTag,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/config/effective",
        Access::Administrator,
        "this part of the API comes later",
    ),
    served(
        Method::Get,
        "/version",
        Access::Open,
        Id::Version,
        "The version of RabbitMQ that this broker is compatible with.",
    ),
    not_yet(
        Method::Post,
        "/rebalance/queues",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(Method::Delete, "/reset", Access::Administrator, "this part of the API comes later"),
    not_yet(
        Method::Delete,
        "/reset/:node",
        Access::Administrator,
        "this part of the API comes later",
    ),
];
