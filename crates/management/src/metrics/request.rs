//! From a path to what it shows.

use crate::desk::Desk;
use crate::failure::Failure;
use crate::metrics::metric::Family;
use crate::metrics::page::{Depth, Page};
use crate::metrics::scrapes::Scrapes;
use crate::metrics::text::CONTENT_TYPE;
use crate::metrics::view::{View, Wanted};
use crate::metrics::{clients, counted, global, nodes, queues};
use crate::query::Query;
use crate::reply::{Reply, streamed};

/// What `/metrics` shows.
const SUMS: &[Family] = &[
    clients::CHURN,
    nodes::COARSE,
    nodes::LIMITS,
    counted::DISK,
    counted::ATTEMPTS,
    queues::COARSE,
    queues::ALL,
    clients::CHANNELS,
    clients::CHANNEL_PUBLISHES,
    clients::CHANNEL_DELIVERIES,
    clients::CONNECTION_BYTES,
    clients::CONNECTIONS,
    queues::PUBLISHED,
    queues::FROM_EXCHANGES,
    queues::EXCHANGES,
    queues::DELIVERIES,
    nodes::TOTALS,
    nodes::ABOUT,
    global::ALL,
    global::DEATHS,
    global::SIZES,
    nodes::ALARMS,
    queues::OWN,
    nodes::OWN,
    counted::OWN,
    counted::SCRAPES,
    nodes::PROCESS,
];

/// What `/metrics/detailed` shows when it is asked for it by name, beside what `/metrics` shows.
const ON_REQUEST: &[Family] = &[
    queues::CONSUMER_COUNT,
    queues::EXCHANGE_BINDINGS,
    queues::EXCHANGE_NAMES,
    queues::VHOST_STATUS,
];

/// Answers `GET` of a path that begins with that of metrics. `rest` is what stands behind it.
///
/// # Errors
/// [`Failure::NotFound`] for other paths; otherwise when the node cannot answer.
pub(crate) async fn respond(desk: &Desk, rest: &str, query: &Query) -> Result<Reply, Failure> {
    let rest = rest.trim_end_matches('/');
    let all = |_: &str| true;
    let scrape = |depth| Scrapes::begin(desk, depth);
    let page = match rest {
        "" if !desk.facts.metrics.is_per_object => {
            let scrape = scrape(Depth::Totals).await?;
            let view = View::of(desk, "aggregated", Wanted::default(), &all).await?;
            Page::new(view, scrape, Depth::Totals, SUMS)
        }
        "" | "/default" | "/per-object" => {
            let scrape = scrape(Depth::Objects).await?;
            let wanted = Wanted { queues: true, clients: true, exchanges: true };
            let view = View::of(desk, "per-object", wanted, &all).await?;
            Page::new(view, scrape, Depth::Objects, SUMS)
        }
        "/memory-breakdown" => {
            let scrape = scrape(Depth::Totals).await?;
            let view = View::of(desk, "memory-breakdown", Wanted::default(), &all).await?;
            Page::new(view, scrape, Depth::Totals, &[nodes::MEMORY, nodes::ABOUT])
        }
        "/detailed" => detailed(desk, query).await?,
        _ => return Err(Failure::NotFound),
    };
    Ok(Reply::stream(CONTENT_TYPE, streamed(page)))
}

/// The families that are asked for by name; names that nobody knows are of RabbitMQ's that do not apply.
async fn detailed(desk: &Desk, query: &Query) -> Result<Page, Failure> {
    let scrape = Scrapes::begin(desk, Depth::Detailed).await?;
    let asked: Vec<&str> = query.all("family").collect();
    let vhosts: Vec<&str> = query.all("vhost").collect();
    let mut families: Vec<Family> = SUMS
        .iter()
        .chain(ON_REQUEST)
        .filter(|family| !family.name.is_empty() && asked.contains(&family.name))
        .copied()
        .collect();
    let has = |part: &str| asked.iter().any(|family| family.contains(part));
    let wanted = Wanted {
        queues: has("queue"),
        clients: has("channel_") || has("connection_"),
        exchanges: has("exchange"),
    };
    if families.iter().any(|family| family.name.starts_with("queue_")) {
        families.push(queues::INFO);
    }
    families.push(nodes::ABOUT);
    let shows = move |vhost: &str| vhosts.is_empty() || vhosts.contains(&vhost);
    let mut view = View::of(desk, "detailed", wanted, &shows).await?;
    let names: Vec<&str> = query.all("queue").collect();
    if !names.is_empty() {
        view.queues.retain(|row| names.contains(&row.name.as_str()));
    }
    Ok(Page::new(view, scrape, Depth::Detailed, &families))
}
