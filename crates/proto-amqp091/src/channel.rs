//! A channel: one conversation within a connection.
//!
//! ```text
//!   (none) ──channel.open──→ Open ──our channel.close──→ Closing ──close-ok──→ (none)
//!                              └───── their channel.close ─────────────────────→ (none)
//! ```

use std::collections::BTreeMap;

use broker::{Origin, Publisher};
use message::Name;

use crate::publishing::Assembly;
use crate::repeat::LastPublish;
use crate::unacked::Unacked;

/// A channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) publisher: Publisher,
    pub(crate) assembly: Assembly,
    pub(crate) last_publish: LastPublish,
    pub(crate) unacked: Unacked,
    /// The numbers of its consumers, by their tags.
    pub(crate) consumers: BTreeMap<Box<str>, u32>,
    /// Unacknowledged deliveries at most, for each consumer to come; 0 for no bound.
    pub(crate) prefetch_count: u16,
    /// The queue that an empty name stands for.
    pub(crate) last_queue: Option<Name>,
    /// We have closed it and wait for the client to agree; all else is ignored.
    pub(crate) is_closing: bool,
    /// Whether it is listed as having confirms to write.
    pub(crate) is_confirm_due: bool,
}

impl Channel {
    pub(crate) fn new(origin: Origin, vhost: Name) -> Self {
        Self {
            publisher: Publisher::new(origin, vhost),
            assembly: Assembly::Idle,
            last_publish: LastPublish::default(),
            unacked: Unacked::default(),
            consumers: BTreeMap::new(),
            prefetch_count: 0,
            last_queue: None,
            is_closing: false,
            is_confirm_due: false,
        }
    }
}
