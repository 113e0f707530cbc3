//! What goes through a connection, counted where it goes in batches, and handed to the broker once a turn.

use broker::MessageCounters;
use wire_amqp091::Table;

use crate::connection::Connection;
use crate::context::Context;

/// How much a connection has sent and was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Octets {
    /// Bytes that the client has sent.
    pub received: u64,
    /// How often some were read.
    pub receive_count: u64,
    /// Bytes that the client was sent.
    pub sent: u64,
    /// How often some were written.
    pub send_count: u64,
}

/// What a connection tells of itself, and of what has gone through it.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// In milliseconds since 1970.
    pub(crate) connected_at_ms: u64,
    /// How the client has logged in.
    pub(crate) mechanism: &'static str,
    /// What the client says of itself.
    pub(crate) client_properties: Table,
    pub(crate) octets: Octets,
    /// What went through all channels since the broker was last told.
    pub(crate) turn: MessageCounters,
    /// Channels that were opened and have ended since the broker was last told.
    pub(crate) opened_count: u64,
    pub(crate) closed_count: u64,
    /// Channels that have published since the broker was last told, each once.
    pub(crate) published: Vec<u16>,
}

impl Connection {
    /// Counts for a channel, and for all.
    pub(crate) fn count(&mut self, number: u16, counters: MessageCounters) {
        if let Some(channel) = self.channels.get_mut(number) {
            channel.counters += counters;
        }
        self.story.turn += counters;
    }

    /// Takes over what a channel's publisher has counted.
    pub(crate) fn count_published(&mut self, cx: &mut Context<'_>, number: u16) {
        let Some(channel) = self.channels.get_mut(number) else { return };
        if std::mem::take(&mut channel.has_uncounted) {
            let publish = cx.broker.count_published(&mut channel.publisher);
            channel.used_at_ms = cx.now_ms;
            self.count(number, MessageCounters { publish, ..MessageCounters::ZERO });
        }
    }

    /// Tells the broker what has gone through since it was last told.
    pub(crate) fn tell_counts(&mut self, cx: &mut Context<'_>) {
        let mut published = std::mem::take(&mut self.story.published);
        published.drain(..).for_each(|number| self.count_published(cx, number));
        self.story.published = published;
        let story = &mut self.story;
        if story.opened_count + story.closed_count > 0 {
            cx.broker.count_channels(
                std::mem::take(&mut story.opened_count),
                std::mem::take(&mut story.closed_count),
            );
        }
        if story.turn != MessageCounters::ZERO {
            cx.broker.count_traffic(&self.vhost, std::mem::take(&mut story.turn));
        }
    }
}
