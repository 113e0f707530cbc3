//! What an operator is shown of a connection.

use broker::{Broker, MessageCounters};
use message::{Arguments, ClientId, Name, QueueId};

use crate::breakdown::End;
use crate::client_properties::ClientProperties;
use crate::connection::{Connection, Stage};
use crate::counting::Octets;
use crate::handshake::stage_name;
use crate::peer::TlsFacts;

/// What a connection is doing, in RabbitMQ's words: see [`ConnectionActivity::as_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionActivity {
    /// Anything before it is open, or after: `starting`, `tuning`, `opening`, `closing`, `closed`.
    Passing(&'static str),
    /// Open.
    Running,
    /// Slowed down, because consumers or the disk do not keep up.
    Flow,
    /// Would be held back if it published: memory or disk is short.
    Blocking,
    /// It has published, and is held back.
    Blocked,
}

impl ConnectionActivity {
    /// RabbitMQ's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passing(word) => word,
            Self::Running => "running",
            Self::Flow => "flow",
            Self::Blocking => "blocking",
            Self::Blocked => "blocked",
        }
    }
}

/// What is known of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionState {
    /// The node's number for it.
    pub client: ClientId,
    /// The client's address, `127.0.0.1:41876` or `[::1]:41876`.
    pub peer_address: String,
    /// The node's address that it has connected to.
    pub local_address: String,
    /// RabbitMQ's name for it: `127.0.0.1:41876 -> 127.0.0.1:5672`.
    pub name: String,
    /// The name that the client gave it.
    pub user_provided_name: Option<String>,
    /// Who has logged in; empty before.
    pub user: String,
    /// Where it is.
    pub vhost: Name,
    /// What it speaks: `AMQP 0-9-1`.
    pub protocol: &'static str,
    /// How it has logged in: `PLAIN`; empty before.
    pub mechanism: &'static str,
    /// What is known of its encryption; absent without TLS.
    pub tls: Option<TlsFacts>,
    /// When it connected, in milliseconds since 1970.
    pub connected_at_ms: u64,
    /// What the client says of itself.
    pub client_properties: ClientProperties,
    /// How many channels it may have; 0 for no limit.
    pub channel_max: u16,
    /// The largest frame, in bytes; 0 for no limit.
    pub frame_max: u32,
    /// Seconds between signs of life; 0 for none.
    pub heartbeat_s: u64,
    /// What it is doing.
    pub activity: ConnectionActivity,
    /// Its open channels.
    pub channel_count: usize,
    /// What it sent, and was sent.
    pub octets: Octets,
    /// Bytes that wait for its socket.
    pub unsent_bytes: usize,
    /// About how much memory it takes, in bytes.
    pub memory_bytes: usize,
}

/// What is known of a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelState {
    /// Whose it is.
    pub client: ClientId,
    /// Its number.
    pub number: u16,
    /// Whether its messages are confirmed.
    pub confirms: bool,
    /// Whether it is transactional.
    pub is_transactional: bool,
    /// Its consumers.
    pub consumer_count: usize,
    /// Deliveries that it has not acknowledged.
    pub unacknowledged_count: usize,
    /// Messages that it has published and that are not confirmed.
    pub unconfirmed_count: usize,
    /// Messages that it has published and not committed.
    pub uncommitted_count: usize,
    /// Acknowledgements that it has not committed.
    pub uncommitted_ack_count: usize,
    /// Unacknowledged deliveries at most, for each consumer to come; 0 for no bound.
    pub prefetch_count: u16,
    /// The same for all of its consumers together.
    pub global_prefetch_count: u16,
    /// When it was last used, in milliseconds since 1970.
    pub used_at_ms: u64,
    /// What went through it.
    pub counters: MessageCounters,
}

/// What went through a channel, told apart; nothing when it has had too many exchanges or queues.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelBreakdown {
    /// What it has published to each exchange, by the exchange's number. Confirms are told only of a channel with one.
    pub publishes: Vec<(u64, MessageCounters)>,
    /// What it was delivered from each queue, and has acknowledged.
    pub deliveries: Vec<(QueueId, MessageCounters)>,
}

/// What a client knows of one of its consumers.
#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerState {
    /// Whose it is.
    pub client: ClientId,
    /// The number under which its queue knows it.
    pub number: u32,
    /// Its channel.
    pub channel: u16,
    /// Its tag.
    pub tag: String,
    /// Its queue.
    pub queue: QueueId,
    /// Whether it acknowledges.
    pub settles: bool,
    /// Whether it is the only one of its queue.
    pub is_exclusive: bool,
    /// Unacknowledged deliveries at most; 0 for no bound.
    pub prefetch_count: u32,
    /// What else it asked for.
    pub arguments: Arguments,
}

impl Connection {
    /// What is known of the connection.
    pub fn state(&self, broker: &Broker) -> ConnectionState {
        self.state_while(self.activity(broker))
    }

    /// The same, if it is known what it does.
    pub(crate) fn state_while(&self, activity: ConnectionActivity) -> ConnectionState {
        let name = format!("{} -> {}", self.peer.address, self.peer.local_address);
        ConnectionState {
            client: self.client,
            peer_address: self.peer.address.clone(),
            local_address: self.peer.local_address.clone(),
            name,
            user_provided_name: self.connection_name(),
            user: self.user.clone(),
            vhost: self.vhost.clone(),
            protocol: "AMQP 0-9-1",
            mechanism: self.story.mechanism,
            tls: self.peer.tls.as_deref().cloned(),
            connected_at_ms: self.story.connected_at_ms,
            client_properties: self.story.client_properties.clone(),
            channel_max: self.channel_max,
            frame_max: self.out.frame_max,
            heartbeat_s: self.heartbeat.interval_s(),
            activity,
            channel_count: self.channels.len(),
            octets: self.story.octets,
            unsent_bytes: self.out.pending_len(),
            memory_bytes: self.held_bytes(),
        }
    }

    /// The name that the client gave it.
    pub(crate) fn connection_name(&self) -> Option<String> {
        self.story.client_properties.connection_name()
    }

    fn activity(&self, broker: &Broker) -> ConnectionActivity {
        match self.stage {
            Stage::Running if self.is_blocked => ConnectionActivity::Blocked,
            Stage::Running if broker.alarm().is_on() => ConnectionActivity::Blocking,
            Stage::Running if self.has_published && broker.is_anyone_behind() => {
                ConnectionActivity::Flow
            }
            Stage::Running => ConnectionActivity::Running,
            stage => ConnectionActivity::Passing(stage_name(stage)),
        }
    }

    /// What is known of its channels, by number.
    pub fn channel_states(&self) -> Vec<ChannelState> {
        self.channel_states_after(None, usize::MAX)
    }

    /// What is known of so many of its channels, from behind a number on.
    pub fn channel_states_after(&self, after: Option<u16>, count_max: usize) -> Vec<ChannelState> {
        let is_behind = |number: u16| after.is_none_or(|after| number > after);
        let open = self
            .channels
            .iter()
            .filter(|(number, channel)| !channel.is_closing && is_behind(*number))
            .take(count_max);
        let states = open.map(|(number, channel)| ChannelState {
            client: self.client,
            number,
            confirms: channel.publisher.is_confirming(),
            is_transactional: channel.transaction.is_some(),
            consumer_count: channel.consumers.len(),
            unacknowledged_count: channel.unacked.len(),
            unconfirmed_count: channel.unconfirmed_count(),
            uncommitted_count: channel.transaction.as_ref().map_or(0, |it| it.publish_count()),
            uncommitted_ack_count: channel
                .transaction
                .as_ref()
                .map_or(0, |it| it.settlement_count()),
            prefetch_count: channel.prefetch_count,
            global_prefetch_count: channel.shared_prefetch.count_max(),
            used_at_ms: channel.used_at_ms,
            counters: channel.counters,
        });
        states.collect()
    }

    /// What each of its channels has to do with an exchange or a queue: its number, what is counted, and whether it has to do
    /// with no other. Those that have nothing to do with it are left out.
    pub fn shares(&self, end: End) -> impl Iterator<Item = (u16, MessageCounters, bool)> + '_ {
        self.channels.iter().filter(|(_, channel)| !channel.is_closing).filter_map(
            move |(number, channel)| {
                let (mut counters, is_only) = channel.breakdown.as_ref()?.find(end)?;
                if is_only && matches!(end, End::Exchange(_)) {
                    counters.confirm = channel.counters.confirm;
                }
                Some((number, counters, is_only))
            },
        )
    }

    /// What went through one of its channels, told apart.
    pub fn breakdown(&self, number: u16) -> ChannelBreakdown {
        let Some(channel) = self.channels.get(number) else { return ChannelBreakdown::default() };
        let Some(found) = &channel.breakdown else { return ChannelBreakdown::default() };
        let (mut publishes, deliveries) = (found.exchanges(), found.queues());
        if let [(_, only)] = &mut publishes[..] {
            only.confirm = channel.counters.confirm;
        }
        ChannelBreakdown { publishes, deliveries }
    }

    /// The tag of a consumer.
    pub fn consumer_tag(&self, number: u32) -> Option<String> {
        self.consumers.get(number).map(|consumer| consumer.tag.to_string())
    }

    /// What is known of its consumers, in the order in which they came.
    pub fn consumer_states(&self) -> Vec<ConsumerState> {
        let states = self.consumers.iter().map(|(number, consumer)| ConsumerState {
            client: self.client,
            number,
            channel: consumer.channel,
            tag: consumer.tag.to_string(),
            queue: consumer.queue,
            settles: consumer.settles,
            is_exclusive: consumer.terms.is_exclusive,
            prefetch_count: consumer.terms.prefetch_count.into(),
            arguments: consumer.terms.arguments.clone(),
        });
        states.collect()
    }
}
