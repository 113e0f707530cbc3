//! Rates, and samples of the last minutes.
//!
//! ```text
//!   every 5 s: sampler ── record(object, fields) ──> a series per object ── put ──> "publish_details": { "rate": 0.4 }
//! ```
//!
//! How much is kept has one bound for all objects together, and one for all pairs: many objects have short series, and no
//! number of pairs takes anything from the objects.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use message::{ClientId, Name, QueueId};
use serde_json::{Map, Value, json};

use crate::query::Query;

/// Samples of the node: an hour.
const NODE_SAMPLES_MAX: usize = 720;
/// Samples of any other object, at most: ten minutes.
const SAMPLES_MAX: usize = 120;
/// Samples of all other objects together, at most, and of all pairs of them.
const SAMPLES_TOTAL_MAX: usize = 60_000;
const PAIR_SAMPLES_TOTAL_MAX: usize = 30_000;
/// Without two samples there is no rate.
const SAMPLES_MIN: usize = 2;
/// Samples that an answer has, at most.
const SHOWN_MAX: u64 = 1_000;
/// Milliseconds after which an object that is not seen any more is forgotten, at least.
const FORGOTTEN_AFTER_MS: u64 = 30_000;

/// What a series is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    /// The node.
    Node,
    /// A virtual host.
    Vhost(Name),
    /// An exchange, by its number.
    Exchange(u64),
    /// A queue.
    Queue(QueueId),
    /// A connection.
    Connection(ClientId),
    /// A channel of a connection.
    Channel(ClientId, u16),
    /// What a channel publishes to an exchange, of one that publishes to several.
    Publishes(ClientId, u16, u64),
    /// What a channel gets from a queue, of one that gets from several.
    Deliveries(ClientId, u16, QueueId),
    /// What goes into a queue from an exchange, where there are several.
    Incoming(QueueId, u64),
}

/// A name and a number.
pub(crate) type Field = (&'static str, u64);

#[derive(Debug, Default)]
struct Series {
    samples: VecDeque<Sample>,
}

/// Fields that are 0 are left out: most objects do next to nothing.
#[derive(Debug)]
struct Sample {
    at_ms: u64,
    fields: Box<[Field]>,
}

type All = BTreeMap<Object, Series>;

/// All series.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    objects: Mutex<All>,
    pairs: Mutex<All>,
}

impl Object {
    const fn is_pair(&self) -> bool {
        matches!(self, Self::Publishes(..) | Self::Deliveries(..) | Self::Incoming(..))
    }
}

impl Rates {
    /// How many objects may have a series.
    pub(crate) const OBJECTS_MAX: usize = SAMPLES_TOTAL_MAX / SAMPLES_MIN;

    /// Those among which an object is.
    fn lock(&self, object: &Object) -> MutexGuard<'_, All> {
        lock(if object.is_pair() { &self.pairs } else { &self.objects })
    }

    /// Adds a sample.
    pub(crate) fn record(&self, object: Object, at_ms: u64, fields: &[Field]) {
        let total_max = if object.is_pair() { PAIR_SAMPLES_TOTAL_MAX } else { SAMPLES_TOTAL_MAX };
        let mut all = self.lock(&object);
        let length_max = if object == Object::Node {
            NODE_SAMPLES_MAX
        } else if !all.contains_key(&object) && all.len() >= total_max / SAMPLES_MIN {
            return;
        } else {
            (total_max / all.len().max(1)).clamp(SAMPLES_MIN, SAMPLES_MAX)
        };
        all.entry(object).or_default().add(at_ms, fields, length_max);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        lock(&self.objects).clear();
        lock(&self.pairs).clear();
    }

    /// Forgets what was not recorded for so long, and longer than the time that always is waited.
    pub(crate) fn forget(&self, now_ms: u64, age_max_ms: u64) {
        let age_max_ms = age_max_ms.max(FORGOTTEN_AFTER_MS);
        for all in [&self.objects, &self.pairs] {
            lock(all).retain(|_, series| {
                let last = series.samples.back().map_or(0, |sample| sample.at_ms);
                last + age_max_ms > now_ms
            });
        }
    }

    /// Puts a field and what is known of its change into an object.
    pub(crate) fn put(
        &self,
        into: &mut Map<String, Value>,
        object: &Object,
        field: &str,
        value: u64,
        query: &Query,
    ) {
        into.insert(field.to_owned(), Value::from(value));
        let all = self.lock(object);
        let series = all.get(object);
        let rate = series.map_or(0.0, |series| series.rate(field));
        let mut details = json!({ "rate": rate });
        if let Some((age_s, step_s)) = span(query, field)
            && let Some(series) = series
        {
            series.put_samples(&mut details, field, age_s, step_s);
        }
        into.insert(format!("{field}_details"), details);
    }
}

fn lock(all: &Mutex<All>) -> MutexGuard<'_, All> {
    // Numbers for people: a series that a panic has cut short is still one.
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Series {
    /// Of samples that are all the same, the first and the last are kept: what lies between follows from them.
    fn add(&mut self, at_ms: u64, fields: &[Field], length_max: usize) {
        let fields = fields.iter().copied().filter(|(_, value)| *value > 0);
        let mut latest = self.samples.iter_mut().rev();
        if let (Some(last), Some(before)) = (latest.next(), latest.next())
            && last.fields == before.fields
            && last.fields.iter().copied().eq(fields.clone())
        {
            last.at_ms = at_ms;
            return;
        }
        self.samples.push_back(Sample { at_ms, fields: fields.collect() });
        while self.samples.len() > length_max {
            self.samples.pop_front();
        }
    }

    fn rate(&self, field: &str) -> f64 {
        let mut latest = self.samples.iter().rev();
        let (Some(last), Some(before)) = (latest.next(), latest.next()) else { return 0.0 };
        per_second(before, last, field)
    }

    fn put_samples(&self, details: &mut Value, field: &str, age_s: u64, step_s: u64) {
        let Some(last) = self.samples.back() else { return };
        let (step_ms, newest) = (step_s * 1_000, last.at_ms / (step_s * 1_000) * (step_s * 1_000));
        let count = age_s / step_s + 1;
        let mut shown = Vec::new();
        for index in 0..count {
            let Some(at_ms) = newest.checked_sub(index * step_ms) else { break };
            let sample = self.samples.iter().rev().find(|sample| sample.at_ms <= at_ms + step_ms);
            let value = sample.map_or(0, |sample| sample.value(field));
            shown.push((at_ms, value));
        }
        let total: u64 = shown.iter().map(|(_, value)| value).sum();
        let first = shown.last().map_or(0, |(_, value)| *value);
        let latest = shown.first().map_or(0, |(_, value)| *value);
        details["avg"] = Value::from(total as f64 / shown.len().max(1) as f64);
        details["avg_rate"] = Value::from((latest as f64 - first as f64) / age_s.max(1) as f64);
        let shown = shown.into_iter();
        details["samples"] =
            shown.map(|(at_ms, value)| json!({ "sample": value, "timestamp": at_ms })).collect();
    }
}

impl Sample {
    fn value(&self, field: &str) -> u64 {
        self.fields.iter().find(|(name, _)| *name == field).map_or(0, |(_, value)| *value)
    }
}

/// How much a field changes in a second. What shrinks does so by a negative rate.
fn per_second(before: &Sample, last: &Sample, field: &str) -> f64 {
    let ms = last.at_ms.saturating_sub(before.at_ms);
    if ms == 0 {
        return 0.0;
    }
    (last.value(field) as f64 - before.value(field) as f64) * 1_000.0 / ms as f64
}

/// Of how many seconds samples are wanted, and how many seconds lie between two.
fn span(query: &Query, field: &str) -> Option<(u64, u64)> {
    let group = match field {
        "messages" | "messages_ready" | "messages_unacknowledged" => "lengths",
        "recv_oct" | "send_oct" => "data_rates",
        _ if NODE_FIELDS.contains(&field) => "node_stats",
        _ => "msg_rates",
    };
    let number = |name: &str| query.find(&format!("{group}_{name}"))?.parse::<u64>().ok();
    let age_s = number("age")?.clamp(1, 86_400);
    let step_s = number("incr")?.clamp(1, age_s).max(age_s.div_ceil(SHOWN_MAX));
    Some((age_s, step_s))
}

/// Fields of nodes only.
const NODE_FIELDS: [&str; 11] = [
    "mem_used",
    "disk_free",
    "fd_used",
    "sockets_used",
    "proc_used",
    "run_queue",
    "io_read_count",
    "io_read_bytes",
    "io_write_count",
    "io_write_bytes",
    "io_sync_count",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn put(rates: &Rates, object: &Object, field: &str, query: &str) -> Value {
        let mut shown = Map::new();
        rates.put(&mut shown, object, field, 7, &Query::parse(query));
        Value::Object(shown)
    }

    #[test]
    fn a_rate_is_what_changed_between_the_last_two_samples() {
        let (rates, object) = (Rates::default(), Object::Exchange(1));
        rates.record(object.clone(), 1_000, &[("publish", 10)]);
        assert_eq!(put(&rates, &object, "publish", "")["publish_details"]["rate"], 0.0);
        rates.record(object.clone(), 6_000, &[("publish", 20)]);
        assert_eq!(
            put(&rates, &object, "publish", ""),
            json!({ "publish": 7, "publish_details": { "rate": 2.0 } })
        );
        assert_eq!(put(&rates, &Object::Node, "publish", "")["publish_details"]["rate"], 0.0);
    }

    #[test]
    fn samples_are_shown_when_they_are_asked_for() {
        let (rates, object) = (Rates::default(), Object::Node);
        for second in 0..4 {
            rates.record(object.clone(), second * 5_000, &[("messages", second)]);
        }
        let shown = put(&rates, &object, "messages", "lengths_age=10&lengths_incr=5");
        let samples = shown["messages_details"]["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[0], json!({ "sample": 3, "timestamp": 15_000 }));
        assert!(shown["messages_details"]["avg_rate"].is_number());
        let many = put(&rates, &object, "messages", "lengths_age=80000&lengths_incr=1");
        assert!(many["messages_details"]["samples"].as_array().unwrap().len() <= 1_001);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let rates = Rates::default();
        for at in 0..200 {
            rates.record(Object::Exchange(1), at, &[("publish_in", at + 1)]);
        }
        let object = Object::Exchange(1);
        assert_eq!(rates.lock(&object)[&object].samples.len(), SAMPLES_MAX);
        rates.forget(FORGOTTEN_AFTER_MS + 200, 0);
        assert!(rates.lock(&object).is_empty());
    }

    #[test]
    fn what_stays_as_it_is_is_kept_as_two_samples() {
        let (rates, object) = (Rates::default(), Object::Node);
        for (second, messages) in (0..).zip([7, 7, 7, 7, 9]) {
            let fields = [("messages", messages), ("messages_ready", 0)];
            rates.record(object.clone(), second * 5_000, &fields);
        }
        assert_eq!(rates.lock(&object)[&object].samples.len(), 3);
        let shown = put(&rates, &object, "messages", "lengths_age=20&lengths_incr=5");
        assert_eq!(shown["messages_details"]["rate"], 0.4);
        let samples = shown["messages_details"]["samples"].as_array().unwrap();
        let values: Vec<_> = samples.iter().map(|sample| sample["sample"].clone()).collect();
        assert_eq!(values, [9, 9, 7, 7, 7]);
    }

    #[test]
    fn pairs_take_nothing_from_objects() {
        let rates = Rates::default();
        let pairs = 2 * PAIR_SAMPLES_TOTAL_MAX as u64;
        let queue = |number: u64| Object::Exchange(number);
        let client = ClientId::new(1, 0);
        (0..pairs).for_each(|number| rates.record(Object::Publishes(client, 1, number), 0, &[]));
        (0..3).for_each(|number| rates.record(queue(number), 0, &[("publish", number)]));
        for at_ms in 1..10 {
            rates.record(queue(2), at_ms * 1_000, &[("publish", at_ms * 5)]);
        }
        assert_eq!(put(&rates, &queue(2), "publish", "")["publish_details"]["rate"], 5.0);
        assert_eq!(rates.lock(&queue(2))[&queue(2)].samples.len(), 10);
        assert_eq!(lock(&rates.pairs).len(), PAIR_SAMPLES_TOTAL_MAX / SAMPLES_MIN);
    }
}
