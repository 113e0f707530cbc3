//! An operator at the node: changes of virtual hosts, policies, limits and parameters.

use broker::{Event, Origin, Refusal, Request, Verb};
use message::ClientId;
use metadata::Change;

use crate::shard::Shard;

/// Who asks in an operator's name: a client of shard 0 that no connection is.
pub(crate) const OPERATOR: ClientId = ClientId::new((1 << 56) - 1, 0);

impl Shard {
    /// Has an operator's change made. How it ends, [`Shard::poll_administered`] tells.
    ///
    /// # Panics
    /// On other shards than the first, which makes all changes, and with changes that clients make.
    pub fn administer(&mut self, change: Change) {
        assert_eq!(self.id, 0, "the first shard makes all changes");
        let verb = Verb::Administer(Box::new(change));
        self.broker.request(Request { origin: Origin { client: OPERATOR, link: 1 }, verb });
    }

    /// How the first of the changes has ended that nobody has been told of: it is on disk, or refused.
    pub fn poll_administered(&mut self) -> Option<Result<(), Refusal>> {
        self.administered.pop_front()
    }

    pub(crate) fn hear_as_operator(&mut self, event: Event) {
        if let Event::Answered { reply, .. } = event {
            self.administered.push_back((*reply).map(|_| ()));
        }
    }
}
