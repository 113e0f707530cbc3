//! AMQP 0-9-1: bytes to values and back, the same for a server and for a client.
//!
//! ```text
//!  socket bytes ── protocol_header ──▶ which protocol the peer speaks
//!       │
//!       └─ frame::parse ──▶ Frame ──┬─ Method::decode ───────▶ queue.declare, basic.publish, …
//!                                   ├─ ContentHeader::decode ▶ body length and raw property bytes
//!                                   │                             └─ properties::scan ▶ what a broker must know
//!                                   └─ body bytes, as they are
//!  socket bytes ◀── frame::write_… / content::write_… ◀── values
//! ```
//!
//! This crate knows nothing of brokers, connections, channels' states or sockets: it neither remembers
//! anything between two calls nor decides what a peer may say when. Bytes that are not what they should be
//! come back as [`Malformed`]; nothing here panics on what a peer sent, and nothing that a peer sent makes
//! it reserve more memory than a small multiple of the bytes at hand.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod codes;
pub mod content;
pub mod frame;
pub mod limits;
mod malformed;
pub mod method;
pub mod properties;
pub mod protocol_header;
mod reader;
mod rewrite;
pub mod table;
mod writer;

pub use codes::Code;
pub use frame::{Frame, Kind};
pub use malformed::{Malformed, Snippet, TableFlaw};
pub use method::Method;
pub use properties::{ContentHeader, Properties};
pub use rewrite::Rewrite;
pub use table::{FieldValue, Table};
