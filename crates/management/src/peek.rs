//! A look at the messages of a queue that changes nothing, and calling off those that wait for their time.

use broker::{Answer, PeekPage, Verb};
use metadata::{Access, Queue};
use node::MessageView;
use queue::{Cursor, Peeked, Section, Whereabout};
use serde_json::{Value, json};

use crate::call::Call;
use crate::failure::Failure;
use crate::filter::Filter;
use crate::messages::{Shape, shown_message};
use crate::reply::Reply;
use crate::showing::Show;
use crate::{fields, queues, time};

/// Messages of one answer.
const COUNT_MAX: usize = 1_000;
const COUNT_DEFAULT: usize = 50;
/// Messages that are looked at for one answer, whether they fit the filter or not.
const EXAMINED_MAX: usize = 10_000;

/// Why there are fewer messages than were asked for, though the queue has them.
const CUT: &str = "an answer with 8 MiB gets no more messages: go on with cursor, or ask with truncate or a smaller count";

/// What may be asked for, beside `header.NAME`. The last two are said of all requests by the configuration.
const KNOWN: [&str; 11] = [
    "section",
    "count",
    "cursor",
    "truncate",
    "exchange",
    "routing_key",
    "message_id",
    "reason",
    "contains",
    "disable_stats",
    "enable_queue_totals",
];

/// Messages of one section, `ready` unless the query says `unacknowledged` or `delayed`, from the first on or from where
/// the answer before has ended (`cursor`).
pub(crate) async fn list(call: &Call) -> Result<Reply, Failure> {
    let queue = queues::named(call)?;
    call.may(Access::Read, &queue.name)?;
    let names = call.query.fields().map(|(name, _)| name);
    fields::only("this look", &KNOWN, names.filter(|name| !name.starts_with("header.")))?;
    let (name, section) = match call.query.find("section").unwrap_or("ready") {
        "ready" => ("ready", Section::Ready),
        "unacknowledged" => ("unacknowledged", Section::Unsettled),
        "delayed" => ("delayed", Section::Delayed),
        other => {
            return Err(Failure::bad(format!(
                "there is no section {other:?}: ready, unacknowledged or delayed"
            )));
        }
    };
    let count = call.number("count")?.unwrap_or(COUNT_DEFAULT).min(COUNT_MAX);
    let shape = Shape { is_base64: false, truncate: call.number("truncate")? };
    let filter = Filter::of_query(&call.query);
    let mut cursor = call.query.find("cursor").map(parse_cursor).transpose()?;
    let (mut show, mut found, mut examined) = (Show::begin(&call.desk).await?, 0, 0);
    loop {
        let wanted = (count - found).min(EXAMINED_MAX - examined);
        let page = page(call, queue, section, cursor, wanted).await?;
        examined += page.messages.len();
        for message in page.messages.iter().filter_map(|peeked| shown(peeked, &filter, &shape)) {
            show.add(&message);
            found += 1;
        }
        cursor = page.next;
        if cursor.is_none() || found >= count || examined >= EXAMINED_MAX || show.is_full() {
            break;
        }
    }
    let is_cut = show.is_full() && cursor.is_some() && found < count;
    let cursor = json!(cursor.map(cursor_text));
    let before = format!("{{\"cursor\":{cursor},\"examined\":{examined},\"messages\":");
    let behind = format!(",\"section\":\"{name}\"}}");
    Ok(show.finish(&before, &behind, is_cut.then_some(CUT)))
}

/// Calls a message off that waits for its time.
pub(crate) async fn cancel(call: &Call) -> Result<Reply, Failure> {
    let queue = queues::named(call)?;
    call.may(Access::Read, &queue.name)?;
    let part = |name: &str| {
        let text = call.parameter(name);
        text.parse::<u64>().map_err(|_| Failure::bad(format!("{name} {text:?} is no number")))
    };
    let lane = u8::try_from(part("lane")?).map_err(|_| Failure::NotFound)?;
    let verb = Verb::CancelDelayed { queue: queue.id, lane, seq: part("place")? };
    match call.operate(verb).await? {
        Answer::Removed { count: 0 } => Err(Failure::NotFound),
        _ => Ok(Reply::done()),
    }
}

/// One page of a look.
pub(crate) async fn page(
    call: &Call,
    queue: &Queue,
    section: Section,
    cursor: Option<Cursor>,
    count: usize,
) -> Result<PeekPage, Failure> {
    match call.operate(Verb::Peek { queue: queue.id, section, cursor, count }).await? {
        Answer::Peeked(page) => Ok(*page),
        _ => Err(Failure::Unavailable("the queue is gone".to_owned())),
    }
}

fn shown(peeked: &Peeked, filter: &Filter, shape: &Shape) -> Option<Value> {
    let message = peeked.message.as_ref()?;
    let view = MessageView::of_message(message, peeked.is_redelivered, peeked.delivery_count);
    if !filter.fits(&view) {
        return None;
    }
    let mut value = shown_message(&view, shape);
    value["lane"] = json!(peeked.lane);
    value["place"] = json!(peeked.seq);
    value["delivery_count"] = json!(view.delivery_count);
    value["received_at"] = json!(time::rfc3339(view.received_at_ms));
    value["expires_at"] = json!(view.expires_at_ms.map(time::rfc3339));
    match peeked.whereabout {
        Whereabout::Ready => {}
        Whereabout::Delayed { until_ms } => value["delayed_until"] = json!(time::rfc3339(until_ms)),
        Whereabout::Unsettled { consumer, since_s } => {
            value["unacknowledged_since"] = json!(time::rfc3339(u64::from(since_s) * 1000));
            value["has_consumer"] = json!(consumer.is_some());
        }
    }
    Some(value)
}

fn cursor_text(cursor: Cursor) -> String {
    let (first, second) = cursor.parts();
    format!("{first:x}-{second:x}")
}

fn parse_cursor(text: &str) -> Result<Cursor, Failure> {
    let number = |part: &str| u64::from_str_radix(part, 16).ok();
    let parts = text.split_once('-').and_then(|(a, b)| Some((number(a)?, number(b)?)));
    let parts = parts.ok_or_else(|| {
        Failure::bad(format!("{text:?} is no cursor: take the one of the answer before"))
    })?;
    Ok(Cursor::from_parts(parts))
}
