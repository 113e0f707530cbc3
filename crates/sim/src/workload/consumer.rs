//! A user that consumes from the queues of the plan: it acknowledges, refuses, gives back, or just sits there.

use std::collections::{BTreeMap, VecDeque};

use wire_amqp091::method::{basic, channel};

use crate::client::{Heard, Parcel};
use crate::fact::{self, Delivery, Fact, Placed};
use crate::workload::line::{Line, message_id};
use crate::workload::{Next, Role, Scene};

/// Where it consumes.
const CHANNEL: u16 = 1;
/// Where it publishes what tells that its settles are on disk.
const RECEIPTS: u16 = 2;

/// One of its consumers.
#[derive(Debug)]
struct Subscription {
    queue: String,
    unsettled_max: Option<usize>,
}

/// Consumes.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    subscriptions: BTreeMap<String, Subscription>,
    /// What it has and has not settled, by delivery tag; with the tag of its consumer.
    held: BTreeMap<u64, (Placed, String)>,
    /// Queues asked with basic.get, in order.
    asked: VecDeque<String>,
    receipts: Option<Line>,
    is_closing: bool,
    /// It has asked for all that it holds to be given back: what arrives before the answer is part of that.
    is_recovering: bool,
    last_tag: u64,
}

impl Consumer {
    fn open(&mut self, scene: &mut Scene<'_>) {
        scene.client.ask(CHANNEL, &channel::Open::default(), channel::OpenOk::ID);
        for _ in 0..1 + scene.random.below(2) {
            self.subscribe(scene);
        }
    }

    fn subscribe(&mut self, scene: &mut Scene<'_>) {
        let prefetch_count = [0, 1, 2, 10, 50][scene.random.below(5) as usize];
        let qos = basic::Qos { prefetch_count, ..Default::default() };
        scene.client.ask(CHANNEL, &qos, basic::QosOk::ID);
        self.last_tag += 1;
        let tag = format!("c{}", self.last_tag);
        let queue = scene.plan.queue(scene.random).to_owned();
        let consume =
            basic::Consume { queue: &queue, consumer_tag: &tag, ..basic::Consume::default() };
        scene.client.ask(CHANNEL, &consume, basic::ConsumeOk::ID);
        let unsettled_max = (prefetch_count > 0).then_some(usize::from(prefetch_count));
        self.subscriptions.insert(tag, Subscription { queue, unsettled_max });
    }

    /// Takes note of a delivery: the queue that it came from, and how many the consumer may have.
    fn take(
        &mut self,
        scene: &mut Scene<'_>,
        parcel: Parcel,
        queue: String,
        unsettled_max: Option<usize>,
    ) {
        let Some(id) = message_id(&parcel) else {
            return scene.refuse("a delivery without its message-id".to_owned());
        };
        let tag = parcel.consumer_tag;
        let copy = Placed { queue, id };
        if self.held.insert(parcel.delivery_tag, (copy.clone(), tag.clone())).is_some() {
            scene.refuse(format!("delivery tag {} is used twice", parcel.delivery_tag));
        }
        let unsettled_count = self.held.values().filter(|(_, holder)| *holder == tag).count();
        let consumer = fact::Consumer { connection: scene.connection, channel: CHANNEL, tag };
        scene.hear(&Fact::Delivered(Delivery {
            copy,
            consumer,
            is_redelivered: parcel.is_redelivered,
            settles: true,
            unsettled_count,
            unsettled_max,
            exchange: parcel.exchange,
            key: parcel.key,
            body: parcel.body,
            at_ms: scene.now_ms,
        }));
    }

    /// Settles or gives back one delivery, or all up to it.
    fn settle(&mut self, scene: &mut Scene<'_>) {
        let index = scene.random.below(self.held.len() as u64) as usize;
        let Some(&delivery_tag) = self.held.keys().nth(index) else { return };
        let multiple = scene.random.chance(1, 4);
        let requeue = scene.random.chance(1, 6);
        let mut is_accepted = false;
        let method = match scene.random.below(4) {
            _ if requeue || (multiple && scene.random.chance(1, 3)) => {
                scene.client.tell(CHANNEL, &basic::Nack { delivery_tag, multiple, requeue })
            }
            0 if !multiple => scene.client.tell(CHANNEL, &basic::Reject { delivery_tag, requeue }),
            _ => {
                is_accepted = true;
                scene.client.tell(CHANNEL, &basic::Ack { delivery_tag, multiple })
            }
        };
        let first = if multiple { 0 } else { delivery_tag };
        let kept = self.held.split_off(&(delivery_tag + 1));
        let settled = self.held.split_off(&first);
        self.held.extend(kept);
        for (copy, _) in settled.into_values() {
            let connection = scene.connection;
            scene.hear(&if requeue {
                Fact::Requeued { copy }
            } else {
                Fact::Settled { copy, connection, method, is_accepted }
            });
        }
    }

    /// Publishes to a durable queue that it consumes from.
    fn publish_receipt(&mut self, scene: &mut Scene<'_>) {
        let durable = scene.plan.queues.iter().filter(|queue| queue.is_durable);
        let names: Vec<&str> = durable.map(|queue| queue.name.as_str()).collect();
        let Some(receipts) = self.receipts.as_mut().filter(|line| line.room() > 0) else { return };
        if !names.is_empty() {
            let queue = names[scene.random.below(names.len() as u64) as usize];
            receipts.publish_receipt(scene, queue);
        }
    }

    fn rare(&mut self, scene: &mut Scene<'_>) -> Next {
        match scene.random.below(12) {
            0 => return Next::Leave,
            1 | 2 => return Next::Break,
            3 | 4 => {
                scene.client.ask(CHANNEL, &basic::Recover { requeue: true }, basic::RecoverOk::ID);
                self.is_recovering = true;
                for (copy, _) in std::mem::take(&mut self.held).into_values() {
                    scene.hear(&Fact::Requeued { copy });
                }
            }
            5 | 6 => {
                let close = channel::Close { reply_code: 200, ..Default::default() };
                scene.client.ask(CHANNEL, &close, channel::CloseOk::ID);
                let connection = scene.connection;
                scene.hear(&Fact::ChannelGone { connection, channel: CHANNEL });
                self.is_closing = true;
                self.held.clear();
            }
            7 | 8 => {
                if let Some(tag) = self.subscriptions.keys().next() {
                    let cancel = basic::Cancel { consumer_tag: tag, no_wait: false };
                    scene.client.ask(CHANNEL, &cancel, basic::CancelOk::ID);
                    scene.hear(&Fact::ConsumerGone);
                }
            }
            _ if self.subscriptions.len() < 4 => self.subscribe(scene),
            _ => {}
        }
        Next::Stay
    }

    fn answered(&mut self, scene: &mut Scene<'_>, method: u32, name: &str) {
        match method {
            channel::CloseOk::ID => {
                (self.is_closing, self.is_recovering) = (false, false);
                self.subscriptions.clear();
                self.asked.clear();
                self.open(scene);
            }
            // What was asked before the channel was closed is over.
            _ if self.is_closing => {}
            basic::GetEmpty::ID => drop(self.asked.pop_front()),
            basic::RecoverOk::ID => self.is_recovering = false,
            basic::CancelOk::ID => drop(self.subscriptions.remove(name)),
            _ => {}
        }
    }
}

impl Role for Consumer {
    fn begin(&mut self, scene: &mut Scene<'_>) {
        self.open(scene);
        self.receipts = Some(Line::open(RECEIPTS, scene));
    }

    fn act(&mut self, scene: &mut Scene<'_>) -> Next {
        if self.is_closing || self.is_recovering {
            return Next::Stay;
        }
        match scene.random.below(100) {
            0 => return self.rare(scene),
            1..10 => self.publish_receipt(scene),
            10..13 => {
                let queue = scene.plan.queue(scene.random).to_owned();
                let get = basic::Get { queue: &queue, ..basic::Get::default() };
                scene.client.ask(CHANNEL, &get, basic::GetOk::ID);
                self.asked.push_back(queue);
            }
            13..30 => {}
            _ => {
                for _ in 0..scene.random.below(5) {
                    if !self.held.is_empty() {
                        self.settle(scene);
                    }
                }
            }
        }
        Next::Stay
    }

    fn hear(&mut self, heard: Heard, scene: &mut Scene<'_>) {
        match heard {
            Heard::Delivered { .. } if self.is_closing || self.is_recovering => {}
            Heard::Delivered { parcel, .. } => {
                let Some(found) = self.subscriptions.get(&parcel.consumer_tag) else {
                    let tag = parcel.consumer_tag;
                    return scene.refuse(format!("a delivery for consumer '{tag}', which is gone"));
                };
                let (queue, unsettled_max) = (found.queue.clone(), found.unsettled_max);
                self.take(scene, parcel, queue, unsettled_max);
            }
            Heard::Got { request, parcel, .. } => {
                scene.was_read(request);
                let Some(queue) = self.asked.pop_front() else { return };
                if !self.is_closing && !self.is_recovering {
                    self.take(scene, parcel, queue, None);
                }
            }
            Heard::Answered { channel, method, request, name } => {
                scene.was_read(request);
                if channel == CHANNEL {
                    self.answered(scene, method, &name);
                }
            }
            Heard::Confirmed { tag, is_multiple, .. } => {
                if let Some(receipts) = &mut self.receipts {
                    receipts.confirmed(scene, tag, is_multiple);
                }
            }
            other => scene.refuse(format!("a consumer hears {other:?}")),
        }
    }

    fn waiting(&self) -> Option<String> {
        self.receipts.as_ref().and_then(Line::waiting)
    }

    fn reset(&mut self) {
        *self = Self { last_tag: self.last_tag, ..Self::default() };
    }
}
