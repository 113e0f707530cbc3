//! The reference: what a broker is, in maps and lists, without shards, pages, files and hurry.
//!
//! ```text
//!   apply(step) ──▶ expected: answers, returns, confirms … of each channel
//!   observe(…)  ──▶ compared with these; of deliveries it is noted who got what
//!   rest()      ──▶ everything expected has come, every delivery was a right one, nobody waits for what lies there
//! ```
//!
//! Which of several consumers gets a message is left open; that it is the first of its queue is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::op::{Form, Op, Step};
use super::shelf::{Entry, Message, Queue};

/// A connection and one of its channels.
pub(crate) type Side = (usize, u16);

pub(crate) mod code {
    pub(crate) const ACCESS_REFUSED: u16 = 403;
    pub(crate) const NOT_FOUND: u16 = 404;
    pub(crate) const RESOURCE_LOCKED: u16 = 405;
    pub(crate) const PRECONDITION_FAILED: u16 = 406;
    pub(crate) const CHANNEL_ERROR: u16 = 504;
    pub(crate) const NOT_ALLOWED: u16 = 530;
    pub(crate) const NOT_IMPLEMENTED: u16 = 540;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) kind: &'static str,
    pub(crate) auto_delete: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Binding {
    pub(crate) exchange: &'static str,
    pub(crate) key: &'static str,
    pub(crate) queue: &'static str,
}

/// A delivery that is not settled.
#[derive(Clone, Debug)]
pub(crate) struct Unacked {
    pub(crate) queue: &'static str,
    pub(crate) queue_serial: u64,
    /// `None` for what was fetched.
    pub(crate) consumer: Option<u64>,
    pub(crate) entry: Entry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    Accept,
    Requeue,
    Discard,
}

/// A message that is sent when its transaction is committed.
#[derive(Clone, Debug)]
pub(crate) struct Destined {
    pub(crate) message: Message,
    /// The queues to which it was routed when it was published, by their serials.
    pub(crate) targets: BTreeMap<&'static str, u64>,
    pub(crate) mandatory: bool,
}

#[derive(Debug, Default)]
pub(crate) enum Mode {
    #[default]
    Plain,
    /// How many messages were published.
    Confirming(u64),
    Transactional {
        publishes: Vec<Destined>,
        settlements: Vec<(u64, Unacked, Settlement)>,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Channel {
    pub(crate) mode: Mode,
    pub(crate) last_tag: u64,
    pub(crate) unacked: BTreeMap<u64, Unacked>,
    pub(crate) prefetch: u16,
    /// 0 for no bound.
    pub(crate) shared_prefetch: u16,
}

#[derive(Debug, Default)]
pub(crate) struct Connection {
    pub(crate) serial: u64,
    pub(crate) channels: BTreeMap<u16, Channel>,
}

/// What has to come on one channel in this step.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) replies: VecDeque<String>,
    /// The messages, and the numbers under which they are to be confirmed afterwards.
    pub(crate) returns: VecDeque<(u32, Option<u64>)>,
    /// Whether they are rejected.
    pub(crate) confirms: BTreeMap<u64, bool>,
    pub(crate) cancels: BTreeSet<&'static str>,
    /// What is fetched: from where, whether it is settled, how many messages are left.
    pub(crate) fetch: Option<(&'static str, bool, usize)>,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) now_ms: u64,
    pub(crate) step: u64,
    pub(crate) exchanges: BTreeMap<&'static str, Exchange>,
    pub(crate) bindings: BTreeSet<Binding>,
    pub(crate) queues: BTreeMap<&'static str, Queue>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) expected: BTreeMap<Side, Expected>,
    pub(crate) delivered: Vec<super::observing::Delivered>,
    pub(crate) last_serial: u64,
    /// How often what has happened.
    pub(crate) tally: BTreeMap<&'static str, u64>,
}

impl Model {
    pub(crate) fn new(connection_count: usize) -> Self {
        let kinds = [("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic")];
        let exchanges =
            kinds.map(|(name, kind)| (name, Exchange { kind, auto_delete: false })).into();
        let mut model = Self {
            now_ms: 1_000,
            step: 0,
            exchanges,
            bindings: BTreeSet::new(),
            queues: BTreeMap::new(),
            connections: Vec::new(),
            expected: BTreeMap::new(),
            delivered: Vec::new(),
            last_serial: 0,
            tally: BTreeMap::new(),
        };
        for _ in 0..connection_count {
            let serial = model.next_serial();
            model.connections.push(Connection { serial, channels: BTreeMap::new() });
        }
        model
    }

    pub(crate) const fn next_serial(&mut self) -> u64 {
        self.last_serial += 1;
        self.last_serial
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    pub(crate) fn channel(&mut self, (connection, number): Side) -> &mut Channel {
        self.connections[connection].channels.get_mut(&number).expect("it is open")
    }

    pub(crate) fn expect(&mut self, side: Side) -> &mut Expected {
        self.expected.entry(side).or_default()
    }

    pub(crate) fn reply(&mut self, side: Side, text: impl Into<String>) {
        self.expect(side).replies.push_back(text.into());
    }

    /// Somebody does something.
    pub(crate) fn apply(&mut self, step: &Step) {
        self.step += 1;
        let side = (step.connection, step.channel);
        match &step.op {
            Op::Pass { ms } => self.pass(*ms),
            Op::Lose => self.lose(step.connection),
            Op::Restart => self.restart(),
            Op::Leave => {
                self.reply((step.connection, 0), "connection.close-ok");
                self.lose(step.connection);
            }
            op => {
                if let Err(code) = self.act(side, op) {
                    self.fail(side, code, op.method_id());
                }
            }
        }
    }

    /// The answer to a method, or the code of the error that it is.
    fn act(&mut self, side: Side, op: &Op) -> Result<(), u16> {
        let channels = &mut self.connections[side.0].channels;
        if (*op == Op::Open) == channels.contains_key(&side.1) {
            return Err(code::CHANNEL_ERROR);
        }
        match *op {
            Op::Open => {
                channels.insert(side.1, Channel::default());
                self.reply(side, "channel.open-ok");
            }
            Op::Close => {
                self.release_channel(side);
                self.connections[side.0].channels.remove(&side.1);
                self.reply(side, "channel.close-ok");
            }
            Op::DeclareQueue { queue, form, passive } => {
                self.declare_queue(side, queue, form, passive)?;
                let queue_of = &self.queues[queue];
                let (ready, consumers) = (queue_of.ready.len(), queue_of.consumers.len());
                self.reply(side, format!("queue.declare-ok {queue} {ready} {consumers}"));
            }
            Op::DeleteQueue { queue, if_unused, if_empty } => {
                let count = self.delete_queue(side, queue, if_unused, if_empty)?;
                self.reply(side, format!("queue.delete-ok {count}"));
            }
            Op::Purge { queue } => {
                self.find(side, queue)?;
                let ready = self.queues.get_mut(queue).map(|queue| queue.ready.drain(..).len());
                self.reply(side, format!("queue.purge-ok {}", ready.unwrap_or(0)));
            }
            Op::Bind { queue, exchange, key } => {
                self.bind(side, Binding { exchange, key, queue })?;
                self.reply(side, "queue.bind-ok");
            }
            Op::Unbind { queue, exchange, key } => {
                self.unbind(side, &Binding { exchange, key, queue })?;
                self.reply(side, "queue.unbind-ok");
            }
            Op::DeclareExchange { exchange, kind, auto_delete, passive } => {
                self.declare_exchange(exchange, Exchange { kind, auto_delete }, passive)?;
                self.reply(side, "exchange.declare-ok");
            }
            Op::DeleteExchange { exchange, if_unused } => {
                self.delete_exchange(exchange, if_unused)?;
                self.reply(side, "exchange.delete-ok");
            }
            _ => self.act_on_messages(side, op)?,
        }
        Ok(())
    }

    fn declare_queue(
        &mut self,
        side: Side,
        name: &'static str,
        mut form: Form,
        passive: bool,
    ) -> Result<(), u16> {
        if passive {
            return self.find(side, name);
        }
        form.durable &= !form.exclusive;
        let owner = form.exclusive.then_some(self.connections[side.0].serial);
        match self.queues.get(name) {
            Some(found) if found.owner != owner => Err(code::RESOURCE_LOCKED),
            Some(found) if found.form != form => Err(code::PRECONDITION_FAILED),
            Some(_) => Ok(()),
            None => {
                let serial = self.next_serial();
                self.queues.insert(name, Queue::new(serial, form, owner));
                Ok(())
            }
        }
    }

    /// Whether there is such a queue, and this connection may use it.
    pub(crate) fn find(&self, side: Side, name: &str) -> Result<(), u16> {
        let queue = self.queues.get(name).ok_or(code::NOT_FOUND)?;
        let is_foreign = queue.owner.is_some_and(|it| it != self.connections[side.0].serial);
        if is_foreign { Err(code::RESOURCE_LOCKED) } else { Ok(()) }
    }

    fn delete_queue(
        &mut self,
        side: Side,
        name: &'static str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<usize, u16> {
        if !self.queues.contains_key(name) {
            return Ok(0);
        }
        self.find(side, name)?;
        let (queue, count) = (&self.queues[name], self.queues[name].ready.len());
        if (if_unused && !queue.consumers.is_empty()) || (if_empty && count > 0) {
            return Err(code::PRECONDITION_FAILED);
        }
        self.drop_queue(name);
        Ok(count)
    }

    /// A queue goes, with all that it has.
    pub(crate) fn drop_queue(&mut self, name: &'static str) {
        let Some(queue) = self.queues.remove(name) else { return };
        for consumer in queue.consumers {
            self.expect((consumer.connection, consumer.channel)).cancels.insert(consumer.tag);
        }
        let (gone, left) =
            std::mem::take(&mut self.bindings).into_iter().partition(|it| it.queue == name);
        self.bindings = left;
        let gone: BTreeSet<Binding> = gone;
        gone.iter().for_each(|binding| self.end_if_unbound(binding.exchange));
    }

    /// An auto-delete exchange goes with its last binding.
    fn end_if_unbound(&mut self, name: &'static str) {
        let is_auto_delete = self.exchanges.get(name).is_some_and(|it| it.auto_delete);
        if is_auto_delete && !self.bindings.iter().any(|it| it.exchange == name) {
            self.exchanges.remove(name);
        }
    }

    fn bind(&mut self, side: Side, binding: Binding) -> Result<(), u16> {
        if binding.exchange.is_empty() {
            return Err(code::ACCESS_REFUSED);
        }
        if !self.exchanges.contains_key(binding.exchange) {
            return Err(code::NOT_FOUND);
        }
        self.find(side, binding.queue)?;
        self.bindings.insert(binding);
        Ok(())
    }

    fn unbind(&mut self, side: Side, binding: &Binding) -> Result<(), u16> {
        if binding.exchange.is_empty() {
            return Err(code::ACCESS_REFUSED);
        }
        if self.bindings.contains(binding) {
            self.find(side, binding.queue)?;
            self.bindings.remove(binding);
            self.end_if_unbound(binding.exchange);
        }
        Ok(())
    }

    fn declare_exchange(
        &mut self,
        name: &'static str,
        wanted: Exchange,
        passive: bool,
    ) -> Result<(), u16> {
        match self.exchanges.get(name) {
            None if passive => Err(code::NOT_FOUND),
            None if name.is_empty() || name.starts_with("amq.") => Err(code::ACCESS_REFUSED),
            Some(found) if !passive && *found != wanted => Err(code::PRECONDITION_FAILED),
            Some(_) => Ok(()),
            None => {
                self.exchanges.insert(name, wanted);
                Ok(())
            }
        }
    }

    fn delete_exchange(&mut self, name: &'static str, if_unused: bool) -> Result<(), u16> {
        if name.is_empty() || name.starts_with("amq.") {
            return Err(code::ACCESS_REFUSED);
        }
        if !self.exchanges.contains_key(name) {
            return Ok(());
        }
        if if_unused && self.bindings.iter().any(|it| it.exchange == name) {
            return Err(code::PRECONDITION_FAILED);
        }
        self.exchanges.remove(name);
        self.bindings.retain(|it| it.exchange != name);
        Ok(())
    }

    /// The names of the queues to which a message goes, each once; `None` when there is no such exchange.
    pub(crate) fn route(&self, exchange: &str, key: &str) -> Option<BTreeSet<&'static str>> {
        if exchange.is_empty() {
            return Some(self.queues.keys().filter(|&&name| name == key).copied().collect());
        }
        let kind = self.exchanges.get(exchange)?.kind;
        let matches = |pattern: &str| match kind {
            "fanout" => true,
            "topic" => is_match(&words(pattern), &words(key)),
            _ => pattern == key,
        };
        let bindings = self.bindings.iter();
        let bindings = bindings.filter(|it| it.exchange == exchange && matches(it.key));
        Some(bindings.map(|it| it.queue).collect())
    }
}

fn words(key: &str) -> Vec<&str> {
    if key.is_empty() { Vec::new() } else { key.split('.').collect() }
}

/// Whether a topic pattern fits.
fn is_match(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), _) => (0..=key.len()).any(|skip| is_match(rest, &key[skip..])),
        (Some((&"*", rest)), Some((_, left))) => is_match(rest, left),
        (Some((word, rest)), Some((said, left))) => word == said && is_match(rest, left),
        _ => false,
    }
}
