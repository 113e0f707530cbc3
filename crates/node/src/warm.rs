//! Connections that were busy a moment ago, and give their memory back when they are not any more.
//!
//! ```text
//!   touched ──→ listed ── every second: touched since? ── yes ─→ listed
//!                                            └──────────── no ──→ sheds what it keeps to be fast
//! ```
//!
//! A connection that is busy keeps its buffers from turn to turn. One that is idle holds none.

use message::ClientId;
use stdx::Time;

use crate::clients::Client;
use crate::shard::Shard;

/// How long a connection has to be idle, and how often that is looked at.
const IDLE_MS: u64 = 1_000;

/// Connections that may have memory to give back.
#[derive(Debug, Default)]
pub(crate) struct Warm {
    /// Each once.
    clients: Vec<ClientId>,
    look_at: Option<Time>,
}

impl Warm {
    /// A connection was touched.
    #[inline]
    pub(crate) fn note(&mut self, id: ClientId, client: &mut Client, now: Time) {
        client.touched_at = now;
        if !client.is_warm {
            client.is_warm = true;
            self.clients.push(id);
            self.look_at.get_or_insert_with(|| now.plus_millis(IDLE_MS));
        }
    }

    /// When [`Shard::cool`] has something to do.
    pub(crate) const fn next(&self) -> Option<Time> {
        self.look_at
    }
}

impl Shard {
    /// Has connections that have become idle give back memory.
    pub(crate) fn cool(&mut self, now: Time) {
        if self.warm.look_at.is_none_or(|at| at > now) {
            return;
        }
        let mut warm = std::mem::take(&mut self.warm.clients);
        warm.retain(|&id| {
            let Some(client) = self.clients.get_mut(id) else { return false };
            client.is_warm = now < client.touched_at.plus_millis(IDLE_MS);
            let is_warm = client.is_warm;
            if !is_warm {
                self.shed(id);
            }
            is_warm
        });
        if warm.is_empty() {
            warm = Vec::new();
        }
        self.warm.look_at = (!warm.is_empty()).then(|| now.plus_millis(IDLE_MS));
        self.warm.clients = warm;
    }
}
