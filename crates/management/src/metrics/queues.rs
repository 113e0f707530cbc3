//! Metrics of queues and exchanges.

use crate::metrics::metric::{Each, Family, Metric, counter, gauge};
use crate::metrics::rows::QueueNumbers;
use crate::metrics::text::Number;

/// A metric of a queue: the same field of one and of all together.
macro_rules! of_queue {
    ($make:ident, $name:literal, $help:literal, |$q:ident| $value:expr) => {
        of_queue!($make, $name, $help, Queue, |$q| $value)
    };
    ($make:ident, $name:literal, $help:literal, $each:ident, |$q:ident| $value:expr) => {
        $make(
            $name,
            $help,
            |view| {
                let $q: &QueueNumbers = &view.queue_totals;
                number($value)
            },
            Each::$each(|row| {
                let $q: &QueueNumbers = &row.numbers;
                number($value)
            }),
        )
    };
}

/// A count, or a value that may be missing.
fn number(value: impl Into<Maybe>) -> Option<Number> {
    value.into().0
}

/// What a metric's expression gives.
struct Maybe(Option<Number>);

impl From<u64> for Maybe {
    fn from(count: u64) -> Self {
        Self(Some(count.into()))
    }
}

impl From<Option<u64>> for Maybe {
    fn from(count: Option<u64>) -> Self {
        Self(count.map(Number::from))
    }
}

impl From<Option<f64>> for Maybe {
    fn from(number: Option<f64>) -> Self {
        Self(number.map(Number::from))
    }
}

const QUEUE_INFO: Metric = gauge(
    "queue_info",
    "A metric with a constant '1' value and labels that provide some queue details",
    |_| None,
    Each::AboutQueue,
);

/// RabbitMQ tells of every queue what it is, wherever it tells of queues.
pub(crate) const INFO: Family = Family {
    name: "",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[QUEUE_INFO],
};

const CONSUMERS: Metric =
    of_queue!(gauge, "queue_consumers", "Consumers on a queue", |q| q.consumers);

pub(crate) const COARSE: Family = Family {
    name: "queue_coarse_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        of_queue!(
            gauge,
            "queue_messages_ready",
            "Messages ready to be delivered to consumers",
            |q| q.ready
        ),
        of_queue!(
            gauge,
            "queue_messages_unacked",
            "Messages delivered to consumers but not yet acknowledged",
            |q| q.unsettled
        ),
        of_queue!(
            gauge,
            "queue_messages",
            "Sum of ready and unacknowledged messages - total queue depth",
            |q| q.ready + q.unsettled
        ),
    ],
};

pub(crate) const CONSUMER_COUNT: Family = Family {
    name: "queue_consumer_count",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[CONSUMERS],
};

pub(crate) const ALL: Family = Family {
    name: "queue_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        CONSUMERS,
        of_queue!(gauge, "queue_consumer_capacity", "Consumer capacity", |q| q.capacity),
        of_queue!(gauge, "queue_consumer_utilisation", "Same as consumer capacity", |q| q.capacity),
        of_queue!(
            gauge,
            "queue_process_memory_bytes",
            "Memory in bytes that the queue takes",
            |q| q.memory_bytes
        ),
        of_queue!(
            gauge,
            "queue_messages_ram",
            "Ready and unacknowledged messages stored in memory",
            |q| q.ready_in_memory + q.unsettled
        ),
        of_queue!(
            gauge,
            "queue_messages_ram_bytes",
            "Size of ready and unacknowledged messages stored in memory",
            |q| q.in_memory_bytes
        ),
        of_queue!(gauge, "queue_messages_ready_ram", "Ready messages stored in memory", |q| q
            .ready_in_memory),
        of_queue!(
            gauge,
            "queue_messages_unacked_ram",
            "Unacknowledged messages stored in memory",
            |q| q.unsettled
        ),
        of_queue!(gauge, "queue_messages_persistent", "Persistent messages", |q| q.persistent),
        of_queue!(
            gauge,
            "queue_messages_persistent_bytes",
            "Size in bytes of persistent messages",
            |q| q.persistent_bytes
        ),
        of_queue!(
            gauge,
            "queue_messages_bytes",
            "Size in bytes of ready and unacknowledged messages",
            |q| q.ready_bytes + q.unsettled_bytes
        ),
        of_queue!(gauge, "queue_messages_ready_bytes", "Size in bytes of ready messages", |q| q
            .ready_bytes),
        of_queue!(
            gauge,
            "queue_messages_unacked_bytes",
            "Size in bytes of all unacknowledged messages",
            |q| q.unsettled_bytes
        ),
        gauge(
            "queue_head_message_timestamp",
            "Timestamp of the first message in the queue, if any",
            |_| None,
            Each::Queue(|row| row.numbers.head_timestamp_s.map(Number::from)),
        ),
        of_queue!(
            counter,
            "queue_disk_reads_total",
            "Total number of times queue read messages from disk",
            |q| q.counters.disk_reads
        ),
        of_queue!(
            counter,
            "queue_disk_writes_total",
            "Total number of times queue wrote messages to disk",
            |q| q.counters.disk_writes
        ),
        QUEUE_INFO,
    ],
};

/// A counter of a queue, whose sum is the node's: that of queues that have gone stays in it.
macro_rules! through_queue {
    ($name:literal, $help:literal, $field:ident) => {
        counter(
            $name,
            $help,
            |view| Some(view.totals.counters.$field.into()),
            Each::Queue(|row| Some(row.numbers.counters.$field.into())),
        )
    };
}

pub(crate) const DELIVERIES: Family = Family {
    name: "queue_delivery_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        through_queue!(
            "queue_get_ack_total",
            "Total number of messages fetched from a queue with basic.get in manual acknowledgement mode",
            get
        ),
        through_queue!(
            "queue_get_total",
            "Total number of messages fetched from a queue with basic.get in automatic acknowledgement mode",
            get_no_ack
        ),
        through_queue!(
            "queue_messages_delivered_ack_total",
            "Total number of messages delivered from a queue to consumers in manual acknowledgement mode",
            deliver
        ),
        through_queue!(
            "queue_messages_delivered_total",
            "Total number of messages delivered from a queue to consumers in automatic acknowledgement mode",
            deliver_no_ack
        ),
        through_queue!(
            "queue_messages_redelivered_total",
            "Total number of messages redelivered from a queue to consumers",
            redeliver
        ),
        through_queue!(
            "queue_messages_acked_total",
            "Total number of messages acknowledged by consumers on a queue",
            ack
        ),
        through_queue!(
            "queue_get_empty_total",
            "Total number of times basic.get operations fetched no message on a queue",
            get_empty
        ),
    ],
};

pub(crate) const PUBLISHED: Family = Family {
    name: "channel_queue_exchange_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[of_queue!(
        counter,
        "queue_messages_published_total",
        "Total number of messages published into a queue through an exchange on a channel",
        IntoQueue,
        |q| q.counters.publish
    )],
};

pub(crate) const FROM_EXCHANGES: Family = Family {
    name: "queue_exchange_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[counter(
        "queue_exchange_messages_published_total",
        "Total number of messages published into a queue through an exchange",
        |view| Some(view.kinds.iter().map(|counters| counters.publish).sum::<u64>().into()),
        Each::BySource,
    )],
};

pub(crate) const EXCHANGES: Family = Family {
    name: "exchange_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        counter(
            "exchange_messages_published_total",
            "Total number of messages published into an exchange",
            |view| Some(view.totals.counters.publish.into()),
            Each::Exchange(|row| row.traffic.publish_in.into()),
        ),
        counter(
            "exchange_messages_confirmed_total",
            "Total number of messages published into an exchange and confirmed",
            |view| Some(view.totals.counters.confirm.into()),
            Each::Node,
        ),
        counter(
            "exchange_messages_unroutable_returned_total",
            "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
            |view| Some(view.totals.counters.return_unroutable.into()),
            Each::Node,
        ),
        counter(
            "exchange_messages_unroutable_dropped_total",
            "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
            |view| Some(view.totals.counters.drop_unroutable.into()),
            Each::Node,
        ),
    ],
};

pub(crate) const EXCHANGE_BINDINGS: Family = Family {
    name: "exchange_bindings",
    prefix: "rabbitmq_cluster_",
    detailed_prefix: "rabbitmq_cluster_",
    metrics: &[gauge(
        "exchange_bindings",
        "Number of bindings for an exchange. This value is cluster-wide.",
        |_| None,
        Each::AboutExchange(|row| row.bindings.into()),
    )],
};

pub(crate) const EXCHANGE_NAMES: Family = Family {
    name: "exchange_names",
    prefix: "rabbitmq_cluster_",
    detailed_prefix: "rabbitmq_cluster_",
    metrics: &[gauge(
        "exchange_name",
        "Enumerates exchanges without any additional info. This value is cluster-wide. A cheaper alternative to `exchange_bindings`",
        |_| None,
        Each::AboutExchange(|_| Number::Count(1)),
    )],
};

pub(crate) const VHOST_STATUS: Family = Family {
    name: "vhost_status",
    prefix: "rabbitmq_cluster_",
    detailed_prefix: "rabbitmq_cluster_",
    metrics: &[gauge("vhost_status", "Whether a given vhost is running", |_| None, Each::Vhost)],
};

/// What RabbitMQ does not have.
pub(crate) const OWN: Family = Family {
    name: "leveret_queue_metrics",
    prefix: "leveret_",
    detailed_prefix: "leveret_detailed_",
    metrics: &[
        of_queue!(gauge, "queue_messages_scheduled", "Messages whose time has not come", |q| q
            .scheduled),
        gauge(
            "queue_oldest_message_age_seconds",
            "How long the first ready message that is in memory has been in the broker",
            |view| Some(age_s(view.now_ms, view.queue_totals.head_received_at_ms)),
            Each::QueueAge,
        ),
    ],
};

/// How long ago something was, in seconds; 0 for what was not.
pub(crate) fn age_s(now_ms: u64, at_ms: Option<u64>) -> Number {
    let age_ms = at_ms.map_or(0, |at_ms| now_ms.saturating_sub(at_ms));
    Number::Real(age_ms as f64 / 1000.0)
}
