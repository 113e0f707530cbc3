//! What a metric is: its name, and where its value is read off.

use node::observation::MessageCounters;

use crate::metrics::rows::{ChannelRow, ConnectionRow, ExchangeRow, QueueRow};
use crate::metrics::text::{Kind, Number};
use crate::metrics::view::View;

/// A metric of RabbitMQ's, or of our own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// The name, behind the prefix.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) kind: Kind,
    /// What it says, for people.
    pub(crate) help: &'static str,
    /// What it says of the whole node; `None` for what makes no sense there.
    pub(crate) total: fn(&View) -> Option<Number>,
    /// What it says of one object.
    pub(crate) each: Each,
}

/// A sample with labels of its own.
pub(crate) type Labelled = (Vec<(&'static str, String)>, Number);

/// How the name of a histogram's sample ends, its labels, and its value.
pub(crate) type HistogramSample = (&'static str, Vec<(&'static str, String)>, Number);

/// What there is a sample of, where objects are told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Each {
    /// Of the node only.
    Node,
    /// Of every queue.
    Queue(fn(&QueueRow) -> Option<Number>),
    /// Of every queue, with the labels that RabbitMQ has for what goes into one.
    IntoQueue(fn(&QueueRow) -> Option<Number>),
    /// Of every queue how many messages came from each exchange.
    BySource,
    /// Of every queue how old its first message is.
    QueueAge,
    /// Of every queue 1, with labels that tell what it is.
    AboutQueue,
    /// Of every channel.
    Channel(fn(&ChannelRow) -> Option<Number>),
    /// Of every channel, by the exchanges that it has published to.
    ByExchange(fn(&MessageCounters) -> u64),
    /// Of every channel, by the queues that it was delivered from.
    ByQueue(fn(&MessageCounters) -> u64),
    /// Of every connection.
    Connection(fn(&ConnectionRow) -> Option<Number>),
    /// Of every exchange.
    Exchange(fn(&ExchangeRow) -> Number),
    /// Of every exchange, with its type.
    AboutExchange(fn(&ExchangeRow) -> Number),
    /// Of every virtual host 1.
    Vhost,
    /// The node tells them all, with their labels.
    Labelled(fn(&View) -> Vec<Labelled>),
    /// The same of a histogram, whose samples have names that end differently.
    Histogram(fn(&View) -> Vec<HistogramSample>),
}

/// Metrics that are asked for together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Family {
    /// RabbitMQ's name for them, as in `/metrics/detailed?family=…`; empty for what that path always shows or never.
    pub(crate) name: &'static str,
    /// What stands before their names.
    pub(crate) prefix: &'static str,
    /// What stands before them under `/metrics/detailed`.
    pub(crate) detailed_prefix: &'static str,
    /// They.
    pub(crate) metrics: &'static [Metric],
}

/// A counter.
pub(crate) const fn counter(
    name: &'static str,
    help: &'static str,
    total: fn(&View) -> Option<Number>,
    each: Each,
) -> Metric {
    Metric { name, kind: Kind::Counter, help, total, each }
}

/// A gauge.
pub(crate) const fn gauge(
    name: &'static str,
    help: &'static str,
    total: fn(&View) -> Option<Number>,
    each: Each,
) -> Metric {
    Metric { name, kind: Kind::Gauge, help, total, each }
}
