//! What one scrape shows: read off the shards first, so that writing it asks nobody.

use std::sync::Arc;

use message::Name;
use metadata::QueueKind;
use node::Shard;
use node::observation::{Attempts, ExchangeTraffic, MessageCounters, Meters, ShardTotals};

use crate::certificates::Certificate;
use crate::channel_pages::{Part, Place, page};
use crate::desk::Desk;
use crate::disk_use::DiskUse;
use crate::failure::Failure;
use crate::machine::Readings;
use crate::metrics::page::Depth;
use crate::metrics::rows::{
    ChannelNumbers, ChannelRow, ConnectionRow, ExchangeRow, QueueNumbers, QueueRow,
};
use crate::metrics::scrapes::Scraped;

/// A look at one exchange takes as long as one at a table.
const EXCHANGES_AT_ONCE: usize = 4096;

/// The types of queues, in the order in which they are counted.
pub(crate) const KINDS: [QueueKind; 2] = [QueueKind::Classic, QueueKind::Quorum];

/// Which objects are told apart.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) queues: bool,
    pub(crate) clients: bool,
    pub(crate) exchanges: bool,
}

/// What one scrape shows.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Which of RabbitMQ's paths was asked for: `aggregated`, `per-object`, `detailed`, `memory-breakdown`.
    pub(crate) endpoint: &'static str,
    pub(crate) node: String,
    pub(crate) cluster: String,
    pub(crate) cluster_id: String,
    pub(crate) rabbitmq_version: &'static str,
    pub(crate) leveret_version: &'static str,
    pub(crate) started_at_ms: u64,
    pub(crate) now_ms: u64,
    pub(crate) machine: Readings,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) shard_count: u64,
    pub(crate) totals: ShardTotals,
    pub(crate) meters: Meters,
    /// What went through all classic queues since the start, and through all quorum queues.
    pub(crate) kinds: [MessageCounters; 2],
    pub(crate) disks: Vec<DiskUse>,
    pub(crate) http_attempts: Attempts,
    /// Scrapes that have ended, by their [`Depth`].
    pub(crate) scraped: [Scraped; 3],
    pub(crate) publisher_count: u64,
    pub(crate) queue_count: u64,
    /// Connections with bytes that wait for their sockets.
    pub(crate) pending_connections: u64,
    pub(crate) queue_totals: QueueNumbers,
    pub(crate) channel_totals: ChannelNumbers,
    pub(crate) queues: Vec<QueueRow>,
    pub(crate) channels: Vec<ChannelRow>,
    pub(crate) connections: Vec<ConnectionRow>,
    pub(crate) exchanges: Vec<ExchangeRow>,
    pub(crate) vhosts: Vec<Name>,
}

impl View {
    /// Looks at the node. Of virtual hosts only those that `shows` names are looked into.
    ///
    /// # Errors
    /// When a shard does not answer.
    pub(crate) async fn of(
        desk: &Desk,
        endpoint: &'static str,
        wanted: Wanted,
        shows: &(impl Fn(&str) -> bool + Sync),
    ) -> Result<Self, Failure> {
        let facts = &desk.facts;
        let topology = desk.topology();
        let definitions = topology.definitions();
        let totals = desk.ask_all(|shard| shard.observe_totals()).await?;
        let vhosts = || definitions.vhosts().filter(|(name, _)| shows(name.as_str()));
        let mut view = Self {
            endpoint,
            node: facts.node.clone(),
            cluster: facts.node.clone(),
            cluster_id: cluster_id(&facts.node),
            rabbitmq_version: facts.rabbitmq_version,
            leveret_version: facts.leveret_version,
            started_at_ms: facts.started_at_ms,
            machine: desk.machine.readings(),
            certificates: desk.machine.certificates(),
            disks: desk.machine.disk_uses(),
            http_attempts: desk.attempts.read(),
            scraped: [Depth::Totals, Depth::Objects, Depth::Detailed].map(|d| desk.scrapes.read(d)),
            shard_count: totals.len() as u64,
            queue_count: definitions.vhosts().map(|(_, vhost)| vhost.queues.len() as u64).sum(),
            vhosts: vhosts().map(|(name, _)| name.clone()).collect(),
            ..Self::default()
        };
        view.now_ms = view.machine.now_ms;
        totals.into_iter().for_each(|shard| add(&mut view.totals, shard));
        for shard in desk.ask_all(|shard| shard.observe_meters()).await? {
            view.meters += shard;
        }
        view.kinds = KINDS.map(|kind| view.meters.gone_of(kind));
        view.look_at_queues(desk, wanted, shows).await?;
        view.look_at_clients(desk, wanted, shows).await?;
        if wanted.exchanges {
            let exchanges = vhosts().flat_map(|(_, vhost)| vhost.exchanges.values());
            view.exchanges = exchanges
                .map(|exchange| ExchangeRow {
                    id: exchange.id,
                    vhost: exchange.vhost.clone(),
                    name: exchange.name.clone(),
                    kind: exchange.kind.clone(),
                    bindings: topology.bindings_of(exchange).len() as u64,
                    traffic: ExchangeTraffic::default(),
                })
                .collect();
            view.look_at_exchanges(desk).await?;
        }
        Ok(view)
    }

    /// Page by page, so that no shard is held up.
    async fn look_at_queues(
        &mut self,
        desk: &Desk,
        wanted: Wanted,
        shows: &(impl Fn(&str) -> bool + Sync),
    ) -> Result<(), Failure> {
        let topology = desk.topology();
        for shard in 0..desk.shard_count() {
            let mut after = None;
            loop {
                let page = move |shard: &mut Shard| {
                    let with_sources = if wanted.queues {
                        shard.observe_inflows(after)
                    } else {
                        let states = shard.observe_queues(after).into_iter();
                        states.map(|state| (state, Vec::new())).collect()
                    };
                    let rows = with_sources.into_iter().map(|(state, sources)| {
                        (state.summary.id, QueueNumbers::from(&state), sources)
                    });
                    rows.collect::<Vec<_>>()
                };
                let page = desk.ask(shard, page).await?;
                let Some((last, ..)) = page.last() else { break };
                after = Some(*last);
                for (id, numbers, sources) in page {
                    self.queue_totals += numbers;
                    let Some(queue) = topology.definitions().queue_by_id(id) else { continue };
                    if queue.relay_of.is_some() {
                        continue;
                    }
                    let kind = QueueKind::of(&queue.arguments);
                    let places = KINDS.iter().zip(&mut self.kinds).filter(|(of, _)| **of == kind);
                    places.for_each(|(_, sum)| *sum += numbers.counters);
                    if wanted.queues && shows(queue.vhost.as_str()) {
                        self.queues.push(QueueRow {
                            vhost: queue.vhost.clone(),
                            name: queue.name.clone(),
                            kind,
                            numbers,
                            sources,
                        });
                    }
                }
            }
        }
        if wanted.queues {
            self.add_unused(&topology, shows);
        }
        Ok(())
    }

    /// Queues that nobody has used since the start are empty, and there all the same.
    fn add_unused(&mut self, topology: &Arc<broker::Topology>, shows: &impl Fn(&str) -> bool) {
        self.queues.sort_unstable_by(|a, b| (&a.vhost, &a.name).cmp(&(&b.vhost, &b.name)));
        let used = self.queues.len();
        for (name, vhost) in
            topology.definitions().vhosts().filter(|(name, _)| shows(name.as_str()))
        {
            for queue in vhost.queues.values() {
                let found = self.queues[..used]
                    .binary_search_by(|row| (&row.vhost, &row.name).cmp(&(name, &queue.name)));
                if found.is_err() {
                    self.queues.push(QueueRow {
                        vhost: name.clone(),
                        name: queue.name.clone(),
                        kind: QueueKind::of(&queue.arguments),
                        numbers: QueueNumbers::default(),
                        sources: Vec::new(),
                    });
                }
            }
        }
    }

    async fn look_at_exchanges(&mut self, desk: &Desk) -> Result<(), Failure> {
        for rows in self.exchanges.chunks_mut(EXCHANGES_AT_ONCE) {
            let ids: Vec<u64> = rows.iter().map(|row| row.id).collect();
            let traffic = move |shard: &mut Shard| -> Vec<ExchangeTraffic> {
                ids.iter().map(|id| shard.observe_exchange(*id)).collect()
            };
            for shard in desk.ask_all(traffic).await? {
                for (row, traffic) in rows.iter_mut().zip(shard) {
                    row.traffic.publish_in += traffic.publish_in;
                    row.traffic.publish_out += traffic.publish_out;
                }
            }
        }
        Ok(())
    }

    async fn look_at_clients(
        &mut self,
        desk: &Desk,
        wanted: Wanted,
        shows: &(impl Fn(&str) -> bool + Sync),
    ) -> Result<(), Failure> {
        let topology = desk.topology();
        for shard in 0..desk.shard_count() {
            let mut next = Some(Place::default());
            while let Some(place) = next {
                let parts;
                let look = move |shard: &mut Shard| page(shard, place, wanted.clients);
                (parts, next) = desk.ask(shard, look).await?;
                for Part { connection, is_first, channels } in parts {
                    let connection = ConnectionRow::from(connection);
                    let is_shown = wanted.clients && shows(connection.vhost.as_str());
                    for (state, breakdown) in channels {
                        self.channel_totals += ChannelNumbers::from(&state);
                        self.publisher_count += u64::from(state.counters.publish > 0);
                        if is_shown {
                            let definitions = topology.definitions();
                            let row = ChannelRow::new(&connection, &state, breakdown, definitions);
                            self.channels.push(row);
                        }
                    }
                    self.pending_connections += u64::from(is_first && connection.unsent_bytes > 0);
                    if is_shown && is_first {
                        self.connections.push(connection);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Adds what one shard has to what others have.
fn add(sum: &mut ShardTotals, shard: ShardTotals) {
    sum.connection_count += shard.connection_count;
    sum.channel_count += shard.channel_count;
    sum.holdings.ready_count += shard.holdings.ready_count;
    sum.holdings.unsettled_count += shard.holdings.unsettled_count;
    sum.holdings.scheduled_count += shard.holdings.scheduled_count;
    sum.holdings.ready_bytes += shard.holdings.ready_bytes;
    sum.holdings.unsettled_bytes += shard.holdings.unsettled_bytes;
    sum.holdings.consumer_count += shard.holdings.consumer_count;
    sum.message_memory_bytes += shard.message_memory_bytes;
    sum.connection_memory_bytes += shard.connection_memory_bytes;
    sum.unwritten_bytes += shard.unwritten_bytes;
    sum.is_memory_short |= shard.is_memory_short;
    sum.is_disk_short |= shard.is_disk_short;
    sum.counters += shard.counters;
    sum.octets.received += shard.octets.received;
    sum.octets.receive_count += shard.octets.receive_count;
    sum.octets.sent += shard.octets.sent;
    sum.octets.send_count += shard.octets.send_count;
    sum.churn.connection_created += shard.churn.connection_created;
    sum.churn.connection_closed += shard.churn.connection_closed;
    sum.churn.channel_created += shard.churn.channel_created;
    sum.churn.channel_closed += shard.churn.channel_closed;
    sum.churn.queue_declared += shard.churn.queue_declared;
    sum.churn.queue_created += shard.churn.queue_created;
    sum.churn.queue_deleted += shard.churn.queue_deleted;
    sum.attempts.succeeded += shard.attempts.succeeded;
    sum.attempts.failed += shard.attempts.failed;
}

/// RabbitMQ's clusters have a name that stays when others change. That of a node on its own follows from its name.
fn cluster_id(node: &str) -> String {
    format!("leveret-cluster-id-{node}")
}
