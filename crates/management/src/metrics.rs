//! Metrics for Prometheus, under RabbitMQ's names.
//!
//! ```text
//!   path ─→ Request ─→ View: the shards are asked, page by page ─→ Page: text, made as the client takes it
//! ```
//!
//! | path | what it shows |
//! |---|---|
//! | `/metrics` | sums |
//! | `/metrics/per-object` | a sample for every queue, channel, connection and exchange |
//! | `/metrics/detailed?family=…&vhost=…` | the same, of what is asked for |
//! | `/metrics/memory-breakdown` | where memory is |

mod clients;
mod counted;
mod global;
mod metric;
mod nodes;
mod page;
mod queues;
mod request;
mod rows;
mod scrapes;
mod serving;
mod text;
mod view;

pub(crate) use request::respond;
pub(crate) use scrapes::{SCRAPES_MAX, Scrapes};
pub(crate) use serving::converse;

/// How metrics are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsOptions {
    /// The path, with its `/`.
    pub path: String,
    /// Whether the path gives a row for each object rather than sums.
    pub is_per_object: bool,
    /// Whether a user who may monitor has to ask.
    pub needs_login: bool,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self { path: "/metrics".to_owned(), is_per_object: false, needs_login: false }
    }
}
