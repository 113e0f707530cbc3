//! The text of a scrape, made piece by piece as the client takes it: of a hundred thousand queues it is hundreds of
//! megabytes, of which one piece is in memory.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use message::Name;
use metadata::QueueKind;
use node::observation::MessageCounters;

use crate::metrics::metric::{Each, Family, Metric};
use crate::metrics::queues::age_s;
use crate::metrics::rows::{ChannelRow, QueueRow};
use crate::metrics::scrapes::Scrape;
use crate::metrics::text::{Number, write_head, write_sample};
use crate::metrics::view::View;

/// About how large a piece is.
const PIECE_BYTES: usize = 64 * 1024;

/// Whether objects are told apart, and what names begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Sums.
    Totals,
    /// A sample for each object.
    Objects,
    /// The same, under the names of `/metrics/detailed`.
    Detailed,
}

/// A scrape that is being written.
#[derive(Debug)]
pub(crate) struct Page {
    view: View,
    depth: Depth,
    /// What to write, with the prefix of each.
    metrics: Vec<(&'static str, Metric)>,
    /// The metric that comes next.
    at: usize,
    /// Its row that comes next.
    row: usize,
    /// Whether its head is written.
    is_begun: bool,
    scrape: Scrape,
}

impl Page {
    /// A page of these families. What stands in several of them is written once.
    pub(crate) fn new(view: View, scrape: Scrape, depth: Depth, families: &[Family]) -> Self {
        let mut metrics: Vec<(&'static str, Metric)> = Vec::new();
        for family in families {
            let prefix =
                if depth == Depth::Detailed { family.detailed_prefix } else { family.prefix };
            for metric in family.metrics {
                let is_there =
                    |(other, found): &(&str, Metric)| *other == prefix && found.name == metric.name;
                if !metrics.iter().any(is_there) {
                    metrics.push((prefix, *metric));
                }
            }
        }
        Self { view, depth, metrics, at: 0, row: 0, is_begun: false, scrape }
    }

    /// The next piece; empty at the end.
    pub(crate) fn next_piece(&mut self) -> String {
        let mut out = String::new();
        while out.len() < PIECE_BYTES
            && let Some(&(prefix, metric)) = self.metrics.get(self.at)
        {
            if self.write_some(&mut out, prefix, &metric) {
                self.at += 1;
                self.row = 0;
                self.is_begun = false;
            }
        }
        out
    }

    /// Writes samples of a metric until the piece is full. Returns whether that was all.
    fn write_some(&mut self, out: &mut String, prefix: &str, metric: &Metric) -> bool {
        let mut writer = Writer { out, prefix, metric, is_begun: &mut self.is_begun };
        match metric.each {
            Each::Labelled(list) => {
                for (labels, value) in list(&self.view) {
                    let labels: Vec<_> =
                        labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
                    writer.write("", &labels, value);
                }
                return true;
            }
            Each::Histogram(histogram) => {
                for (suffix, labels, value) in histogram(&self.view) {
                    let labels: Vec<_> =
                        labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
                    writer.write(suffix, &labels, value);
                }
                return true;
            }
            Each::Node => {
                if let Some(value) = (metric.total)(&self.view) {
                    writer.write("", &[], value);
                }
                return true;
            }
            _ if self.depth == Depth::Totals => {
                if let Some(value) = (metric.total)(&self.view) {
                    writer.write("", &[], value);
                }
                return true;
            }
            _ => {}
        }
        while writer.out.len() < PIECE_BYTES {
            if !write_row(&mut writer, &self.view, self.row) {
                return true;
            }
            self.row += 1;
        }
        false
    }
}

/// Writes the sample of one row, if it has one. Returns whether there is such a row.
fn write_row(writer: &mut Writer<'_>, view: &View, row: usize) -> bool {
    match writer.metric.each {
        Each::Queue(_)
        | Each::QueueAge
        | Each::IntoQueue(_)
        | Each::BySource
        | Each::AboutQueue => {
            let Some(row) = view.queues.get(row) else { return false };
            write_queue(writer, view, row);
        }
        Each::Channel(value) => {
            let Some(row) = view.channels.get(row) else { return false };
            writer.write_some(&[("channel", &row.name)], value(row));
        }
        Each::ByExchange(of) => {
            let Some(row) = view.channels.get(row) else { return false };
            write_pairs(writer, row, "exchange", &row.publishes, of);
        }
        Each::ByQueue(of) => {
            let Some(row) = view.channels.get(row) else { return false };
            write_pairs(writer, row, "queue", &row.deliveries, of);
        }
        Each::Connection(value) => {
            let Some(row) = view.connections.get(row) else { return false };
            writer.write_some(&[("connection", &row.name)], value(row));
        }
        Each::Exchange(value) => {
            let Some(row) = view.exchanges.get(row) else { return false };
            let labels = [("vhost", row.vhost.as_str()), ("exchange", row.name.as_str())];
            writer.write("", &labels, value(row));
        }
        Each::AboutExchange(value) => {
            let Some(row) = view.exchanges.get(row) else { return false };
            let labels = [
                ("vhost", row.vhost.as_str()),
                ("exchange", row.name.as_str()),
                ("type", row.kind.as_str()),
            ];
            // RabbitMQ leaves the default exchange out here.
            if !row.name.is_empty() {
                writer.write("", &labels, value(row));
            }
        }
        Each::Vhost => {
            let Some(row) = view.vhosts.get(row) else { return false };
            writer.write("", &[("vhost", row.as_str())], Number::Count(1));
        }
        Each::Node | Each::Labelled(_) | Each::Histogram(_) => return false,
    }
    true
}

/// Writes a sample for each exchange or queue of a channel. What cannot be told apart, the channel has together.
fn write_pairs(
    writer: &mut Writer<'_>,
    row: &ChannelRow,
    label: &'static str,
    pairs: &[(Name, MessageCounters)],
    of: fn(&MessageCounters) -> u64,
) {
    let labels = [("channel", row.name.as_str()), ("vhost", row.vhost.as_str())];
    let told = pairs.iter().map(|(_, counters)| of(counters)).sum::<u64>();
    let rest = of(&row.numbers.counters).saturating_sub(told);
    if rest > 0 {
        writer.write("", &labels, rest.into());
    }
    for (name, counters) in pairs {
        let labels = [labels[0], labels[1], (label, name.as_str())];
        writer.write("", &labels, of(counters).into());
    }
}

fn write_queue(writer: &mut Writer<'_>, view: &View, row: &QueueRow) {
    let (vhost, queue) = (row.vhost.as_str(), row.name.as_str());
    let labels = [("vhost", vhost), ("queue", queue)];
    match writer.metric.each {
        Each::Queue(value) => writer.write_some(&labels, value(row)),
        Each::QueueAge => {
            writer.write("", &labels, age_s(view.now_ms, row.numbers.head_received_at_ms));
        }
        Each::IntoQueue(value) => {
            writer.write_some(&[("queue_vhost", vhost), ("queue", queue)], value(row));
        }
        Each::BySource => {
            for source in &row.sources {
                let exchange = String::from_utf8_lossy(&source.exchange);
                let labels = [("vhost", vhost), ("exchange", &exchange), ("queue", queue)];
                writer.write("", &labels, source.count.into());
            }
        }
        Each::AboutQueue => {
            let kind = queue_type(row.kind);
            let about = [("queue_type", kind), ("membership", "leader")];
            writer.write("", &[labels[0], labels[1], about[0], about[1]], Number::Count(1));
        }
        _ => {}
    }
}

/// What RabbitMQ's metrics call a type of queue.
pub(crate) const fn queue_type(kind: QueueKind) -> &'static str {
    match kind {
        QueueKind::Classic => "rabbit_classic_queue",
        QueueKind::Quorum => "rabbit_quorum_queue",
    }
}

/// Writes the samples of one metric, with its head before the first.
struct Writer<'a> {
    out: &'a mut String,
    prefix: &'a str,
    metric: &'a Metric,
    is_begun: &'a mut bool,
}

impl Writer<'_> {
    fn write(&mut self, suffix: &str, labels: &[(&str, &str)], value: Number) {
        let Metric { name, kind, help, .. } = *self.metric;
        if !*self.is_begun {
            write_head(self.out, self.prefix, name, kind, help);
            *self.is_begun = true;
        }
        write_sample(self.out, [self.prefix, name, suffix], labels, value);
    }

    fn write_some(&mut self, labels: &[(&str, &str)], value: Option<Number>) {
        if let Some(value) = value {
            self.write("", labels, value);
        }
    }
}

impl Body for Page {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.next_piece();
        self.scrape.count(piece.len());
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(Bytes::from(piece)))))
    }
}
