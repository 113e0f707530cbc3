//! What is known of every message: where it was sent, and what may have become of it in each of its queues.
//!
//! ```text
//!             delivered              settled               answered              confirmed behind it
//!   Waiting ─────────────▶ Held ──────────────▶ Settling ───────────▶ Gone ─────────────────▶ Buried
//!      ▲                    │                      │                   │
//!      └─ requeued, lost ───┘     connection lost  ▼      crash        ▼
//!                                               Doubtful ◀─────────────┘        crash, not stored: Vanished
//! ```
//!
//! A settle is not answered, so a client knows of it only what follows from an order: what a connection sent first
//! is read first; what reached a queue first is on its disk first.

use std::collections::{BTreeMap, BTreeSet};

use crate::fact::{Consumer, Fact, MessageId, Placed, Publication};
use crate::plan::{DELAYED, Nature, Plan};

/// What may have become of a message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is in the queue, or was never put there because its publisher was cut off.
    Waiting,
    /// A consumer has it.
    Held(Consumer),
    /// A consumer has settled it; the node may not know.
    Settling { connection: u64, method: u64 },
    /// The node knows that it is settled; its disk may not.
    Gone,
    /// It is settled for good.
    Buried,
    /// It is settled, unless that got lost.
    Doubtful,
    /// It was in memory only when the node crashed.
    Vanished,
}

/// A message that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) publication: Publication,
    pub(crate) is_confirmed: bool,
    pub(crate) is_returned: bool,
}

/// What is known.
#[derive(Debug)]
pub(crate) struct Model {
    durable: BTreeSet<String>,
    planned: BTreeSet<String>,
    /// Those of the durable ones that keep whatever goes in.
    quorum: BTreeSet<String>,
    mortal: BTreeSet<String>,
    /// Where the dead go.
    graveyard: Option<String>,
    deduplicating: BTreeSet<String>,
    sent: BTreeMap<MessageId, Sent>,
    fates: BTreeMap<Placed, Fate>,
    /// Messages of mortal queues that were refused, or were seen as dead letters.
    dead: BTreeSet<Placed>,
    /// Messages that the broker was perhaps moving when the node ended: they may be in two places since.
    doubled: BTreeSet<MessageId>,
    /// Settles that may not be known to be read, and to be synced, by connection, in order.
    settling: BTreeMap<u64, Vec<(u64, Placed)>>,
    unsynced: BTreeMap<u64, Vec<(u64, Placed)>>,
    pub(crate) confirmed_count: u64,
    pub(crate) delivered_count: u64,
}

impl Model {
    pub(crate) fn new(plan: &Plan) -> Self {
        let durable = plan.queues.iter().filter(|queue| queue.is_durable);
        let quorum = plan.queues.iter().filter(|queue| queue.is_quorum);
        Self {
            durable: durable.map(|queue| queue.name.clone()).collect(),
            planned: plan.queues.iter().map(|queue| queue.name.clone()).collect(),
            quorum: quorum.map(|queue| queue.name.clone()).collect(),
            mortal: plan.names(Nature::Mortal).collect(),
            graveyard: plan.names(Nature::Graveyard).next(),
            deduplicating: plan.names(Nature::Once).collect(),
            sent: BTreeMap::new(),
            fates: BTreeMap::new(),
            dead: BTreeSet::new(),
            doubled: BTreeSet::new(),
            settling: BTreeMap::new(),
            unsynced: BTreeMap::new(),
            confirmed_count: 0,
            delivered_count: 0,
        }
    }

    pub(crate) fn sent(&self, id: MessageId) -> Option<&Sent> {
        self.sent.get(&id)
    }

    pub(crate) fn fate(&self, copy: &Placed) -> Option<&Fate> {
        self.fates.get(copy)
    }

    /// Every message in every queue.
    pub(crate) fn fates(&self) -> impl Iterator<Item = (&Placed, &Fate)> {
        self.fates.iter()
    }

    /// Whether a queue is one that exists all the time.
    pub(crate) fn is_planned(&self, queue: &str) -> bool {
        self.planned.contains(queue)
    }

    /// Whether messages die there and become dead letters.
    pub(crate) fn is_mortal(&self, queue: &str) -> bool {
        self.mortal.contains(queue)
    }

    pub(crate) fn is_deduplicating(&self, queue: &str) -> bool {
        self.deduplicating.contains(queue)
    }

    /// Whether a message in a mortal queue was refused, or was seen as a dead letter.
    pub(crate) fn is_dead(&self, copy: &Placed) -> bool {
        self.dead.contains(copy)
    }

    /// Of a dead letter: as what it died.
    pub(crate) fn source(&self, copy: &Placed) -> Option<Placed> {
        if self.graveyard.as_ref() != Some(&copy.queue) {
            return None;
        }
        let targets = &self.sent.get(&copy.id)?.publication.targets;
        let queue = targets.iter().find(|queue| self.is_mortal(queue))?.clone();
        Some(Placed { queue, id: copy.id })
    }

    /// Of a message in a mortal queue: the dead letter, if it has been seen.
    pub(crate) fn dead_letter(&self, copy: &Placed) -> Option<&Fate> {
        let queue = self.graveyard.clone()?;
        self.fates.get(&Placed { queue, id: copy.id })
    }

    /// Whether a message comes into this queue from another one, and not from a client.
    pub(crate) fn is_forwarded(&self, copy: &Placed) -> bool {
        let sent = self.sent.get(&copy.id);
        sent.is_some_and(|sent| sent.publication.exchange == DELAYED.0)
            || self.source(copy).is_some()
    }

    /// Whether a message may be there twice, because the node ended while it came from another queue.
    pub(crate) fn is_doubled(&self, copy: &Placed) -> bool {
        self.doubled.contains(&copy.id) && self.is_forwarded(copy)
    }

    /// Takes note of what happened.
    pub(crate) fn learn(&mut self, fact: &Fact) {
        match fact {
            Fact::Published { id, publication } => self.published(*id, publication),
            Fact::Confirmed { id } => {
                self.confirmed_count += 1;
                if let Some(sent) = self.sent.get_mut(id) {
                    sent.is_confirmed = true;
                }
            }
            Fact::Withdrawn { id } => {
                for queue in self.sent[id].publication.targets.clone() {
                    self.fates.insert(Placed { queue, id: *id }, Fate::Vanished);
                }
            }
            Fact::Returned { id } => {
                if let Some(sent) = self.sent.get_mut(id) {
                    sent.is_returned = true;
                }
            }
            Fact::Delivered(delivery) => {
                self.delivered_count += 1;
                let held = Fate::Held(delivery.consumer.clone());
                let fate = if delivery.settles { held } else { Fate::Gone };
                self.died(&delivery.copy);
                self.dead.remove(&delivery.copy);
                self.fates.insert(delivery.copy.clone(), fate);
            }
            Fact::Settled { copy, connection, method, is_accepted } => {
                let (connection, method) = (*connection, *method);
                if !is_accepted && self.is_mortal(&copy.queue) {
                    self.dead.insert(copy.clone());
                }
                self.fates.insert(copy.clone(), Fate::Settling { connection, method });
                self.settling.entry(connection).or_default().push((method, copy.clone()));
            }
            Fact::Requeued { copy } => drop(self.fates.insert(copy.clone(), Fate::Waiting)),
            Fact::Read { connection, before } => self.read(*connection, *before),
            Fact::Synced { connection, before, queue } => {
                self.synced(*connection, *before, queue);
            }
            Fact::ChannelGone { connection, channel } => {
                self.release(|holder| {
                    (holder.connection, holder.channel) == (*connection, *channel)
                });
            }
            Fact::ConnectionGone { connection } => self.lost(*connection),
            Fact::Ended { is_flushed } => self.ended(*is_flushed),
            Fact::Rested { .. } => self.rested(),
            Fact::ConsumerGone | Fact::Nonsense { .. } | Fact::Turned(_) | Fact::Audited => {}
        }
    }

    fn published(&mut self, id: MessageId, publication: &Publication) {
        for queue in &publication.targets {
            self.fates.insert(Placed { queue: queue.clone(), id }, Fate::Waiting);
        }
        let sent =
            Sent { publication: publication.clone(), is_confirmed: false, is_returned: false };
        self.sent.insert(id, sent);
    }

    /// What is seen as a dead letter is not where it died, unless the node ended in between.
    fn died(&mut self, letter: &Placed) {
        let Some(source) = self.source(letter) else { return };
        let is_doubled = self.doubled.contains(&letter.id);
        if !is_doubled {
            self.fates.insert(source.clone(), Fate::Gone);
            self.dead.insert(source);
        } else if self.fates.get(&source) == Some(&Fate::Waiting) {
            self.fates.insert(source, Fate::Doubtful);
        }
    }

    fn read(&mut self, connection: u64, before: u64) {
        let Some(settling) = self.settling.get_mut(&connection) else { return };
        for (method, copy) in settling.extract_if(.., |(method, _)| *method < before) {
            if self.fates.get(&copy) == Some(&Fate::Settling { connection, method }) {
                self.fates.insert(copy.clone(), Fate::Gone);
                self.unsynced.entry(connection).or_default().push((method, copy));
            }
        }
    }

    fn synced(&mut self, connection: u64, before: u64, queue: &str) {
        self.read(connection, before);
        let Some(unsynced) = self.unsynced.get_mut(&connection) else { return };
        let is_synced =
            |(method, copy): &mut (u64, Placed)| *method < before && copy.queue == queue;
        let synced: Vec<_> = unsynced.extract_if(.., is_synced).collect();
        for (_, copy) in synced {
            // A dead letter stays where it died until its target has it; what was forwarded may be so again.
            let is_moving = self.dead.contains(&copy) || self.is_forwarded(&copy);
            if self.fates.get(&copy) == Some(&Fate::Gone) && !is_moving {
                self.fates.insert(copy, Fate::Buried);
            }
        }
    }

    fn release(&mut self, is_gone: impl Fn(&Consumer) -> bool) {
        for fate in self.fates.values_mut() {
            if matches!(fate, Fate::Held(holder) if is_gone(holder)) {
                *fate = Fate::Waiting;
            }
        }
    }

    fn lost(&mut self, connection: u64) {
        self.release(|holder| holder.connection == connection);
        for (method, copy) in self.settling.remove(&connection).unwrap_or_default() {
            if self.fates.get(&copy) == Some(&Fate::Settling { connection, method }) {
                self.fates.insert(copy, Fate::Doubtful);
            }
        }
        self.unsynced.remove(&connection);
    }

    fn ended(&mut self, is_flushed: bool) {
        self.settling.clear();
        self.unsynced.clear();
        let mut fates = std::mem::take(&mut self.fates);
        for (copy, fate) in &mut fates {
            let source = self.source(copy);
            let is_moving = self.is_mortal(&copy.queue) || self.is_forwarded(copy);
            if is_moving && !matches!(fate, Fate::Buried | Fate::Vanished) {
                self.doubled.insert(copy.id);
            }
            let is_kept = self.is_kept(copy);
            // What is in memory only is perhaps still stored where it came from.
            let is_origin_kept = source.is_some_and(|source| self.is_kept(&source));
            *fate = match fate {
                Fate::Buried => Fate::Buried,
                Fate::Gone if is_flushed && !is_moving => Fate::Buried,
                Fate::Vanished => Fate::Vanished,
                _ if !is_kept && !is_origin_kept => Fate::Vanished,
                _ if is_kept
                    && self.durable.contains(&copy.queue)
                    && matches!(fate, Fate::Waiting | Fate::Held(_)) =>
                {
                    Fate::Waiting
                }
                // Of queues that come and go it is not known whether they are durable.
                _ => Fate::Doubtful,
            };
        }
        self.fates = fates;
    }

    /// Whether a message is one that a durable queue keeps on disk.
    fn is_kept(&self, copy: &Placed) -> bool {
        self.sent[&copy.id].publication.is_persistent || self.quorum.contains(&copy.queue)
    }

    /// Everything that was sent has been read, and all of it is on disk.
    fn rested(&mut self) {
        self.settling.clear();
        self.unsynced.clear();
        for fate in self.fates.values_mut() {
            if matches!(fate, Fate::Settling { .. } | Fate::Gone) {
                *fate = Fate::Buried;
            }
        }
    }
}
