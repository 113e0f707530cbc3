//! An operator at the node: it asks what clients ask, and changes what only it may.
//!
//! ```text
//!   errand ──operate──→ Broker::request ──→ … ──→ Event::Answered ──→ the Reply that was left with it
//! ```
//!
//! Each question is a conversation of its own, so that its answer is told apart. An operator is no connection: it owns
//! nothing, has no consumers, and is there as long as the node is.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use broker::{Answer, Event, Origin, Refusal, Request, Verb};
use message::{ClientId, ShardId};
use metadata::Change;

use crate::handling::{Fetching, Publishing};
use crate::shard::Shard;

/// Takes the end of what an operator has asked for, in the turn in which it comes. It is dropped when the node stops first.
pub type Reply = Box<dyn FnOnce(Result<Answer, Refusal>) + Send>;

/// Questions of operators that are under way in one shard, at most.
const WAITING_MAX: usize = 65_536;

/// Names that are remembered, at most: as many as there are events.
const NAMES_MAX: usize = 1_024;

/// The client that a shard's operator is to the broker: no connection has that number.
pub(crate) const fn operator_of(shard: ShardId) -> ClientId {
    ClientId::new((1 << 56) - 1, shard)
}

/// Those who wait for an answer.
#[derive(Default)]
pub(crate) struct Operator {
    last_link: u64,
    waiting: BTreeMap<u64, Reply>,
    /// In whose names something was asked for lately, by the links of the questions.
    names: BTreeMap<u64, String>,
    pub(crate) publishing: BTreeMap<u64, Publishing>,
    pub(crate) fetching: BTreeMap<u64, Fetching>,
    /// Those that fetch and go on in the next turn.
    pub(crate) put_off: Vec<u64>,
    /// How changes ended that were asked for with [`Shard::administer`].
    administered: VecDeque<Result<(), Refusal>>,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Operator {
    /// Whether something was left over for the next turn.
    pub(crate) const fn has_rest(&self) -> bool {
        !self.put_off.is_empty()
    }

    /// A name for a question that no other one has.
    pub(crate) const fn next_link(&mut self) -> u64 {
        self.last_link += 1;
        self.last_link
    }
}

impl Shard {
    /// Does something in an operator's name that clients can do too, or an operator only ([`Verb::Administer`]). A queue
    /// that is declared so lives on this shard: whoever declares many takes the shards in turn. What is answered is told
    /// in this turn or a later one; the answer is dropped without a word when far too much is under way.
    pub fn operate(&mut self, verb: Verb, answer: Reply) {
        if self.operator.waiting.len() >= WAITING_MAX {
            return;
        }
        let link = self.operator.next_link();
        self.operator.waiting.insert(link, answer);
        let origin = Origin { client: operator_of(self.id), link };
        self.broker.request(Request { origin, verb });
    }

    /// As [`Shard::operate`], in the name of somebody whom those who watch the node are told.
    pub fn operate_as(&mut self, name: String, verb: Verb, answer: Reply) {
        if self.operator.names.len() >= NAMES_MAX {
            self.operator.names.pop_first();
        }
        self.operator.names.insert(self.operator.last_link + 1, name);
        self.operate(verb, answer);
    }

    /// In whose name an operator has asked for something, if it is remembered. `None` for what a client has asked for.
    pub fn observe_operator(&self, origin: Origin) -> Option<String> {
        let is_operator = origin.client == operator_of(self.id);
        self.operator.names.get(&origin.link).filter(|_| is_operator).cloned()
    }

    /// Has an operator's change made. How it ends, [`Shard::poll_administered`] tells.
    pub fn administer(&mut self, change: Change) {
        let verb = Verb::Administer(Box::new(change));
        self.broker
            .request(Request { origin: Origin { client: operator_of(self.id), link: 0 }, verb });
    }

    /// How the first of the changes has ended that nobody has been told of: it is on disk, or refused.
    pub fn poll_administered(&mut self) -> Option<Result<(), Refusal>> {
        self.operator.administered.pop_front()
    }

    pub(crate) fn hear_as_operator(&mut self, event: Event) {
        match event {
            Event::Answered { link, reply } => {
                if self.operator.fetching.contains_key(&link) {
                    self.fetched_for_operator(link, *reply);
                } else if let Some(answer) = self.operator.waiting.remove(&link) {
                    answer(*reply);
                } else if link == 0 {
                    self.operator.administered.push_back((*reply).map(|_| ()));
                }
            }
            Event::Confirmed { link, first, last } => {
                self.decided_for_operator(link, first, last, true);
            }
            Event::Rejected { link, first, last } => {
                self.decided_for_operator(link, first, last, false);
            }
            // It has no consumers, takes no answers, and is in no virtual host.
            Event::Deliver { .. }
            | Event::Reply { .. }
            | Event::Evicted { .. }
            | Event::Cancelled { .. } => {}
        }
    }
}
