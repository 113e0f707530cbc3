//! Exchanges that choose one of their bindings: what they choose among, how often each is chosen, and what moves when
//! bindings come and go.

use std::collections::BTreeMap;

use message::{Arguments, Headers, NoHeaders, Value};
use proptest::prelude::*;
use routing::{Destination, Envelope, ExchangeId, Kind, Router, Targets};

const EXCHANGE: ExchangeId = ExchangeId(1);
const KINDS: [Kind; 3] = [Kind::ConsistentHash, Kind::ModulusHash, Kind::Random];

fn router(kind: Kind) -> Router {
    let mut router = Router::new();
    assert_eq!(router.add(EXCHANGE, kind, &Arguments::new()), Ok(()));
    router
}

fn bind(router: &mut Router, queue: u64, key: &str) {
    let added = router.bind(EXCHANGE, Destination::Queue(queue), key, &Arguments::new());
    assert!(added.is_ok(), "{key}");
}

fn unbind(router: &mut Router, queue: u64, key: &str) -> bool {
    router.unbind(EXCHANGE, Destination::Queue(queue), key, &Arguments::new())
}

fn choose(router: &Router, key: &str, headers: &dyn Headers, random: u64) -> Option<u64> {
    let mut targets = Targets::new();
    let keys = [key.as_bytes()];
    let envelope = Envelope { random, ..Envelope::new(&keys, headers) };
    router.route(EXCHANGE, &envelope, &mut targets);
    assert!(targets.queues().len() <= 1, "one at most");
    targets.queues().first().copied()
}

/// Numbers that look drawn.
fn drawn(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Whom each of many keys goes to.
fn choices(router: &Router) -> Vec<Option<u64>> {
    (0..10_000).map(|n| choose(router, &format!("key.{n}"), &NoHeaders, drawn(n))).collect()
}

/// How many of a hundred go to each queue.
fn shares(router: &Router) -> BTreeMap<u64, f64> {
    let mut shares = BTreeMap::new();
    for queue in choices(router).into_iter().flatten() {
        *shares.entry(queue).or_default() += 0.01;
    }
    shares
}

fn assert_shares(router: &Router, expected: &[(u64, f64)]) {
    let shares = shares(router);
    assert_eq!(shares.len(), expected.len(), "{shares:?}");
    for (queue, share) in expected {
        assert!((shares[queue] - share).abs() < 2.0, "{queue}: {shares:?}");
    }
}

#[test]
fn weights_are_shares() {
    let mut router = router(Kind::ConsistentHash);
    for (queue, weight) in [(1, "10"), (2, "20"), (3, "70")] {
        bind(&mut router, queue, weight);
    }
    assert_shares(&router, &[(1, 10.0), (2, 20.0), (3, 70.0)]);
}

#[test]
fn each_binding_is_a_share_where_there_are_no_weights() {
    for kind in [Kind::ModulusHash, Kind::Random] {
        let mut router = router(kind);
        for (queue, key) in [(1, "a"), (1, "b"), (1, "c"), (2, "a")] {
            bind(&mut router, queue, key);
        }
        assert_shares(&router, &[(1, 75.0), (2, 25.0)]);
    }
}

#[test]
fn of_several_bindings_to_a_queue_the_first_is_weighed_until_it_goes() {
    let mut router = router(Kind::ConsistentHash);
    for (queue, weight) in [(1, "1"), (2, "1"), (1, "3")] {
        bind(&mut router, queue, weight);
    }
    assert_shares(&router, &[(1, 50.0), (2, 50.0)]);
    assert!(unbind(&mut router, 1, "1"));
    assert_shares(&router, &[(1, 75.0), (2, 25.0)]);
    assert!(unbind(&mut router, 1, "3"));
    assert_shares(&router, &[(2, 100.0)]);
}

#[test]
fn an_added_queue_takes_its_share_and_nothing_else_moves() {
    let mut router = router(Kind::ConsistentHash);
    (1..10).for_each(|queue| bind(&mut router, queue, "1"));
    let before = choices(&router);
    bind(&mut router, 10, "1");
    let after = choices(&router);
    let moved: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
    assert!(moved.iter().all(|(_, to)| **to == Some(10)));
    assert!((900..1100).contains(&moved.len()), "{}", moved.len());
    assert!(unbind(&mut router, 10, "1"));
    assert_eq!(choices(&router), before);
}

#[test]
fn exchanges_choose_by_chance_independently_of_each_other() {
    let mut router = router(Kind::Random);
    for (exchange, queues) in [(2, [1, 2]), (3, [3, 4])] {
        let exchange = ExchangeId(exchange);
        assert_eq!(router.add(exchange, Kind::Random, &Arguments::new()), Ok(()));
        let none = Arguments::new();
        assert!(router.bind(EXCHANGE, Destination::Exchange(exchange), "", &none).is_ok());
        for queue in queues {
            assert!(router.bind(exchange, Destination::Queue(queue), "", &none).is_ok());
        }
    }
    assert_shares(&router, &[(1, 25.0), (2, 25.0), (3, 25.0), (4, 25.0)]);
}

#[test]
fn a_chosen_header_or_property_decides_alone() {
    struct OneProperty;
    impl Headers for OneProperty {
        fn get(&self, _: &str) -> Option<Value> {
            None
        }
        fn property(&self, name: &str) -> Option<Value> {
            (name == "message_id").then(|| Value::text("m"))
        }
    }
    let arguments = |name: &str, value| Arguments::from([(name.to_owned(), Value::text(value))]);
    for (argument, value) in [("hash-header", "h"), ("hash-property", "message_id")] {
        let mut router = Router::new();
        let arguments = arguments(argument, value);
        assert_eq!(router.add(EXCHANGE, Kind::ConsistentHash, &arguments), Ok(()));
        (1..20).for_each(|queue| bind(&mut router, queue, "5"));
        let with = Arguments::from([("h".to_owned(), Value::text("m"))]);
        let headers: [&dyn Headers; 2] = [&with, &OneProperty];
        let headers = headers[usize::from(argument == "hash-property")];
        let chosen = choose(&router, "a", headers, 0);
        assert_eq!(choose(&router, "b", headers, 1), chosen);
        let missing = choose(&router, "a", &NoHeaders, 0);
        assert_eq!(choose(&router, "b", &NoHeaders, 1), missing);
        assert_ne!(chosen, missing);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Bind(u64, u64),
    Unbind(u64, u64),
    RemoveQueue(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6u64, 1..5u64).prop_map(|(queue, weight)| Step::Bind(queue, weight)),
        3 => (0..6u64, 1..5u64).prop_map(|(queue, weight)| Step::Unbind(queue, weight)),
        1 => (0..6u64).prop_map(Step::RemoveQueue),
    ]
}

/// The same bindings, made anew in their order: what a restart does.
fn made_anew(kind: Kind, bindings: &[(u64, u64)]) -> Router {
    let mut router = router(kind);
    bindings.iter().for_each(|(queue, weight)| bind(&mut router, *queue, &weight.to_string()));
    router
}

proptest! {
    #[test]
    fn a_choice_depends_on_the_bindings_and_their_order_only(
        steps in prop::collection::vec(any_step(), 1..60),
        kind in prop::sample::select(&KINDS[..]),
    ) {
        let mut router = router(kind);
        let mut bindings: Vec<(u64, u64)> = Vec::new();
        for step in steps {
            let snapshot = (router.clone(), bindings.clone());
            match step {
                Step::Bind(queue, weight) => {
                    bind(&mut router, queue, &weight.to_string());
                    if !bindings.contains(&(queue, weight)) {
                        bindings.push((queue, weight));
                    }
                }
                Step::Unbind(queue, weight) => {
                    let is_bound = bindings.contains(&(queue, weight));
                    prop_assert_eq!(unbind(&mut router, queue, &weight.to_string()), is_bound);
                    bindings.retain(|binding| *binding != (queue, weight));
                }
                Step::RemoveQueue(queue) => {
                    router.remove_queue(queue);
                    bindings.retain(|binding| binding.0 != queue);
                }
            }
            for (router, bindings) in [(&router, &bindings), (&snapshot.0, &snapshot.1)] {
                let anew = made_anew(kind, bindings);
                for n in 0..20 {
                    let key = format!("key.{n}");
                    let chosen = choose(router, &key, &NoHeaders, drawn(n));
                    prop_assert_eq!(chosen, choose(&anew, &key, &NoHeaders, drawn(n)));
                    prop_assert_eq!(chosen.is_none(), bindings.is_empty());
                }
                let listed: Vec<_> = router
                    .bindings(EXCHANGE)
                    .map(|binding| (binding.destination, binding.key.as_bytes().to_vec()))
                    .collect();
                let expected: Vec<_> = bindings
                    .iter()
                    .map(|(queue, weight)| (Destination::Queue(*queue), weight.to_string().into_bytes()))
                    .collect();
                prop_assert_eq!(listed, expected);
            }
        }
    }
}
