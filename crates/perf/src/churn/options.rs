//! What comes and goes, as the command line says it.

use std::time::Duration;

use clap::{Args, ValueEnum, value_parser};

use super::cycle::Plan;
use crate::options::{Extent, parse_seconds};
use crate::uri::Uri;

/// Clients of one run: each has a connection and a descriptor.
const CLIENTS_MAX: i64 = 10_000;
const THREADS_MAX: i64 = 256;

/// Makes and removes one kind of thing again and again, and tells how many pairs a second, how long each took, and what
/// it cost.
///
/// Each client does one thing after the other and waits for every answer. One client, the default, is what other tools
/// measure: it shows how long a pair takes. Several show how many the broker can stand.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// What comes and goes
    #[arg(value_enum)]
    subject: Subject,

    /// Where the broker is: amqp://USER:PASSWORD@HOST:PORT/VHOST
    #[arg(long, value_name = "URI", default_value = "amqp://guest:guest@127.0.0.1:5672/")]
    uri: Uri,

    /// Clients at the same time, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=CLIENTS_MAX))]
    clients: u32,

    /// Measure for this many seconds
    #[arg(long, visible_alias = "seconds", value_name = "S", default_value = "5", value_parser = parse_seconds)]
    duration: f64,

    /// Make and remove this many in all
    #[arg(long, value_name = "N", conflicts_with_all = ["duration", "warmup"], value_parser = value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Leave the first seconds out of the figures; they come on top of the duration
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = parse_seconds)]
    warmup: f64,

    /// Make queues and exchanges durable, so that each change has to be kept
    #[arg(long)]
    durable: bool,

    /// Threads for the clients
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=THREADS_MAX))]
    threads: u32,

    /// The broker's process, to tell its processor time and memory
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// Print the figures as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What is made and removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subject {
    /// Connect, log in, open a channel; close the connection
    Connection,
    /// channel.open; channel.close
    Channel,
    /// queue.declare; queue.delete
    Queue,
    /// queue.bind; queue.unbind
    Binding,
    /// basic.consume; basic.cancel
    Consumer,
}

impl Subject {
    /// Its name on the command line and in the figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Channel => "channel",
            Self::Queue => "queue",
            Self::Binding => "binding",
            Self::Consumer => "consumer",
        }
    }
}

impl Options {
    pub(crate) fn subject(&self) -> Subject {
        self.subject
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn clients(&self) -> u32 {
        self.clients
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads as usize
    }

    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn count(&self) -> Option<u64> {
        self.count
    }

    pub(crate) fn extent(&self) -> Extent {
        match self.count {
            Some(count) => Extent::Count(count),
            None => Extent::Time {
                warmup: Duration::from_secs_f64(self.warmup),
                duration: Duration::from_secs_f64(self.duration),
            },
        }
    }

    /// How many pairs each client has to do.
    pub(crate) fn shares(&self) -> impl Iterator<Item = u64> {
        let (count, clients) = (self.count, u64::from(self.clients));
        (0..clients).map(move |index| match count {
            Some(count) => count / clients + u64::from(index < count % clients),
            None => u64::MAX,
        })
    }

    /// What the clients repeat, and what that needs.
    pub(crate) fn plan(&self) -> Plan {
        Plan::new(self.subject, self.durable, self.clients, std::process::id())
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
        let words = std::iter::once("churn").chain(line.split_whitespace());
        Command::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}")).options
    }

    #[test]
    fn one_client_is_the_default_and_the_subject_is_not() {
        let options = options("channel");
        assert_eq!((options.subject(), options.clients()), (Subject::Channel, 1));
        let (warmup, duration) = (Duration::from_millis(500), Duration::from_secs(5));
        assert_eq!(options.extent(), Extent::Time { warmup, duration });
        assert!(Command::try_parse_from(["churn"]).is_err());
        assert!(Command::try_parse_from(["churn", "messages"]).is_err());
    }

    #[test]
    fn the_count_is_shared_without_rest() {
        let options = options("queue --clients 3 --count 11");
        assert_eq!(options.shares().collect::<Vec<_>>(), [4, 4, 3]);
        assert_eq!(options.extent(), Extent::Count(11));
    }
}
