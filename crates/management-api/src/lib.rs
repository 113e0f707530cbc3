//! What the HTTP API is, as data: its routes, who may use each, and the document that describes them.
//!
//! ```text
//!   GET /api/queues/%2F/orders ── find ──> Route { access, served } + parameters   or   why there is none
//! ```
//!
//! The paths and the access are RabbitMQ 4.3's. The server, the command line and the tests read the same table, so that
//! a route exists for all of them or for none. This crate opens no socket and knows nothing of what is behind a route.

mod find;
mod openapi;
mod route;
mod route_id;
mod routes;

pub use find::{Found, Parameters, find};
pub use openapi::openapi;
pub use route::{Access, Method, Route, Served};
pub use route_id::RouteId;
pub use routes::{AREAS, Area, routes};

/// What all paths begin with.
pub const PREFIX: &str = "/api";
