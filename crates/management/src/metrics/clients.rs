//! Metrics of connections and channels.

use crate::metrics::metric::{Each, Family, counter, gauge};
use crate::metrics::text::Number;

/// A number of a channel: the same of one and of all together.
macro_rules! of_channel {
    ($name:literal, $help:literal, $field:ident) => {
        gauge(
            $name,
            $help,
            |view| Some(view.channel_totals.$field.into()),
            Each::Channel(|row| Some(row.numbers.$field.into())),
        )
    };
}

/// A counter of a channel, whose sum is the node's: that of channels that have ended stays in it.
macro_rules! through_channel {
    ($each:ident, $name:literal, $help:literal, $field:ident) => {
        counter(
            $name,
            $help,
            |view| Some(view.totals.counters.$field.into()),
            Each::$each(|counters| counters.$field),
        )
    };
}

/// A counter of a connection.
macro_rules! through_connection {
    ($name:literal, $help:literal, $field:ident) => {
        counter(
            $name,
            $help,
            |view| Some(view.totals.octets.$field.into()),
            Each::Connection(|row| Some(row.octets.$field.into())),
        )
    };
}

pub(crate) const CHANNELS: Family = Family {
    name: "channel_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        of_channel!("channel_consumers", "Consumers on a channel", consumers),
        of_channel!(
            "channel_messages_unacked",
            "Delivered but not yet acknowledged messages",
            unacknowledged
        ),
        of_channel!(
            "channel_messages_unconfirmed",
            "Published but not yet confirmed messages",
            unconfirmed
        ),
        of_channel!(
            "channel_messages_uncommitted",
            "Messages received in a transaction but not yet committed",
            uncommitted
        ),
        of_channel!(
            "channel_acks_uncommitted",
            "Message acknowledgements in a transaction not yet committed",
            uncommitted_acks
        ),
        of_channel!(
            "consumer_prefetch",
            "Limit of unacknowledged messages for each consumer",
            prefetch
        ),
        of_channel!(
            "channel_prefetch",
            "Deprecated and will be removed in a future version",
            global_prefetch
        ),
    ],
};

pub(crate) const CHANNEL_PUBLISHES: Family = Family {
    name: "channel_exchange_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        through_channel!(
            ByExchange,
            "channel_messages_published_total",
            "Total number of messages published into an exchange on a channel",
            publish
        ),
        through_channel!(
            ByExchange,
            "channel_messages_confirmed_total",
            "Total number of messages published into an exchange and confirmed on the channel",
            confirm
        ),
        through_channel!(
            ByExchange,
            "channel_messages_unroutable_returned_total",
            "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable",
            return_unroutable
        ),
        through_channel!(
            ByExchange,
            "channel_messages_unroutable_dropped_total",
            "Total number of messages published as non-mandatory into an exchange and dropped as unroutable",
            drop_unroutable
        ),
    ],
};

pub(crate) const CHANNEL_DELIVERIES: Family = Family {
    name: "channel_queue_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        through_channel!(
            ByQueue,
            "channel_get_ack_total",
            "Total number of messages fetched with basic.get in manual acknowledgement mode",
            get
        ),
        through_channel!(
            ByQueue,
            "channel_get_total",
            "Total number of messages fetched with basic.get in automatic acknowledgement mode",
            get_no_ack
        ),
        through_channel!(
            ByQueue,
            "channel_messages_delivered_ack_total",
            "Total number of messages delivered to consumers in manual acknowledgement mode",
            deliver
        ),
        through_channel!(
            ByQueue,
            "channel_messages_delivered_total",
            "Total number of messages delivered to consumers in automatic acknowledgement mode",
            deliver_no_ack
        ),
        through_channel!(
            ByQueue,
            "channel_messages_redelivered_total",
            "Total number of messages redelivered to consumers",
            redeliver
        ),
        through_channel!(
            ByQueue,
            "channel_messages_acked_total",
            "Total number of messages acknowledged by consumers",
            ack
        ),
        through_channel!(
            ByQueue,
            "channel_get_empty_total",
            "Total number of times basic.get operations fetched no message",
            get_empty
        ),
    ],
};

pub(crate) const CONNECTION_BYTES: Family = Family {
    name: "connection_coarse_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        through_connection!(
            "connection_incoming_bytes_total",
            "Total number of bytes received on a connection",
            received
        ),
        through_connection!(
            "connection_outgoing_bytes_total",
            "Total number of bytes sent on a connection",
            sent
        ),
    ],
};

pub(crate) const CONNECTIONS: Family = Family {
    name: "connection_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        through_connection!(
            "connection_incoming_packets_total",
            "Total number of packets received on a connection",
            receive_count
        ),
        through_connection!(
            "connection_outgoing_packets_total",
            "Total number of packets sent on a connection",
            send_count
        ),
        gauge(
            "connection_pending_packets",
            "Number of packets waiting to be sent on a connection",
            |view| Some(view.pending_connections.into()),
            Each::Connection(|row| Some(Number::from(row.unsent_bytes > 0))),
        ),
        gauge(
            "connection_channels",
            "Channels on a connection",
            |view| Some(view.totals.channel_count.into()),
            Each::Connection(|row| Some(row.channels.into())),
        ),
    ],
};

pub(crate) const CHURN: Family = Family {
    name: "connection_churn_metrics",
    prefix: "rabbitmq_",
    detailed_prefix: "rabbitmq_detailed_",
    metrics: &[
        counter(
            "connections_opened_total",
            "Total number of connections opened",
            |view| Some(view.totals.churn.connection_created.into()),
            Each::Node,
        ),
        counter(
            "connections_closed_total",
            "Total number of connections closed or terminated",
            |view| Some(view.totals.churn.connection_closed.into()),
            Each::Node,
        ),
        counter(
            "channels_opened_total",
            "Total number of channels opened",
            |view| Some(view.totals.churn.channel_created.into()),
            Each::Node,
        ),
        counter(
            "channels_closed_total",
            "Total number of channels closed",
            |view| Some(view.totals.churn.channel_closed.into()),
            Each::Node,
        ),
        counter(
            "queues_declared_total",
            "Total number of queues declared",
            |view| Some(view.totals.churn.queue_declared.into()),
            Each::Node,
        ),
        counter(
            "queues_created_total",
            "Total number of queues created",
            |view| Some(view.totals.churn.queue_created.into()),
            Each::Node,
        ),
        counter(
            "queues_deleted_total",
            "Total number of queues deleted",
            |view| Some(view.totals.churn.queue_deleted.into()),
            Each::Node,
        ),
    ],
};
