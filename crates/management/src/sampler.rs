//! Looks at everything every few seconds, so that rates can be told.
//!
//! The node is always looked at: that costs one errand per shard. Single objects are looked at only while somebody uses the
//! API, so that an idle broker stays idle.

use std::sync::Arc;

use node::Shard;
use node::observation::{MessageCounters, PAGE_MAX, QueueState};
use tokio::time::{MissedTickBehavior, interval};

use crate::desk::Desk;
use crate::exchanges::traffic_of;
use crate::failure::Failure;
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
        .collect();
    desk.rates.record(Object::Node, now_ms, &fields);
    if desk.idle_ms() <= CURIOUS_MS {
        for shard in 0..desk.shard_count() {
            sample_clients(desk, shard, now_ms).await?;
            sample_queues(desk, shard, now_ms).await?;
        }
        sample_exchanges(desk, now_ms).await?;
        for (vhost, totals) in vhosts::totals(desk).await? {
            desk.rates.record(Object::Vhost(vhost), now_ms, &totals.fields());
        }
    }
    // What two samples in a row have not seen is not there.
    let age_max_ms = 2 * desk.facts.api.sample_interval.as_millis() as u64;
    desk.rates.forget(now_ms, age_max_ms);
    Ok(())
}

async fn sample_clients(desk: &Desk, shard: usize, now_ms: u64) -> Result<(), Failure> {
    let (mut after, mut seen) = (None, 0);
    while seen < Rates::OBJECTS_MAX {
        let page = move |shard: &mut Shard| {
            let (mut found, mut last) = (Vec::new(), None);
            for client in shard.observe_clients(after) {
                last = Some(client);
                let Some(state) = shard.observe_connection(client) else { continue };
                found.push((client, state.octets, shard.observe_channels(client)));
                if found.len() >= PAGE_MAX / 4 {
                    break;
                }
            }
            (found, last)
        };
        let (found, last) = desk.ask(shard, page).await?;
        let Some(last) = last else { break };
        after = Some(last);
        seen += found.len();
        for (client, octets, channels) in found {
            let fields = [("recv_oct", octets.received), ("send_oct", octets.sent)];
            desk.rates.record(Object::Connection(client), now_ms, &fields);
            seen += channels.len();
            for channel in channels {
                let object = Object::Channel(client, channel.number);
                desk.rates.record(object, now_ms, &stats::fields(&channel.counters));
            }
        }
    }
    Ok(())
}

async fn sample_queues(desk: &Desk, shard: usize, now_ms: u64) -> Result<(), Failure> {
    let (mut after, mut seen) = (None, 0);
    while seen < Rates::OBJECTS_MAX {
        let page = desk.ask(shard, move |shard| shard.observe_queues(after)).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.summary.id);
        seen += page.len();
        for QueueState { summary, counters, .. } in page {
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
