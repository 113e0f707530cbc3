//! What goes through a connection, counted where it goes in batches, and handed to the broker once a turn.

use broker::{MessageCounters, VhostTraffic};

use crate::client_properties::ClientProperties;
use crate::connection::Connection;
use crate::context::Context;

/// What a client sends and is sent beside messages is told when it is this much.
const UNTOLD_BYTES_MAX: u64 = 4_096;

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
    pub(crate) client_properties: ClientProperties,
    pub(crate) octets: Octets,
    /// How much of these the broker was told, sent and received.
    told_bytes: (u64, u64),
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
            let breakdown = channel.breakdown.get_or_insert_default();
            let publish = cx.broker.count_published(&mut channel.publisher, |exchange, count| {
                breakdown.count_exchange(exchange, |counters| counters.publish += count);
            });
            channel.used_at_ms = cx.now_ms;
            self.count(number, MessageCounters { publish, ..MessageCounters::ZERO });
        }
    }

    /// Tells the broker what has gone through since it was last told; a few bytes only later.
    pub(crate) fn tell_counts(&mut self, cx: &mut Context<'_>) {
        self.tell_counts_beyond(cx, UNTOLD_BYTES_MAX);
    }

    /// Tells the broker the rest, at the end of a connection that has been in its virtual host.
    pub(crate) fn tell_last_counts(&mut self, cx: &mut Context<'_>) {
        if self.identity.is_some() {
            self.tell_counts_beyond(cx, 0);
        }
    }

    fn tell_counts_beyond(&mut self, cx: &mut Context<'_>, untold_bytes_max: u64) {
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
        let (received, sent) = (story.octets.received, story.octets.sent);
        let received_bytes = received - story.told_bytes.0;
        let sent_bytes = sent - story.told_bytes.1;
        if story.turn != MessageCounters::ZERO || received_bytes + sent_bytes > untold_bytes_max {
            story.told_bytes = (received, sent);
            let counters = std::mem::take(&mut story.turn);
            let traffic = VhostTraffic { counters, received_bytes, sent_bytes };
            cx.broker.count_traffic(&self.vhost, traffic);
        }
    }
}
