//! A user that declares queues, binds them, uses them and deletes them again, and that asks for what is not there.

use std::collections::VecDeque;

use wire_amqp091::Code;
use wire_amqp091::method::{basic, channel, queue};

use crate::client::{Heard, Parcel};
use crate::fact::{self, Delivery, Fact, Placed};
use crate::plan::{EXCHANGES, binding_key};
use crate::workload::line::message_id;
use crate::workload::{Next, Role, Scene};

const CHANNEL: u16 = 1;

/// How many of the queues that it has left behind it remembers.
const REMEMBERED_MAX: usize = 8;

/// Meddles, one request at a time.
#[derive(Debug, Default)]
pub(crate) struct Meddler {
    /// Durable queues of earlier connections that the node has said to be there, or to be gone.
    remembered: VecDeque<(String, bool)>,
    /// Whether its queue outlives everything but its own deletion.
    is_lasting: bool,
    /// Of the queue that it asks for: whether it is there.
    expected: Option<(String, bool)>,
    /// The queue that it plays with.
    queue: Option<String>,
    /// The tag of its consumer, and whether that settles.
    consumer: Option<(String, bool)>,
    /// Whether its last basic.get settles.
    getting: VecDeque<bool>,
    /// It has asked for what is not there: the channel will be closed.
    is_provoking: bool,
}

impl Meddler {
    fn declare(&mut self, scene: &mut Scene<'_>) {
        let name = format!("v{}", scene.next_line());
        let declare = queue::Declare {
            queue: &name,
            durable: scene.random.chance(1, 2),
            exclusive: scene.random.chance(1, 3),
            auto_delete: scene.random.chance(1, 3),
            ..Default::default()
        };
        self.is_lasting = declare.durable && !declare.exclusive && !declare.auto_delete;
        scene.client.ask(CHANNEL, &declare, queue::DeclareOk::ID);
        self.queue = Some(name);
    }

    fn bind(scene: &mut Scene<'_>, name: &str, binds: bool) {
        let exchange = EXCHANGES[scene.random.below(3) as usize].0;
        let routing_key = binding_key(scene.random, exchange);
        if binds {
            let bind = queue::Bind { queue: name, exchange, routing_key, ..Default::default() };
            scene.client.ask(CHANNEL, &bind, queue::BindOk::ID);
        } else {
            let unbind = queue::Unbind { queue: name, exchange, routing_key, ..Default::default() };
            scene.client.ask(CHANNEL, &unbind, queue::UnbindOk::ID);
        }
    }

    fn use_queue(&mut self, scene: &mut Scene<'_>, name: &str) {
        let no_ack = scene.random.chance(1, 2);
        match scene.random.below(10) {
            0..3 => Self::bind(scene, name, true),
            3 => Self::bind(scene, name, false),
            4..6 => {
                let get = basic::Get { queue: name, no_ack, ..Default::default() };
                scene.client.ask(CHANNEL, &get, basic::GetOk::ID);
                self.getting.push_back(!no_ack);
            }
            6 => {
                let purge = queue::Purge { queue: name, ..Default::default() };
                scene.client.ask(CHANNEL, &purge, queue::PurgeOk::ID);
            }
            7 if self.consumer.is_none() => {
                let tag = format!("m{}", scene.next_line());
                let consume = basic::Consume {
                    queue: name,
                    consumer_tag: &tag,
                    no_ack,
                    ..Default::default()
                };
                scene.client.ask(CHANNEL, &consume, basic::ConsumeOk::ID);
                self.consumer = Some((tag, !no_ack));
            }
            8 => {
                let delete = queue::Delete { queue: name, ..Default::default() };
                scene.client.ask(CHANNEL, &delete, queue::DeleteOk::ID);
                // Until the answer is there, nobody knows.
                self.remembered.retain(|(other, _)| other != name);
            }
            9 if scene.random.chance(1, 4) => {
                self.is_provoking = true;
                // What the channel holds goes back at a moment that only the node knows.
                let connection = scene.connection;
                scene.hear(&Fact::ChannelGone { connection, channel: CHANNEL });
                Self::ask_for(scene, "no such");
            }
            _ => {}
        }
    }

    /// Asks whether a queue is there.
    fn ask_for(scene: &mut Scene<'_>, queue: &str) {
        let declare = queue::Declare { queue, passive: true, ..Default::default() };
        scene.client.ask(CHANNEL, &declare, queue::DeclareOk::ID);
    }

    /// Asks for a queue of earlier days.
    fn look_back(&mut self, scene: &mut Scene<'_>) {
        let Some((name, is_there)) = self.remembered.pop_front() else { return };
        Self::ask_for(scene, &name);
        self.is_provoking = !is_there;
        self.expected = Some((name, is_there));
    }

    fn remember(&mut self, name: String, is_there: bool) {
        self.remembered.retain(|(other, _)| *other != name);
        self.remembered.push_back((name, is_there));
        if self.remembered.len() > REMEMBERED_MAX {
            self.remembered.pop_front();
        }
    }

    fn answered(&mut self, scene: &mut Scene<'_>, method: u32) {
        match (method, self.expected.take()) {
            (queue::DeclareOk::ID, Some((name, true))) => self.remember(name, true),
            (queue::DeclareOk::ID, Some((name, false))) => {
                scene.refuse(format!("queue '{name}' is there, and it was deleted"));
            }
            (queue::DeclareOk::ID, None) | (queue::DeleteOk::ID, _) => {
                let is_there = method == queue::DeclareOk::ID;
                if let Some(name) = self.queue.clone().filter(|_| self.is_lasting) {
                    self.remember(name, is_there);
                }
                if !is_there {
                    self.forget_queue();
                }
            }
            (basic::GetEmpty::ID, _) => drop(self.getting.pop_front()),
            _ => {}
        }
    }

    fn take(&self, scene: &mut Scene<'_>, parcel: Parcel, settles: bool) {
        let (Some(id), Some(queue)) = (message_id(&parcel), self.queue.clone()) else { return };
        let copy = Placed { queue, id };
        let tag = parcel.consumer_tag;
        let consumer = fact::Consumer { connection: scene.connection, channel: CHANNEL, tag };
        scene.hear(&Fact::Delivered(Delivery {
            copy: copy.clone(),
            consumer,
            is_redelivered: parcel.is_redelivered,
            settles,
            unsettled_count: 0,
            unsettled_max: None,
            exchange: parcel.exchange,
            key: parcel.key,
            body: parcel.body,
            at_ms: scene.now_ms,
        }));
        if settles && scene.random.chance(1, 2) {
            let delivery_tag = parcel.delivery_tag;
            let method = scene.client.tell(CHANNEL, &basic::Ack { delivery_tag, multiple: false });
            let connection = scene.connection;
            scene.hear(&Fact::Settled { copy, connection, method, is_accepted: true });
        }
    }

    fn forget_queue(&mut self) {
        self.queue = None;
        self.consumer = None;
    }
}

impl Role for Meddler {
    fn begin(&mut self, scene: &mut Scene<'_>) {
        scene.client.ask(CHANNEL, &channel::Open::default(), channel::OpenOk::ID);
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Next {
        if scene.client.is_waiting(CHANNEL) || self.is_provoking {
            return Next::Stay;
        }
        match (scene.random.below(150), self.queue.clone()) {
            (0, _) => return Next::Leave,
            (1, _) => return Next::Break,
            (2..60, None) => self.look_back(scene),
            (_, None) => self.declare(scene),
            (_, Some(name)) => self.use_queue(scene, &name),
        }
        Next::Stay
    }

    fn hear(&mut self, heard: Heard, scene: &mut Scene<'_>) {
        match heard {
            Heard::Answered { method, request, .. } => {
                scene.was_read(request);
                self.answered(scene, method);
            }
            Heard::ChannelClosed { code, .. } if self.is_provoking => {
                if code != Code::NotFound.number() {
                    scene.refuse(format!("what is not there is refused with {code}"));
                }
                self.remembered.extend(self.expected.take());
                self.reset();
                self.begin(scene);
            }
            Heard::ChannelClosed { text, .. } => {
                scene.refuse(format!("{:?} is refused: {text}", self.expected));
            }
            Heard::Delivered { .. } if self.is_provoking => {}
            Heard::Delivered { parcel, .. } => {
                let settles = self.consumer.as_ref().is_some_and(|(_, settles)| *settles);
                self.take(scene, parcel, settles);
            }
            Heard::Got { request, parcel, .. } => {
                scene.was_read(request);
                let settles = self.getting.pop_front().unwrap_or_default();
                self.take(scene, parcel, settles);
            }
            Heard::Cancelled => self.consumer = None,
            other => scene.refuse(format!("a meddler hears {other:?}")),
        }
    }

    fn waiting(&self) -> Option<String> {
        self.is_provoking.then(|| "a refusal".to_owned())
    }

    fn reset(&mut self) {
        let remembered = std::mem::take(&mut self.remembered);
        *self = Self { remembered, ..Self::default() };
    }
}
