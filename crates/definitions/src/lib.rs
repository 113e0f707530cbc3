//! Definitions files: all that is declared, as the JSON that RabbitMQ exports and imports.
//!
//! ```text
//!   Topology ──export──→ JSON ──plan──→ steps, in an order in which each finds what it needs
//! ```
//!
//! Both directions are functions of values. Who runs a [`Plan`] is the HTTP API, the command line through it, and the
//! server at its start. This crate knows no file, no socket and no clock.

mod export;
mod import;
mod item;
mod json;
mod objects;
mod parameters;
mod plan;
mod principals;

pub use export::{Provenance, node, vhost};
pub use import::{BYTES_MAX, Invalid, PARAMETER_COMPONENTS, Scope, read};
pub use json::{Unsuited, arguments_from_json, arguments_to_json, value_from_json, value_to_json};
pub use parameters::check_parameter;
pub use plan::{Operation, Password, Plan, Stage, is_there};
