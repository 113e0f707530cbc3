//! Moving to another shard: a connection that begins to use a queue of another shard goes there.
//!
//! ```text
//!   may move ──first publish, consume or get──→ used
//!      │                                         ↑ ↑
//!      └── the queue is elsewhere ──→ waits ──stay─┘ └── move_in, under a new number
//! ```
//!
//! It waits as for an answer: the method that shows where it belongs is looked at again when it has arrived. Before that
//! it has declared things at most, and every answer to that is there, so that nothing is under way to the shard
//! that it leaves.

use broker::Broker;
use message::{ClientId, Name, ShardId};

use crate::asking::Asked;
use crate::connection::{Connection, Stage};
use crate::context::Context;

/// Where a connection lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Residence {
    /// Where it is.
    #[default]
    Settled,
    /// Not decided: it has used no queue.
    Open,
    /// It waits to be taken to this shard.
    Elsewhere(ShardId),
}

impl Connection {
    /// From here on the connection may ask to be taken to another shard.
    pub const fn let_move(&mut self) {
        self.residence = Residence::Open;
    }

    /// Whether what the client does first belongs to another shard, which `find` tells. Then the connection waits, and
    /// whatever asked must do nothing.
    pub(crate) fn waits_to_move(
        &mut self,
        cx: &Context<'_>,
        find: impl FnOnce(&Broker, &Name) -> Option<ShardId>,
    ) -> bool {
        if self.residence != Residence::Open {
            return false;
        }
        self.residence = Residence::Settled;
        // An alarm holds back those that publish where they are.
        let home = if cx.broker.alarm().is_on() { None } else { find(cx.broker, &self.vhost) };
        let Some(home) = home else { return false };
        self.residence = Residence::Elsewhere(home);
        self.asked = Some(Asked::to_move());
        true
    }

    /// The shard that the connection waits to be taken to.
    pub fn wanted_home(&self) -> Option<ShardId> {
        match self.residence {
            Residence::Elsewhere(home) if self.stage == Stage::Running && self.asked.is_some() => {
                Some(home)
            }
            _ => None,
        }
    }

    /// The connection stays where it is, and goes on.
    pub fn stay(&mut self, cx: &mut Context<'_>) {
        if self.wanted_home().is_some() {
            self.asked = None;
        }
        self.residence = Residence::Settled;
        self.resume(cx);
    }

    /// The connection has been taken to another shard, where it has this number, and goes on.
    pub fn move_in(&mut self, cx: &mut Context<'_>, client: ClientId) {
        self.client = client;
        for channel in self.channels.values_mut() {
            channel.publisher.set_client(client);
        }
        self.stay(cx);
    }
}
