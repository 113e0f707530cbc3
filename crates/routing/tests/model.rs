//! Random changes against the plainest model there is: a list of bindings, tried one after the other.

use std::collections::BTreeMap;

use message::{Arguments, NoHeaders, Value};
use proptest::prelude::*;
use routing::{Destination, Envelope, ExchangeId, Kind, Router, Targets};

const KINDS: [Kind; 3] = [Kind::Direct, Kind::Topic, Kind::Fanout];

#[derive(Clone, Debug)]
enum Step {
    Bind(Entry),
    Unbind(Entry),
    RemoveQueue(u64),
    RemoveExchange(u64),
    AddExchange(u64),
    SetAlternate(u64, Option<u64>),
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    source: u64,
    destination: Destination,
    key: String,
    argument: Option<i64>,
}

impl Entry {
    fn arguments(&self) -> Arguments {
        self.argument.iter().map(|n| ("n".to_owned(), Value::I64(*n))).collect()
    }
}

#[derive(Clone, Default)]
struct Model {
    exchanges: Vec<u64>,
    entries: Vec<Entry>,
    alternates: BTreeMap<u64, u64>,
}

impl Model {
    fn route(&self, start: u64, keys: &[String]) -> Vec<u64> {
        let mut queues = Vec::new();
        let mut reached = vec![start];
        let mut next = 0;
        while let Some(source) = reached.get(next).copied() {
            next += 1;
            let is_match = |entry: &&Entry| {
                entry.source == source
                    && keys.iter().any(|key| matches(kind(source), &entry.key, key))
            };
            let mut ends: Vec<_> =
                self.entries.iter().filter(is_match).map(|entry| entry.destination).collect();
            if let Some(alternate) = self.alternates.get(&source).filter(|_| ends.is_empty()) {
                ends.push(Destination::Exchange(ExchangeId(*alternate)));
            }
            for end in ends {
                match end {
                    Destination::Queue(queue) => queues.push(queue),
                    Destination::Exchange(ExchangeId(id)) if !reached.contains(&id) => {
                        reached.push(id);
                    }
                    Destination::Exchange(_) => {}
                }
            }
        }
        queues.sort_unstable();
        queues.dedup();
        queues
    }
}

fn kind(exchange: u64) -> Kind {
    KINDS[exchange as usize % KINDS.len()]
}

fn matches(kind: Kind, pattern: &str, key: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        if text.is_empty() { vec![] } else { text.split('.').map(str::to_owned).collect() }
    };
    match kind {
        Kind::Fanout => true,
        Kind::Topic => matches_words(&words(pattern), &words(key)),
        _ => pattern == key,
    }
}

fn matches_words(pattern: &[String], key: &[String]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, _) => key.is_empty(),
        (Some((word, rest)), _) if word == "#" => {
            (0..=key.len()).any(|count| matches_words(rest, &key[count..]))
        }
        (Some(_), None) => false,
        (Some((word, rest)), Some((first, others))) => {
            (word == "*" || word == first) && matches_words(rest, others)
        }
    }
}

fn apply(router: &mut Router, model: &mut Model, step: &Step) {
    match step {
        Step::AddExchange(id) => {
            if !model.exchanges.contains(id) {
                model.exchanges.push(*id);
                let added = router.add(ExchangeId(*id), kind(*id), &Arguments::new());
                assert_eq!(added, Ok(()));
            }
        }
        Step::SetAlternate(id, alternate) => {
            router.set_alternate(ExchangeId(*id), alternate.map(ExchangeId));
            if model.exchanges.contains(id) {
                model.alternates.remove(id);
                model.alternates.extend(alternate.map(|alternate| (*id, alternate)));
            }
        }
        Step::Bind(entry) => bind(router, model, entry),
        Step::Unbind(entry) => {
            let Entry { source, destination, key, .. } = entry;
            let gone = router.unbind(ExchangeId(*source), *destination, key, &entry.arguments());
            assert_eq!(gone, model.entries.contains(entry));
            model.entries.retain(|e| e != entry);
        }
        Step::RemoveQueue(id) => {
            let before = model.entries.len();
            model.entries.retain(|e| e.destination != Destination::Queue(*id));
            assert_eq!(router.remove_queue(*id).bindings.len(), before - model.entries.len());
        }
        Step::RemoveExchange(id) => {
            let before = model.entries.len();
            model.exchanges.retain(|e| e != id);
            model.alternates.remove(id);
            model.entries.retain(|e| {
                e.source != *id && e.destination != Destination::Exchange(ExchangeId(*id))
            });
            let removed = router.remove(ExchangeId(*id)).bindings.len();
            assert_eq!(removed, before - model.entries.len());
        }
    }
}

fn bind(router: &mut Router, model: &mut Model, entry: &Entry) {
    let is_there = |id: u64| model.exchanges.contains(&id);
    let ends_there = match entry.destination {
        Destination::Queue(_) => true,
        Destination::Exchange(ExchangeId(id)) => is_there(id),
    };
    let hashes = entry.key.split('.').filter(|word| *word == "#").count();
    if !is_there(entry.source) || !ends_there || kind(entry.source) == Kind::Topic && hashes > 2 {
        return;
    }
    let source = ExchangeId(entry.source);
    let added = router.bind(source, entry.destination, &entry.key, &entry.arguments());
    assert_eq!(added, Ok(!model.entries.contains(entry)));
    if added == Ok(true) {
        model.entries.push(entry.clone());
    }
}

fn agree(router: &Router, model: &Model, keys: &[String]) {
    let mut targets = Targets::new();
    for exchange in 0..5 {
        for keys in keys.windows(1).chain(keys.windows(2)) {
            targets.clear();
            let bytes: Vec<_> = keys.iter().map(|key| key.as_bytes()).collect();
            let envelope = Envelope::new(&bytes, &NoHeaders);
            router.route(ExchangeId(exchange), &envelope, &mut targets);
            assert_eq!(targets.queues(), model.route(exchange, keys), "{exchange} {keys:?}");
        }
        let leaving = model.entries.iter().filter(|e| e.source == exchange).count();
        assert_eq!(router.bindings(ExchangeId(exchange)).count(), leaving);
        assert_eq!(router.has_bindings(ExchangeId(exchange)), leaving > 0);
    }
    for queue in 0..4 {
        let to = Destination::Queue(queue);
        let arriving = model.entries.iter().filter(|e| e.destination == to).count();
        assert_eq!(router.bindings_to(to).count(), arriving);
    }
    assert_eq!(router.binding_count(), model.entries.len());
}

fn any_key(word: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(word, 0..6).prop_map(|words| words.join("."))
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let destination = prop_oneof![
        3 => (0..4u64).prop_map(Destination::Queue),
        1 => (0..5u64).prop_map(|id| Destination::Exchange(ExchangeId(id))),
    ];
    (0..5u64, destination, any_key("[a-c*#]?"), prop::option::weighted(0.2, 0..2i64)).prop_map(
        |(source, destination, key, argument)| Entry { source, destination, key, argument },
    )
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => any_entry().prop_map(Step::Bind),
        4 => any_entry().prop_map(Step::Unbind),
        1 => (0..4u64).prop_map(Step::RemoveQueue),
        1 => (0..5u64).prop_map(Step::RemoveExchange),
        2 => (0..5u64).prop_map(Step::AddExchange),
        2 => (0..5u64, prop::option::of(0..5u64)).prop_map(|(id, to)| Step::SetAlternate(id, to)),
    ]
}

proptest! {
    #[test]
    fn a_router_and_its_clones_agree_with_the_model(
        steps in prop::collection::vec(any_step(), 1..120),
        cut in any::<prop::sample::Index>(),
        keys in prop::collection::vec(any_key("[a-c]?"), 8),
    ) {
        let (mut router, mut model) = (Router::new(), Model::default());
        for id in 0..5 {
            apply(&mut router, &mut model, &Step::AddExchange(id));
        }
        let (early, late) = steps.split_at(cut.index(steps.len()));
        early.iter().for_each(|step| apply(&mut router, &mut model, step));
        let (snapshot, model_then) = (router.clone(), model.clone());
        late.iter().for_each(|step| apply(&mut router, &mut model, step));
        agree(&router, &model, &keys);
        agree(&snapshot, &model_then, &keys);
    }

    #[test]
    fn taking_every_binding_back_leaves_nothing(entries in prop::collection::vec(any_entry(), 1..80)) {
        let (mut router, mut model) = (Router::new(), Model::default());
        for id in 0..5 {
            apply(&mut router, &mut model, &Step::AddExchange(id));
        }
        entries.iter().for_each(|entry| bind(&mut router, &mut model, entry));
        for entry in entries.iter().rev() {
            apply(&mut router, &mut model, &Step::Unbind(entry.clone()));
        }
        prop_assert_eq!(router.binding_count(), 0);
        agree(&router, &model, &["a".to_owned(), String::new(), "a.b.c".to_owned()]);
    }
}
