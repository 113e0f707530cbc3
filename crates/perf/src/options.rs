//! What the load is, as the command line says it.

use std::time::Duration;

use clap::Args;
use clap::value_parser;

use crate::client::{Acknowledge, Layout, Numbers, Pace, Publication, Subscription};
use crate::uri::Uri;

/// Clients of one side: each has a connection and a descriptor.
const CLIENTS_MAX: i64 = 50_000;
/// The largest body: every publisher holds a copy, and RabbitMQ's own default is 16 MiB.
const BODY_BYTES_MAX: i64 = 128 * 1024 * 1024;
/// The largest window: a bit is kept for each message in it, and some more.
const WINDOW_MAX: i64 = 10_000_000;
/// What stands in a key where its number goes.
const PLACE: &str = "{}";
const THREADS_MAX: i64 = 256;
/// The longest duration, in seconds: a week.
const DURATION_MAX_S: f64 = 604_800.0;
/// What a run without `--duration` and `--count` takes, in seconds.
const DURATION_S: f64 = 10.0;
/// What a run with a duration does before it counts, in seconds.
const WARMUP_S: f64 = 0.5;

/// Publishes and consumes as fast as the broker can, or at a given rate, and tells throughput, latency and what it
/// cost.
///
/// Without options: one publisher and one consumer of 16-byte transient messages on one queue, each delivery
/// acknowledged, for ten seconds. A queue that did not exist before is deleted at the end.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where the broker is: amqp://USER:PASSWORD@HOST:PORT/VHOST
    #[arg(long, value_name = "URI", default_value = "amqp://guest:guest@127.0.0.1:5672/")]
    uri: Uri,

    /// Publishers, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(0..=CLIENTS_MAX))]
    producers: u32,

    /// Consumers, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(0..=CLIENTS_MAX))]
    consumers: u32,

    /// The queue
    #[arg(long, value_name = "NAME", default_value = "perf")]
    queue: String,

    /// Queues NAME-1 to NAME-N instead; publishers and consumers are spread over them in turn
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=CLIENTS_MAX))]
    queues: u32,

    /// The x-queue-type of the queues, such as quorum; implies --durable
    #[arg(long, value_name = "TYPE")]
    queue_type: Option<String>,

    /// Declare the queues durable even if messages are transient
    #[arg(long)]
    durable: bool,

    /// Leave the queues behind, with what is in them
    #[arg(long)]
    keep: bool,

    /// Delete the queues afterwards even if they existed before
    #[arg(long, conflicts_with = "keep")]
    delete: bool,

    /// Publish to this exchange, which has to exist, and bind the queues to it
    #[arg(long, value_name = "NAME")]
    exchange: Option<String>,

    /// Bind and publish with this key instead of the queues' names
    #[arg(long, value_name = "KEY", requires = "exchange")]
    routing_key: Option<String>,

    /// Publish with N keys in turn: the first {} in the routing key is the key's number, as in device.{}.temperature
    #[arg(long, value_name = "N", requires = "routing_key", value_parser = value_parser!(u32).range(1..=1_000_000))]
    keys: Option<u32>,

    /// Bind with this key rather than the routing key; with --keys, {} is each number in turn
    #[arg(long, value_name = "KEY", requires = "exchange")]
    binding_key: Option<String>,

    /// Bytes of each body; latency is measured from 8 on
    #[arg(long, value_name = "BYTES", default_value_t = 16, value_parser = value_parser!(u32).range(0..=BODY_BYTES_MAX))]
    size: u32,

    /// Publish persistent messages; implies --durable
    #[arg(long)]
    persistent: bool,

    /// Ask for confirms, and let each publisher have at most WINDOW unconfirmed messages
    #[arg(long, value_name = "WINDOW", value_parser = value_parser!(u32).range(1..=WINDOW_MAX))]
    confirm: Option<u32>,

    /// Let deliveries count as acknowledged when they are sent
    #[arg(long, conflicts_with_all = ["ack_every", "prefetch"])]
    auto_ack: bool,

    /// Acknowledge with one method for each N deliveries
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..))]
    ack_every: u64,

    /// Unacknowledged deliveries that each consumer may have; 0: no limit
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    prefetch: u16,

    /// Publish this many messages a second, all publishers together, evenly
    #[arg(long, value_name = "PER_S", value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    rate: Option<u64>,

    /// Measure for this many seconds [default: 10]
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    duration: Option<f64>,

    /// Publish this many messages in all, and wait until they are consumed; without publishers: consume as many
    #[arg(long, value_name = "N", conflicts_with_all = ["duration", "warmup"], value_parser = value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Leave the first seconds out of the figures; they come on top of the duration [default: 0.5]
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    warmup: Option<f64>,

    /// Threads for the publishers, and as many for the consumers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=THREADS_MAX))]
    threads: u32,

    /// The broker's process, to tell its processor time and memory
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// Print the figures as one line of JSON
    #[arg(long)]
    json: bool,
}

/// When a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// After a time, of which the warm-up does not count.
    Time { warmup: Duration, duration: Duration },
    /// After a number of messages.
    Count(u64),
}

impl Options {
    /// # Errors
    /// A combination that cannot work; the text says why.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.producers == 0 && self.consumers == 0 {
            return Err("without --producers and --consumers there is nothing to do".to_owned());
        }
        let prefetch = u64::from(self.prefetch);
        if !self.auto_ack && prefetch != 0 && prefetch < self.ack_every {
            return Err(format!(
                "with --prefetch {prefetch} the broker stops before --ack-every {} is reached",
                self.ack_every
            ));
        }
        if let Some(name) = self.queue_names().iter().find(|name| name.len() > 255) {
            return Err(format!("the queue's name has {} bytes, more than 255", name.len()));
        }
        let has_place = |key: &Option<String>| key.as_ref().is_some_and(|key| key.contains(PLACE));
        if self.keys.is_some() && !has_place(&self.routing_key) {
            return Err(format!("with --keys the routing key has {PLACE} where the number goes"));
        }
        let others = [&self.exchange, &self.routing_key, &self.binding_key, &self.queue_type];
        if let Some(long) = others.into_iter().flatten().find(|text| text.len() > 255) {
            return Err(format!("{long:?} has {} bytes, more than 255", long.len()));
        }
        Ok(())
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads as usize
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn keeps_queues(&self) -> bool {
        self.keep
    }

    pub(crate) fn deletes_found_queues(&self) -> bool {
        self.delete
    }

    pub(crate) fn has_confirms(&self) -> bool {
        self.confirm.is_some()
    }

    pub(crate) fn extent(&self) -> Extent {
        let seconds =
            |given: Option<f64>, default| Duration::from_secs_f64(given.unwrap_or(default));
        match self.count {
            Some(count) => Extent::Count(count),
            None => Extent::Time {
                warmup: seconds(self.warmup, WARMUP_S),
                duration: seconds(self.duration, DURATION_S),
            },
        }
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            queues: self.queue_names(),
            is_durable: self.durable || self.persistent || self.queue_type.is_some(),
            queue_type: self.queue_type.clone(),
            exchange: self.exchange.clone(),
            binding_keys: self.binding_keys(),
        }
    }

    /// The keys to bind each queue with; none: with its own name.
    fn binding_keys(&self) -> Vec<String> {
        let Some(key) = self.binding_key.as_ref().or(self.routing_key.as_ref()) else {
            return Vec::new();
        };
        match self.keys {
            None => vec![key.clone()],
            Some(_) if !key.contains(PLACE) => vec![key.clone()],
            Some(keys) => {
                let key_of = |number| key.replacen(PLACE, &digits(number, keys), 1);
                (0..keys).map(key_of).collect()
            }
        }
    }

    /// What each publisher publishes, and how fast.
    pub(crate) fn publications(&self) -> Vec<(Publication, Pace)> {
        let queues = self.queue_names();
        (0..self.producers)
            .map(|index| {
                let queue = &queues[(index % self.queues) as usize];
                let publication = Publication {
                    exchange: self.exchange.clone().unwrap_or_default(),
                    routing_key: match (&self.routing_key, self.keys) {
                        (Some(key), Some(keys)) => key.replacen(PLACE, &digits(0, keys), 1),
                        (Some(key), None) => key.clone(),
                        (None, _) => queue.clone(),
                    },
                    numbers: self.numbers(),
                    body_len: self.size as usize,
                    is_persistent: self.persistent,
                };
                let pace = Pace {
                    rate: self.rate,
                    publishers: u64::from(self.producers),
                    index: u64::from(index),
                    count: self.share(index),
                    window: self.confirm,
                };
                (publication, pace)
            })
            .collect()
    }

    /// Where the number of the key stands, and how many there are.
    fn numbers(&self) -> Option<Numbers> {
        let keys = self.keys?;
        let at = self.routing_key.as_ref()?.find(PLACE)?;
        Some(Numbers { at, len: digits(0, keys).len(), keys })
    }

    /// What each consumer consumes.
    pub(crate) fn subscriptions(&self) -> Vec<Subscription> {
        let queues = self.queue_names();
        (0..self.consumers)
            .map(|index| Subscription {
                queue: queues[(index % self.queues) as usize].clone(),
                acknowledge: if self.auto_ack {
                    Acknowledge::Automatically
                } else {
                    Acknowledge::Every(self.ack_every)
                },
                prefetch: self.prefetch,
                waits_for_start: self.producers == 0,
            })
            .collect()
    }

    /// How many messages will be published; `None` when time decides.
    pub(crate) fn published_in_all(&self) -> Option<u64> {
        self.count.map(|count| if self.producers > 0 { count } else { 0 })
    }

    /// How many messages will be consumed if none is lost and `backlog` are there before; `None` when time decides,
    /// or the bindings of an exchange.
    pub(crate) fn consumed_in_all(&self, backlog: u64) -> Option<u64> {
        let count = self.count?;
        if self.consumers == 0 {
            return Some(0);
        }
        if self.producers == 0 {
            return Some(count);
        }
        if self.exchange.is_some() {
            return None;
        }
        if self.consumers >= self.queues {
            return Some(count.saturating_add(backlog));
        }
        // Some queues have no consumer; what was in which queue before is not known.
        let is_consumed = |index: &u32| index % self.queues < self.consumers;
        (backlog == 0).then(|| (0..self.producers).filter(is_consumed).map(|i| self.share(i)).sum())
    }

    /// How many messages a publisher has to publish.
    fn share(&self, index: u32) -> u64 {
        let Some(count) = self.count else { return u64::MAX };
        let producers = u64::from(self.producers);
        count / producers + u64::from(u64::from(index) < count % producers)
    }

    fn queue_names(&self) -> Vec<String> {
        match self.queues {
            1 => vec![self.queue.clone()],
            queues => (1..=queues).map(|number| format!("{}-{number}", self.queue)).collect(),
        }
    }
}

/// The number of one of `keys` keys; all of them are equally long.
fn digits(number: u32, keys: u32) -> String {
    let len = (keys - 1).to_string().len();
    format!("{number:0len$}")
}

/// # Errors
/// It is no number of seconds that a run may take.
pub(crate) fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=DURATION_MAX_S).contains(&seconds) => Ok(seconds),
        _ => Err(format!("not a number of seconds from 0 to {DURATION_MAX_S}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn options(line: &str) -> Options {
        let words = std::iter::once("perf").chain(line.split_whitespace());
        Command::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).options
    }

    fn is_refused(line: &str) -> bool {
        let words = std::iter::once("perf").chain(line.split_whitespace());
        Command::try_parse_from(words).map_or(true, |command| command.options.check().is_err())
    }

    #[test]
    fn everything_has_a_default() {
        let options = options("");
        assert_eq!(options.check(), Ok(()));
        let (warmup, duration) = (Duration::from_millis(500), Duration::from_secs(10));
        assert_eq!(options.extent(), Extent::Time { warmup, duration });
        assert!(!options.layout().is_durable);
        assert_eq!(options.publications().len(), 1);
    }

    #[test]
    fn clients_are_spread_over_the_queues_in_turn() {
        let options = options("--producers 3 --consumers 1 --queues 2 --queue q");
        assert_eq!(options.layout().queues, ["q-1", "q-2"]);
        let keys: Vec<String> =
            options.publications().into_iter().map(|(it, _)| it.routing_key).collect();
        assert_eq!(keys, ["q-1", "q-2", "q-1"]);
        assert_eq!(options.subscriptions()[0].queue, "q-1");
    }

    #[test]
    fn keys_have_numbers_of_one_length() {
        let options = options("--exchange x --keys 11 --routing-key a.{}.b --binding-key a.{}.*");
        assert_eq!(options.check(), Ok(()));
        let (publication, _) = options.publications().remove(0);
        assert_eq!(publication.routing_key, "a.00.b");
        assert_eq!(publication.numbers, Some(Numbers { at: 2, len: 2, keys: 11 }));
        let keys = options.layout().binding_keys;
        assert_eq!((keys.len(), keys[10].as_str()), (11, "a.10.*"));
    }

    #[test]
    fn the_count_is_shared_without_rest() {
        let options = options("--producers 3 --queues 2 --consumers 1 --count 11");
        let shares: Vec<u64> = options.publications().iter().map(|(_, pace)| pace.count).collect();
        assert_eq!(shares, [4, 4, 3]);
        assert_eq!(options.published_in_all(), Some(11));
        // The second publisher's queue has no consumer.
        assert_eq!(options.consumed_in_all(0), Some(7));
        assert_eq!(options.consumed_in_all(5), None);
    }

    #[test]
    fn what_is_to_be_consumed_depends_on_what_is_there_and_who_is_there() {
        assert_eq!(options("--count 9").consumed_in_all(2), Some(11));
        assert_eq!(options("--count 9 --consumers 0").consumed_in_all(2), Some(0));
        assert_eq!(options("--count 9 --producers 0").consumed_in_all(100), Some(9));
        assert_eq!(options("--count 9 --exchange amq.fanout").consumed_in_all(0), None);
        assert_eq!(options("").consumed_in_all(0), None);
    }

    #[test]
    fn persistent_messages_and_typed_queues_are_durable() {
        for line in ["--persistent", "--durable", "--queue-type quorum"] {
            assert!(options(line).layout().is_durable, "{line}");
        }
    }

    #[test]
    fn combinations_that_cannot_work_are_refused() {
        for line in [
            "--producers 0 --consumers 0",
            "--ack-every 100 --prefetch 99",
            "--auto-ack --ack-every 2",
            "--count 5 --duration 5",
            "--keep --delete",
            "--exchange x --keys 5",
            "--exchange x --routing-key k --keys 5",
            "--count 0",
            "--rate 0",
            "--duration -1",
            "--duration inf",
            "--routing-key k",
            "--confirm 0",
            "--uri http://localhost",
        ] {
            assert!(is_refused(line), "{line}");
        }
        assert!(!is_refused("--ack-every 100 --prefetch 100"));
        assert!(!is_refused("--ack-every 100 --prefetch 0"));
    }
}
