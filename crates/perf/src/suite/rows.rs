//! The rows of the page: what is done, what is told of it, and what Leveret should reach.
//!
//! A row's steps are the words behind `leveret perf --json --uri URI`, so that whoever doubts a figure can run them.

use super::figure::{Figure, Source, Target, Unit};

/// One workload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// What `--only` calls it.
    pub(super) name: &'static str,
    /// What plots call it: a few words.
    pub(super) label: &'static str,
    /// What the page calls it.
    pub(super) title: &'static str,
    pub(super) steps: &'static [Step],
    /// What is measured beside the brokers.
    pub(super) bounds: Bounds,
    pub(super) figures: &'static [Figure],
}

/// What a row cannot be better than.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    /// Nothing that is known.
    None,
    /// The load tool: what it does with a broker that does nothing, for bodies of this size.
    Tool { size: u32 },
    /// The load tool, and a relay of bytes.
    ToolAndRelay { size: u32 },
}

/// One run of the load tool, or what the suite does itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A load for as long as the suite says.
    Timed(&'static str),
    /// A load of at most so many messages: of fewer for a broker that would take minutes.
    Counted(&'static str, u64),
    /// Whatever takes the time that it takes; of a peer, which takes longer, something smaller is asked.
    Task { line: &'static str, of_peer: &'static str },
    /// The operator's list of all queues.
    List,
    /// The broker stops and starts again.
    Restart,
    /// The start of a broker on an empty directory; nothing that a peer can be asked for.
    Start,
}

impl Row {
    /// How often it is played at most: what takes half a minute says by itself how it went.
    pub(super) fn rounds_max(&self) -> usize {
        let is_long = |step: &Step| matches!(step, Step::List);
        if self.steps.iter().any(is_long) { 3 } else { usize::MAX }
    }

    /// Whether somebody who did not start the broker can play it.
    pub(super) fn is_for_peers(&self) -> bool {
        let is_ours = |step: &Step| matches!(step, Step::Start | Step::List | Step::Restart);
        !self.steps.iter().any(is_ours)
    }

    /// The body's size where the load tool is put to the test.
    pub(super) fn size_for_tool(&self) -> Option<u32> {
        match self.bounds {
            Bounds::None => None,
            Bounds::Tool { size } | Bounds::ToolAndRelay { size } => Some(size),
        }
    }

    /// The body's size where a relay is measured.
    pub(super) fn size_for_relay(&self) -> Option<u32> {
        match self.bounds {
            Bounds::ToolAndRelay { size } => Some(size),
            Bounds::None | Bounds::Tool { .. } => None,
        }
    }
}

const fn at_least(bound: f64) -> Option<Target> {
    Some(Target::AtLeast(bound))
}

const fn at_most(bound: f64) -> Option<Target> {
    Some(Target::AtMost(bound))
}

const fn figure(
    name: &'static str,
    step: usize,
    field: &'static str,
    unit: Unit,
    target: Option<Target>,
) -> Figure {
    Figure { name, source: Source::Field { step, field }, unit, target }
}

const fn cost(target: Option<Target>) -> Figure {
    cost_of("CPU", 0, target)
}

/// The broker's CPU-seconds per million messages, published or delivered, whichever are more.
const fn cost_of(name: &'static str, step: usize, target: Option<Target>) -> Figure {
    figure(name, step, "cpu_s_per_million", Unit::CpuSPerMillion, target)
}

const fn published(target: Option<Target>) -> Figure {
    figure("in", 0, "published_per_s", Unit::PerS, target)
}

const fn consumed(target: Option<Target>) -> Figure {
    figure("out", 0, "consumed_per_s", Unit::PerS, target)
}

const P50: Figure = figure("p50", 0, "latency_us/p50", Unit::Us, None);

const fn p99(bound_us: f64) -> Figure {
    figure("p99", 0, "latency_us/p99", Unit::Us, at_most(bound_us))
}

/// How much of what is published comes out in the same time; less than 95 % is a queue that grows.
const PACE: Figure = Figure {
    name: "out / in",
    source: Source::Share { step: 0, field: "consumed_per_s", of: "published_per_s" },
    unit: Unit::Percent,
    target: at_least(0.95),
};

const OF_SYNCS: Figure = Figure {
    name: "of fdatasync",
    source: Source::OfSyncs { step: 0, field: "published_per_s" },
    unit: Unit::Percent,
    target: at_least(0.6),
};

/// Pairs of making and removing a second, of all clients of the first step.
const fn pairs(name: &'static str, target: Option<Target>) -> Figure {
    figure(name, 0, "pairs_per_s", Unit::PerS, target)
}

/// The same of one client that waits for every answer, which is the second step.
const fn pairs_of_one() -> Figure {
    figure("1 client", 1, "pairs_per_s", Unit::PerS, None)
}

const fn cpu_of_pair() -> Figure {
    figure("CPU of a pair", 0, "cpu_us_per_pair", Unit::Us, None)
}

/// Every row, in the order of the page.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "small",
        label: "16 B, auto-ack",
        title: "1 producer, 1 consumer, 16 B, transient, auto-ack",
        steps: &[Step::Timed("--size 16 --auto-ack")],
        bounds: Bounds::ToolAndRelay { size: 16 },
        figures: &[cost(at_most(0.10)), published(None), consumed(at_least(4e6))],
    },
    Row {
        name: "kib",
        label: "1 KiB, auto-ack",
        title: "the same, 1 KiB",
        steps: &[Step::Timed("--size 1024 --auto-ack")],
        bounds: Bounds::ToolAndRelay { size: 1_024 },
        figures: &[cost(at_most(0.45)), consumed(None)],
    },
    Row {
        name: "large",
        label: "100 KB, auto-ack",
        title: "the same, 100 KB",
        steps: &[Step::Timed("--size 100000 --auto-ack")],
        bounds: Bounds::ToolAndRelay { size: 100_000 },
        figures: &[cost(at_most(50.0)), consumed(None)],
    },
    Row {
        name: "ack-each",
        label: "16 B, ack each",
        title: "1 producer, 1 consumer, 16 B, each acknowledged, prefetch 100",
        steps: &[Step::Timed("--size 16 --ack-every 1 --prefetch 100")],
        bounds: Bounds::Tool { size: 16 },
        figures: &[cost(at_most(0.40)), PACE, published(None), consumed(None)],
    },
    Row {
        name: "many",
        label: "64 to 64, 16 B",
        title: "64 producers, 64 consumers, one queue, 16 B, auto-ack",
        steps: &[Step::Timed("--producers 64 --consumers 64 --size 16 --auto-ack")],
        bounds: Bounds::Tool { size: 16 },
        figures: &[published(at_least(1.5e6)), consumed(at_least(1.5e6)), cost(None)],
    },
    Row {
        name: "publish-drain",
        label: "16 B",
        title: "publish only, then drain, 16 B",
        steps: &[
            Step::Counted("--size 16 --consumers 0 --keep", 4_000_000),
            Step::Counted("--size 16 --producers 0 --auto-ack --delete", 4_000_000),
        ],
        bounds: Bounds::Tool { size: 16 },
        figures: &[
            cost_of("publish CPU", 0, at_most(0.10)),
            cost_of("drain CPU", 1, at_most(0.08)),
            published(None),
            figure("out", 1, "consumed_per_s", Unit::PerS, None),
        ],
    },
    Row {
        name: "fill-drain",
        label: "1 KiB, persistent",
        title: "fill and drain, 1 KiB, persistent, confirmed (window 1000; one ack for 100, prefetch 1000)",
        steps: &[
            Step::Counted(
                "--size 1024 --persistent --confirm 1000 --consumers 0 --keep",
                1_000_000,
            ),
            Step::Counted(
                "--size 1024 --durable --producers 0 --ack-every 100 --prefetch 1000 --delete",
                1_000_000,
            ),
        ],
        bounds: Bounds::Tool { size: 1_024 },
        figures: &[
            figure("fill", 0, "published_per_s", Unit::PerS, at_least(350e3)),
            figure("drain", 1, "consumed_per_s", Unit::PerS, at_least(800e3)),
            cost_of("fill CPU", 0, None),
            cost_of("drain CPU", 1, None),
        ],
    },
    Row {
        name: "fanout",
        label: "fan-out to 10, 16 B",
        title: "fan-out to 10 queues, 16 B, auto-ack, per delivered message",
        steps: &[Step::Timed(
            "--exchange amq.fanout --queues 10 --consumers 10 --size 16 --auto-ack",
        )],
        bounds: Bounds::Tool { size: 16 },
        figures: &[cost(at_most(0.08)), consumed(None)],
    },
    Row {
        name: "fanout-kib",
        label: "fan-out to 10, 1 KiB",
        title: "the same, 1 KiB",
        steps: &[Step::Timed(
            "--exchange amq.fanout --queues 10 --consumers 10 --size 1024 --auto-ack",
        )],
        bounds: Bounds::Tool { size: 1_024 },
        figures: &[cost(at_most(0.35)), consumed(None)],
    },
    Row {
        name: "topic",
        label: "topic, 10,000 bindings",
        title: "topic exchange, 10,000 bindings, 10,000 keys in turn, each for one of them, 16 B, auto-ack",
        steps: &[Step::Timed(
            "--exchange amq.topic --keys 10000 --routing-key device.{}.temperature --binding-key device.{}.* --size 16 --auto-ack",
        )],
        bounds: Bounds::None,
        figures: &[cost(at_most(1.0)), consumed(None)],
    },
    Row {
        name: "window-1",
        label: "persistent, window 1",
        title: "16 B, persistent, confirms, window 1",
        steps: &[Step::Timed("--size 16 --persistent --confirm 1 --consumers 0")],
        bounds: Bounds::Tool { size: 16 },
        figures: &[OF_SYNCS, published(None), cost(None)],
    },
    Row {
        name: "window-100",
        label: "persistent, window 100",
        title: "16 B, persistent, confirms, window 100, each acknowledged",
        steps: &[Step::Timed("--size 16 --persistent --confirm 100 --ack-every 1 --prefetch 100")],
        bounds: Bounds::Tool { size: 16 },
        figures: &[published(at_least(300e3)), cost(at_most(0.6))],
    },
    Row {
        name: "window-1000",
        label: "persistent, window 1000",
        title: "16 B, persistent, confirms, window 1000, each acknowledged",
        steps: &[Step::Timed(
            "--size 16 --persistent --confirm 1000 --ack-every 1 --prefetch 1000",
        )],
        bounds: Bounds::Tool { size: 16 },
        figures: &[published(at_least(1e6)), cost(at_most(0.5))],
    },
    Row {
        name: "hundred",
        label: "100 queues, persistent",
        title: "100 queues, 100 producers, 100 consumers, 16 B, persistent, confirms",
        steps: &[Step::Timed(
            "--producers 100 --consumers 100 --queues 100 --size 16 --persistent --confirm 100 --ack-every 1 --prefetch 100",
        )],
        bounds: Bounds::Tool { size: 16 },
        figures: &[
            Figure {
                name: "in",
                source: Source::Field { step: 0, field: "published_per_s" },
                unit: Unit::PerS,
                target: Some(Target::TimesPeer(5.0)),
            },
            cost(None),
        ],
    },
    Row {
        name: "latency-10k",
        label: "10,000/s, 16 B",
        title: "latency at 10,000 messages/s, 16 B, auto-ack",
        steps: &[Step::Timed("--rate 10000 --size 16 --auto-ack")],
        bounds: Bounds::None,
        figures: &[p99(250.0), P50],
    },
    Row {
        name: "latency-100k",
        label: "100,000/s, 16 B",
        title: "latency at 100,000 messages/s, 16 B, auto-ack",
        steps: &[Step::Timed("--rate 100000 --size 16 --auto-ack")],
        bounds: Bounds::None,
        figures: &[p99(400.0), P50],
    },
    Row {
        name: "latency-disk",
        label: "2,000/s, 1 KiB, persistent",
        title: "latency at 2,000 messages/s, 1 KiB, persistent, confirms, each acknowledged",
        steps: &[Step::Timed(
            "--rate 2000 --size 1024 --persistent --confirm 1000 --ack-every 1 --prefetch 1000",
        )],
        bounds: Bounds::None,
        figures: &[p99(350.0), P50],
    },
    Row {
        name: "idle-connections",
        label: "idle connection",
        title: "10,000 idle connections with one channel (peers: 2,000)",
        steps: &[Step::Task {
            line: "idle --connections 10000",
            of_peer: "idle --connections 2000",
        }],
        bounds: Bounds::None,
        figures: &[
            figure("each", 0, "kib_each", Unit::KiB, at_most(6.0)),
            figure("broker", 0, "rss_mib", Unit::MiB, at_most(100.0)),
            figure("opened", 0, "per_s", Unit::PerS, None),
        ],
    },
    Row {
        name: "idle-queues",
        label: "empty queue",
        title: "100,000 empty durable queues (peers: 1,000)",
        steps: &[Step::Task {
            line: "idle --queues 100000 --durable",
            of_peer: "idle --queues 1000 --durable",
        }],
        bounds: Bounds::None,
        figures: &[
            figure("each", 0, "kib_each", Unit::KiB, at_most(1.0)),
            figure("declared", 0, "per_s", Unit::PerS, None),
        ],
    },
    Row {
        name: "million",
        label: "a million queues",
        title: "1,000,000 durable queues declared, listed by name and length, restarted",
        steps: &[
            Step::Task { line: "idle --queues 1000000 --durable --keep --settle 0", of_peer: "" },
            Step::List,
            Step::Restart,
        ],
        bounds: Bounds::None,
        figures: &[
            Figure {
                name: "in all",
                source: Source::Sum { field: "seconds" },
                unit: Unit::S,
                target: at_most(30.0),
            },
            figure("declared", 0, "seconds", Unit::S, None),
            figure("listed", 1, "seconds", Unit::S, None),
            figure("restarted", 2, "seconds", Unit::S, None),
            figure("memory", 0, "rss_mib", Unit::MiB, None),
        ],
    },
    Row {
        name: "churn-connection",
        label: "connections",
        title: "connections opened with a channel, and closed",
        steps: &[
            Step::Timed("churn connection --clients 16"),
            Step::Timed("churn connection --clients 1"),
        ],
        bounds: Bounds::None,
        figures: &[pairs("16 clients", at_least(10e3)), pairs_of_one(), cpu_of_pair()],
    },
    Row {
        name: "churn-channel",
        label: "channels",
        title: "channels opened and closed",
        steps: &[
            Step::Timed("churn channel --clients 16"),
            Step::Timed("churn channel --clients 1"),
        ],
        bounds: Bounds::None,
        figures: &[pairs("16 clients", at_least(50e3)), pairs_of_one(), cpu_of_pair()],
    },
    Row {
        name: "churn-queue",
        label: "durable queues",
        title: "durable queues declared and deleted",
        steps: &[
            Step::Timed("churn queue --durable --clients 64"),
            Step::Timed("churn queue --durable --clients 1"),
        ],
        bounds: Bounds::None,
        figures: &[pairs("64 clients", at_least(5e3)), pairs_of_one(), cpu_of_pair()],
    },
    Row {
        name: "churn-binding",
        label: "durable bindings",
        title: "durable bindings made and removed",
        steps: &[
            Step::Timed("churn binding --durable --clients 64"),
            Step::Timed("churn binding --durable --clients 1"),
        ],
        bounds: Bounds::None,
        figures: &[pairs("64 clients", at_least(20e3)), pairs_of_one(), cpu_of_pair()],
    },
    Row {
        name: "start",
        label: "start",
        title: "start on an empty directory",
        steps: &[Step::Start],
        bounds: Bounds::None,
        figures: &[
            figure("until it greets", 0, "ready_ms", Unit::Ms, at_most(50.0)),
            figure("memory", 0, "rss_mib", Unit::MiB, None),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        command: crate::Command,
    }

    #[test]
    fn every_step_is_a_command_that_the_tool_understands() {
        for row in ROWS {
            for step in row.steps {
                let line = match step {
                    Step::Timed(line) => format!("{line} --duration 3"),
                    Step::Counted(line, count) => format!("{line} --count {count}"),
                    Step::Task { line, .. } => (*line).to_owned(),
                    Step::Start | Step::List | Step::Restart => continue,
                };
                let words = std::iter::once("perf").chain(line.split_whitespace());
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{}: {line}: {error}", row.name);
                }
            }
        }
    }

    #[test]
    fn a_row_has_a_name_of_its_own_and_a_figure_of_a_step_that_exists() {
        let names: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
        for row in ROWS {
            assert!(!row.figures.is_empty(), "{}", row.name);
            if let Some(size) = row.size_for_tool() {
                let size = format!("--size {size} ");
                let has_size = |step: &Step| match step {
                    Step::Timed(line) | Step::Counted(line, _) => {
                        format!("{line} ").contains(&size)
                    }
                    _ => false,
                };
                assert!(row.steps.iter().all(has_size), "{}", row.name);
            }
            for figure in row.figures {
                let step = figure.source.step();
                assert!(step < row.steps.len(), "{}: {}", row.name, figure.name);
            }
        }
    }
}
