//! A channel that publishes with confirms.

use std::collections::BTreeMap;

use wire_amqp091::method::{basic, channel, confirm};
use wire_amqp091::properties::PERSISTENT;
use wire_amqp091::{Properties, Table};

use crate::client::Parcel;
use crate::fact::{Fact, MessageId, Publication};
use crate::machine::EPOCH_MS;
use crate::plan::{DELAYED, Wishes};
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
        let draft = Draft::some(scene);
        self.send(scene, &draft, None);
    }

    /// Sends a persistent message to a durable queue, which is to be nothing but put there.
    pub(crate) fn publish_receipt(&mut self, scene: &mut Scene<'_>, queue: &str) {
        let draft = Draft {
            exchange: "",
            key: queue.to_owned(),
            is_persistent: true,
            is_mandatory: false,
            wishes: Wishes::default(),
        };
        self.send(scene, &draft, Some(queue.to_owned()));
    }

    fn send(&mut self, scene: &mut Scene<'_>, draft: &Draft, receipt_of: Option<String>) {
        self.last_number += 1;
        let id = MessageId { line: self.line, number: self.last_number };
        let method = draft.send(scene, self.channel, id);
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

/// What is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    exchange: &'static str,
    key: String,
    is_persistent: bool,
    is_mandatory: bool,
    wishes: Wishes,
}

impl Draft {
    /// Some message to somewhere.
    pub(crate) fn some(scene: &mut Scene<'_>) -> Self {
        let (exchange, key) = scene.plan.address(scene.random);
        let wishes = scene.plan.wishes((exchange, &key), scene.now_ms, scene.random);
        let is_persistent = scene.random.chance(4, 5) || wishes.key.is_some();
        let is_mandatory = scene.random.chance(1, 4) && exchange != DELAYED.0;
        Self { exchange, key, is_persistent, is_mandatory, wishes }
    }

    /// The same, and nobody hears if it goes nowhere.
    pub(crate) fn quiet(self) -> Self {
        Self { is_mandatory: false, ..self }
    }

    /// Sends it under this name. Returns the number of the method.
    pub(crate) fn send(&self, scene: &mut Scene<'_>, channel: u16, id: MessageId) -> u64 {
        let wishes = &self.wishes;
        let body_len = scene.plan.body_len(scene.random);
        let delay_ms = wishes.delay_ms.or(wishes.hold_ms);
        let publication = Publication {
            exchange: self.exchange,
            key: self.key.clone(),
            body_len,
            is_persistent: self.is_persistent,
            is_mandatory: self.is_mandatory,
            priority: wishes.priority,
            not_before_ms: delay_ms.map(|delay_ms| scene.now_ms + delay_ms),
            key_of_once: wishes.key.clone(),
            targets: scene.plan.targets(self.exchange, &self.key),
        };
        scene.hear(&Fact::Published { id, publication });
        let publish = basic::Publish {
            exchange: self.exchange.as_bytes(),
            routing_key: self.key.as_bytes(),
            mandatory: self.is_mandatory,
            ..basic::Publish::default()
        };
        let name = id.to_text();
        let expiration = wishes.expiration_ms.map(|ttl_ms| ttl_ms.to_string());
        let headers = self.headers(scene.now_ms);
        let properties = Properties {
            delivery_mode: self.is_persistent.then_some(PERSISTENT),
            message_id: Some(name.as_bytes()),
            priority: wishes.priority,
            expiration: expiration.as_ref().map(String::as_bytes),
            headers: headers.as_deref(),
            ..Properties::default()
        };
        let properties = properties.to_bytes();
        scene.client.publish(channel, &publish, &properties, &body(id, body_len))
    }

    /// A table's bytes without its length.
    fn headers(&self, now_ms: u64) -> Option<Vec<u8>> {
        let mut table = Table::new();
        if let Some(delay_ms) = self.wishes.delay_ms {
            table.push("x-delay", delay_ms as i64);
        }
        if let Some(hold_ms) = self.wishes.hold_ms {
            table.push("x-deliver-at", (EPOCH_MS + now_ms + hold_ms) as i64);
        }
        if let Some(key) = &self.wishes.key {
            table.push("x-deduplication-header", key.as_str());
        }
        (table.iter().count() > 0).then(|| table.to_bytes())
    }
}

/// Which message this is.
pub(crate) fn message_id(parcel: &Parcel) -> Option<MessageId> {
    let properties = Properties::decode(&parcel.properties).ok()?;
    MessageId::parse(properties.message_id?)
}
