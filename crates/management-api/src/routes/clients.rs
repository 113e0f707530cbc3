//! Routes: connections, channels and consumers.

use crate::route::{Access, Method, Route, not_yet};

pub(super) const ROUTES: &[Route] = &[
    not_yet(Method::Get, "/connections", Access::AnyTag, "this part of the API comes later"),
    not_yet(
        Method::Get,
        "/connections/username/:username",
        Access::Owner,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Delete,
        "/connections/username/:username",
        Access::Owner,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/connections/:connection",
        Access::Owner,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Delete,
        "/connections/:connection",
        Access::Owner,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/connections/:connection/channels",
        Access::Owner,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/connections/:connection/sessions",
        Access::Owner,
        "sessions of AMQP 1.0 come later",
    ),
    not_yet(Method::Get, "/channels", Access::AnyTag, "this part of the API comes later"),
    not_yet(Method::Get, "/channels/:channel", Access::Owner, "this part of the API comes later"),
    not_yet(Method::Get, "/consumers", Access::AnyTag, "this part of the API comes later"),
    not_yet(
        Method::Get,
        "/consumers/:vhost",
        Access::VhostVisible,
        "this part of the API comes later",
    ),
];
