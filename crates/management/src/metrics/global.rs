//! Global counters: by protocol and by type of queue.

use message::Reason;
use node::observation::{MessageCounters, Sizes, Strategy};

use crate::metrics::metric::{Each, Family, HistogramSample, Labelled, Metric, counter, gauge};
use crate::metrics::page::queue_type;
use crate::metrics::text::{Kind, Number};
use crate::metrics::view::{KINDS, View};

/// The one protocol that is spoken, as global counters name it.
const PROTOCOL: (&str, &str) = ("protocol", "amqp091");

/// What only the protocol tells apart.
fn by_protocol(number: impl Into<Number>) -> Vec<Labelled> {
    vec![(vec![(PROTOCOL.0, PROTOCOL.1.to_owned())], number.into())]
}

/// What the type of the queue tells apart, too.
fn by_kind(view: &View, of: fn(&MessageCounters) -> u64) -> Vec<Labelled> {
    let rows = KINDS.iter().zip(&view.kinds).map(|(kind, counters)| {
        let kind = ("queue_type", queue_type(*kind).to_owned());
        (vec![(PROTOCOL.0, PROTOCOL.1.to_owned()), kind], of(counters).into())
    });
    rows.collect()
}

/// A global counter of the protocol.
macro_rules! of_protocol {
    ($make:ident, $name:literal, $help:literal, |$view:ident| $value:expr) => {
        $make($name, $help, |_| None, Each::Labelled(|$view| by_protocol($value)))
    };
}

/// A global counter of the protocol and a type of queue.
macro_rules! of_kind {
    ($name:literal, $help:literal, |$counters:ident| $value:expr) => {
        counter(
            $name,
            $help,
            |_| None,
            Each::Labelled(|view| by_kind(view, |$counters: &MessageCounters| $value)),
        )
    };
}

pub(crate) const ALL: Family = Family {
    name: "",
    prefix: "rabbitmq_global_",
    detailed_prefix: "",
    metrics: &[
        of_protocol!(
            counter,
            "messages_received_total",
            "Total number of messages received from publishers",
            |view| view.totals.counters.publish
        ),
        of_protocol!(
            counter,
            "messages_received_confirm_total",
            "Total number of messages received from publishers that expect confirms",
            |view| view.meters.received_confirm
        ),
        of_protocol!(
            counter,
            "messages_confirmed_total",
            "Total number of messages confirmed to publishers",
            |view| view.totals.counters.confirm
        ),
        of_protocol!(
            counter,
            "messages_unroutable_returned_total",
            "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
            |view| view.totals.counters.return_unroutable
        ),
        of_protocol!(
            counter,
            "messages_unroutable_dropped_total",
            "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
            |view| view.totals.counters.drop_unroutable
        ),
        of_protocol!(
            counter,
            "messages_routed_total",
            "Total number of messages routed to queues, each once for every queue",
            |view| view.meters.routed
        ),
        of_kind!(
            "messages_delivered_total",
            "Total number of messages delivered to consumers",
            |counters| counters.deliver_get()
        ),
        of_kind!(
            "messages_delivered_consume_manual_ack_total",
            "Total number of messages delivered to consumers using basic.consume with manual acknowledgment",
            |counters| counters.deliver
        ),
        of_kind!(
            "messages_delivered_consume_auto_ack_total",
            "Total number of messages delivered to consumers using basic.consume with automatic acknowledgment",
            |counters| counters.deliver_no_ack
        ),
        of_kind!(
            "messages_delivered_get_manual_ack_total",
            "Total number of messages delivered to consumers using basic.get with manual acknowledgment",
            |counters| counters.get
        ),
        of_kind!(
            "messages_delivered_get_auto_ack_total",
            "Total number of messages delivered to consumers using basic.get with automatic acknowledgment",
            |counters| counters.get_no_ack
        ),
        of_kind!(
            "messages_get_empty_total",
            "Total number of times basic.get operations fetched no message",
            |counters| counters.get_empty
        ),
        of_kind!(
            "messages_redelivered_total",
            "Total number of messages redelivered to consumers",
            |counters| counters.redeliver
        ),
        of_kind!(
            "messages_acknowledged_total",
            "Total number of messages acknowledged by consumers",
            |counters| counters.ack
        ),
        of_protocol!(gauge, "publishers", "Current number of publishers", |view| view
            .publisher_count),
        of_protocol!(gauge, "consumers", "Current number of consumers", |view| view
            .totals
            .holdings
            .consumer_count),
    ],
};

/// How many have died for a reason, by the type of their queue and by what it does with its dead.
fn deaths(view: &View, reason: Reason) -> Vec<Labelled> {
    let pairs = KINDS.iter().flat_map(|kind| Strategy::ALL.iter().map(move |of| (*kind, *of)));
    let rows = pairs.map(|(kind, strategy)| {
        let labels = vec![
            ("queue_type", queue_type(kind).to_owned()),
            ("dead_letter_strategy", strategy.as_str().to_owned()),
        ];
        (labels, view.meters.burials.died(kind, strategy, reason).into())
    });
    rows.collect()
}

/// A counter of deaths.
macro_rules! of_deaths {
    ($name:literal, $help:literal, $reason:ident) => {
        counter($name, $help, |_| None, Each::Labelled(|view| deaths(view, Reason::$reason)))
    };
}

pub(crate) const DEATHS: Family = Family {
    name: "",
    prefix: "rabbitmq_global_",
    detailed_prefix: "",
    metrics: &[
        of_deaths!(
            "messages_dead_lettered_expired_total",
            "Total number of messages that died because their time was over",
            Expired
        ),
        of_deaths!(
            "messages_dead_lettered_rejected_total",
            "Total number of messages that died because a consumer rejected them",
            Rejected
        ),
        of_deaths!(
            "messages_dead_lettered_maxlen_total",
            "Total number of messages that died because their queue was too long",
            MaxLength
        ),
        of_deaths!(
            "messages_dead_lettered_delivery_limit_total",
            "Total number of messages that died because they came back too often",
            DeliveryLimit
        ),
        counter(
            "messages_dead_lettered_confirmed_total",
            "Total number of messages that died and were taken by the queues that they went to",
            |_| None,
            Each::Labelled(|view| {
                let rows = KINDS.iter().map(|kind| {
                    let labels = vec![
                        ("queue_type", queue_type(*kind).to_owned()),
                        ("dead_letter_strategy", Strategy::AtLeastOnce.as_str().to_owned()),
                    ];
                    (labels, view.meters.burials.confirmed(*kind).into())
                });
                rows.collect()
            }),
        ),
    ],
};

/// How large messages are.
pub(crate) const SIZES: Family = Family {
    name: "",
    prefix: "rabbitmq_",
    detailed_prefix: "",
    metrics: &[Metric {
        name: "message_size_bytes",
        kind: Kind::Histogram,
        help: "Size of messages received from publishers",
        total: |_| None,
        each: Each::Histogram(|view| {
            let sizes = &view.meters.sizes;
            let bounds = Sizes::BOUNDS.iter().map(u64::to_string);
            let labels = [(PROTOCOL.0, PROTOCOL.1.to_owned())];
            histogram(&labels, bounds, &sizes.counts, sizes.sum_bytes.into())
        }),
    }],
};

/// The samples of a histogram whose last place has no bound.
pub(crate) fn histogram(
    labels: &[(&'static str, String)],
    bounds: impl Iterator<Item = String>,
    counts: &[u64],
    sum: Number,
) -> Vec<HistogramSample> {
    let (mut samples, mut count) = (Vec::new(), 0);
    for (bound, here) in bounds.chain(std::iter::once("+Inf".to_owned())).zip(counts) {
        count += here;
        let with_bound = labels.iter().cloned().chain(std::iter::once(("le", bound)));
        samples.push(("_bucket", with_bound.collect(), Number::Count(count)));
    }
    samples.push(("_count", labels.to_vec(), Number::Count(count)));
    samples.push(("_sum", labels.to_vec(), sum));
    samples
}
