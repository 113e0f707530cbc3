//! What a seed decides before anything happens: the pace of things, what is declared, and what goes wrong.

use std::time::Duration;

use stdx::Random;
use store::Options;
use wire_amqp091::Table;

/// How long things take at most, mostly. Now and then they take much longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) turn: Duration,
    pub(crate) network: Duration,
    pub(crate) mail: Duration,
    pub(crate) journal: Duration,
    pub(crate) background: Duration,
    /// Between two things that a client does of its own accord.
    pub(crate) client: Duration,
    /// Bytes that the network holds on their way to a client.
    pub(crate) socket_bytes: usize,
    /// Whether bytes are cut into small pieces.
    pub(crate) cuts: bool,
}

impl Pace {
    fn draw(random: &mut Random) -> Self {
        let mut one_of =
            |choices: [u64; 3]| Duration::from_micros(choices[random.below(3) as usize]);
        Self {
            turn: one_of([5, 30, 100]),
            network: one_of([20, 200, 2_000]),
            mail: one_of([5, 100, 2_000]),
            journal: one_of([100, 2_000, 10_000]),
            background: one_of([200, 5_000, 30_000]),
            client: one_of([500, 2_000, 5_000]),
            socket_bytes: [2_000, 20_000, 200_000][random.below(3) as usize],
            cuts: random.chance(1, 2),
        }
    }
}

/// How long something takes this time.
pub(crate) fn delay_us(random: &mut Random, usual: Duration) -> u64 {
    let usual = usual.as_micros() as u64;
    let stretch = if random.chance(1, 100) { 20 } else { 1 };
    1 + random.below(usual * stretch)
}

/// An exchange of the plan: all are durable.
pub(crate) const EXCHANGES: [(&str, &str); 3] =
    [("direct", "direct"), ("fanout", "fanout"), ("topic", "topic")];
/// The exchange that holds messages back, and its type. Only the queue of late messages is bound to it.
pub(crate) const DELAYED: (&str, &str) = ("delay", "x-delayed-message");
const DIRECT_KEYS: [&str; 4] = ["a", "b", "c", "d"];
const TOPIC_KEYS: [&str; 5] = ["a.b", "a.c", "b.b.c", "a", "c.a.b"];
const TOPIC_PATTERNS: [&str; 7] = ["a.*", "#.b", "a.#", "*.b.*", "#", "*", "c.#.b"];

/// Where dead letters go.
const GRAVEYARD: &str = "dead";

/// So little memory that a world's queues page out what they can, and enough for what its connections send in one go.
const SHORT_MEMORY_BYTES: usize = 1_000_000;
/// Each queue keeps what comes next in memory, so that large messages need more.
const SHORT_MEMORY_BYTES_OF_LARGE: usize = 4_000_000;

/// A queue that exists all the time, and that nobody purges.
#[derive(Clone, Debug)]
pub(crate) struct PlannedQueue {
    pub(crate) name: String,
    pub(crate) is_durable: bool,
    pub(crate) nature: Nature,
    /// Whether it keeps on disk whatever goes in.
    pub(crate) is_quorum: bool,
    pub(crate) arguments: Table,
}

/// What a queue does besides keeping messages in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Plain,
    /// Messages have priorities.
    Ranked,
    /// Messages die there, and go to the graveyard.
    Mortal,
    /// Where the dead go.
    Graveyard,
    /// Behind the exchange that holds messages back.
    Late,
    /// Messages that it has had before are dropped.
    Once,
}

impl PlannedQueue {
    fn durable(name: &str, nature: Nature, arguments: Table) -> Self {
        Self { name: name.to_owned(), is_durable: true, nature, is_quorum: false, arguments }
    }

    /// A queue in which messages die in several ways.
    fn mortal(random: &mut Random) -> Self {
        let is_quorum = random.chance(1, 2);
        let mut arguments = Table::new()
            .with("x-queue-type", if is_quorum { "quorum" } else { "classic" })
            .with("x-dead-letter-exchange", "")
            .with("x-dead-letter-routing-key", GRAVEYARD)
            .with("x-delivery-limit", 1 + random.below(3) as i64);
        if random.chance(1, 2) {
            arguments.push("x-message-ttl", 20 + random.below(60) as i64);
        }
        if random.chance(1, 2) {
            arguments.push("x-dead-letter-strategy", "at-least-once");
            arguments.push("x-overflow", "reject-publish");
        } else if random.chance(1, 2) {
            arguments.push("x-max-length", 1 + random.below(8) as i64);
        }
        Self { is_quorum, ..Self::durable("mortal", Nature::Mortal, arguments) }
    }

    /// The queues that do more than others, some of them.
    fn draw_special(random: &mut Random) -> Vec<Self> {
        let mut queues = Vec::new();
        if random.chance(1, 3) {
            let arguments = Table::new().with("x-max-priority", 3_i64);
            queues.push(Self::durable("ranked", Nature::Ranked, arguments));
        }
        if random.chance(1, 3) {
            let arguments =
                Table::new().with("x-queue-type", "quorum").with("x-delivery-limit", -1_i64);
            let plain = Self::durable("quorum", Nature::Ranked, arguments);
            queues.push(Self { is_quorum: true, ..plain });
        }
        if random.chance(1, 2) {
            queues.push(Self::mortal(random));
            queues.push(Self::durable(GRAVEYARD, Nature::Graveyard, Table::new()));
        }
        if random.chance(1, 3) {
            queues.push(Self::durable("late", Nature::Late, Table::new()));
        }
        if random.chance(1, 3) {
            let arguments = Table::new()
                .with("x-message-deduplication", true)
                .with("x-cache-size", 100_000_i64);
            queues.push(Self::durable("once", Nature::Once, arguments));
        }
        queues
    }
}

/// What is asked for a message besides that it arrives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) priority: Option<u8>,
    pub(crate) expiration_ms: Option<u64>,
    /// How long the exchange is to hold it back.
    pub(crate) delay_ms: Option<u64>,
    /// How long its queue is to hold it back.
    pub(crate) hold_ms: Option<u64>,
    /// By what a queue knows whether it has had it.
    pub(crate) key: Option<String>,
}

/// A binding that exists all the time.
#[derive(Clone, Debug)]
pub(crate) struct PlannedBinding {
    pub(crate) exchange: &'static str,
    pub(crate) key: &'static str,
    pub(crate) queue: usize,
}

/// What a seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) pace: Pace,
    pub(crate) queues: Vec<PlannedQueue>,
    pub(crate) bindings: Vec<PlannedBinding>,
    pub(crate) publishers: usize,
    pub(crate) consumers: usize,
    pub(crate) meddlers: usize,
    pub(crate) transactors: usize,
    /// How often the node starts.
    pub(crate) boots: u64,
    pub(crate) store: Options,
    /// Bodies are small in most worlds: a world of large ones sees little else.
    pub(crate) has_large_bodies: bool,
    /// What each shard's messages and connections may take.
    pub(crate) memory_bytes_max: usize,
}

impl Plan {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let queue_count = 1 + random.below(5) as usize;
        let queues = (0..queue_count).map(|index| {
            let is_durable = random.chance(4, 5);
            let plain = PlannedQueue::durable("", Nature::Plain, Table::new());
            PlannedQueue { name: format!("q{index}"), is_durable, ..plain }
        });
        let mut queues: Vec<PlannedQueue> = queues.collect();
        let bindings = (0..random.below(8)).map(|_| {
            let exchange = EXCHANGES[random.below(3) as usize].0;
            let key = binding_key(random, exchange);
            PlannedBinding { exchange, key, queue: random.below(queue_count as u64) as usize }
        });
        let mut bindings: Vec<PlannedBinding> = bindings.collect();
        queues.extend(PlannedQueue::draw_special(random));
        if let Some(queue) = queues.iter().position(|queue| queue.nature == Nature::Late) {
            bindings.push(PlannedBinding { exchange: DELAYED.0, key: "late", queue });
        }
        let has_large_bodies = random.chance(1, 4);
        let memory_bytes_max = match (random.chance(1, 3), has_large_bodies) {
            (false, _) => 1 << 30,
            (true, false) => SHORT_MEMORY_BYTES,
            (true, true) => SHORT_MEMORY_BYTES_OF_LARGE,
        };
        Self {
            pace: Pace::draw(random),
            queues,
            bindings,
            publishers: 1 + random.below(3) as usize,
            consumers: random.below(4) as usize,
            meddlers: random.below(2) as usize,
            transactors: random.below(2) as usize,
            boots: 1 + random.below(5),
            store: store_options(random),
            has_large_bodies,
            memory_bytes_max,
        }
    }

    /// Where a message goes, of the queues that exist all the time. Written apart from the broker's routing on purpose.
    pub(crate) fn targets(&self, exchange: &str, key: &str) -> Vec<String> {
        let is_target = |(index, queue): (usize, &PlannedQueue)| {
            let is_bound = |binding: &PlannedBinding| {
                binding.queue == index && binding.exchange == exchange && matches(binding, key)
            };
            let is_reached = if exchange.is_empty() {
                queue.name == key
            } else {
                self.bindings.iter().any(is_bound)
            };
            is_reached.then(|| queue.name.clone())
        };
        self.queues.iter().enumerate().filter_map(is_target).collect()
    }

    /// An exchange and a key to publish with. Some reach no queue.
    pub(crate) fn address(&self, random: &mut Random) -> (&'static str, String) {
        match random.below(6) {
            0 => ("direct", DIRECT_KEYS[random.below(4) as usize].to_owned()),
            1 => ("fanout", String::new()),
            2 => ("topic", TOPIC_KEYS[random.below(5) as usize].to_owned()),
            3 if random.chance(1, 4) => ("", "nowhere".to_owned()),
            _ => match self.queue(random) {
                "late" => (DELAYED.0, "late".to_owned()),
                name => ("", name.to_owned()),
            },
        }
    }

    /// What is asked for a message that goes there at this time.
    pub(crate) fn wishes(
        &self,
        (exchange, key): (&str, &str),
        now_ms: u64,
        random: &mut Random,
    ) -> Wishes {
        let mut wishes = Wishes::default();
        if exchange == DELAYED.0 {
            wishes.delay_ms = Some(random.below(200));
            return wishes;
        }
        let is_target = |queue: &&PlannedQueue| exchange.is_empty() && queue.name == key;
        match self.queues.iter().find(is_target).map(|queue| queue.nature) {
            Some(Nature::Plain) if random.chance(1, 10) => {
                wishes.hold_ms = Some(random.below(100));
            }
            Some(Nature::Ranked) => {
                wishes.priority = random.chance(3, 4).then(|| random.below(7) as u8);
                wishes.hold_ms = random.chance(1, 10).then(|| random.below(100));
            }
            Some(Nature::Mortal) if random.chance(1, 4) => {
                wishes.expiration_ms = Some(random.below(80));
            }
            Some(Nature::Once) => {
                // Now and then one of a little earlier, perhaps of before a crash.
                let age = now_ms / 40 - u64::from(random.chance(1, 3)).min(now_ms / 40);
                wishes.key = Some(format!("{age}.{}", random.below(4)));
            }
            _ => {}
        }
        wishes
    }

    /// Whether the plan has an exchange that holds messages back.
    pub(crate) fn has_delays(&self) -> bool {
        self.queues.iter().any(|queue| queue.nature == Nature::Late)
    }

    /// The names of the queues of a nature.
    pub(crate) fn names(&self, nature: Nature) -> impl Iterator<Item = String> {
        let queues = self.queues.iter().filter(move |queue| queue.nature == nature);
        queues.map(|queue| queue.name.clone())
    }

    /// One of the queues that exist all the time.
    pub(crate) fn queue(&self, random: &mut Random) -> &str {
        &self.queues[random.below(self.queues.len() as u64) as usize].name
    }

    /// How long a body is.
    pub(crate) fn body_len(&self, random: &mut Random) -> usize {
        let bound = match random.below(40) {
            0 if self.has_large_bodies => 100_000,
            1 | 2 => 9_000,
            3..10 => 1_000,
            10..14 => 1,
            _ => 64,
        };
        random.below(bound) as usize
    }
}

/// A key to bind with.
pub(crate) fn binding_key(random: &mut Random, exchange: &str) -> &'static str {
    match exchange {
        "topic" => TOPIC_PATTERNS[random.below(7) as usize],
        "direct" => DIRECT_KEYS[random.below(4) as usize],
        _ => "",
    }
}

fn matches(binding: &PlannedBinding, key: &str) -> bool {
    match binding.exchange {
        "direct" => binding.key == key,
        "topic" => {
            let pattern: Vec<&str> = binding.key.split('.').collect();
            topic_matches(&pattern, &key.split('.').collect::<Vec<_>>())
        }
        _ => true,
    }
}

fn topic_matches(pattern: &[&str], words: &[&str]) -> bool {
    match (pattern.split_first(), words.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), _) => {
            (0..=words.len()).any(|skipped| topic_matches(rest, &words[skipped..]))
        }
        (Some((&wanted, rest)), Some((&word, others))) => {
            (wanted == "*" || wanted == word) && topic_matches(rest, others)
        }
        _ => false,
    }
}

/// Small files, so that the journal rolls, retires and recycles in a short life.
fn store_options(random: &mut Random) -> Options {
    Options {
        journal_file_bytes: [16 << 10, 64 << 10, 256 << 10][random.below(3) as usize],
        journal_files_max: 1 + random.below(3) as usize,
        spare_files_max: random.below(3) as usize,
        fill_step_bytes: 4 << 10,
        segment_bytes: [2 << 10, 16 << 10][random.below(2) as usize],
        read_run_bytes: 4 << 10,
        write_delay_ms: 5,
        write_bytes: 16 << 10,
        sync_delay_ms: [20, 200][random.below(2) as usize],
        sync_bytes: 64 << 10,
        snapshot_note_bytes: 2_000,
        table_bytes_max: 2_000,
        sweep_delay_ms: 300,
        retry_delay_ms: 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_stands_for_any_number_of_words_and_a_star_for_one() {
        let matches = |pattern: &str, key: &str| {
            let words = |text: &'static str| text.split('.').collect::<Vec<_>>();
            topic_matches(&words(pattern.to_owned().leak()), &words(key.to_owned().leak()))
        };
        assert!(matches("#.b", "b") && matches("#.b", "a.b") && matches("c.#.b", "c.b"));
        assert!(matches("*.b.*", "a.b.c") && !matches("*", "a.b") && !matches("a.*", "a"));
    }
}
