//! The end of a client: its exclusive queues go with it, and it is told when they are gone.

use message::{ClientId, QueueId};

use crate::broker::Broker;
use crate::event::Answer;
use crate::registry::After;
use crate::request::Origin;

/// A client that waits for its queues to be gone.
#[derive(Debug)]
pub(crate) struct Leaving {
    origin: Origin,
    queues_left: usize,
}

impl Broker {
    /// A client has connected to this shard.
    pub fn join(&mut self, client: ClientId) {
        self.clients.insert(client);
        self.traffic.churn.connection_created += 1;
    }

    /// Remembers that a queue goes with a client of this shard. If the client is gone already, so is the queue.
    pub(crate) fn own(&mut self, client: ClientId, id: QueueId) {
        if self.clients.contains(&client) {
            self.owned.entry(client).or_default().push(id);
        } else if self.hosted(id).is_some() {
            self.drop_queue(id, After::Nothing);
        } else {
            self.end_queue(id, After::Nothing);
        }
    }

    /// A client's socket is gone. One that never logged in has nothing else to tell.
    pub fn part(&mut self, client: ClientId) {
        if self.clients.contains(&client) {
            self.leave(Origin { client, link: 0 });
        }
    }

    /// Ends a client's exclusive queues. They live on its own shard, because they were declared there.
    pub(crate) fn leave(&mut self, origin: Origin) {
        self.traffic.churn.connection_closed += u64::from(self.clients.remove(&origin.client));
        self.depart(origin.client);
        let queues = self.owned.remove(&origin.client).unwrap_or_default();
        if queues.is_empty() {
            return self.answer(origin, Ok(Answer::Done));
        }
        let queues_left = queues.len();
        self.leaving.insert(origin.client, Leaving { origin, queues_left });
        for id in queues {
            if self.hosted(id).is_some() {
                self.drop_queue(id, After::Leave(origin.client));
            } else {
                self.left(origin.client);
            }
        }
    }

    /// One of a leaving client's queues is gone.
    pub(crate) fn left(&mut self, client: ClientId) {
        let Some(leaving) = self.leaving.get_mut(&client) else { return };
        leaving.queues_left -= 1;
        if leaving.queues_left == 0 {
            let origin = leaving.origin;
            self.leaving.remove(&client);
            self.answer(origin, Ok(Answer::Done));
        }
    }
}
