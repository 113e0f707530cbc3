//! The one writer of the topology: shard 0.
//!
//! ```text
//!   check → Change → draft of the topology → note in the journal → synced → published, and answered
//! ```
//!
//! The draft is ahead of what is published by the changes whose notes are on their way to the disk.

use std::sync::Arc;

use message::{ClientId, Name, QueueId, ShardId};
use metadata::{BindingEnd, Change};
use routing::{Destination, ExchangeId, Invalid};
use store::Ticket;

use crate::broker::{Awaited, Broker, Unsealed};
use crate::event::Answer;
use crate::event::Gone;
use crate::mail::Mail;
use crate::occurrence::{Occurred, occurrences_of};
use crate::request::{Origin, Reply, Request, Verb};
use crate::topology::Topology;

/// A step between shards that no client asked for by itself.
#[derive(Clone, Debug)]
pub enum Errand {
    /// To shard 0: the queue takes nothing more, remove it.
    RemoveQueue {
        /// Which.
        id: QueueId,
        /// What then.
        after: After,
    },
    /// To the queue's shard: its virtual host is gone, and it ends.
    DropQueue {
        /// Which.
        id: QueueId,
    },
    /// A user is gone: their clients leave.
    EvictUser {
        /// Who.
        name: Name,
    },
    /// To shard 0: the removal of a virtual host is on disk, and what lives in it ends.
    EmptyVhost {
        /// Which.
        name: Name,
        /// The queues that were in it.
        queues: Vec<QueueId>,
    },
    /// To shard 0: a client is gone.
    Depart {
        /// Who.
        client: ClientId,
    },
    /// To shard 0: a client lives on another shard now.
    Rename {
        /// Who it is from here on.
        client: ClientId,
        /// Who it was.
        before: ClientId,
    },
    /// To shard 0: a client has opened or closed a channel.
    CountChannel {
        /// Who.
        client: ClientId,
        /// Whether it is open.
        is_open: bool,
    },
    /// To the queue's shard: its time begins to run, whether anybody uses it or not.
    WakeQueue {
        /// Which.
        id: QueueId,
    },
    /// To the relay's shard: something was bound to its exchange, and gets the exchange's last messages.
    Replay {
        /// Which.
        relay: QueueId,
        /// What was bound.
        destination: BindingEnd,
    },
    /// To the queue's shard: it is removed, for good.
    QueueRemoved {
        /// Which.
        id: QueueId,
        /// What then.
        after: After,
    },
}

/// What follows the end of a queue.
#[derive(Clone, Debug)]
pub enum After {
    /// Nothing: it went by itself.
    Nothing,
    /// Somebody asked for it.
    Answer(Origin, Answer),
    /// It went with its client.
    Leave(ClientId),
}

impl After {
    /// Who has asked for the end of the queue.
    const fn actor(&self) -> Option<Origin> {
        match self {
            Self::Answer(origin, _) => Some(*origin),
            Self::Nothing | Self::Leave(_) => None,
        }
    }
}

impl Broker {
    pub(crate) fn send_to_registry(&mut self, request: Request) {
        if self.shard == 0 {
            self.register(request);
        } else {
            self.post(0, Mail::Register(Box::new(request)));
        }
    }

    /// Does what is asked about declared things. Only on shard 0.
    pub(crate) fn register(&mut self, request: Request) {
        assert_eq!(self.shard, 0, "shard 0 is the one writer");
        let Request { origin, verb } = request;
        if let Some(vhost) = verb.vhost()
            && let Err(refusal) = self.named_vhost(vhost)
        {
            return self.answer(origin, Err(refusal));
        }
        self.actor = Some(origin);
        self.register_for(origin, verb);
        self.actor = None;
    }

    fn register_for(&mut self, origin: Origin, verb: Verb) {
        let reply = match verb {
            Verb::DeclareExchange(wanted) => self.declare_exchange(wanted),
            Verb::DeleteExchange { vhost, name, if_unused } => {
                self.delete_exchange(&vhost, &name, if_unused)
            }
            Verb::Bind(binding) => self.bind(origin, binding),
            Verb::Unbind(binding) => self.unbind(origin, binding),
            Verb::DeclareQueue(wanted) => {
                self.traffic.churn.queue_declared += 1;
                return self.declare_queue(origin, wanted);
            }
            Verb::Enter { vhost, user } => return self.enter(origin, vhost, user),
            Verb::OpenChannel => return self.admit_channel(origin),
            Verb::Administer(change) => self.administer(*change),
            Verb::DeleteQueue { .. }
            | Verb::PurgeQueue { .. }
            | Verb::Consume { .. }
            | Verb::Cancel { .. }
            | Verb::Fetch { .. }
            | Verb::Peek { .. }
            | Verb::CancelDelayed { .. }
            | Verb::Leave => unreachable!("these concern one queue or client"),
        };
        match reply {
            // What is there already may have been declared a moment ago, and wait for the disk.
            Ok(ticket) => {
                let ticket = ticket.or_else(|| self.pending_note());
                self.answer_after(ticket, origin, Ok(Answer::Done));
            }
            Err(refusal) => self.answer(origin, Err(refusal)),
        }
    }

    /// Runs a step that another shard asked for.
    pub(crate) fn run(&mut self, errand: Errand) {
        match errand {
            Errand::RemoveQueue { id, after } => {
                self.actor = after.actor();
                let ticket = self.remove_queue(id);
                self.actor = None;
                self.run_after(ticket, self.shard_of(id), Errand::QueueRemoved { id, after });
            }
            Errand::DropQueue { id } => self.drop_orphan(id),
            Errand::EvictUser { name } => self.evict(&Gone::User(name)),
            Errand::EmptyVhost { name, queues } => self.empty_vhost(&name, queues),
            Errand::Depart { client } => self.note_departure(client),
            Errand::Rename { client, before } => self.note_rename(client, before),
            Errand::CountChannel { client, is_open } => self.note_channel(client, is_open),
            Errand::WakeQueue { id } => {
                self.hosted(id);
                self.set_deadline(id);
            }
            Errand::Replay { relay, destination } => self.replay(relay, &destination),
            Errand::QueueRemoved { id, after } => {
                self.forget_hosted(id);
                match after {
                    After::Nothing => {}
                    After::Answer(origin, answer) => self.answer(origin, Ok(answer)),
                    After::Leave(client) => self.left(client),
                }
            }
        }
    }

    /// Applies changes. What comes of it is published as soon as all that it rests on is on disk: nobody can publish to
    /// a durable queue before the queue itself would survive. The ticket says when that is; `None` for at once.
    ///
    /// # Errors
    /// [`Invalid`] when a binding does not fit its exchange; nothing has changed then.
    pub(crate) fn change(&mut self, changes: &[Change]) -> Result<Option<Ticket>, Invalid> {
        // What might be refused leaves the draft as it was. What cannot is applied where it is: from the second one of a turn
        // on, nothing of it has to be copied.
        let is_sure = |change: &Change| {
            matches!(change, Change::AddQueue(_) | Change::RemoveQueue { .. } | Change::Unbind(_))
        };
        let mut other = (!changes.iter().all(is_sure)).then(|| Arc::clone(&self.draft));
        let draft = Arc::make_mut(other.as_mut().unwrap_or(&mut self.draft));
        let mut occurred = Vec::new();
        for change in changes {
            let is_durable = is_durable(draft, change);
            occurrences_of(draft, change, &mut occurred);
            draft.apply(change)?;
            if is_durable {
                self.noted = Some(self.store.note(&change.to_bytes()));
            }
        }
        if let Some(other) = other {
            self.draft = other;
        }
        let ticket = self.pending_note();
        let actor = self.actor;
        let occurred = occurred.into_iter().map(|what| Occurred { actor, what });
        if ticket.is_some() {
            self.unsealed.is_there = true;
            self.unsealed.occurred.extend(occurred);
        } else {
            let occurred = occurred.collect();
            self.publish_topology(Arc::clone(&self.draft));
            self.note_occurrences(occurred);
        }
        Ok(ticket)
    }

    /// The changes of this turn go to the disk: they will be published as one. Whatever syncs a note is to be told only after this.
    pub(crate) fn seal_changes(&mut self) {
        if !self.unsealed.is_there {
            return;
        }
        let Unsealed { occurred, behind, .. } = std::mem::take(&mut self.unsealed);
        let ticket = self.noted.expect("a change that waits for the disk was noted");
        let publish = Awaited::Publish(Arc::clone(&self.draft), occurred);
        self.put_in_line(ticket, publish);
        behind.into_iter().for_each(|awaited| self.put_in_line(ticket, awaited));
    }

    /// Has something wait for a ticket. What waits stands in the order of tickets, and behind what waits for the same one: this
    /// one may be older than the last.
    pub(crate) fn put_in_line(&mut self, ticket: Ticket, awaited: Awaited) {
        let place = self.awaiting.partition_point(|(other, _)| *other <= ticket);
        self.awaiting.insert(place, (ticket, awaited));
    }

    /// Has something done when everything noted so far is on disk, and visible.
    fn await_note(&mut self, ticket: Ticket, awaited: Awaited) {
        if self.unsealed.is_there {
            self.unsealed.behind.push(awaited);
        } else {
            self.put_in_line(ticket, awaited);
        }
    }

    /// Has all shards see a topology. What they see may be newer already, and rests on no less: what was released before this one
    /// may have declared something. That stays.
    pub(crate) fn publish_topology(&mut self, topology: Arc<Topology>) {
        if topology.version() <= self.topology.version() {
            return;
        }
        let rules_version = self.topology.definitions().rules_version();
        self.topology = Arc::clone(&topology);
        self.shared.store(topology);
        self.follow_topology(rules_version);
    }

    /// The last note, if it is not synced.
    pub(crate) fn pending_note(&self) -> Option<Ticket> {
        self.noted.filter(|&noted| !self.store.synced().covers(noted))
    }

    /// Asks a queue's shard once all that is declared is on disk.
    pub(crate) fn send_when_noted(&mut self, queue: QueueId, request: Request) {
        match self.pending_note() {
            Some(ticket) => {
                self.await_note(ticket, Awaited::Serve(queue, Box::new(request)));
            }
            None => self.send_to_queue(queue, request),
        }
    }

    /// Has a shard run an errand as soon as a note is on disk; `None` for at once.
    pub(crate) fn run_after(&mut self, ticket: Option<Ticket>, shard: ShardId, errand: Errand) {
        let errand = Box::new(errand);
        match ticket {
            Some(ticket) => self.await_note(ticket, Awaited::Errand(shard, errand)),
            None if shard == self.shard => self.run(*errand),
            None => self.post(shard, Mail::Errand(errand)),
        }
    }

    pub(crate) fn answer_after(&mut self, ticket: Option<Ticket>, origin: Origin, reply: Reply) {
        match ticket {
            Some(ticket) => {
                self.await_note(ticket, Awaited::Answer(origin, Box::new(reply)));
            }
            None => self.answer(origin, reply),
        }
    }

    /// Removes a queue, and the auto-delete exchanges that lose their last binding by it.
    fn remove_queue(&mut self, id: QueueId) -> Option<Ticket> {
        let sources = self.draft.sources_of(Destination::Queue(id.number()));
        let removed = self.change(&[Change::RemoveQueue { id }]);
        self.traffic.churn.queue_deleted += 1;
        let ticket = removed.expect("a removal fits every exchange");
        self.remove_unbound(sources).or(ticket)
    }

    /// Removes those of `sources` that are auto-delete and have no binding left, and what that leaves unbound.
    pub(crate) fn remove_unbound(&mut self, mut sources: Vec<ExchangeId>) -> Option<Ticket> {
        let mut ticket = None;
        while let Some(id) = sources.pop() {
            let router = self.draft.router();
            let Some(exchange) = self.draft.exchange_by_id(id) else { continue };
            if !exchange.is_auto_delete || router.has_bindings(id) {
                continue;
            }
            let (vhost, name) = (exchange.vhost.clone(), exchange.name.clone());
            sources.extend(self.draft.sources_of(Destination::Exchange(id)));
            let removed = self.change(&[Change::RemoveExchange { vhost, name }]);
            ticket = removed.expect("a removal fits every exchange").or(ticket);
        }
        ticket
    }
}

/// Whether a change must survive a restart.
fn is_durable(topology: &Topology, change: &Change) -> bool {
    match change {
        Change::AddExchange(exchange) => exchange.is_durable,
        Change::AddQueue(queue) => queue.is_durable,
        Change::RemoveExchange { vhost, name } => {
            topology.exchange(vhost.as_str(), name.as_str()).is_some_and(|e| e.is_durable)
        }
        Change::RemoveQueue { id } => {
            topology.definitions().queue_by_id(*id).is_some_and(|q| q.is_durable)
        }
        Change::Bind(binding) | Change::Unbind(binding) => topology.is_durable(binding),
        Change::SetTracing { .. } => false,
        Change::ReserveIds(_)
        | Change::SetVhost(_)
        | Change::RemoveVhost { .. }
        | Change::SetVhostLimits { .. }
        | Change::SetUserLimits { .. }
        | Change::SetUser(_)
        | Change::RemoveUser { .. }
        | Change::SetPermissions { .. }
        | Change::ClearPermissions { .. }
        | Change::SetTopicPermissions { .. }
        | Change::ClearTopicPermissions { .. }
        | Change::SetPolicy { .. }
        | Change::ClearPolicy { .. }
        | Change::SetParameter { .. }
        | Change::ClearParameter { .. }
        | Change::SetGlobalParameter { .. }
        | Change::ClearGlobalParameter { .. } => true,
    }
}
