//! Looks at everything every few seconds, so that rates can be told.
//!
//! The node is always looked at: that costs one errand per shard. Single objects are looked at only while somebody uses the
//! API, so that an idle broker stays idle.

use std::sync::Arc;

use message::ClientId;
use node::observation::{ChannelBreakdown, MessageCounters, QueueState, Source};
use tokio::time::{MissedTickBehavior, interval};

use crate::breakdown::{delivered, published};
use crate::channel_pages::{Part, Place, page};
use crate::desk::Desk;
use crate::exchanges::traffic_of;
use crate::failure::Failure;
use crate::nodes::disk_fields;
use crate::overview::{churn_fields, queue_fields};
use crate::rates::{Field, Object, Rates};
use crate::{stats, vhosts};

/// For how long after a request single objects are looked at, in milliseconds.
const CURIOUS_MS: u64 = 60_000;

/// Samples for ever.
pub(crate) async fn run(desk: Arc<Desk>) {
    let options = &desk.facts.api;
    if !options.has_rates || options.has_no_stats {
        return;
    }
    let mut ticks = interval(options.sample_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A node that does not answer is one that stops, or is in trouble that others tell of.
        if let Err(failure) = sample(&desk).await {
            tracing::debug!(?failure, "no sample");
        }
    }
}

async fn sample(desk: &Desk) -> Result<(), Failure> {
    let readings = desk.machine.readings();
    let now_ms = readings.now_ms;
    let totals = desk.ask_all(|shard| shard.observe_totals()).await?;
    let counters = totals.iter().fold(MessageCounters::ZERO, |sum, t| sum + t.counters);
    let connections = totals.iter().map(|t| t.connection_count).sum::<u64>();
    let node = [
        ("mem_used", readings.resident_bytes),
        ("disk_free", readings.disk_free_bytes),
        ("fd_used", readings.open_files),
        ("sockets_used", connections),
        ("proc_used", connections),
    ];
    let fields: Vec<Field> = stats::fields(&counters)
        .into_iter()
        .chain(queue_fields(&totals))
        .chain(churn_fields(&totals))
        .chain(node)
        .chain(disk_fields(&desk.machine.disk_uses()))
        .collect();
    desk.rates.record(Object::Node, now_ms, &fields);
    if desk.idle_ms() <= CURIOUS_MS {
        // What is declared before who comes and goes: there is not room for the rates of any number of either.
        for (vhost, totals) in vhosts::totals(desk).await? {
            desk.rates.record(Object::Vhost(vhost), now_ms, &totals.fields());
        }
        sample_exchanges(desk, now_ms).await?;
        for shard in 0..desk.shard_count() {
            sample_queues(desk, shard, now_ms).await?;
        }
        for shard in 0..desk.shard_count() {
            sample_clients(desk, shard, now_ms).await?;
        }
    }
    // What two samples in a row have not seen is not there.
    let age_max_ms = 2 * desk.facts.api.sample_interval.as_millis() as u64;
    desk.rates.forget(now_ms, age_max_ms);
    Ok(())
}

async fn sample_clients(desk: &Desk, shard: usize, now_ms: u64) -> Result<(), Failure> {
    let (mut next, mut seen) = (Some(Place::default()), 0);
    while let Some(place) = next
        && seen < Rates::OBJECTS_MAX
    {
        let parts;
        (parts, next) = desk.ask(shard, move |shard| page(shard, place, true)).await?;
        for Part { connection, is_first, channels } in parts {
            let (client, octets) = (connection.client, connection.octets);
            if is_first {
                let fields = [("recv_oct", octets.received), ("send_oct", octets.sent)];
                desk.rates.record(Object::Connection(client), now_ms, &fields);
            }
            seen += 1 + channels.len();
            for (channel, breakdown) in channels {
                let object = Object::Channel(client, channel.number);
                desk.rates.record(object, now_ms, &stats::fields(&channel.counters));
                record_breakdown(&desk.rates, client, channel.number, breakdown, now_ms);
            }
        }
    }
    Ok(())
}

/// A channel with one exchange has the rates of that already, and so has one with one queue.
fn record_breakdown(
    rates: &Rates,
    client: ClientId,
    number: u16,
    breakdown: ChannelBreakdown,
    now_ms: u64,
) {
    let ChannelBreakdown { publishes, deliveries } = breakdown;
    if publishes.len() > 1 {
        for (exchange, counters) in publishes {
            let object = Object::Publishes(client, number, exchange);
            rates.record(object, now_ms, &published(&counters, false));
        }
    }
    if deliveries.len() > 1 {
        for (queue, counters) in deliveries {
            let object = Object::Deliveries(client, number, queue);
            rates.record(object, now_ms, &delivered(&counters));
        }
    }
}

async fn sample_queues(desk: &Desk, shard: usize, now_ms: u64) -> Result<(), Failure> {
    let (mut after, mut seen) = (None, 0);
    let topology = desk.topology();
    while seen < Rates::OBJECTS_MAX {
        let page = desk.ask(shard, move |shard| shard.observe_inflows(after)).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.summary.id);
        seen += page.len();
        for (QueueState { summary, counters, .. }, sources) in page {
            let definition = topology.definitions().queue_by_id(summary.id);
            if let Some(queue) = definition.filter(|_| sources.len() > 1) {
                for Source { exchange, count } in sources {
                    let name = String::from_utf8_lossy(&exchange);
                    if let Some(exchange) = topology.exchange(queue.vhost.as_str(), &name) {
                        let object = Object::Incoming(summary.id, exchange.id);
                        desk.rates.record(object, now_ms, &[("publish", count)]);
                    }
                }
            }
            let fields: Vec<Field> =
                stats::fields(&counters).into_iter().chain(stats::lengths(&summary)).collect();
            desk.rates.record(Object::Queue(summary.id), now_ms, &fields);
        }
    }
    Ok(())
}

async fn sample_exchanges(desk: &Desk, now_ms: u64) -> Result<(), Failure> {
    let topology = desk.topology();
    let all = topology.definitions().vhosts().flat_map(|(_, vhost)| vhost.exchanges.values());
    let ids = all.map(|exchange| exchange.id).take(Rates::OBJECTS_MAX).collect();
    for (id, traffic) in traffic_of(desk, ids).await? {
        let fields = [("publish_in", traffic.publish_in), ("publish_out", traffic.publish_out)];
        desk.rates.record(Object::Exchange(id), now_ms, &fields);
    }
    Ok(())
}
