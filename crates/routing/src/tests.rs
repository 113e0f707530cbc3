//! Examples for each type of exchange, all of which were asked of RabbitMQ 4.3.6.

use message::{Arguments, NoHeaders, Value};

use crate::{Destination, Envelope, ExchangeId, Invalid, Kind, Router, Targets};

const SOURCE: ExchangeId = ExchangeId(1);

fn arguments(fields: &[(&str, Value)]) -> Arguments {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn router(kind: Kind) -> Router {
    let mut router = Router::new();
    router.add(SOURCE, kind, &Arguments::new()).unwrap();
    router
}

fn bind(router: &mut Router, queue: u64, key: &str) {
    let added = router.bind(SOURCE, Destination::Queue(queue), key, &Arguments::new());
    assert_eq!(added, Ok(true), "{key}");
}

fn route(router: &Router, key: &[u8]) -> Vec<u64> {
    let mut targets = Targets::new();
    router.route(SOURCE, &Envelope::new(&[key], &NoHeaders), &mut targets);
    targets.queues().to_vec()
}

fn route_headers(router: &Router, headers: &Arguments) -> Vec<u64> {
    let mut targets = Targets::new();
    router.route(SOURCE, &Envelope::new(&[b"key"], headers), &mut targets);
    assert!(!targets.is_constant());
    targets.queues().to_vec()
}

#[test]
fn direct_compares_keys_byte_by_byte() {
    let mut router = router(Kind::Direct);
    bind(&mut router, 1, "a");
    bind(&mut router, 2, "a");
    bind(&mut router, 2, "");
    router.bind(SOURCE, Destination::Queue(3), [0xff, 0xfe], &Arguments::new()).unwrap();
    assert_eq!(route(&router, b"a"), [1, 2]);
    assert_eq!(route(&router, b""), [2]);
    assert_eq!(route(&router, b"\xff\xfe"), [3]);
    assert_eq!(route(&router, b"A"), []);
}

#[test]
fn fanout_ignores_keys_and_names_each_queue_once() {
    let mut router = router(Kind::Fanout);
    bind(&mut router, 2, "a");
    bind(&mut router, 1, "b");
    bind(&mut router, 2, "c");
    assert_eq!(route(&router, b"anything"), [1, 2]);
}

#[test]
fn topic_matches_what_rabbitmq_matches() {
    const KEYS: &[&str] = &["", ".", "a", "a.b", "a..b", "..", "a.", ".a", "a.x.b", "*", "#"];
    let table: &[(&str, &[&str])] = &[
        ("", &[""]),
        (".", &["."]),
        ("*", &["a", "*", "#"]),
        ("#", KEYS),
        ("*.*", &[".", "a.b", "a.", ".a"]),
        ("#.#", KEYS),
        ("a.*", &["a.b", "a."]),
        ("a.#", &["a", "a.b", "a..b", "a.", "a.x.b"]),
        ("#.a", &["a", ".a"]),
        ("*.#", &KEYS[1..]),
        ("#.*", &KEYS[1..]),
        ("a..b", &["a..b"]),
        ("a.*.b", &["a..b", "a.x.b"]),
        ("..", &[".."]),
        ("*.*.*", &["a..b", "..", "a.x.b"]),
        ("*a", &[]),
        ("a#", &[]),
        ("#.a.#", &["a", "a.b", "a..b", "a.", ".a", "a.x.b"]),
        ("a", &["a"]),
    ];
    let mut all = router(Kind::Topic);
    for (queue, (pattern, matched)) in table.iter().enumerate() {
        let mut alone = router(Kind::Topic);
        bind(&mut alone, queue as u64, pattern);
        bind(&mut all, queue as u64, pattern);
        for key in KEYS {
            let found = !route(&alone, key.as_bytes()).is_empty();
            assert_eq!(found, matched.contains(key), "pattern '{pattern}', key '{key}'");
        }
    }
    for key in KEYS {
        let expected: Vec<u64> = (0..)
            .zip(table)
            .filter(|(_, (_, m))| m.contains(key))
            .map(|(queue, _)| queue)
            .collect();
        assert_eq!(route(&all, key.as_bytes()), expected, "key '{key}'");
    }
}

#[test]
fn topic_takes_words_that_are_not_text() {
    let mut router = router(Kind::Topic);
    bind(&mut router, 1, "*.b");
    router.bind(SOURCE, Destination::Queue(2), b"\xff.*", &Arguments::new()).unwrap();
    assert_eq!(route(&router, b"\xff.b"), [1, 2]);
}

#[test]
fn headers_match_all_or_any_with_or_without_x() {
    let one = || Value::I32(1);
    let cases: &[(Option<&str>, &[&str], [bool; 5])] = &[
        // The headers:  none,  x-a,   b,     both,  both but x-a differs
        (None, &[], [true; 5]),
        (None, &["x-a"], [true; 5]),
        (None, &["x-a", "b"], [false, false, true, true, true]),
        (Some("all"), &["x-a", "b"], [false, false, true, true, true]),
        (Some("any"), &[], [false; 5]),
        (Some("any"), &["x-a"], [false; 5]),
        (Some("any"), &["x-a", "b"], [false, false, true, true, true]),
        (Some("all-with-x"), &[], [true; 5]),
        (Some("all-with-x"), &["x-a"], [false, true, false, true, false]),
        (Some("all-with-x"), &["x-a", "b"], [false, false, false, true, false]),
        (Some("any-with-x"), &[], [false; 5]),
        (Some("any-with-x"), &["x-a"], [false, true, false, true, false]),
        (Some("any-with-x"), &["x-a", "b"], [false, true, true, true, true]),
    ];
    let messages = [
        arguments(&[]),
        arguments(&[("x-a", one())]),
        arguments(&[("b", one())]),
        arguments(&[("x-a", one()), ("b", one())]),
        arguments(&[("x-a", Value::I32(2)), ("b", one())]),
    ];
    for (rule, wanted, expected) in cases {
        let mut binding: Arguments = wanted.iter().map(|n| ((*n).to_owned(), one())).collect();
        if let Some(rule) = rule {
            binding.insert("x-match".to_owned(), Value::text(rule));
        }
        let mut router = router(Kind::Headers);
        router.bind(SOURCE, Destination::Queue(1), "", &binding).unwrap();
        for (headers, expected) in messages.iter().zip(expected) {
            let found = !route_headers(&router, headers).is_empty();
            assert_eq!(found, *expected, "{binding:?} {headers:?}");
        }
    }
}

#[test]
fn bad_bindings_are_refused_with_what_is_wrong() {
    let queue = Destination::Queue(1);
    let mut headers = router(Kind::Headers);
    let wrong = arguments(&[("x-match", Value::text("ALL"))]);
    let refused = headers.bind(SOURCE, queue, "", &wrong);
    assert_eq!(refused, Err(Invalid::MatchValue(b"ALL".to_vec())));
    let wrong = arguments(&[("x-match", Value::Bytes(b"all".to_vec()))]);
    let refused = headers.bind(SOURCE, queue, "", &wrong);
    assert_eq!(refused, Err(Invalid::MatchType(Value::Bytes(b"all".to_vec()))));

    let mut topic = router(Kind::Topic);
    for key in ["#.#", "a#.#.#.b", "##.#.#"] {
        assert_eq!(topic.bind(SOURCE, queue, key, &Arguments::new()), Ok(true));
    }
    let refused = topic.bind(SOURCE, queue, "a.#.b.#.c.#", &Arguments::new());
    assert_eq!(refused, Err(Invalid::HashWords { key: b"a.#.b.#.c.#".to_vec(), count: 3 }));

    let mut direct = router(Kind::Direct);
    assert_eq!(direct.bind(SOURCE, queue, "#.#.#", &wrong), Ok(true));
}

#[test]
fn a_binding_is_its_ends_its_key_and_its_typed_arguments() {
    let mut router = router(Kind::Direct);
    let queue = Destination::Queue(1);
    let with = |value| arguments(&[("a", value)]);
    assert_eq!(router.bind(SOURCE, queue, "k", &with(Value::I32(1))), Ok(true));
    assert_eq!(router.bind(SOURCE, queue, "k", &with(Value::I32(1))), Ok(false));
    assert_eq!(router.bind(SOURCE, queue, "k", &with(Value::I64(1))), Ok(true));
    assert_eq!(router.bind(SOURCE, queue, "k", &Arguments::new()), Ok(true));
    assert_eq!(router.bindings(SOURCE).count(), 3);
    assert_eq!(router.bindings_to(queue).count(), 3);
    assert!(!router.unbind(SOURCE, queue, "k", &with(Value::U8(1))));
    assert!(router.unbind(SOURCE, queue, "k", &with(Value::I32(1))));
    assert!(router.unbind(SOURCE, queue, "k", &with(Value::I64(1))));
    assert_eq!(route(&router, b"k"), [1]);
    assert!(router.unbind(SOURCE, queue, "k", &Arguments::new()));
    assert_eq!(route(&router, b"k"), []);
    assert!(!router.has_bindings(SOURCE));
    assert!(!router.unbind(ExchangeId(99), queue, "k", &Arguments::new()));
}

#[test]
fn a_message_passes_each_exchange_of_a_cycle_once() {
    let mut router = router(Kind::Fanout);
    let (second, third) = (ExchangeId(2), ExchangeId(3));
    router.add(second, Kind::Direct, &Arguments::new()).unwrap();
    router.add(third, Kind::Headers, &Arguments::new()).unwrap();
    let none = Arguments::new();
    for (source, destination, key) in [
        (SOURCE, Destination::Exchange(SOURCE), ""),
        (SOURCE, Destination::Exchange(second), ""),
        (SOURCE, Destination::Queue(7), ""),
        (second, Destination::Exchange(SOURCE), "k"),
        (second, Destination::Exchange(third), "other"),
        (second, Destination::Queue(7), "k"),
        (second, Destination::Queue(8), "k"),
        (third, Destination::Queue(9), ""),
    ] {
        assert_eq!(router.bind(source, destination, key, &none), Ok(true));
    }
    let mut targets = Targets::new();
    router.route(SOURCE, &Envelope::new(&[b"k"], &NoHeaders), &mut targets);
    assert_eq!(targets.queues(), [7, 8]);
    assert!(targets.is_constant(), "the headers exchange was not reached");
    router.route(SOURCE, &Envelope::new(&[b"other"], &NoHeaders), &mut targets);
    assert_eq!(targets.queues(), [7, 8, 9], "targets add up");
    assert!(!targets.is_constant());
    targets.clear();
    assert_eq!((targets.queues(), targets.is_constant()), (&[][..], true));
}

#[test]
fn what_goes_takes_its_bindings_along() {
    let mut router = router(Kind::Topic);
    let second = ExchangeId(2);
    router.add(second, Kind::Fanout, &Arguments::new()).unwrap();
    let none = Arguments::new();
    bind(&mut router, 1, "a.*");
    bind(&mut router, 1, "b");
    bind(&mut router, 2, "a.*");
    router.bind(SOURCE, Destination::Exchange(second), "#", &none).unwrap();
    router.bind(second, Destination::Exchange(second), "", &none).unwrap();
    router.bind(second, Destination::Queue(3), "", &none).unwrap();

    let removed = router.remove_queue(1);
    assert_eq!(removed.bindings.len(), 2);
    assert_eq!(removed.sources(), [SOURCE].into());
    assert_eq!(route(&router, b"a.b"), [2, 3]);

    let removed = router.remove(second);
    assert_eq!(removed.bindings.len(), 3);
    assert_eq!(removed.sources(), [SOURCE, second].into());
    assert_eq!(route(&router, b"a.b"), [2]);
    assert_eq!(router.kind(second), None);
    assert_eq!(router.bindings_to(Destination::Queue(3)).count(), 0);
    assert_eq!(router.binding_count(), 1);
    assert!(router.remove(second).bindings.is_empty());
    assert!(router.remove_queue(1).bindings.is_empty());
}

#[test]
fn kinds_have_the_names_of_the_protocol() {
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.as_str()), Some(kind));
    }
    assert_eq!(Kind::parse("x-jms-topic"), None);
}

#[test]
fn many_words_and_many_wildcards_stay_cheap() {
    let mut router = router(Kind::Topic);
    let repeated = |word: &str, count: usize| vec![word; count].join(".");
    for words in 0..60 {
        bind(&mut router, words, &format!("#.{}.#", repeated("*", words as usize + 1)));
        bind(&mut router, 100 + words, &format!("#.{}.#.b", repeated("a", words as usize + 1)));
    }
    // A trie that tried every length for every `#` would not come back from this.
    let longest = ".".repeat(255);
    assert_eq!(route(&router, longest.as_bytes()).len(), 60);
    assert_eq!(route(&router, repeated("a", 128).as_bytes()).len(), 60);
    assert_eq!(route(&router, format!("{}.b", repeated("a", 127)).as_bytes()).len(), 120);
}

#[test]
fn a_message_that_is_delayed_stops_where_it_waits() {
    let mut router = Router::new();
    let second = ExchangeId(2);
    let delayed = arguments(&[("x-delayed-type", Value::text("topic"))]);
    router.add(SOURCE, Kind::Fanout, &Arguments::new()).unwrap();
    router.add(second, Kind::Delayed, &delayed).unwrap();
    router.bind(SOURCE, Destination::Exchange(second), "", &Arguments::new()).unwrap();
    router.bind(SOURCE, Destination::Queue(1), "", &Arguments::new()).unwrap();
    router.bind(second, Destination::Queue(2), "a.*", &Arguments::new()).unwrap();
    let mut targets = Targets::new();
    let keys = [&b"a.b"[..]];
    let envelope = Envelope::new(&keys, &NoHeaders);
    router.route(SOURCE, &envelope, &mut targets);
    assert_eq!((targets.queues(), targets.keepers()), (&[1, 2][..], &[][..]));
    assert!(!targets.is_constant(), "the next message may wait");
    targets.clear();
    router.route(SOURCE, &Envelope { is_delayed: true, ..envelope }, &mut targets);
    assert_eq!((targets.queues(), targets.keepers()), (&[1][..], &[second][..]));
}

#[test]
fn a_message_is_kept_by_exchanges_that_remember() {
    let mut router = router(Kind::RecentHistory);
    let mut targets = Targets::new();
    router.route(SOURCE, &Envelope::new(&[b""], &NoHeaders), &mut targets);
    assert_eq!((targets.queues(), targets.keepers()), (&[][..], &[SOURCE][..]));
    bind(&mut router, 1, "any");
    targets.clear();
    router.route(SOURCE, &Envelope::new(&[b""], &NoHeaders), &mut targets);
    assert_eq!((targets.queues(), targets.keepers()), (&[1][..], &[SOURCE][..]));
}

#[test]
fn bad_arguments_of_exchanges_are_refused_with_what_is_wrong() {
    let refused =
        |kind, fields: &[(&str, Value)]| Router::new().add(SOURCE, kind, &arguments(fields));
    let text = Value::text;
    let both = [("hash-header", text("h")), ("hash-property", text("message_id"))];
    assert_eq!(refused(Kind::ConsistentHash, &both), Err(Invalid::HashTwice));
    let unknown = [("hash-property", text("reply_to"))];
    let expected = Err(Invalid::HashProperty("reply_to".to_owned()));
    assert_eq!(refused(Kind::ConsistentHash, &unknown), expected);
    let length = |n| [("x-recent-history-length", Value::I32(n))];
    assert_eq!(refused(Kind::RecentHistory, &length(1)), Ok(()));
    let expected = Err(Invalid::HistoryLength(Value::I32(0)));
    assert_eq!(refused(Kind::RecentHistory, &length(0)), expected);
    assert_eq!(refused(Kind::Delayed, &[]), Err(Invalid::NoDelayedKind));
    let delayed = |name| [("x-delayed-type", text(name))];
    assert_eq!(refused(Kind::Delayed, &delayed("x-random")), Ok(()));
    let twice = refused(Kind::Delayed, &delayed("x-delayed-message"));
    assert_eq!(twice, Err(Invalid::DelayedTwice));
    let expected = Err(Invalid::UnknownKind("magic".to_owned()));
    assert_eq!(refused(Kind::Delayed, &delayed("magic")), expected);
}
