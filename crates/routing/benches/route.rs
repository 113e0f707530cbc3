//! What routing and a change cost: `cargo bench -p routing`, or with `-- topic` for topics only. The figures say
//! whether the structures hold at a size; a channel keeps the answers of most exchanges and asks again only after a
//! change.
#![allow(clippy::disallowed_methods, clippy::print_stdout)] // A measurement reads the clock and prints.

use std::hint::black_box;
use std::time::Instant;

use message::{Arguments, Headers, NoHeaders, Value};
use routing::{Destination, Envelope, ExchangeId, Kind, Router, Targets};

const EXCHANGE: ExchangeId = ExchangeId(1);
/// Keys per timed run: few enough that most runs are not interrupted.
const BATCH: usize = 10_000;
const ROUNDS: usize = 9;

fn main() {
    let direct = |n: u64| format!("orders.{n}");
    let words = |n: u64| format!("region-{}.shop-{n}.sold", n % 100);
    let stars = |n: u64| format!("region-{}.*.item-{n}", n % 100);
    let hashes = |n: u64| format!("#.region-{}.#.item-{n}", n % 100);
    let deep = |n: u64| format!("{}region-{}.item-{n}", "a.bb.ccc.".repeat(6), n % 100);
    let item = |n: u64| format!("region-{}.shop.item-{n}", n % 100);
    measure("direct, 1,000 keys", Kind::Direct, 1000, direct, direct);
    measure("direct, 100,000 keys", Kind::Direct, 100_000, direct, direct);
    measure("topic, 10,000 without wildcard", Kind::Topic, 10_000, words, words);
    measure("topic, 10,000 with *", Kind::Topic, 10_000, stars, item);
    measure("topic, 10,000 with two #", Kind::Topic, 10_000, hashes, item);
    measure("topic, 100,000 without wildcard", Kind::Topic, 100_000, words, words);
    measure("topic, 100,000 with *", Kind::Topic, 100_000, stars, item);
    measure("topic, 10,000 with 20 words", Kind::Topic, 10_000, deep, deep);
    let weight = |_| "3".to_owned();
    measure("consistent hash, 10,000 queues", Kind::ConsistentHash, 10_000, weight, direct);
    measure("modulus hash, 10,000 queues", Kind::ModulusHash, 10_000, direct, direct);
    measure("random, 10,000 queues", Kind::Random, 10_000, direct, direct);
    measure("fanout, 100 queues", Kind::Fanout, 100, direct, direct);
    measure("fanout, 10,000 queues", Kind::Fanout, 10_000, direct, |_| String::new());
    headers(1000);
    // The large ones come last, because an allocator is slow for a while after freeing them.
    measure("direct, 1,000,000 keys", Kind::Direct, 1_000_000, direct, direct);
    measure("topic, 1,000,000 with *", Kind::Topic, 1_000_000, stars, item);
}

fn measure(
    what: &str,
    kind: Kind,
    count: u64,
    pattern: impl Fn(u64) -> String,
    key: impl Fn(u64) -> String,
) {
    if std::env::args().skip(1).any(|wanted| !wanted.starts_with('-') && !what.contains(&wanted)) {
        return;
    }
    let mut router = Router::new();
    router.add(EXCHANGE, kind, &Arguments::new()).expect("no arguments");
    let none = Arguments::new();
    let started = Instant::now();
    for n in 0..count {
        let snapshot = router.clone();
        router.bind(EXCHANGE, Destination::Queue(n), pattern(n), &none).expect("a good key");
        drop(black_box(snapshot));
    }
    let bind_ns = started.elapsed().as_nanos() / u128::from(count);

    let count_max = if kind == Kind::Fanout { 10_000_000 / count } else { 100_000 };
    let keys: Vec<String> =
        (0..count_max.min(100_000)).map(|n: u64| key(n * 7919 % count)).collect();
    let mut targets = Targets::new();
    let mut route_all = |keys: &[String]| {
        for key in keys {
            targets.clear();
            let keys = [black_box(key.as_bytes())];
            router.route(EXCHANGE, &Envelope::new(&keys, &NoHeaders), &mut targets);
        }
    };
    let route_ns = keys.chunks(BATCH).map(|batch| best_ns(|| route_all(batch))).sum::<u128>();
    println!("{what:32} route {:6} ns   bind {bind_ns:6} ns", route_ns / keys.len() as u128);
}

/// The fastest of a few runs: on a machine with other work, the only figure that is about the program.
fn best_ns(mut run: impl FnMut()) -> u128 {
    let once = |_| {
        let started = Instant::now();
        run();
        started.elapsed().as_nanos()
    };
    (0..ROUNDS).map(once).min().expect("at least one round")
}

fn headers(count: u64) {
    let mut router = Router::new();
    router.add(EXCHANGE, Kind::Headers, &Arguments::new()).expect("no arguments");
    let shop = |n: u64| -> Arguments {
        Arguments::from([
            ("region".to_owned(), Value::text("north")),
            ("shop".to_owned(), Value::I64(n.try_into().expect("small"))),
        ])
    };
    for n in 0..count {
        router.bind(EXCHANGE, Destination::Queue(n), "", &shop(n)).expect("good arguments");
    }
    let message: &dyn Headers = &shop(7);
    let mut targets = Targets::new();
    let route_ns = best_ns(|| {
        targets.clear();
        router.route(EXCHANGE, &Envelope::new(&[b""], black_box(message)), &mut targets);
    });
    println!("headers, {count} bindings            route {route_ns:6} ns");
}
