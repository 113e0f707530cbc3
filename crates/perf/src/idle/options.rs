//! What does nothing, as the command line says it.

use std::time::Duration;

use clap::{Args, value_parser};

use crate::options::parse_seconds;
use crate::uri::Uri;

/// Each connection has a descriptor, here and in the broker.
const CONNECTIONS_MAX: i64 = 1_000_000;
const QUEUES_MAX: i64 = 10_000_000;

/// Opens connections or declares queues that do nothing, and tells how much memory of the broker each takes.
///
/// Memory is the broker's resident memory, as its system tells it: what the system itself keeps of each connection is
/// not in it.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("subject").required(true).args(["connections", "queues"]))]
pub(crate) struct Options {
    /// Where the broker is: amqp://USER:PASSWORD@HOST:PORT/VHOST
    #[arg(long, value_name = "URI", default_value = "amqp://guest:guest@127.0.0.1:5672/")]
    uri: Uri,

    /// Open this many connections
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=CONNECTIONS_MAX))]
    connections: Option<u32>,

    /// Channels of each connection
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "queues", value_parser = value_parser!(u16).range(1..=2_000))]
    channels: u16,

    /// Declare this many queues
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=QUEUES_MAX))]
    queues: Option<u32>,

    /// Declare the queues durable, so that each has to be kept
    #[arg(long, conflicts_with = "connections")]
    durable: bool,

    /// The queues are called NAME-0, NAME-1 and so on
    #[arg(long, value_name = "NAME", default_value = "idle", conflicts_with = "connections")]
    queue: String,

    /// Leave the queues behind
    #[arg(long, conflicts_with = "connections")]
    keep: bool,

    /// Wait this many seconds before memory is looked at
    #[arg(long, value_name = "S", default_value = "3", value_parser = parse_seconds)]
    settle: f64,

    /// The broker's process, to tell its processor time and memory
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// Print the figures as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What does nothing, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Connections(usize),
    Queues(usize),
}

impl Options {
    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn subject(&self) -> Subject {
        match (self.connections, self.queues) {
            (Some(count), _) => Subject::Connections(count as usize),
            (None, count) => Subject::Queues(count.unwrap_or(1) as usize),
        }
    }

    /// How many connections there may be at the same time.
    pub(crate) fn connections(&self) -> usize {
        match self.subject() {
            Subject::Connections(count) => count,
            Subject::Queues(_) => super::AT_ONCE,
        }
    }

    pub(crate) fn channels(&self) -> u16 {
        self.channels
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    pub(crate) fn keeps(&self) -> bool {
        self.keep
    }

    pub(crate) fn settle(&self) -> Duration {
        Duration::from_secs_f64(self.settle)
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn queue_name(&self, number: usize) -> String {
        format!("{}-{number}", self.queue)
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

    fn options(line: &str) -> Option<Options> {
        let words = std::iter::once("idle").chain(line.split_whitespace());
        Some(Command::try_parse_from(words).ok()?.options)
    }

    #[test]
    fn either_connections_or_queues_do_nothing() {
        let opened = options("--connections 9 --channels 2").expect("connections");
        assert_eq!((opened.subject(), opened.channels()), (Subject::Connections(9), 2));
        let declared = options("--queues 3 --durable --queue q").expect("queues");
        assert_eq!((declared.subject(), declared.is_durable()), (Subject::Queues(3), true));
        assert_eq!(declared.queue_name(2), "q-2");
        for line in ["", "--connections 1 --queues 1", "--connections 1 --durable", "--queues 0"] {
            assert!(options(line).is_none(), "{line}");
        }
    }
}
