//! Consuming and cancelling, and the way of every request that concerns one queue.

use message::{Arguments, Name, QueueId};
use metadata::{Queue as Definition, QueueKind};
use queue::{Busy, Consumer, ConsumerId};

use crate::broker::Broker;
use crate::consumer_arguments;
use crate::event::Answer;
use crate::mail::Mail;
use crate::refusal::{Object, Refusal};
use crate::reply::ReplyAddress;
use crate::request::{Origin, Reply, Request, Verb};

impl Broker {
    /// Takes a request. It ends with exactly one [`Event::Answered`](crate::Event::Answered), in this turn or a
    /// later one.
    pub fn request(&mut self, request: Request) {
        if let Verb::DeclareQueue(wanted) = &request.verb
            && let Some(address) = ReplyAddress::parse(wanted.name.as_str().as_bytes())
        {
            return self.find_reply(request.origin, address, wanted.vhost.clone());
        }
        let found = match &request.verb {
            Verb::DeleteQueue { vhost, name, .. }
            | Verb::PurgeQueue { vhost, name }
            | Verb::Consume { vhost, name, .. }
            | Verb::Fetch { vhost, name, .. } => self.find(request.origin, vhost, name),
            Verb::DeclareQueue(wanted) if wanted.is_passive => {
                self.find(request.origin, &wanted.vhost, &wanted.name)
            }
            Verb::Cancel { queue, .. }
            | Verb::Peek { queue, .. }
            | Verb::CancelDelayed { queue, .. } => Ok(*queue),
            Verb::Leave => return self.leave(request.origin),
            Verb::DeclareExchange(_)
            | Verb::DeleteExchange { .. }
            | Verb::Bind(_)
            | Verb::Unbind(_)
            | Verb::Enter { .. }
            | Verb::OpenChannel
            | Verb::Administer(_)
            | Verb::DeclareQueue(_) => return self.send_to_registry(request),
        };
        match found {
            Ok(queue) => self.send_to_queue(queue, request),
            Err(Refusal::NotFound { .. }) if matches!(request.verb, Verb::DeleteQueue { .. }) => {
                self.answer(request.origin, Ok(Answer::Removed { count: 0 }));
            }
            Err(refusal) => self.answer(request.origin, Err(refusal)),
        }
    }

    pub(crate) fn send_to_queue(&mut self, queue: QueueId, request: Request) {
        let shard = self.shard_of(queue);
        if shard == self.shard {
            self.serve(queue, request);
        } else {
            self.post(shard, Mail::Serve { queue, request: Box::new(request) });
        }
    }

    /// Does what is asked of a queue of this shard.
    pub(crate) fn serve(&mut self, id: QueueId, request: Request) {
        let Request { origin, verb } = request;
        if self.hosted(id).is_none() {
            return match verb {
                // It was deleted since shard 0 saw it, and shard 0 knows by the time this comes back.
                Verb::DeclareQueue(wanted) if !wanted.is_passive => {
                    let verb = Verb::DeclareQueue(wanted);
                    self.send_to_registry(Request { origin, verb });
                }
                verb => self.answer(origin, absent(&verb)),
            };
        }
        match verb {
            Verb::DeclareQueue(_) => self.describe(id, origin),
            Verb::DeleteQueue { if_unused, if_empty, .. } => {
                self.delete_queue(id, origin, if_unused, if_empty);
            }
            Verb::PurgeQueue { .. } => self.purge_queue(id, origin),
            Verb::Consume { consumer, arguments, .. } => {
                self.consume(id, origin, consumer, &arguments);
            }
            Verb::Cancel { consumer, .. } => {
                self.cancel(id, ConsumerId { client: origin.client, number: consumer });
                self.answer(origin, Ok(Answer::Done));
            }
            Verb::Fetch { vhost, name, settles } => self.fetch(id, origin, vhost, name, settles),
            Verb::Peek { section, cursor, count, .. } => {
                self.peek(id, origin, section, cursor, count);
            }
            Verb::CancelDelayed { lane, seq, .. } => {
                let count = u64::from(self.cancel_delayed(id, lane, seq));
                self.answer(origin, Ok(Answer::Removed { count }));
            }
            Verb::DeclareExchange(_)
            | Verb::DeleteExchange { .. }
            | Verb::Bind(_)
            | Verb::Unbind(_)
            | Verb::Enter { .. }
            | Verb::OpenChannel
            | Verb::Administer(_)
            | Verb::Leave => unreachable!("these concern no queue"),
        }
    }

    /// The queue of this name, if the client may use it.
    pub(crate) fn find(
        &self,
        origin: Origin,
        vhost: &Name,
        name: &Name,
    ) -> Result<QueueId, Refusal> {
        let queue = self.topology.queue(vhost.as_str(), name.as_str());
        let queue = queue.ok_or_else(|| Refusal::NotFound {
            object: Object::Queue,
            name: name.clone(),
            vhost: vhost.clone(),
        })?;
        check_owner(queue, origin)?;
        Ok(queue.id)
    }

    fn consume(
        &mut self,
        id: QueueId,
        origin: Origin,
        mut consumer: Consumer,
        arguments: &Arguments,
    ) {
        let Some(hosted) = self.hosted(id) else { return };
        let number = consumer.id.number;
        let (definition, kind) = (&hosted.definition, hosted.kind());
        if let Err(refusal) = consumer_arguments::read(arguments, &mut consumer, definition, kind) {
            return self.answer(origin, Err(refusal));
        }
        if hosted.kind() == QueueKind::Quorum {
            // RabbitMQ's quorum queues pass over the wish to be alone.
            consumer.is_exclusive = false;
        }
        let reply = match hosted.queue.consume(consumer) {
            Ok(()) => Ok(Answer::Consuming { queue: id, number }),
            Err(Busy) => {
                let (name, vhost) =
                    (hosted.definition.name.clone(), hosted.definition.vhost.clone());
                Err(Refusal::ExclusiveUse { name, vhost })
            }
        };
        self.answer(origin, reply);
        self.mark_dirty(id);
    }

    /// Removes a consumer. An auto-delete queue goes with its last one. Returns whether there was such a consumer.
    pub(crate) fn cancel(&mut self, id: QueueId, consumer: ConsumerId) -> bool {
        let now_ms = self.now_ms;
        let Some(hosted) = self.hosted(id) else { return false };
        let Some(cancelled) = hosted.queue.cancel(consumer) else { return false };
        hosted.renew(now_ms);
        let is_auto_delete = hosted.definition.is_auto_delete;
        self.count_resident(id);
        if cancelled.was_last && is_auto_delete {
            self.drop_queue(id, crate::registry::After::Nothing);
        } else {
            // Another consumer may be the active one now.
            self.mark_dirty(id);
        }
        self.set_deadline(id);
        true
    }

    /// Tells what a queue holds. Asking for a classic queue is using it, as in RabbitMQ.
    fn describe(&mut self, id: QueueId, origin: Origin) {
        let now_ms = self.now_ms;
        let Some(hosted) = self.hosted(id) else { return };
        if !hosted.is_quorum {
            hosted.renew(now_ms);
        }
        let reply = Ok(Answer::QueueDeclared {
            name: hosted.definition.name.clone(),
            ready_count: hosted.queue.ready_count(),
            consumer_count: hosted.queue.consumer_count() as u64,
        });
        self.answer(origin, reply);
    }
}

/// Whether a client may use a queue at all.
pub(crate) fn check_owner(queue: &Definition, origin: Origin) -> Result<(), Refusal> {
    match queue.owner {
        Some(owner) if owner != origin.client => {
            Err(Refusal::Locked { name: queue.name.clone(), vhost: queue.vhost.clone() })
        }
        _ => Ok(()),
    }
}

/// What to say when a queue was deleted while a request was on its way to it.
fn absent(verb: &Verb) -> Reply {
    match verb {
        Verb::DeleteQueue { .. } | Verb::CancelDelayed { .. } => Ok(Answer::Removed { count: 0 }),
        Verb::Peek { .. } => Ok(Answer::Peeked(Box::default())),
        Verb::Cancel { .. } => Ok(Answer::Done),
        Verb::DeclareQueue(wanted) => Err(gone(&wanted.vhost, &wanted.name)),
        Verb::PurgeQueue { vhost, name }
        | Verb::Consume { vhost, name, .. }
        | Verb::Fetch { vhost, name, .. } => Err(gone(vhost, name)),
        Verb::DeclareExchange(_)
        | Verb::DeleteExchange { .. }
        | Verb::Bind(_)
        | Verb::Unbind(_)
        | Verb::Enter { .. }
        | Verb::OpenChannel
        | Verb::Administer(_)
        | Verb::Leave => unreachable!("these concern no queue"),
    }
}

fn gone(vhost: &Name, name: &Name) -> Refusal {
    Refusal::NotFound { object: Object::Queue, name: name.clone(), vhost: vhost.clone() }
}
