//! A channel that publishes with confirms.

use std::collections::BTreeMap;

use wire_amqp091::Properties;
use wire_amqp091::method::{basic, channel, confirm};
use wire_amqp091::properties::PERSISTENT;

use crate::client::Parcel;
use crate::fact::{Fact, MessageId, Publication};
use crate::workload::{Scene, body};

/// A message that is not confirmed.
#[derive(Debug)]
struct Unconfirmed {
    /// Which of the connection's methods it was.
    method: u64,
    /// The durable queue that alone it went to, if it is persistent: its confirm says that all before it is on disk there.
    receipt_of: Option<String>,
}

/// A channel that publishes with confirms.
#[derive(Debug)]
pub(crate) struct Line {
    channel: u16,
    line: u64,
    last_number: u64,
    unconfirmed: BTreeMap<u64, Unconfirmed>,
    pub(crate) window: usize,
}

impl Line {
    /// Opens the channel.
    pub(crate) fn open(channel: u16, scene: &mut Scene<'_>) -> Self {
        scene.client.ask(channel, &channel::Open::default(), channel::OpenOk::ID);
        scene.client.ask(channel, &confirm::Select::default(), confirm::SelectOk::ID);
        let window = [1, 4, 20, 100][scene.random.below(4) as usize];
        let line = scene.next_line();
        Self { channel, line, last_number: 0, unconfirmed: BTreeMap::new(), window }
    }

    pub(crate) const fn channel(&self) -> u16 {
        self.channel
    }

    /// How many messages more may be sent.
    pub(crate) fn room(&self) -> usize {
        self.window.saturating_sub(self.unconfirmed.len())
    }

    pub(crate) fn waiting(&self) -> Option<String> {
        let (number, _) = self.unconfirmed.first_key_value()?;
        let count = self.unconfirmed.len();
        Some(format!("{count} confirms of line {} from {number} on", self.line))
    }

    /// Sends some message to somewhere.
    pub(crate) fn publish(&mut self, scene: &mut Scene<'_>) {
        let (exchange, key) = scene.plan.address(scene.random);
        let is_persistent = scene.random.chance(4, 5);
        let is_mandatory = scene.random.chance(1, 4);
        self.send(scene, (exchange, &key), is_persistent, is_mandatory, None);
    }

    /// Sends a persistent message to a durable queue.
    pub(crate) fn publish_receipt(&mut self, scene: &mut Scene<'_>, queue: &str) {
        self.send(scene, ("", queue), true, false, Some(queue.to_owned()));
    }

    fn send(
        &mut self,
        scene: &mut Scene<'_>,
        (exchange, key): (&'static str, &str),
        is_persistent: bool,
        is_mandatory: bool,
        receipt_of: Option<String>,
    ) {
        self.last_number += 1;
        let id = MessageId { line: self.line, number: self.last_number };
        let body_len = scene.plan.body_len(scene.random);
        let publication = Publication {
            exchange,
            key: key.to_owned(),
            body_len,
            is_persistent,
            is_mandatory,
            targets: scene.plan.targets(exchange, key),
        };
        scene.hear(&Fact::Published { id, publication });
        let publish = basic::Publish {
            exchange: exchange.as_bytes(),
            routing_key: key.as_bytes(),
            mandatory: is_mandatory,
            ..basic::Publish::default()
        };
        let name = id.to_text();
        let properties = Properties {
            delivery_mode: is_persistent.then_some(PERSISTENT),
            message_id: Some(name.as_bytes()),
            ..Properties::default()
        };
        let properties = properties.to_bytes();
        let body = body(id, body_len);
        let method = scene.client.publish(self.channel, &publish, &properties, &body);
        self.unconfirmed.insert(id.number, Unconfirmed { method, receipt_of });
    }

    /// The node confirms.
    pub(crate) fn confirmed(&mut self, scene: &mut Scene<'_>, tag: u64, is_multiple: bool) {
        if !self.unconfirmed.contains_key(&tag) {
            return scene.refuse(format!("a confirm of {tag}, which waits for none"));
        }
        let first = if is_multiple { 0 } else { tag };
        let numbers: Vec<u64> = self.unconfirmed.range(first..=tag).map(|(&n, _)| n).collect();
        for number in numbers {
            let Some(sent) = self.unconfirmed.remove(&number) else { continue };
            scene.hear(&Fact::Confirmed { id: MessageId { line: self.line, number } });
            let (connection, before) = (scene.connection, sent.method);
            match sent.receipt_of {
                Some(queue) => scene.hear(&Fact::Synced { connection, before, queue }),
                None => scene.was_read(before),
            }
        }
    }

    /// A message comes back.
    pub(crate) fn returned(&self, scene: &mut Scene<'_>, parcel: &Parcel) {
        match message_id(parcel) {
            Some(id) if id.line == self.line => scene.hear(&Fact::Returned { id }),
            _ => scene.refuse("a message comes back that this channel never sent".to_owned()),
        }
    }
}

/// Which message this is.
pub(crate) fn message_id(parcel: &Parcel) -> Option<MessageId> {
    let properties = Properties::decode(&parcel.properties).ok()?;
    MessageId::parse(properties.message_id?)
}
