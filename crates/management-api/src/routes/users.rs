//! Routes: users and permissions.

use crate::route::{Access, Method, Route, not_yet, served};
use crate::route_id::RouteId as Id;

pub(super) const ROUTES: &[Route] = &[
    not_yet(
        Method::Post,
        "/users/bulk-delete",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/users/without-permissions",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(Method::Get, "/users", Access::Administrator, "this part of the API comes later"),
    not_yet(Method::Get, "/users/:user", Access::Administrator, "this part of the API comes later"),
    not_yet(Method::Put, "/users/:user", Access::Administrator, "this part of the API comes later"),
    not_yet(
        Method::Delete,
        "/users/:user",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/users/:user/permissions",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/users/:user/topic-permissions",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/users/:user/queues",
        Access::AnyTag,
        "queues do not know who declared them",
    ),
    not_yet(Method::Get, "/user-limits", Access::Administrator, "this part of the API comes later"),
    not_yet(Method::Get, "/user-limits/:user", Access::Oneself, "this part of the API comes later"),
    not_yet(
        Method::Put,
        "/user-limits/:user/:name",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Delete,
        "/user-limits/:user/:name",
        Access::Administrator,
        "this part of the API comes later",
    ),
    served(Method::Get, "/whoami", Access::AnyTag, Id::WhoAmI, "Who asks."),
    not_yet(Method::Get, "/permissions", Access::Administrator, "this part of the API comes later"),
    not_yet(
        Method::Get,
        "/permissions/:vhost/:user",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Put,
        "/permissions/:vhost/:user",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Delete,
        "/permissions/:vhost/:user",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/topic-permissions",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/topic-permissions/:vhost/:user",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Put,
        "/topic-permissions/:vhost/:user",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Delete,
        "/topic-permissions/:vhost/:user",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Delete,
        "/topic-permissions/:vhost/:user/:exchange",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/auth/attempts/:node",
        Access::Monitoring,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Delete,
        "/auth/attempts/:node",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Get,
        "/auth/attempts/:node/source",
        Access::Monitoring,
        "this part of the API comes later",
    ),
    not_yet(
        Method::Delete,
        "/auth/attempts/:node/source",
        Access::Administrator,
        "this part of the API comes later",
    ),
    not_yet(Method::Post, "/login", Access::Open, "the user interface comes later"),
    not_yet(Method::Delete, "/login", Access::Open, "the user interface comes later"),
    not_yet(
        Method::Get,
        "/auth/hash_password/:password",
        Access::Administrator,
        "this part of the API comes later",
    ),
];
