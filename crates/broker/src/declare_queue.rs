//! Declaring queues. Declaring what exists, with the same properties, changes nothing.
//!
//! ```text
//!   type: asked for, else the virtual host's, else the node's ─→ name ─→ there: compare
//!                                                                      └→ not there: check, limit, add
//! ```

use message::{Name, QueueId, Value};
use metadata::{Change, Queue, QueueKind};
use stdx::Random;
use store::Ticket;

use crate::broker::Broker;
use crate::declare::RESERVED_PREFIX;
use crate::event::Answer;
use crate::mail::Mail;
use crate::queue_arguments::{check, compare, kind_of};
use crate::refusal::{Limit, Object, Refusal};
use crate::registry::Errand;
use crate::request::{Origin, QueueDeclaration, Request, Verb};

impl Broker {
    /// Declares a queue. Who asked hears of it from the shard where the queue lives, which knows what it holds.
    pub(crate) fn declare_queue(&mut self, origin: Origin, mut wanted: QueueDeclaration) {
        if let Err(refusal) = self.fill_in(&mut wanted) {
            return self.answer(origin, Err(refusal));
        }
        if let Some(found) = self.draft.queue(wanted.vhost.as_str(), wanted.name.as_str()) {
            return match same_queue(found, &wanted, origin) {
                Ok(()) => {
                    let id = found.id;
                    let verb = Verb::DeclareQueue(wanted);
                    self.send_when_noted(id, Request { origin, verb });
                }
                Err(refusal) => self.answer(origin, Err(refusal)),
            };
        }
        match self.add_queue(origin, wanted) {
            Ok((ticket, name)) => {
                let answer = Answer::QueueDeclared { name, ready_count: 0, consumer_count: 0 };
                self.answer_after(ticket, origin, Ok(answer));
            }
            Err(refusal) => self.answer(origin, Err(refusal)),
        }
    }

    /// Adds what a declaration leaves to the broker: a name and a type. The type is kept among the arguments, so that
    /// the queue stays what it is when the default becomes another.
    fn fill_in(&mut self, wanted: &mut QueueDeclaration) -> Result<(), Refusal> {
        let default = self.default_queue_kind(&wanted.vhost);
        let kind = kind_of(wanted, default);
        if wanted.name.is_empty() {
            if let Ok(kind @ QueueKind::Quorum) = kind {
                return Err(Refusal::ServerNamed { kind });
            }
            wanted.name = generated_name(&mut self.random);
        } else if wanted.name.as_str().starts_with(RESERVED_PREFIX) {
            let name = wanted.name.clone();
            return Err(Refusal::ReservedName { object: Object::Queue, name });
        }
        // An exclusive queue goes with its client and so never survives a restart.
        wanted.is_durable = wanted.is_durable && !wanted.is_exclusive;
        let is_there = self.draft.queue(wanted.vhost.as_str(), wanted.name.as_str()).is_some();
        match kind {
            Ok(kind) => {
                let kind = Value::text(kind.as_str());
                wanted.arguments.insert("x-queue-type".to_owned(), kind);
                Ok(())
            }
            // A queue that is there is of another type: that is what the client hears.
            Err(_) if is_there => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    fn default_queue_kind(&self, vhost: &Name) -> QueueKind {
        let vhost = self.draft.definitions().vhost(vhost.as_str());
        vhost.and_then(|vhost| vhost.settings.default_queue_type).unwrap_or(self.default_queue_kind)
    }

    fn add_queue(
        &mut self,
        origin: Origin,
        wanted: QueueDeclaration,
    ) -> Result<(Option<Ticket>, Name), Refusal> {
        check(&wanted)?;
        self.check_queue_limit(&wanted)?;
        let home = origin.client.shard();
        let id = QueueId::new(self.draft.definitions().next_id(), home);
        let name = wanted.name.clone();
        let owner = wanted.is_exclusive.then_some(origin.client);
        let queue = Queue {
            id,
            vhost: wanted.vhost,
            name: wanted.name,
            is_durable: wanted.is_durable,
            is_auto_delete: wanted.is_auto_delete,
            owner,
            lane_count: QueueKind::of(&wanted.arguments).lane_count(&wanted.arguments),
            relay_of: None,
            arguments: wanted.arguments.into(),
        };
        let is_leased = self.draft.definitions().queue_rules(&queue).expires_ms.is_some();
        let ticket = self.change(&[Change::AddQueue(queue)]).map_err(Refusal::InvalidBinding)?;
        self.traffic.churn.queue_created += 1;
        if is_leased {
            self.run_after(ticket, self.shard_of(id), Errand::WakeQueue { id });
        }
        if owner.is_some() {
            let client = origin.client;
            if client.shard() == self.shard {
                self.own(client, id);
            } else {
                self.post(client.shard(), Mail::Owns { client, queue: id });
            }
        }
        Ok((ticket, name))
    }

    fn check_queue_limit(&self, wanted: &QueueDeclaration) -> Result<(), Refusal> {
        let vhost = self.named_vhost(&wanted.vhost)?;
        match vhost.limits.queues_max {
            Some(max) if vhost.queues.len() as u64 >= max => {
                let (name, vhost) = (wanted.name.clone(), wanted.vhost.clone());
                Err(Refusal::Limit(Limit::Queues { name, vhost, max }))
            }
            _ => Ok(()),
        }
    }
}

/// `amq.gen-` and 22 characters of the URL-safe alphabet, as RabbitMQ makes them.
fn generated_name(random: &mut Random) -> Name {
    Name::new(&format!("amq.gen-{}", random.token(22))).expect("30 characters fit")
}

fn same_queue(found: &Queue, wanted: &QueueDeclaration, origin: Origin) -> Result<(), Refusal> {
    let owner = wanted.is_exclusive.then_some(origin.client);
    if found.owner != owner {
        return Err(Refusal::Locked { name: found.name.clone(), vhost: found.vhost.clone() });
    }
    for (property, received, current) in [
        ("durable", wanted.is_durable, found.is_durable),
        ("auto_delete", wanted.is_auto_delete, found.is_auto_delete),
    ] {
        if received != current {
            return Err(Refusal::Inequivalent {
                object: Object::Queue,
                name: found.name.clone(),
                vhost: found.vhost.clone(),
                property,
                received: Some(Value::Bool(received)),
                current: Some(Value::Bool(current)),
            });
        }
    }
    compare(found, wanted)
}
