//! The way back for dead letters: messages of one queue go to where they died, or elsewhere.
//!
//! ```text
//!   fetch some, held ──> fit the filter? ── no ──> back to their places, when all is over
//!                               │ yes
//!                               └──> publish ──> safe there? ── yes ──> accepted: gone from here
//!                                                    └ no: back to its place, and no more are moved
//! ```
//!
//! A message leaves its queue only when it is safe in the other one: those that are in both for a moment, a batch at most,
//! may be there twice after a crash, and are in none never.

use std::time::Duration;

use broker::Due;
use message::{Name, Settlement, Value as Argument};
use metadata::{Access, Queue};
use node::{AckMode, Fetched, MessageView, Outcome, Publication};
use queue::Section;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::call::Call;
use crate::failure::Failure;
use crate::fields::{self, Fields};
use crate::filter::Filter;
use crate::reply::Reply;
use crate::{peek, queues};

/// Messages that are held at once, at most: so many may not fit the filter.
const HELD_MAX: usize = 10_000;
/// Messages that are fetched at once.
const BATCH: usize = 64;
/// Fewer messages than one in a quarter of an hour: nobody waits for that.
const PER_SECOND_MIN: f64 = 0.001;
/// Headers that tell of deaths and deliveries: what goes back begins anew.
const PAST: [&str; 3] = ["x-death", "x-delivery-count", "x-acquired-count"];

/// Where messages go.
#[derive(Clone, Debug)]
enum Way {
    /// To the queue where each has died first.
    Origin,
    /// To an exchange; with a key, or each with its own.
    Exchange { exchange: String, routing_key: Option<String> },
}

/// What is asked for.
#[derive(Clone, Debug)]
struct Wish {
    way: Way,
    filter: Filter,
    count_max: usize,
    per_second: Option<f64>,
}

/// What has been done.
#[derive(Debug, Default)]
struct Done {
    examined: usize,
    matched: usize,
    moved: usize,
    stopped: Option<String>,
    /// Those that stay.
    kept: Vec<Due>,
}

/// Moves messages, or with `dry_run` says which would be.
pub(crate) async fn redrive(call: &Call) -> Result<Reply, Failure> {
    let given = call.object()?;
    let queue = queues::named(call)?;
    call.may(Access::Read, &queue.name)?;
    let wish = wish(&given)?;
    if let Way::Exchange { exchange, .. } = &wish.way {
        if call.topology.exchange(queue.vhost.as_str(), exchange).is_none() {
            return Err(Failure::bad(format!("there is no exchange {exchange:?}")));
        }
        call.may(Access::Write, &fields::name(exchange)?)?;
    } else {
        call.may(Access::Write, &Name::fixed("amq.default"))?;
    }
    if fields::is_set(&given, "dry_run")? {
        return preview(call, queue, &wish).await;
    }
    // It goes on to its end even if whoever asked goes away: what is held has to find its way back.
    let (call, queue) = (call.clone(), Queue::clone(queue));
    let moved = tokio::spawn(async move { move_all(&call, &queue, &wish).await });
    let done = moved.await.map_err(|_| Failure::Unavailable("the node stops".to_owned()))??;
    Ok(Reply::ok(&json!({
        "examined": done.examined,
        "matched": done.matched,
        "moved": done.moved,
        "stopped": done.stopped,
    })))
}

fn wish(given: &Fields) -> Result<Wish, Failure> {
    let known = ["to", "filter", "count", "per_second", "dry_run"];
    fields::only("redrive", &known, given.keys().map(String::as_str))?;
    let way = match given.get("to") {
        None | Some(Value::Null) => Way::Origin,
        Some(Value::String(text)) if text == "origin" => Way::Origin,
        Some(Value::Object(to)) => way(to)?,
        Some(_) => {
            return Err(Failure::bad(
                "to has to be \"origin\", {\"queue\": NAME} or {\"exchange\": NAME, \"routing_key\": KEY}",
            ));
        }
    };
    let filter = match given.get("filter") {
        None | Some(Value::Null) => Filter::default(),
        Some(Value::Object(filter)) => Filter::parse(filter)?,
        Some(_) => return Err(Failure::bad("filter has to be an object")),
    };
    let number = |name: &str| match given.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|number| *number > 0.0) {
            Some(number) => Ok(Some(number)),
            None => Err(Failure::bad(format!("{name} has to be a number above 0"))),
        },
    };
    let count_max = number("count")?.map_or(usize::MAX, |count| count as usize);
    let per_second = number("per_second")?;
    if per_second.is_some_and(|per_second| per_second < PER_SECOND_MIN) {
        return Err(Failure::bad(format!("per_second has to be at least {PER_SECOND_MIN}")));
    }
    Ok(Wish { way, filter, count_max, per_second })
}

fn way(to: &Fields) -> Result<Way, Failure> {
    let routing_key = fields::text(to, "routing_key")?.map(str::to_owned);
    match (fields::text(to, "queue")?, fields::text(to, "exchange")?) {
        (Some(queue), None) => {
            Ok(Way::Exchange { exchange: String::new(), routing_key: Some(queue.to_owned()) })
        }
        (None, Some(exchange)) => Ok(Way::Exchange { exchange: exchange.to_owned(), routing_key }),
        _ => Err(Failure::bad("to has to name a queue or an exchange")),
    }
}

/// What would be moved: a look, which nobody notices.
async fn preview(call: &Call, queue: &Queue, wish: &Wish) -> Result<Reply, Failure> {
    let (mut examined, mut matched, mut cursor) = (0, 0, None);
    loop {
        let page = peek::page(call, queue, Section::Ready, cursor, BATCH).await?;
        examined += page.messages.len();
        for peeked in &page.messages {
            let Some(message) = &peeked.message else { continue };
            let view =
                MessageView::of_message(message, peeked.is_redelivered, peeked.delivery_count);
            matched += usize::from(wish.filter.fits(&view));
        }
        cursor = page.next;
        if cursor.is_none() || matched >= wish.count_max || examined >= HELD_MAX {
            break;
        }
    }
    let matched = matched.min(wish.count_max);
    Ok(Reply::ok(&json!({
        "dry_run": true,
        "examined": examined,
        "matched": matched,
        "moved": 0,
        "is_complete": cursor.is_none() || matched >= wish.count_max,
    })))
}

async fn move_all(call: &Call, queue: &Queue, wish: &Wish) -> Result<Done, Failure> {
    let mut done = Done::default();
    // What comes in meanwhile, perhaps because it has died again at once, is not moved in circles.
    let mut left = ready_count(call, queue).await?;
    let outcome = async {
        while left > 0 && done.stopped.is_none() && done.moved < wish.count_max {
            if done.kept.len() >= HELD_MAX {
                done.stopped = Some(format!("{HELD_MAX} messages do not fit the filter"));
                break;
            }
            let count = BATCH.min(left);
            let (vhost, name) = (queue.vhost.clone(), queue.name.clone());
            let fetched = call.desk.fetch(vhost, name, count, AckMode::Hold).await?;
            let fetched = fetched.map_err(|refusal| crate::refusals::failure(&refusal))?;
            left = if fetched.is_empty() { 0 } else { left - fetched.len().min(left) };
            move_fetched(call, queue, wish, fetched, &mut done).await?;
        }
        Ok(())
    };
    let outcome: Result<(), Failure> = outcome.await;
    let kept = std::mem::take(&mut done.kept);
    call.desk.settle(kept, Settlement::Undelivered).await?;
    outcome.map(|()| done)
}

async fn ready_count(call: &Call, queue: &Queue) -> Result<usize, Failure> {
    let (id, shards) = (queue.id, call.desk.shard_count());
    let home = usize::from(id.home()) % shards;
    let state = call.desk.ask(home, move |shard| shard.observe_queue(id)).await?;
    let ready = state.map_or(0, |state| state.summary.holdings.ready_count);
    Ok(usize::try_from(ready).unwrap_or(usize::MAX))
}

/// Moves one message after the other, with pauses if so many a second are asked for; otherwise some at a time.
async fn move_fetched(
    call: &Call,
    queue: &Queue,
    wish: &Wish,
    fetched: Vec<Fetched>,
    done: &mut Done,
) -> Result<(), Failure> {
    let Some(per_second) = wish.per_second else {
        return move_some(call, queue, wish, fetched, done).await;
    };
    for message in fetched {
        let matched = done.matched;
        move_some(call, queue, wish, vec![message], done).await?;
        if done.matched > matched {
            sleep(Duration::from_secs_f64(1.0 / per_second)).await;
        }
    }
    Ok(())
}

/// Moves those that are meant and may go: all are published before the first is waited for.
async fn move_some(
    call: &Call,
    queue: &Queue,
    wish: &Wish,
    fetched: Vec<Fetched>,
    done: &mut Done,
) -> Result<(), Failure> {
    let (mut going, mut publications) = (Vec::new(), Vec::new());
    for Fetched { message, due, .. } in fetched {
        let Some(due) = due else { continue };
        done.examined += 1;
        let is_over = done.stopped.is_some() || done.moved + going.len() >= wish.count_max;
        if is_over || !wish.filter.fits(&message) {
            done.kept.push(due);
            continue;
        }
        done.matched += 1;
        let Some(publication) = publication(&wish.way, message) else {
            done.kept.push(due);
            done.stopped = Some(
                "a message says nothing of where it died first; say where it shall go with \"to\""
                    .to_owned(),
            );
            continue;
        };
        let target = format!("{:?} with key {:?}", publication.exchange, publication.routing_key);
        going.push((due, target));
        publications.push(publication);
    }
    if going.is_empty() {
        return Ok(());
    }
    let user = call.caller.shown_name().to_owned();
    let published = call.desk.publish_all(queue.vhost.clone(), user, publications).await;
    let outcomes =
        published.inspect_err(|_| done.kept.extend(going.iter().map(|(due, _)| *due)))?;
    let mut safe = Vec::new();
    for ((due, target), outcome) in going.into_iter().zip(outcomes) {
        let trouble = match outcome {
            Ok(Outcome::Routed) => {
                safe.push(due);
                continue;
            }
            Ok(Outcome::Rejected) => format!("a queue behind exchange {target} takes no more"),
            _ => format!("exchange {target} leads to no queue"),
        };
        done.kept.push(due);
        done.stopped.get_or_insert(trouble);
    }
    done.moved += safe.len();
    call.desk.settle(safe, Settlement::Accept).await
}

/// The message under its next address, without a past.
fn publication(way: &Way, message: MessageView) -> Option<Publication> {
    let MessageView { mut properties, routing_key: own_key, body, .. } = message;
    let mut headers = properties.headers.take().unwrap_or_default();
    let origin = match headers.get("x-first-death-queue") {
        Some(Argument::Text(name)) => String::from_utf8(name.clone()).ok(),
        _ => None,
    };
    let (exchange, routing_key) = match way {
        Way::Origin => (String::new(), origin?),
        Way::Exchange { exchange, routing_key } => {
            (exchange.clone(), routing_key.clone().unwrap_or(own_key))
        }
    };
    headers.retain(|name, _| {
        let is_past = PAST.contains(&name.as_str())
            || name.starts_with("x-first-death-")
            || name.starts_with("x-last-death-");
        !is_past
    });
    properties.headers = (!headers.is_empty()).then_some(headers);
    // It may say whose it is; an operator speaks for nobody.
    properties.user_id = None;
    Some(Publication { exchange, routing_key, properties, body })
}
