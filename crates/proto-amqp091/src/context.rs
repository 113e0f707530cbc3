//! What a connection is handed with every step.

use broker::Broker;
use message::Arena;
use stdx::Time;

/// The shard around a connection.
#[derive(Debug)]
pub struct Context<'a> {
    /// The core.
    pub broker: &'a mut Broker,
    /// Where messages are laid out.
    pub arena: &'a mut Arena,
    /// What time it is.
    pub now: Time,
    /// What time it is for the world outside, in milliseconds since 1970.
    pub now_ms: u64,
}
