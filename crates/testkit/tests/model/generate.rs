//! Makes up steps: mostly what makes sense, sometimes what does not.

use stdx::Random;

use super::op::{Form, Op, Post, Step};
use super::reference::{Channel, Exchange, Mode, Model, Side};
use super::shelf::Queue;

/// Queues whose messages may die into others.
const QUEUES: [&str; 3] = ["q1", "q2", "q3"];
/// Queues for dead letters, and for anything else.
const SINKS: [&str; 2] = ["d1", "d2"];
const MISSING: &str = "none";
/// The exchange for dead letters leads to sinks only.
const DEAD: &str = "dlx";
const EXCHANGES: [&str; 6] = ["x1", "x2", DEAD, "amq.direct", "amq.fanout", "amq.topic"];
const KEYS: [&str; 6] = ["k1", "k2", "a.b", "a.*", "#.b", "d1"];
const TAGS: [&str; 3] = ["c1", "c2", "c3"];
const MORE_TAGS: [&str; 4] = ["c4", "c5", "c6", "c7"];

pub(crate) struct Generator {
    channel_count: u16,
    published: u32,
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len() as u64) as usize]
}

/// One of these in so many cases.
fn sometimes<T>(
    random: &mut Random,
    one_in: u64,
    make: impl FnOnce(&mut Random) -> T,
) -> Option<T> {
    random.chance(1, one_in).then(|| make(random))
}

fn any_queue(random: &mut Random) -> &'static str {
    match random.below(20) {
        0 => MISSING,
        1..=5 => pick(random, &SINKS),
        _ => pick(random, &QUEUES),
    }
}

fn form(random: &mut Random, queue: &str) -> Form {
    let durable = random.chance(1, 2);
    let exclusive = random.chance(1, 16);
    let auto_delete = random.chance(1, 10);
    let priority_max = sometimes(random, 5, |random| 1 + random.below(5) as u8);
    let plain = Form { durable, exclusive, auto_delete, priority_max, ..Form::default() };
    if SINKS.contains(&queue) {
        return plain;
    }
    let ttl_ms = sometimes(random, 6, |random| pick(random, &[0, 5, 20]));
    let length_max = sometimes(random, 3, |random| 1 + random.below(4) as u32);
    let overflows = ["drop-head", "reject-publish", "reject-publish-dlx"];
    let overflow = sometimes(random, 2, |random| pick(random, &overflows));
    let dead_letter = random.chance(2, 3).then(|| match random.below(5) {
        0 => (DEAD, None),
        1 => (DEAD, Some(pick(random, &KEYS))),
        _ => ("", Some(pick(random, &SINKS))),
    });
    Form { ttl_ms, length_max, overflow, dead_letter, ..plain }
}

impl Generator {
    pub(crate) const fn new(channel_count: u16) -> Self {
        Self { channel_count, published: 0 }
    }

    pub(crate) fn next(&mut self, random: &mut Random, model: &Model) -> Step {
        let side = (
            random.below(model.connections.len() as u64) as usize,
            1 + random.below(u64::from(self.channel_count)) as u16,
        );
        let Some(channel) = model.connections[side.0].channels.get(&side.1) else {
            let is_rash = random.chance(1, 40);
            return step(side, if is_rash { broken(random) } else { Op::Open });
        };
        if model.queues.len() < 4 && random.chance(1, 3) {
            return step(side, declare_new(random, model));
        }
        let op = match random.below(100) {
            0..5 => declare(random, model),
            5..35 => self.publish(random, model),
            35..58 => match holder(random, model) {
                Some(side) => return step(side, settle(random, model, side)),
                None => self.publish(random, model),
            },
            58..70 => consume(random, model),
            70..78 => Op::Get { queue: existing(random, model), no_ack: random.chance(1, 3) },
            78..86 => bind(random, model),
            86..92 => mode(random, model, side, channel),
            92..96 => Op::Pass { ms: pick(random, &[1, 4, 15, 40]) },
            96 | 97 => end(random, model),
            _ => broken(random),
        };
        step(side, op)
    }

    fn publish(&mut self, random: &mut Random, model: &Model) -> Op {
        let (exchange, key) = match random.below(20) {
            0 => ("", MISSING),
            1..13 => ("", existing(random, model)),
            _ => (any_exchange(random, model), pick(random, &KEYS)),
        };
        let count = if random.chance(1, 4) { 1 + random.below(6) as u32 } else { 1 };
        let first = self.published + 1;
        self.published += count;
        Op::Publish(Post {
            exchange,
            key,
            mandatory: random.chance(1, 3),
            persistent: random.chance(1, 2),
            priority: sometimes(random, 3, |random| random.below(8) as u8),
            expiration_ms: sometimes(random, 8, |random| pick(random, &[0, 3, 10, 30])),
            first,
            count,
        })
    }
}

const fn step((connection, channel): Side, op: Op) -> Step {
    Step { connection, channel, op }
}

/// A queue that is there, if any is.
fn existing(random: &mut Random, model: &Model) -> &'static str {
    let names: Vec<&'static str> = model.queues.keys().copied().collect();
    if names.is_empty() { any_queue(random) } else { pick(random, &names) }
}

/// An exchange that is there.
fn any_exchange(random: &mut Random, model: &Model) -> &'static str {
    let names: Vec<&'static str> = model.exchanges.keys().copied().collect();
    pick(random, &names)
}

/// A queue that is not there, if any is not, or an exchange.
fn declare_new(random: &mut Random, model: &Model) -> Op {
    if random.chance(1, 4) {
        let exchange = pick(random, &EXCHANGES[..3]);
        let kind = pick(random, &["direct", "fanout", "topic"]);
        let found = model.exchanges.get(exchange).copied();
        let auto_delete = random.chance(1, 6);
        let wanted = found.unwrap_or(Exchange { kind, auto_delete });
        let Exchange { kind, auto_delete } = wanted;
        return Op::DeclareExchange { exchange, kind, auto_delete, passive: false };
    }
    let names = QUEUES.iter().chain(&SINKS).copied();
    let missing: Vec<&'static str> =
        names.filter(|name| !model.queues.contains_key(name)).collect();
    let queue = if missing.is_empty() { pick(random, &QUEUES) } else { pick(random, &missing) };
    Op::DeclareQueue { queue, form: form(random, queue), passive: false }
}

/// Mostly what is there as it is.
fn declare(random: &mut Random, model: &Model) -> Op {
    if random.chance(1, 4) {
        return declare_new(random, model);
    }
    let queue = existing(random, model);
    let as_it_is = model.queues.get(queue).map(|queue| queue.form).unwrap_or_default();
    let is_other = random.chance(1, 12);
    let form = if is_other { form(random, queue) } else { as_it_is };
    Op::DeclareQueue { queue, form, passive: random.chance(3, 4) }
}

fn consume(random: &mut Random, model: &Model) -> Op {
    let tag = pick(random, &TAGS);
    match random.below(10) {
        0 | 1 => Op::Cancel { tag },
        2..5 => Op::Qos { count: random.below(4) as u16, global: random.chance(1, 4) },
        _ => {
            let is_used = |it: &Queue| it.consumers.iter().any(|it| it.tag == tag);
            let tag =
                if model.queues.values().any(is_used) { pick(random, &MORE_TAGS) } else { tag };
            let (no_ack, exclusive) = (random.chance(1, 4), random.chance(1, 12));
            Op::Consume { queue: existing(random, model), tag, no_ack, exclusive }
        }
    }
}

fn bind(random: &mut Random, model: &Model) -> Op {
    let exchange = any_exchange(random, model);
    let queue = if exchange == DEAD { pick(random, &SINKS) } else { existing(random, model) };
    let queue = if model.queues.contains_key(queue) { queue } else { existing(random, model) };
    let exchange = if SINKS.contains(&queue) || exchange != DEAD { exchange } else { "amq.fanout" };
    let key = pick(random, &KEYS);
    if random.chance(1, 4) {
        return Op::Unbind { queue, exchange, key };
    }
    Op::Bind { queue, exchange, key }
}

/// Something about confirms, transactions or all deliveries of the channel.
fn mode(random: &mut Random, model: &Model, side: Side, channel: &Channel) -> Op {
    // If a commit fails, what is on the way to a consumer of the channel may or may not reach it.
    let mut consumers = model.queues.values().flat_map(|queue| &queue.consumers);
    let may_be_refused = model.queues.values().any(|queue| queue.may_refuse());
    if may_be_refused && consumers.any(|it| (it.connection, it.channel) == side) {
        return recover();
    }
    match channel.mode {
        Mode::Plain => pick_op(random, [Op::Confirm, Op::TxSelect, recover()]),
        Mode::Confirming(_) => pick_op(random, [recover(), recover(), Op::Confirm]),
        Mode::Transactional { .. } => pick_op(random, [Op::Commit, Op::Commit, Op::Rollback]),
    }
}

const fn recover() -> Op {
    Op::Recover { requeue: true }
}

fn pick_op(random: &mut Random, mut from: [Op; 3]) -> Op {
    std::mem::replace(&mut from[random.below(3) as usize], Op::Open)
}

/// Something ends.
fn end(random: &mut Random, model: &Model) -> Op {
    let queue = existing(random, model);
    match random.below(12) {
        0 | 1 => Op::Lose,
        2 | 3 => Op::Leave,
        4 => Op::Restart,
        5 | 6 => Op::Purge { queue },
        7 | 8 => {
            let (if_unused, if_empty) = (random.chance(1, 3), random.chance(1, 3));
            Op::DeleteQueue { queue, if_unused, if_empty }
        }
        9 => {
            let exchange = any_exchange(random, model);
            Op::DeleteExchange { exchange, if_unused: random.chance(1, 2) }
        }
        _ => Op::Close,
    }
}

/// What nobody should do, or what can go wrong.
fn broken(random: &mut Random) -> Op {
    let queue = any_queue(random);
    let exchange = pick(random, &["", "none", "x1", "amq.direct"]);
    let tag = pick(random, &TAGS);
    match random.below(16) {
        0 => Op::Recover { requeue: false },
        1 => Op::Open,
        2 => Op::Ack { tag: 1_000, multiple: true },
        3 => Op::Nack { tag: 0, multiple: false, requeue: true },
        4 => Op::Reject { tag: random.below(10), requeue: true },
        5 => Op::Purge { queue: MISSING },
        6 => Op::Get { queue: MISSING, no_ack: true },
        7 => Op::Consume { queue, tag, no_ack: false, exclusive: true },
        8 => Op::Bind { queue, exchange, key: "k1" },
        9 => Op::Unbind { queue, exchange, key: "k1" },
        10 => Op::DeclareQueue { queue, form: form(random, queue), passive: queue == MISSING },
        11 => Op::DeclareExchange {
            exchange: pick(random, &EXCHANGES),
            kind: pick(random, &["direct", "fanout", "topic"]),
            auto_delete: false,
            passive: random.chance(1, 2),
        },
        12 => pick_op(random, [Op::Commit, Op::Rollback, Op::TxSelect]),
        13 => Op::Confirm,
        14 => Op::DeleteExchange { exchange, if_unused: true },
        _ => Op::Publish(Post {
            exchange: "none",
            key: "k1",
            mandatory: true,
            persistent: true,
            priority: None,
            expiration_ms: None,
            first: 0,
            count: 2,
        }),
    }
}

/// A channel that has something to settle.
fn holder(random: &mut Random, model: &Model) -> Option<Side> {
    let mut holders = Vec::new();
    for (connection, it) in model.connections.iter().enumerate() {
        let channels = it.channels.iter().filter(|(_, channel)| !channel.unacked.is_empty());
        holders.extend(channels.map(|(&number, _)| (connection, number)));
    }
    (!holders.is_empty()).then(|| pick(random, &holders))
}

fn settle(random: &mut Random, model: &Model, side: Side) -> Op {
    let unacked = &model.connections[side.0].channels[&side.1].unacked;
    let tags: Vec<u64> = unacked.keys().copied().collect();
    let tag = if random.chance(1, 40) { random.below(40) } else { pick(random, &tags) };
    let (multiple, requeue) = (random.chance(1, 3), random.chance(1, 2));
    let tag = if multiple && random.chance(1, 5) { 0 } else { tag };
    match random.below(4) {
        0 | 1 => Op::Ack { tag, multiple },
        2 => Op::Nack { tag, multiple, requeue },
        _ => Op::Reject { tag, requeue },
    }
}
