//! Stores on a simulated disk beside a model of them, and every way in which power can be lost under them.
//!
//! ```text
//!   verbs ─▶ World: stores ─▶ submissions ─▶ calls of the disk, one after the other, lanes mixed
//!              │                               │ before each call
//!              ▼                               ▼
//!            Model: what may be found     Explorer: what may be left ─▶ recover ─▶ compare ─▶ crash again …
//! ```
//!
//! It knows nothing of brokers: messages are bytes, queues are numbers. Whole nodes are simulated elsewhere in this
//! crate; here a state costs microseconds, so that all of them can be looked at.

mod exhaustive;
mod explorer;
mod failures;
mod figures;
mod inventory;
mod model;
mod recovery;
mod selection;
mod world;

pub use exhaustive::{Sequences, exhaust};
pub use explorer::explore;
pub use failures::{fail_each_sync, fill_and_drain, fill_at_each_call, fill_up};
pub use figures::Figures;
pub(crate) use inventory::Inventory;
pub(crate) use model::Body;
pub use world::{Stopped, World, lives, small};
