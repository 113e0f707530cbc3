//! Clients that go to another shard, because the queue that they use is there.
//!
//! ```text
//!   poll_mover ──→ hand_over ──→ Mover ──→ adopt        on the other shard, under a new number
//!              └─→ stay                                 if the shell has a reason against it
//! ```

use message::{ClientId, ShardId};
use proto_amqp091::Connection;
use stdx::Time;

use crate::shard::Shard;

/// A client on its way from one shard to another.
#[derive(Debug)]
pub struct Mover {
    connection: Connection,
    /// Its number on the shard that it comes from.
    before: ClientId,
}

impl Shard {
    /// From here on clients may ask to be taken to other shards, and the shell looks at [`Shard::poll_mover`] once a turn.
    pub const fn let_clients_move(&mut self) {
        self.lets_move = true;
    }

    /// The next client that waits to be taken to another shard, and which one.
    pub fn poll_mover(&mut self) -> Option<(ClientId, ShardId)> {
        while let Some(id) = self.movers.pop() {
            let home = self.clients.get(id).and_then(|client| client.connection.wanted_home());
            if let Some(home) = home {
                return Some((id, home));
            }
        }
        None
    }

    /// Whether a client may go. One with queues that go with it has to [stay](Shard::stay).
    pub fn may_hand_over(&self, client: ClientId) -> bool {
        self.broker.may_hand_over(client)
    }

    /// Takes out a client that waits to be taken to another shard. Nothing of its own is underway. `None` if there is no such
    /// client.
    pub fn hand_over(&mut self, client: ClientId) -> Option<Mover> {
        let gone = self.clients.remove(client)?;
        self.broker.hand_over(client);
        self.timers.remove(client, gone.timer);
        Some(Mover { connection: gone.connection, before: client })
    }

    /// A client that waits to be taken to another shard is not.
    pub fn stay(&mut self, client: ClientId, now: Time) {
        self.with(client, now, |connection, cx| connection.stay(cx));
    }

    /// Takes in a client that another shard has handed over. It goes on with what it had begun.
    pub fn adopt(&mut self, mover: Mover, now: Time) -> ClientId {
        let Mover { connection, before } = mover;
        let client = self.clients.add(self.id, |_| connection);
        self.broker.take_over(client, before);
        // The client may know of what was declared since the turn began.
        self.broker.look_at_topology();
        self.with(client, now, |connection, cx| connection.move_in(cx, client));
        if self.is_stopping {
            self.dismiss(client, now);
        }
        client
    }
}
